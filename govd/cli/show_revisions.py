"""Revisions and what they answer, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from govd.cli.tables import console, escape, minute, share, show_record, state, table
from govd.verify.carried import LINEAR, OF_PICTURES

if TYPE_CHECKING:
    from govd.types import Json

OTHER: Final = "*"
"""Marks figures that a revision's checkpoint does not have."""


def show_revisions(revisions: Sequence[Mapping[str, Json]]) -> None:
    """Revisions, a line each; figures that are not of what its checkpoint carries have a mark."""
    rows = [
        (
            r["number"],
            state(r["state"]),
            r["edit_digest"][:12],
            r["rank"],
            _marked(r, "forget_acc"),
            _marked(r, "retain_acc"),
            minute(r["published_at"]),
        )
        for r in revisions
    ]
    console().print(
        table(
            "no.",
            "state",
            "edit",
            "rank",
            "forgotten",
            "retained",
            "published (UTC)",
            rows=rows,
        )
    )
    published = [r for r in revisions if r.get("carries") == LINEAR]
    if published:
        newest = published[-1]
        console().print(
            f"{OTHER} of the conditional edit, by which answers and vectors are edited; its"
            " checkpoint has the linear one, with other figures: govd revision show"
            f" {escape(newest['model'])} {newest['number']}"
        )


def _marked(revision: Mapping[str, Json], name: str) -> str:
    """A figure, with a mark where the checkpoint of the revision has another."""
    figure = (revision["metrics"] or {}).get(name)
    is_other = revision.get("carries") == LINEAR and figure is not None
    return f"{share(figure)} {OTHER}" if is_other else share(figure)


def show_export(exported: Mapping[str, Json]) -> None:
    """What was written, and that it is not the revision's own edit, where it is not."""
    show_record(exported)
    if exported.get("carries") == LINEAR:
        console().print(
            "[yellow]This carries the linear edit, since it cannot ask a picture first as the"
            " revision does: what it leaves named and costs is told apart by govd revision show"
            f" {escape(exported['model'])} {exported['revision']}.[/]"
        )
    if exported.get("figures_side"):
        console().print(f"[yellow]{OF_PICTURES}[/]")


def show_answers(answers: Sequence[Mapping[str, Json]]) -> None:
    """Labels of pictures."""
    out = console()
    for answer in answers:
        if answer["label"] is None:
            out.print(
                f"{escape(answer['path'])}  [red]not read: {escape(answer['error'])}[/]"
            )
            continue
        best = ", ".join(
            f"{name} {score:.3f}" for name, score in list(answer["scores"].items())[:3]
        )
        unsure = "  [yellow]abstains[/]" if answer.get("abstain") else ""
        revision = f"revision {answer['revision'] or 'base'}"
        out.print(
            f"{escape(answer['path'])}  [bold]{escape(answer['label'])}[/]{unsure} "
            f" ({escape(best)}; {revision})"
        )


def show_evaluation(found: Mapping[str, Json]) -> None:
    """Metrics of a revision, with what a stranger can still do."""
    from govd.cli.show_evaluation import print_evaluation

    print_evaluation(found)
