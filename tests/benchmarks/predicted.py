"""`python -m tests.benchmarks.predicted`: `predicted_disagreement`, which a request waits on, beside what the drawings then show.

Random requests on `mini`, each alone: concepts, cells, five and ten concepts, whole domains. Predicted from the unlabelled pool, measured
on the evaluation drawings that were not to be forgotten.
"""

import numpy as np

from govd.edit.metrics import cells, data_free, scores
from tests.benchmarks.mini import Mini, Part

REQUESTS = 120
KINDS = ("a concept", "a cell", "five concepts", "ten concepts", "a domain")


def drawn(mini: Mini, kind: str, draw: np.random.Generator) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Scopes (concepts, domains) of one request of this kind."""
    domain = str(draw.choice(mini.domains))
    if kind == "a domain":
        return [((), (domain,))]
    if kind == "a cell":
        return [((str(draw.choice(mini.labels)),), (domain,))]
    count = {"a concept": 1, "five concepts": 5, "ten concepts": 10}[kind]
    return [((str(name),), ()) for name in draw.choice(mini.labels, count, replace=False)]


def both(part: Part, scopes: list[tuple[tuple[str, ...], tuple[str, ...]]]) -> tuple[float, float]:
    """Predicted and measured share of other answers that change."""
    made = [part.contribution(*scope) for scope in scopes]
    edit, data, texts = part.edit(*made), part.data, part.basis.anchors[1]
    kept = ~cells([c.spec.scope for c in made], data)[data.class_of, data.domain_of]
    changed = (data.vectors @ texts.T).argmax(1) != scores(edit, data.vectors, texts).argmax(1)
    return float(data_free(part.basis, edit, made)["predicted_disagreement"]), float(changed[kept].mean())


def main() -> None:
    mini, draw = Mini(), np.random.default_rng(0)
    found = {kind: np.array([both(mini.evaluation, drawn(mini, kind, draw)) for _ in range(REQUESTS // len(KINDS))]) for kind in KINDS}
    found["all"] = np.concatenate(list(found.values()))
    print("| request | number | predicted | measured | mean error | p95 of the error |\n|---|---|---|---|---|---|")
    for kind, pairs in found.items():
        error = np.abs(pairs[:, 0] - pairs[:, 1])
        figures = " | ".join(f"{100 * x:.1f} %" for x in (*pairs.mean(0), error.mean(), np.quantile(error, 0.95)))
        print(f"| {kind} | {len(pairs)} | {figures} |")


if __name__ == "__main__":
    main()
