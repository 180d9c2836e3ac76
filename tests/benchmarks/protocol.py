"""`python -m tests.benchmarks.protocol FOLDER --model MODEL`: the three paradigms of arXiv
2512.14113 on pictures `domain/class/image`.

PACS, DomainNet and Office-Home are laid out so. One table a paradigm: selected objects everywhere,
everything in one domain, selected objects in one domain; zero-shot accuracy before → after, with
all classes of the folder as labels. Classes are drawn anew with each seed; figures are means over
seeds. `auto` is what a request gets that names no method; `nullspace` is the paper's own (texts
alone, without prototypes). No picture of the folder is fitted on: a pool is given by `--pool`, else
it is the one that the model brings, else there is none.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from govd.edit import EvaluationData
from govd.edit.outcomes import Outcomes
from govd.errors import GovdError
from govd.models.folders import labelled
from govd.models.given import Given
from govd.service.service import Service, open_service
from govd.types import Concept, ForgetSpec, Scope

MODEL = "protocol"
Groups = Mapping[str, Any]
"""Columns: which pictures `(n,)` each is counted on."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the three tables."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.protocol", description=__doc__
    )
    parser.add_argument("folder", type=Path, help="domain/class/image")
    parser.add_argument(
        "--model",
        default="mini",
        help="what `govd model add` takes: a folder, a Hugging Face id, mini",
    )
    parser.add_argument(
        "--pool",
        default=None,
        help="unlabelled pictures or embeddings, others than those of the folder",
    )
    parser.add_argument("--methods", default="auto,nullspace,oblique")
    parser.add_argument(
        "--classes", type=int, default=3, help="classes that are selected at once"
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--conditional",
        action="store_true",
        help="conditional edits, as answers and stores have them and serving",
    )
    given = parser.parse_args(arguments)
    files = labelled(given.folder)
    labels, domains = sorted(set(files.classes)), sorted(set(files.domains) - {""})
    if len(domains) < 2 or len(labels) <= given.classes:
        parser.error(
            f"{given.folder} has {len(labels)} classes in {len(domains)} domains: lay it out as"
            " domain/class/image"
        )
    with (
        tempfile.TemporaryDirectory() as home,
        open_service(Path(home) / "home") as service,
    ):
        options = Given(
            labels=labels,
            domains=domains,
            images=str(given.folder.absolute()),
            pool=given.pool,
            conditional=given.conditional,
        )
        service.add_model(MODEL, given.model, options, "benchmark")
        data = service.measuring.evaluation(MODEL)
        assert data is not None
        record = service.models.show(MODEL)
        pool = f"{record['pool']} embeddings" if record["pool"] else "none"
        print(
            f"{given.model}, {len(data.vectors)} pictures, {len(labels)} classes, domains"
            f" {', '.join(domains)}; pool: {pool}"
        )
        for title, rows in paradigms(
            service, data, given.methods.split(","), given.classes, given.seeds
        ).items():
            print(f"\n{title}\n\n{table(rows)}", flush=True)


def paradigms(
    service: Service,
    data: EvaluationData,
    methods: Sequence[str],
    classes: int,
    seeds: int,
) -> dict[str, list[tuple[str, dict[str, str]]]]:
    """Rows of each table: what they are called, and a cell for each column."""
    chosen = [
        np.random.default_rng(seed).choice(len(data.classes), classes, replace=False)
        for seed in range(seeds)
    ]
    titles = [
        f"1. {classes} objects, everywhere",
        "2. everything, in one domain",
        f"3. {classes} objects, in one domain",
    ]
    tables: dict[str, list[tuple[str, dict[str, str]]]] = {
        title: [] for title in titles
    }
    for method in methods:
        cases = [everywhere(data, places) for places in chosen]
        tables[titles[0]].append((method, cells(service, data, method, cases)))
    for at, domain in enumerate(data.domains):
        for method in methods:
            tables[titles[1]].append(
                (f"{domain}: {method}", cells(service, data, method, [whole(data, at)]))
            )
            cases = [inside(data, places, at) for places in chosen]
            tables[titles[2]].append(
                (f"{domain}: {method}", cells(service, data, method, cases))
            )
    return tables


def everywhere(data: EvaluationData, places: Any) -> tuple[list[Scope], Groups]:
    """Selected objects in all domains; accuracy by domain."""
    own = np.isin(data.class_of, places)
    groups = {}
    for at, domain in enumerate(data.domains):
        groups[f"{domain}: forgotten"] = own & (data.domain_of == at)
        groups[f"{domain}: others"] = ~own & (data.domain_of == at)
    return [Scope((Concept(data.classes[p]),), ()) for p in places], groups


def whole(data: EvaluationData, at: int) -> tuple[list[Scope], Groups]:
    """Everything in one domain."""
    here = data.domain_of == at
    return [Scope((), (data.domains[at],))], {
        "this domain": here,
        "other domains": ~here,
    }


def inside(data: EvaluationData, places: Any, at: int) -> tuple[list[Scope], Groups]:
    """Selected objects in one domain."""
    own, here = np.isin(data.class_of, places), data.domain_of == at
    groups = {
        "forgotten": own & here,
        "same objects elsewhere": own & ~here,
        "other objects here": ~own & here,
    }
    return [
        Scope((Concept(data.classes[p]),), (data.domains[at],)) for p in places
    ], groups | {"other objects elsewhere": ~own & ~here}


def cells(
    service: Service,
    data: EvaluationData,
    method: str,
    cases: Sequence[tuple[list[Scope], Groups]],
) -> dict[str, str]:
    """A cell for each column: accuracy before → after in per cent, mean over the cases; why not,
    where it cannot be done.
    """
    shares: dict[str, list[tuple[float, float]]] = {}
    for scopes, groups in cases:
        try:
            outcomes = forgotten(service, data, method, scopes)
        except GovdError as error:
            return dict.fromkeys(groups, error.title)
        for name, of in groups.items():
            if of.any():
                shares.setdefault(name, []).append(
                    (
                        float(outcomes.right_before[of].mean()),
                        float(outcomes.right[of].mean()),
                    )
                )
    means = {name: 100 * np.mean(pairs, axis=0) for name, pairs in shares.items()}
    return {
        name: "{:.1f} → {:.1f} %".format(*means[name]) if name in means else "–"
        for name in cases[0][1]
    }


def forgotten(
    service: Service, data: EvaluationData, method: str, scopes: Sequence[Scope]
) -> Outcomes:
    """What becomes of the pictures when these scopes are forgotten, each by a request of its own.

    Raises:
        GovdError: the method cannot do that.
    """
    opened = service.core.models.opened(MODEL)
    contributions = service.contributions
    named = (
        ("fitted" if opened.basis.has_pool else "oblique")
        if method == "auto"
        else method
    )
    target = None if named in ("nullspace", "ccup") else "unnamed"
    made = [
        contributions.computing.compute(
            ForgetSpec(scope, named, target), opened, keep=False
        )
        for scope in scopes
    ]  # type: ignore[arg-type]
    return Outcomes.of(
        opened.basis, contributions.composing.edit(opened.basis, made), made, data
    )


def table(rows: Sequence[tuple[str, dict[str, str]]]) -> str:
    """Markdown."""
    columns = list(rows[0][1])
    lines = [f"| | {' | '.join(columns)} |", f"|{'---|' * (len(columns) + 1)}"]
    return "\n".join(
        [
            *lines,
            *(
                f"| {name} | {' | '.join(row[c] for c in columns)} |"
                for name, row in rows
            ),
        ]
    )


if __name__ == "__main__":
    main()
