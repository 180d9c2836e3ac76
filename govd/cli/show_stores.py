"""Stores of embeddings, for people."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, TextIO

from rich.console import Console

from govd.cli.tables import console, count, escape, moment, table
from govd.records.actors import spoken

if TYPE_CHECKING:
    from govd.types import Json

LONG_SECONDS: Final = 600
"""From here on queries are offered first."""
UNITS: Final = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def show_stores(stores: Sequence[Mapping[str, Json]]) -> None:
    """Stores, a line each."""
    if not stores:
        console().print("No store yet: govd store add NAME URL --model MODEL")
        return
    rows = [
        (
            escape(store["name"]),
            store["state"],
            escape(store["model"]),
            store["facts"]["kind"],
            f"{store['stamp']['rows']:,}",
            _of(store),
            escape(store["url"]),
        )
        for store in stores
    ]
    console().print(
        table("store", "state", "model", "kind", "rows", "vectors of", "at", rows=rows)
    )
    for store in stores:
        _faults(store)


def _of(store: Mapping[str, Json]) -> str:
    """Which revision a store's vectors are of, beside the published one."""
    of = revision(store["revision"])
    if store["revision"] == store["published"]:
        return of
    return f"{of}; published: {revision(store['published'])}"


def revision(number: int) -> str:
    """A revision in words; 0 is the unedited model."""
    return f"revision {number}" if number else "the unedited model"


def _faults(store: Mapping[str, Json]) -> None:
    for fault in store["faults"]:
        console().print(
            f"[red]{escape(store['name'])}: {escape(fault)}[/]", soft_wrap=True
        )


def show_store(store: Mapping[str, Json]) -> None:
    """One store."""
    out = console()
    facts = store["facts"]
    head = (
        f"[bold]{escape(store['name'])}[/] is {store['state']}: {escape(store['url'])}"
    )
    out.print(head, soft_wrap=True)
    rows = count(store["stamp"]["rows"], "vector")
    out.print(
        f"  {rows} of {escape(store['model'])}, {facts['dim']} wide, {facts['dtype']}"
    )
    out.print(f"  vectors of {_of(store)}")
    claimed = " (as was said when it was added)" if store["claimed"] else ""
    added = (
        f"added by {escape(spoken(store['added_by']))} on {moment(store['added_at'])}"
    )
    out.print(f"  {added}{claimed}")
    out.print(f"  keeps {escape(facts['keeps'])}; {_index(facts)}")
    if store["follow"]:
        out.print("  is patched by itself when another revision is published")
    if store["progress"]:
        out.print(f"  {_progress(store['progress'])}")
    elif store["state"] == "patching":
        target = revision(store["patching"]["revision"])
        out.print(
            f"  a patch to {target} is not over: a daemon goes on with it, or"
            " `govd reconcile`",
            soft_wrap=True,
        )
    if store["last"]:
        _last(store["last"])
    verified = store.get("verified")
    if verified and verified["at"] > (store["last"] or {"at": ""})["at"]:
        verdict = "as the stamp says" if verified["well"] else "not as the stamp says"
        out.print(f"  last verified {moment(verified['at'])}: {verdict}")
    _faults(store)


def _index(facts: Mapping[str, Json]) -> str:
    index = (
        f"searched through {facts['index']}"
        if facts["index"]
        else "each vector is searched"
    )
    return escape(index) + ("" if facts["at_once"] else "; a switch is not one step")


def _progress(progress: Mapping[str, Json]) -> str:
    seconds = progress["seconds_left"]
    rate = f"{progress['rows_per_second']:,.0f} rows/s"
    rest = "" if seconds is None else f", {duration(seconds)} left"
    return f"{progress['rows']:,} of {progress['total']:,} rows, {rate}{rest}"


def _last(last: Mapping[str, Json]) -> None:
    out = console()
    patched = f"{last['patched']:,} patched" if last["patched"] else "switched"
    resumed = f", {last['resumed']:,} before it was cut off" if last["resumed"] else ""
    skipped = f", {last['skipped']:,} left as they were" if last["skipped"] else ""
    late = f", {last['late']:,} of them came in meanwhile" if last["late"] else ""
    seconds = duration(last["seconds"])
    out.print(
        f"  last patch {moment(last['at'])}: {patched}{resumed}{skipped}{late}, in"
        f" {seconds}{_rate(last)}"
    )
    if last["skipped_list"]:
        out.print(f"  the rows that were left: artifact {last['skipped_list'][:12]}")
    searched = last["searched"]
    if searched:
        before = sum(name["named_before"] or 0 for name in searched)
        after = sum(name["named"] for name in searched)
        hits = sum(name["hits"] for name in searched)
        names = count(len(searched), "forgotten name")
        out.print(
            f"  searched with {names}: of {hits} hits {before} were recognised before, {after} are"
            " now"
        )


def _rate(last: Mapping[str, Json]) -> str:
    """Rows a second that the last patch wrote; nothing where it only switched."""
    rows = last["patched"] + last["skipped"] - last["resumed"]
    if rows <= 0 or not last["seconds"]:
        return ""
    return f" ({rows / last['seconds']:,.0f} rows/s)"


