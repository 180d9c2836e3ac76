"""`python -m tests.benchmarks.served`: from filing a request to the revision that serves it, and
back, in this process.

The model is 1,203 labels in 512 dimensions: simulated ones, or published ones (`tests.geometry`);
the table says which. `--pool` adds simulated image embeddings, which the strengths are then solved
on. `--mini` measures the model that ships, on its pictures, instead. Beside the time by the clock
stands the time of this process's threads together, which a busy machine changes less.

A set seen before is timed twice: its edit alone, as a revision gets it, from the artifact that its
digests name, with nothing kept in memory; and a revert to it, with all that a revision does.
"""

import argparse
import hashlib
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from govd.contributions import Contributions
from govd.errors import Unsupported
from govd.hookspecs import hookimpl
from govd.models.given import Given
from govd.records.revision import Revision
from govd.requests import ForgetOptions
from govd.service.service import Service, open_service
from govd.types import (
    Bytes,
    Floats,
    LinearEdit,
    Model,
    ModelFacts,
    ModelReference,
    Progress,
    Prototypes,
    silent,
)
from tests.geometry import (
    SHOWN,
    named_texts,
    public_file,
    simulated_pool,
    simulated_texts,
)

ROUNDS = 9
FORGETS = (1, 10, 100, 300, 500)
NAMES, WIDTH = 1203, 512


class Vectors:
    """A model of which only the text embeddings of its labels are known; other words are drawn by
    their own hash.
    """

    def __init__(self, names: Sequence[str], vectors: Floats) -> None:
        self.rows = dict(zip(names, _unit(vectors), strict=True))
        self.middle = np.asarray(vectors, np.float64).mean(0)
        self.facts = ModelFacts(
            reference="vectors",
            digest=hashlib.sha256(np.ascontiguousarray(vectors).tobytes()).hexdigest(),
            backend="benchmark",
            device="cpu",
            dim=vectors.shape[1],
            logit_scale=100.0,
            image_size=0,
        )

    def encode_texts(self, texts: Sequence[str], progress: Progress = silent) -> Floats:
        rows = [
            self.rows[text] if text in self.rows else self._drawn(text)
            for text in texts
        ]
        return np.stack(rows) if rows else np.zeros((0, self.facts.dim), np.float32)

    def _drawn(self, text: str) -> Floats:
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
        noise = (
            np.random.default_rng(seed).normal(size=self.facts.dim)
            / self.facts.dim**0.5
        )
        drawn: Floats = _unit(
            (self.middle / np.linalg.norm(self.middle) + 0.8 * noise)[None]
        )[0]
        return drawn

    def encode_images(
        self, images: Sequence[Path | Bytes], progress: Progress = silent
    ) -> Floats:
        raise Unsupported("this model sees no pictures", advice="Give embeddings.")

    def synthesise(
        self,
        prompts: Sequence[str],
        *,
        seed: int,
        steps: int | None = None,
        progress: Progress = silent,
    ) -> Prototypes:
        raise Unsupported("this model cannot draw", advice="Do without --prototypes.")

    def write_checkpoint(self, edit: LinearEdit, folder: Path) -> dict[str, str]:
        raise Unsupported("this model has no weights", advice="Export the edit.")

    @hookimpl
    def govd_open_model(self, reference: ModelReference) -> Model | None:
        return self if reference.reference == "vectors" else None


def _unit(rows: Floats) -> Floats:
    rows = np.asarray(rows, np.float64)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def labels_and_vectors() -> tuple[list[str], Floats, str]:
    """Names, vectors `(n, d)`, and in words what they are."""
    if public_file("clip-vit-b32-text-lvis.npz") is not None:
        return named_texts(WIDTH)
    return (
        [f"label {i:04}" for i in range(NAMES)],
        simulated_texts(NAMES, WIDTH),
        "simulated text vectors",
    )


@dataclass
class Took:
    """Milliseconds of several runs of one thing: by the clock, and of all threads of this
    process.
    """

    clock: list[float] = field(default_factory=list)
    threads: list[float] = field(default_factory=list)

    @contextmanager
    def timed(self) -> Iterator[None]:
        began, worked = time.perf_counter(), time.process_time()
        yield
        self.clock.append(1000 * (time.perf_counter() - began))
        self.threads.append(1000 * (time.process_time() - worked))

    def __str__(self) -> str:
        cells = (
            min(self.clock),
            statistics.median(self.clock),
            max(self.clock),
            statistics.median(self.threads),
        )
        return " | ".join(f"{cell:.0f} ms" for cell in cells)


