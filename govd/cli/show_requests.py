"""Requests, for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from govd.cli.show_beside import beside_lines
from govd.cli.show_criteria import criteria_lines, prediction_lines
from govd.cli.show_deltas import extent_line
from govd.cli.show_preview import in_force, predicted_lines
from govd.cli.show_returning import returning_lines
from govd.cli.show_targets import target_lines
from govd.cli.tables import (
    console,
    count,
    escape,
    moment,
    said,
    scope,
    share,
    state,
    table,
)
from govd.records.actors import spoken
from govd.records.lifecycle import has_expired

if TYPE_CHECKING:
    from govd.types import Json, Needs


UNDECIDED: Final = ("filed", "waiting", "approved")
"""States in which the figures of a preview are shown again."""


def show_requests(requests: Sequence[Mapping[str, Json]]) -> None:
    """Requests, a line each."""
    optional = [
        name
        for name in ("ticket", "due")
        if any(r.get("ticket" if name == "ticket" else "due_at") for r in requests)
    ]
    rows = []
    for r in requests:
        concepts = (
            f"revert of {r['reverts']}"
            if r["kind"] == "revert"
            else f"{scope(r)} · {escape(r['model'])}"
        )
        more = {
            "ticket": escape(r.get("ticket") or ""),
            "due": (r.get("due_at") or "")[:10],
        }
        rows.append(
            (
                r["id"],
                concepts,
                state(r["state"]),
                *(more[name] for name in optional),
                escape(spoken(r["filed_by"])),
                r["filed_at"][:10],
            )
        )
    console().print(
        table("id", "what", "state", *optional, "filed by", "filed", rows=rows)
    )


def show_filings(answers: Sequence[Mapping[str, Json]]) -> None:
    """What became of each row of a file."""
    rows = []
    for answer in answers:
        concepts = ", ".join(answer["concepts"]) or "everything"
        domains = ", ".join(answer["domains"]) or "everywhere"
        outcome = (
            state(answer["state"]) if answer["answer"] == "filed" else answer["answer"]
        )
        rows.append(
            (
                answer["line"],
                answer["id"] or "–",
                f"{escape(concepts)} {escape(domains)}",
                outcome,
                escape(said(answer["reason"])),
            )
        )
    out = console()
    out.print(table("line", "id", "what", "state", "why", rows=rows))
    out.print(f"{count(len(answers), 'row')}: {_tally(answers)}")


def _tally(answers: Sequence[Mapping[str, Json]]) -> str:
    """How many rows got which answer, and in which states those that were filed are."""
    numbers = Counter(str(answer["answer"]) for answer in answers)
    states = Counter(
        str(answer["state"]) for answer in answers if answer["answer"] == "filed"
    )
    became = ", ".join(f"{number} {name}" for name, number in states.items())
    filed = f"{numbers['filed']} filed" + f" ({became})" * bool(became)
    return f"{filed}, {numbers['already']} already, {numbers['refused']} refused"


def show_request(request: Mapping[str, Json]) -> None:
    """One request, with what it was predicted to do and how it was decided."""
    out = console()
    verb = (
        f"revert of {request['reverts']}" if request["kind"] == "revert" else "forget"
    )
    out.print(
        f"[bold]{request['id']}[/] {verb}: {scope(request)} · {escape(request['model'])} ·"
        f" {state(request['state'])}"
    )
    if request["state_reason"]:
        out.print(f"  {escape(request['state_reason'])}")
    for need in request.get("needed", ()):
        out.print(f"  [yellow]{_needed(need)}[/]")
    for line in _circumstances(request):
        out.print(f"  {line}")
    if request["kind"] == "forget":
        target = f", target {request['target']}" if request["target"] else ""
        out.print(
            f"  method {escape(request['method'])}{target}, strength {request['strength']:g}"
        )
    if request["predicted"]:
        _predicted(request)
    for line in returning_lines(request["returns"]) if request.get("returns") else ():
        out.print(f"  {line}")
    for line in (
        prediction_lines(request["prediction"]) if request.get("prediction") else ()
    ):
        out.print(f"  {line}")
    for line in criteria_lines(request):
        out.print(f"  {line}")
    for vote in request["votes"]:
        out.print(
            f"  vote of {escape(vote['policy'])}: {vote['decision']} ({escape(vote['reason'])})"
            f"{_needs(vote)}"
        )
    for line in _picture_lines(request):
        out.print(f"  {line}")
    following = _next(request)
    if following:
        out.print(f"  {following}")


def _picture_lines(request: Mapping[str, Json]) -> Iterator[str]:
    """The pictures that were written, or how those that were synthesised are got."""
    if "pictures" in request:
        yield from (f"wrote {escape(path)}" for path in request["pictures"])
    elif (
        request.get("prototypes")
        and request["kind"] == "forget"
        and not request.get("private")
    ):
        yield (
            f"[dim]the pictures that were synthesised for it: govd request show {request['id']}"
            " --pictures DIR[/]"
        )


def _next(request: Mapping[str, Json]) -> str:
    """What can be done with it now; empty where nothing can."""
    request_id = request["id"]
    name = request["state"]
    if request.get("held"):
        return f"[dim]to end the hold: govd request release {request_id} --reason …[/]"
    if name == "waiting" and request["state_reason"].startswith("criteria: "):
        return (
            "[yellow]next:[/] change the criterion (govd request criteria ID --set … or --drop …),"
            f" then govd request retry {request_id}, or withdraw"
        )
    if name == "waiting":
        return f"[yellow]next:[/] govd request approve {request_id}, or reject, or withdraw"
    if name == "failed":
        return f"[yellow]next:[/] govd request retry {request_id}, or withdraw"
    if name in ("in_force", "subsumed"):
        return f"[dim]to take it back: govd revert {request_id} --reason …[/]"
    return ""


def _needed(need: Mapping[str, Json]) -> str:
    """What is still missing for an act, whose word there is, and who could give his."""
    verbs = {
        "approve": "to be approved",
        "release": "to be released",
        "extend": "to have more time",
    }
    approved = ", ".join(spoken(actor) for actor in need["approved"]) or "nobody so far"
    could = ", ".join(spoken(actor) for actor in need["could"])
    counts = f"{len(need['approved'])} of {need['n']}"
    candidates = (
        f"could: {could}"
        if could
        else "nobody else could: govd principal add, token create"
    )
    people = escape(str(_people(need)))
    return (
        f"{verbs[need['act']]} it needs {people} ({escape(need['policy'])}): {counts}"
        f" ({escape(approved)}); {escape(candidates)}"
    )


def _people(needs: Mapping[str, Json]) -> Needs:
    """What is needed, as words."""
    from govd.types import Needs  # which loads NumPy

    return Needs(needs["n"], needs["role"], needs["not_filer"])


def _needs(vote: Mapping[str, Json]) -> str:
    """What a vote that waits needs, where it says so."""
    needs = vote.get("needs")
    if not needs:
        return ""
    return f", needs {escape(str(_people(needs)))}"


def approver(approval: Mapping[str, Json]) -> str:
    """Who approved, and whether that is who filed it."""
    words = escape(spoken(approval["principal"]))
    if approval.get("automatic"):
        return f"{words} [yellow](automatic: the home approves by itself)[/]"
    words += f" as {escape(approval['role'])}" if approval.get("role") else ""
    for other in approval.get("for", ()):
        words += f", acting for {escape(other['principal'])}"
    return f"{words} [yellow](who filed it)[/]" if approval.get("by_filer") else words


def _source(source: Mapping[str, Json]) -> Iterator[str]:
    """Where it came from, of what a feed filed."""
    if source.get("row"):
        document = f"{source['document']}, " if source["document"] else ""
        digest = str(source["digest"]).removeprefix("private:")[:12]
        yield escape(
            f"row {source['row']} of {document}sha256 {digest}… ({source['feed']})"
        )


def _circumstances(request: Mapping[str, Json]) -> Iterator[str]:
    """Who asked, why, by when; who approved; what holds it."""
    hidden = (
        "" if not request.get("private") else " (a commitment: --reveal shows the text)"
    )
    if request.get("shredded_at"):
        hidden = (
            f" (its text was destroyed on {request['shredded_at'][:10]}; a backup made before may"
            " still hold it)"
        )
    yield f"filed by {escape(spoken(request['filed_by']))} on {moment(request['filed_at'])}{hidden}"
    yield from _source(request.get("source") or {})
    texts = [(name, request.get(name)) for name in ("reason", "basis", "ticket")]
    if any(text for _, text in texts):
        yield ", ".join(f"{name}: {escape(str(text))}" for name, text in texts if text)
    aliases = [a for c in request["concepts"] for a in c["aliases"]]
    if aliases:
        yield f"also as {escape(', '.join(aliases))}"
    for name, text in (
        ("due", request.get("due_at")),
        ("expires", request.get("expires_at")),
    ):
        if text:
            passed = name == "expires" and has_expired(request)
            yield (
                f"[yellow]expired {text[:10]}, and still in force[/]"
                if passed
                else f"{name} {text[:10]}"
            )
    yield from _approvals(request)
    for words in request.get("said", []):
        yield f"entry {words['entry']}, {escape(spoken(words['actor']))}: {escape(words['reason'])}"
    if request.get("held"):
        hold = request["held"]
        yield (
            f"[yellow]under a legal hold since {hold['at'][:10]} by {escape(spoken(hold['by']))}:"
            f" {escape(hold['reason'])}[/]"
        )
    if request.get("breach"):
        yield f"[red]recognised again[/]: {escape(request['breach']['reason'])}"


def _approvals(request: Mapping[str, Json]) -> Iterator[str]:
    """Who approved it, with what came of it, and who asked for what else."""
    for approval in request.get("approvals", []):
        yield (
            f"approved by {approver(approval)} on {moment(approval['at'])}:"
            f" {escape(approval['reason'])}"
        )
    for approval in request.get("approvals_held", []):
        yield (
            f"{approver(approval)} approved it on {moment(approval['at'])}"
            f" ({escape(approval['reason'])}), and more was needed"
        )
    for wish in request.get("wanted", []):
        act = (
            "end the hold"
            if wish["act"] == "release"
            else f"extend to {wish['due_at'][:10]}"
        )
        yield (
            f"{approver(wish)} asked to {act} on {moment(wish['at'])}: {escape(wish['reason'])}"
        )


def _predicted(request: Mapping[str, Json]) -> None:
    """What it was predicted to do: while somebody must decide, all that a preview says of it."""
    out = console()
    predicted = request["predicted"]
    if "weights" in predicted and "entries" in predicted:
        out.print(
            f"  changes {extent_line(predicted)}; what that costs its evaluation tells"
        )
        for line in in_force(predicted):
            out.print(f"    {line}")
        return
    out.print(
        f"  predicted on {escape(said(predicted.get('on')))}: {_changes(predicted)}"
    )
    if request["state"] in UNDECIDED and predicted.get("measured") is not None:
        for line in predicted_lines(predicted):
            out.print(f"    {line}")
    for line in target_lines(predicted):
        out.print(f"  {line}")
    if request["state"] in (*UNDECIDED, "in_force"):
        for line in beside_lines(predicted):
            out.print(f"  {line}")


def _changes(predicted: Mapping[str, Json]) -> str:
    """How many answers to other images change by this forget, and by all that are in force with
    it.
    """
    if predicted.get("subsumed_by"):
        return f"it adds nothing while {escape(predicted['subsumed_by'])} stands"
    added = share(predicted.get("disagreement"))
    total = (
        share(predicted["total_disagreement"])
        if "total_disagreement" in predicted
        else added
    )
    changes = f"{added} of the other answers change by it"
    if of_labels := (predicted.get("costs") or {}).get("shown"):
        changes += (
            f" ({share(of_labels['share'])} of those to pictures that show a label)"
        )
    return changes + (f", {total} with all that is in force" if total != added else "")
