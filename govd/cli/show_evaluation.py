"""What `govd evaluate` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from govd.cli.show_attacks import print_attacks
from govd.cli.show_deltas import print_external
from govd.cli.tables import console, escape, said, share, table
from govd.models.folders import told
from govd.verify.carried import of_linear

if TYPE_CHECKING:
    from govd.types import Json

WORST = 5
"""Cells and redirects that are listed."""
OF_CONDITIONAL = (
    "its edit asks pictures, for answers and stored vectors; a checkpoint, whose weights cannot,"
    " carries the linear one"
)
THE_REST = "What follows is of the conditional edit."


def print_evaluation(found: Mapping[str, Json]) -> None:
    """What went and what stayed, with intervals; retrieval; scores of papers; what strangers can
    do.
    """
    out = console()
    m = found["metrics"]
    if "extent" in m:
        print_external(found)
        return
    title = f"{escape(found['model'])}, revision {found['revision'] or 'base'}"
    if linear := of_linear(m):
        out.print(f"[bold]{title}[/]: {OF_CONDITIONAL}")
        out.print(table("", "the conditional edit", rows=list(_shares(m))))
        rows = list(_shares(linear))
        out.print(table("", "a checkpoint, by the linear edit", rows=rows))
        out.print(f"[dim]{THE_REST}[/]")
    else:
        out.print(table("", title, rows=list(_shares(m))))
    if m.get("left_out"):
        out.print(f"[yellow]left out: {escape(told(m['left_out']))}[/]")
    _print_lost_cells(m)
    _print_redirects(m)
    _print_retrieval(m.get("retrieval") or {})
    for line in _scores(m.get("published_scores") or {}):
        out.print(f"  {line}")
    print_attacks(m.get("leaks", ()))
    if found.get("report"):
        out.print(f"Report: [bold]{escape(found['report'])}[/]", soft_wrap=True)
    out.print(
        "[dim]Intervals: 90 %, by drawing the pictures again with replacement."
        f" {escape(found['claim'])}[/]"
    )


def _shares(m: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    forgotten = bool(m.get("forgotten_images"))
    yield "images", escape(said(m.get("on")))
    yield "what stays" if forgotten else "right answers", _changed(m, "retain_acc")
    yield (
        "same answer among retained labels",
        f"{share(m.get('retain_agreement'))}{_interval(m, 'retain_agreement')}",
    )
    if "neighbour_agreement" in m:
        yield "same nearest image", share(m["neighbour_agreement"])
    if forgotten:
        mistake = share(m.get("base_false_positives"))
        yield "what was to go, by its own name", _changed(m, "forget_acc")
        yield "… by any forgotten name", _changed(m, "forget_named")
        yield "… by another word for it", share(m.get("paraphrase_leak"))
        yield "others called so by mistake, before", mistake
    abstain = m.get("abstain")
    if abstain:
        of_forgotten = (
            f", of what was to go {share(abstain['forgotten'])}"
            if abstain["forgotten"] is not None
            else ""
        )
        yield (
            "answers that abstain",
            f"of what stays {share(abstain['retained'])}{of_forgotten}",
        )


def _changed(m: Mapping[str, Json], name: str) -> str:
    return (
        f"{share(m.get(f'{name}_before'))} → {share(m.get(name))}{_interval(m, name)}"
    )


def _interval(m: Mapping[str, Json], name: str) -> str:
    interval = (m.get("intervals") or {}).get(name)
    return f" ({100 * interval[0]:.1f} to {100 * interval[1]:.1f})" if interval else ""


def _print_lost_cells(m: Mapping[str, Json]) -> None:
    """The retained cells that lost most."""
    lost = [
        c for c in m.get("cells", ()) if not c["forgotten"] and c["after"] < c["before"]
    ]
    if not lost:
        return
    worst = sorted(
        lost, key=lambda c: (c["after"] - c["before"], c["class"], c["domain"])
    )[:WORST]
    rows = []
    for c in worst:
        low, high = c.get("interval", (c["after"], c["after"]))
        cell = escape(f"{c['class']} in {c['domain']}" if c["domain"] else c["class"])
        rows.append(
            (
                cell,
                c["images"],
                f"{share(c['before'])} → {share(c['after'])} ({100 * low:.0f} to {100 * high:.0f})",
            )
        )
    console().print(
        table("retained cells that lost most", "images", "right", rows=rows)
    )


def _print_redirects(m: Mapping[str, Json]) -> None:
    for concept in m.get("concepts", ()):
        if concept.get("redirects"):
            words = ", ".join(
                f"{escape(r['label'])} {share(r['share'])}"
                for r in concept["redirects"][:WORST]
            )
            console().print(f"  {escape(concept['scope'])} is called instead: {words}")


def _print_retrieval(retrieval: Mapping[str, Json]) -> None:
    if not retrieval:
        return
    rows = []
    for group, of_group in retrieval.items():
        for way, words in (
            ("t2i", "a label finds its pictures"),
            ("i2t", "a picture finds its label"),
        ):
            cells = [
                f"{share(of_group['before'][f'{way}@{k}'])} →"
                f" {share(of_group['after'][f'{way}@{k}'])}"
                for k in (1, 5, 10)
            ]
            rows.append((f"{group}: {words}", *cells))
    console().print(table("among the best …", "1", "5", "10", rows=rows))


def _scores(scores: Mapping[str, Json]) -> Iterator[str]:
    """The scores of papers, with whose they are."""
    if not scores:
        return
    h = scores["adu_h"]
    five = scores["kravets_namboodiri"]
    yield (
        f"H-mean as ADU (arXiv 2510.08132): {share(h['h'])} of went {share(h['for'])} and stayed"
        f" {share(h['mem'])}"
    )
    forget, retain = (
        scores["cliperase"][group]["accuracy"] for group in ("forget", "retain")
    )
    yield f"CLIPErase (arXiv 2410.23330): forget set {share(forget)}, retain set {share(retain)}"
    if five["score"] is not None:
        yield (
            f"Kravets and Namboodiri (arXiv 2407.07485): {share(five['score'])}, the mean of"
            f" {len(five['terms'])} terms"
        )