def show_estimate(plan: Mapping[str, Json], file: TextIO | None = None) -> None:
    """What a patch would be."""
    estimate = plan["estimate"]
    out = Console(file=file or sys.stdout, highlight=False)
    size = bytes_of(estimate["size_bytes"])
    out.print(
        f"{escape(plan['name'])}: {estimate['rows']:,} vectors, {size}; about"
        f" {estimate['rows_per_second']:,.0f} rows/s, {duration(estimate['seconds'])}, and the time"
        " that writing takes",
        soft_wrap=True,
    )
    last = estimate.get("last")
    if last:
        out.print(f"The last patch did {_pace(last)}.")
    paces = estimate.get("paces") or []
    for pace in paces:
        setting = f" ({pace['setting']} in its address)" if pace["setting"] else ""
        out.print(
            f"Writing {escape(pace['how'])}{setting}: about {_pace(pace)}.",
            soft_wrap=True,
        )
    if any(pace["setting"] for pace in paces):
        out.print(
            "Searches look at each vector until it is built anew. To change the address:"
            " `govd store remove`, then `govd store add`.",
            soft_wrap=True,
        )
    seconds = (last or max(paces or [estimate], key=_seconds))["seconds"]
    if seconds > LONG_SECONDS:
        out.print(
            "That is long. Searches by text can forget at once, by their queries: govd export"
            f" {escape(plan['model'])} DIR --format edit --side text",
            soft_wrap=True,
        )


def _pace(rate: Mapping[str, Json]) -> str:
    return f"{rate['rows_per_second']:,.0f} rows/s: {duration(rate['seconds'])}"


def _seconds(rate: Mapping[str, Json]) -> float:
    return float(rate["seconds"])


def show_hits(answer: Mapping[str, Json]) -> None:
    """What was found."""
    rows = [
        (escape(hit["key"]), f"{hit['score']:.4f}", "yes" if hit["named"] else "")
        for hit in answer["hits"]
    ]
    out = console()
    out.print(table("key", "cosine", "recognised", rows=rows))
    if answer["named"] is not None:
        out.print(
            f"{answer['named']:,} of {answer['rows']:,} vectors are recognised as it"
        )
    out.print(f"These are vectors of {revision(answer['revision'])}.")


def show_verdict(store: Mapping[str, Json]) -> None:
    """Whether a store is what its stamp says."""
    verdict = store["verdict"]
    rows = count(verdict["counts"]["rows"], "row")
    of_revision = f"vectors of {revision(store['revision'])}"
    if verdict["well"]:
        sentence = f"{of_revision}: as the stamp says"
    elif verdict.get("compared", True):
        sentence = f"[red]not as {of_revision} should be[/]"
    else:
        sentence = f"[red]not known to be {of_revision}[/]"
    console().print(f"{escape(store['name'])}: {rows}, {sentence}")
    for fault in verdict["faults"]:
        console().print(f"  [red]{escape(fault)}[/]", soft_wrap=True)


def show_purged(store: Mapping[str, Json]) -> None:
    """What was taken away."""
    purged = store["purged"]
    out = console()
    out.print(f"{escape(store['name'])}: {bytes_of(purged['size_bytes'])} taken away")
    if purged["until"]:
        out.print(f"  older versions hold them until {purged['until']}")
    for remains in purged["remains"]:
        out.print(f"  may still hold them: {escape(remains)}", soft_wrap=True)


def show_removed(store: Mapping[str, Json]) -> None:
    """That a store is looked after no more."""
    console().print(f"{escape(store['name'])} is removed; its vectors are as they were")


def bytes_of(size: float) -> str:
    """A size for people."""
    for unit, name in UNITS:
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size:.0f} bytes"


def duration(seconds: float) -> str:
    """A time for people."""
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


STATES: Final = {
    "forgotten": "[green]has forgotten[/]",
    "pending": "[yellow]not yet[/]",
    "unknown": "[red]not known[/]",
}
"""Whether a copy has forgotten, in words."""


def show_manifest(manifest: Mapping[str, Json]) -> None:
    """Every copy of a model."""
    out = console()
    out.print(
        f"Copies of {escape(manifest['model'])}, as {revision(manifest['revision'])} has it"
    )
    rows = [
        (
            STATES[copy["state"]],
            copy["kind"],
            escape(copy["name"]),
            revision(copy["revision"]),
            escape(copy["recipient"] or copy["place"]),
        )
        for copy in manifest["copies"]
    ]
    out.print(table("", "kind", "name", "of", "where", rows=rows))
    for copy in manifest["copies"]:
        if copy["why"]:
            out.print(
                f"{copy['kind']} {escape(copy['recipient'] or copy['name'])}:"
                f" {escape(copy['why'])}",
                soft_wrap=True,
            )
    for person in manifest["to_tell"]:
        lacks, keeps = (
            ", ".join(i[:12] for i in person[key]) for key in ("lacks", "keeps")
        )
        words = [
            f"lacks {lacks}" if lacks else "",
            f"still leaves out {keeps}" if keeps else "",
        ]
        out.print(
            f"to be told: {escape(person['recipient'])}, who has {revision(person['has'])}:"
            f" it {' and '.join(word for word in words if word)}",
            soft_wrap=True,
        )


def show_copies(name: str, copies: Sequence[Mapping[str, Json]]) -> None:
    """The copies of a model that have not forgotten, a line."""
    behind = [copy for copy in copies if copy["state"] != "forgotten"]
    if behind:
        words = (
            f"{copy['kind']} {copy['recipient'] or copy['name']}"
            f" ({'not yet' if copy['state'] == 'pending' else 'not known'})"
            for copy in behind
        )
        console().print(
            f"copies of {escape(name)} that have not forgotten: {escape(', '.join(words))}"
            f" (govd revision manifest {escape(name)})",
            soft_wrap=True,
        )
