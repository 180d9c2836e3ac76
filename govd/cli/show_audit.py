"""Questions to the ledger and their answers, for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from govd.cli.show_requests import approver, show_request
from govd.cli.tables import console, count, escape, scope, state, table
from govd.ledger.times import now
from govd.records.actors import spoken
from govd.verify.sentences import sentence_of

if TYPE_CHECKING:
    from govd.types import Json

GIST = 110
"""Characters of an entry's sentence in the log."""


def show_log(entries: Sequence[Mapping[str, Json]]) -> None:
    """Entries, a line each."""
    rows = [
        (
            e["seq"],
            e["time"][:19].replace("T", " "),
            escape(spoken(e["actor"])),
            escape(e["kind"]),
            escape(_gist(e)),
        )
        for e in entries
    ]
    console().print(table("entry", "time (UTC)", "actor", "kind", "what", rows=rows))


def _short(subject: str) -> str:
    """A subject at a glance; `--json` has it whole."""
    return subject if len(subject) <= 13 else f"{subject[:12]}…"


def _gist(entry: Mapping[str, Json]) -> str:
    gist = (
        sentence_of(entry)
        or f"{_short(entry['subject'])} {entry['payload'].get('reason', '')}".strip()
    )
    return gist if len(gist) <= GIST else f"{gist[: GIST - 1]}…"


def show_trail(found: Mapping[str, Json]) -> None:
    """A request's story."""
    show_request(found["request"])
    _timeline(found["timeline"])


def _timeline(lines: Sequence[Mapping[str, Json]]) -> None:
    timeline = Table(box=None, pad_edge=False, header_style="dim")
    timeline.add_column("entry", justify="right", no_wrap=True)
    timeline.add_column("time (UTC)", no_wrap=True)
    timeline.add_column("who", overflow="fold")
    timeline.add_column("what", overflow="fold", ratio=1)
    for line in lines:
        timeline.add_row(
            str(line["entry"]),
            line["time"][:19].replace("T", " "),
            escape(spoken(line["actor"])),
            escape(line["what"] or line["kind"]),
        )
    console().print(timeline)


def _absent(model: Mapping[str, Json]) -> str:
    """Why a model served nothing."""
    if model.get("retired"):
        return "retired: it served nothing any more"
    return "taken out of service" if model.get("removed") else "not registered yet"


def show_as_of(found: Mapping[str, Json]) -> None:
    """What was so at a time."""
    out = console()
    out.print(
        f"[bold]As of {found['time'][:19]}Z[/] (the ledger's first"
        f" {count(found['tree_size'], 'entry')})"
    )
    if found["time"] > now():
        out.print("  [yellow]that is still to come: this is how it stands now[/]")
    for model in found["models"]:
        if not model["registered"]:
            out.print(f"{escape(model['model'])}: {_absent(model)}")
            continue
        if not model["revision"]:
            out.print(
                f"[bold]{escape(model['model'])}[/] served the unedited model; nothing was"
                " forgotten"
            )
            continue
        for line in _published_lines(model):
            out.print(line)
        rows = [_forget_in_force(forget) for forget in model["forgets"]]
        out.print(table("id", "what", "how", "filed by", "approved by", rows=rows))


def _published_lines(model: Mapping[str, Json]) -> Iterator[str]:
    """What a model served, and what bounds the time at which it was published."""
    yield (
        f"[bold]{escape(model['model'])}[/] served revision {model['revision']}, edit"
        f" {model['edit_digest'][:12]}…, published {model['published_at'][:19]}Z by the"
        f" daemon's clock (entry {model['published_entry']})"
    )
    for bound in model["no_later_than"]:
        checked = (
            "checked when it came"
            if bound["verified"]
            else "who signed it was never checked"
        )
        evidence = f"checkpoint of {count(bound['checkpoint'], 'entry')}; {checked}"
        yield f"  no later than {bound['at'][:19]}Z by {escape(bound['by'])} ({evidence})"
    if not model["no_later_than"]:
        yield "  [dim]no witness or time stamp bounds that time[/]"


def _forget_in_force(forget: Mapping[str, Json]) -> tuple[str, ...]:
    """The row of a forget that was in force at a time."""
    approvals = "; ".join(f"{approver(a)} {a['at'][:10]}" for a in forget["approvals"])
    outer = forget.get("covered_by")
    covered = "in the edit" if outer is None else f"covered by {outer or 'another'}"
    filed = f"{spoken(forget['filed_by'])} {forget['filed_at'][:10]}"
    return (forget["id"], scope(forget), covered, escape(filed), approvals)


def show_why(revision: Mapping[str, Json]) -> None:
    """What a revision is made of."""
    out = console()
    published = (revision["published_at"] or "–")[:19]
    out.print(
        f"[bold]{escape(revision['model'])} revision {revision['number']}[/]"
        f" {state(revision['state'])}, published {published}"
    )
    rows = [(name, escape(str(value))) for name, value in _made_of(revision)]
    out.print(table("", "", rows=rows))
    for request in revision["requests"]:
        for line in _request(request):
            out.print(line)
    _timeline(revision["entries"])


