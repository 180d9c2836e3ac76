"""Models that external jobs edit: what goes, what stays, how long it takes; the table of README.

python -m tests.benchmarks.deltas
"""

import tempfile
import time
from pathlib import Path

from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.service import open_service
from tests.delta.models import MAKERS, settings

ROWS = {
    "language_model": (
        "gradient ascent with a retain loss on a causal language model, as GRAIL (arXiv 2504.12681)"
        " and ICU (arXiv 2407.20271) are used",
        "perplexity",
        "their training script on your forget and retain texts; save W′ − W, or the LoRA factors",
    ),
    "generator": (
        "text-guided forgetting in a GAN, as Text-to-Unlearn (arXiv 2504.01218)",
        "kept",
        "their fine-tuning of the generator with your CLIP, the concept's name as prompt",
    ),
    "graph": (
        "a node's removal from a graph network, as a client asks for it in federated graph"
        " unlearning (arXiv 2508.02485)",
        "retain_acc",
        "the client's unlearning round on its own subgraph; save the update that it would send",
    ),
}
"""What each job stands for, the figure of what stays, and what a user plugs in."""


def row(name: str, folder: Path) -> str:
    """A line of the table."""
    kind = MAKERS[name](folder)
    stands_for, stays, plugs_in = ROWS[name]
    (folder / "home").mkdir()
    text = settings("job", kind.command, evaluate=list(kind.command), seconds=60)
    (folder / "home" / "govd.toml").write_text(text)
    with open_service(folder / "home") as service:
        served = Given(publish_to=str(folder / "served"))
        service.add_model("m", f"delta:{kind.folder / 'model'}#job", served, "ann")
        begun = time.perf_counter()
        for concept in kind.forgets:
            service.requests.forget("m", ForgetOptions(concepts=(concept,)), "ann")
            service.reconciler.run()
        seconds = (time.perf_counter() - begun) / len(kind.forgets)
        external = service.evaluate("m", None)["metrics"]["external"]
    figures = [
        f"{external[f'{figure}_before']:.3g} → {external[figure]:.3g}"
        for figure in ("forgotten", stays)
    ]
    cells = [stands_for, ", ".join(kind.forgets), figures[0], f"{stays} {figures[1]}"]
    return f"| {' | '.join([*cells, f'{seconds:.1f} s', plugs_in])} |"


def main() -> None:
    """Print the table."""
    print(
        "| stands for | forgets | of it is left | what stays | forget → served | you plug in |"
    )
    print("|---|---|---|---|---|---|")
    for name in MAKERS:
        with tempfile.TemporaryDirectory() as folder:
            print(row(name, Path(folder)))


if __name__ == "__main__":
    main()