def forget(service: Service, model: str, name: str, filing: Took | None = None) -> str:
    """File, approve where it waits, and reconcile until it is served."""
    with (filing or Took()).timed():
        request = str(
            service.requests.forget(
                model, ForgetOptions(concepts=(name,)), "benchmark"
            )["id"]
        )
    service.reconciler.run()
    if service.requests.show(request)["state"] == "waiting":
        service.requests.decide(request, "approve", "benchmark", "benchmark")
        service.reconciler.run()
    assert service.requests.show(request)["state"] == "in_force", service.requests.show(
        request
    )["state_reason"]
    return request


def revert(service: Service, request: str) -> None:
    service.requests.revert(request, "benchmark", "benchmark")
    service.reconciler.run()
    assert service.requests.show(request)["state"] == "reverted"


def from_artifact(service: Service, seen: Revision) -> None:
    """The edit of a set that was published before, as a revision gets it in a process that has just
    begun.
    """
    core = service.core
    edit = Contributions(core).composing.seen_for_revision(
        core.desk.model(seen.model), list(seen.contributions)
    )
    assert edit is not None
    assert edit.digest == seen.edit_digest


def measure(
    service: Service,
    model: str,
    names: Sequence[str],
    standing: Sequence[int],
    rounds: int,
) -> None:
    """Rows for each number of forgets in force: `names` beyond the largest number come and go
    beside them.
    """
    print(
        "| in force | | fastest | p50 | slowest | processor time, p50 |\n"
        "|---|---|---|---|---|---|",
        flush=True,
    )
    there = 0
    passing = names[max(standing) :][:rounds]
    for count in standing:
        for name in names[there:count]:
            forget(service, model, name)
        there = max(there, count)
        filing, served, back, read = Took(), Took(), Took(), Took()
        for name in passing:
            seen = service.core.desk.views.published(model)
            assert seen is not None
            with served.timed():
                request = forget(service, model, name, filing)
            with read.timed():
                from_artifact(service, seen)
            with back.timed():
                revert(service, request)
        for what, took in (
            ("filing", filing),
            ("forget → served", served),
            ("a set seen before: its edit, from the artifact", read),
            ("a set seen before: the whole revert", back),
        ):
            print(f"| {count} | {what} | {took} |", flush=True)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument(
        "--pool", action="store_true", help="with simulated image embeddings"
    )
    options.add_argument(
        "--mini",
        action="store_true",
        help="the model that ships, with evaluation on its pictures",
    )
    options.add_argument("--forgets", type=int, nargs="+", default=FORGETS)
    options.add_argument("--rounds", type=int, default=ROUNDS)
    chosen = options.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        open_service(Path(folder) / "home") as service,
    ):
        if chosen.mini:
            service.add_model("mini", "mini", Given(), "benchmark")
            labels = list(service.core.models.opened("mini").basis.labels)
            print("\nmini, evaluated on its pictures\n")
            measure(
                service,
                "mini",
                labels,
                [n for n in chosen.forgets if n + chosen.rounds < len(labels)],
                chosen.rounds,
            )
            return
        names, vectors, source = labels_and_vectors()
        service.core.plugins.manager.register(Vectors(names, vectors), "benchmark")
        given = Given(labels=names, templates=["{}"])
        if chosen.pool:
            np.save(
                Path(folder) / "pool.npy", simulated_pool(vectors).astype(np.float32)
            )
            given = Given(
                labels=names, templates=["{}"], pool=str(Path(folder) / "pool.npy")
            )
        service.add_model("vectors", "vectors", given, "benchmark")
        pool = (
            f", {SHOWN * len(names)} simulated image embeddings as pool"
            if chosen.pool
            else ""
        )
        print(f"\n{len(names)} labels, d = {vectors.shape[1]}: {source}{pool}\n")
        order = np.random.default_rng(2).permutation(len(names))
        measure(
            service,
            "vectors",
            [names[i] for i in order],
            sorted(chosen.forgets),
            chosen.rounds,
        )


if __name__ == "__main__":
    main()