def _made_of(revision: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """What went into a revision and where it went, by what it is."""
    edit = revision["edit"]
    base = revision["base"]
    by = revision["computed_by"]
    exports = [
        f"{export.get('recipient') or spoken(export['by'])} ({export['at'][:10]})"
        for export in revision["exports"]
    ]
    files = [f"{name} {digest[:12]}…" for name, digest in revision["files"].items()]
    yield "edit", f"{edit['digest']} (rank {edit['rank']}, {edit['side']} side)"
    yield "artifact of the edit", edit["artifact"]
    yield "basis", revision["basis"]
    yield "base model", f"{base['reference']}, {base['digest']}"
    yield "composed by", f"{by['composed_by']} on {by['machine']}"
    yield (
        "software",
        ", ".join(f"{name} {version}" for name, version in by["software"].items()),
    )
    yield (
        "plugins",
        ", ".join(f"{name} {version}" for name, version in by["plugins"].items()),
    )
    yield "published files", ", ".join(files) or "–"
    yield "exported to", ", ".join(exports) or "–"
    counts = revision["manifest"]["counts"]
    yield "copies", ", ".join(f"{number} {state}" for state, number in counts.items())


def _request(request: Mapping[str, Json]) -> Iterator[str]:
    """A request of a revision: who filed it and why, who voted and approved."""
    yield (
        f"[bold]{request['id']}[/] {scope(request)}: filed by"
        f" {escape(spoken(request['filed_by']))} {request['filed_at'][:19]}Z"
    )
    if request["reason"]:
        yield f"  because: {escape(str(request['reason']))}"
    for vote in request["votes"]:
        text = f" (text {vote['digest'][:12]})" if vote.get("digest") else ""
        yield (
            f"  vote of {escape(vote['policy'])} {escape(vote.get('version', ''))}{text}:"
            f" {vote['decision']} ({escape(vote['reason'])})"
        )
    for approval in request["approvals"]:
        yield (
            f"  approved by {approver(approval)} {approval['at'][:19]}Z"
            f" ({escape(approval['reason'])})"
        )
    yield f"  contribution {request['contribution']}, artifact {request['artifact']}"


def show_deadlines(found: Mapping[str, Json]) -> None:
    """What is due."""
    out = console()
    rows = [_deadline(request) for request in found["requests"]]
    out.print(
        table("id", "what", "status", "filed", "due", "in force", "days", rows=rows)
    )
    for r in found["requests"]:
        if r.get("expired"):
            out.print(
                f"{r['id']} [yellow]expired[/] on {r['expires_at'][:10]} and still in force"
            )
        for extension in r["extensions"]:
            out.print(
                f"{r['id']} extended to {extension['due_at'][:10]} by"
                f" {escape(spoken(extension['by']))}: {escape(extension['reason'])}"
            )
    for line in _deadline_summary(found["summary"]):
        out.print(line)


DEADLINE_COLOURS = {
    "late": "red",
    "met late": "red",
    "met": "green",
    "open": "yellow",
    "closed": "dim",
}
"""Of what became of a date."""


def _deadline(request: Mapping[str, Json]) -> tuple[str, ...]:
    """The row of a forget with its date."""
    concepts = [{"name": name} for name in request["concepts"]]
    forgotten = scope({"concepts": concepts, "domains": request["domains"]})
    status = request["status"]
    left_days = request["left_days"]
    return (
        request["id"],
        f"{forgotten} · {escape(request['model'])}",
        f"[{DEADLINE_COLOURS[status]}]{status}[/]",
        request["filed_at"][:10],
        request["due_at"][:10],
        (request["served_at"] or "–")[:10],
        f"{request['days']:.1f}" if left_days is None else f"{left_days:.0f} left",
    )


def _deadline_summary(summary: Mapping[str, Json]) -> Iterator[str]:
    """How many were met, and how long it took."""
    yield (
        f"{count(summary['requests'], 'forget')}: {summary['met']} met, {summary['met late']} met"
        f" late, {summary['open']} open, {summary['late']} late, {summary['closed']} closed"
        f" without effect, {summary['extended']} extended (due {summary['deadline_days']} days"
        f" after filing, {summary['extended_days']} with an extension)"
    )
    if "median_days" in summary:
        yield (
            f"From filing to publishing: median {summary['median_days']:.2f} days, nine in ten"
            f" within {summary['p90_days']:.2f}, longest {summary['longest_days']:.2f}"
        )


def show_table(found: Mapping[str, Json]) -> None:
    """Rows of an SQL answer."""
    cells = [[escape("" if c is None else c) for c in row] for row in found["rows"]]
    console().print(table(*(escape(name) for name in found["columns"]), rows=cells))


def show_witnesses(answers: Sequence[Mapping[str, Json]]) -> None:
    """What witnesses answered."""
    out = console()
    if not answers:
        out.print(
            "Nobody had to be asked: those in govd.toml (witnesses, timestamp_authorities), if any,"
            " have seen the newest checkpoint."
        )
    for answer in answers:
        text = (
            f"[red]{escape(answer['fault'])}[/]"
            if answer["fault"]
            else f"[green]no later than {answer['at'][:19]}Z[/]"
        )
        out.print(
            f"{escape(answer['name'])}: checkpoint of {count(answer['size'], 'entry')}, {text}"
        )
