"""Models, requests, revisions and answers, for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from govd.cli.capacity import capacity_line
from govd.cli.show_models import show_retired
from govd.cli.tables import console, count, escape, minute, said, scope, share, state, table
from govd.records.actors import spoken
from govd.records.lifecycle import has_expired

if TYPE_CHECKING:
    from govd.types import Json


TOLD = 20
"""Repeated names that are told one by one."""


def show_doctor(found: Mapping[str, Json]) -> None:
    """What `doctor` found, and what to do about it."""
    out = console()
    versions = Table(title="This machine", title_justify="left", show_header=False, box=None)
    versions.add_column(no_wrap=True)
    versions.add_column(overflow="fold")
    for name, version in found["versions"].items():
        versions.add_row(name, escape(version) if version else "[yellow]not installed[/]")
    rows = [
        (
            escape(p["name"]),
            escape(p["source"]),
            escape(p["version"]),
            f"[red]{escape(p['fault'])}[/]" if p["fault"] else "[green]in use[/]",
        )
        for p in found["plugins"]
    ]
    for device in found["devices"]:
        versions.add_row("device", escape(device))
    home = found["home"]
    ledger = (
        f"{home['size']} entries, schema {home['schema']}, {home['origin']}"
        if "size" in home
        else "none yet"
    )
    running = f"runs at {home['daemon']}" if home["daemon"] else "does not run"
    for name, text in (
        ("home", home["folder"]),
        ("ledger", ledger),
        ("key", home.get("key", "made on first use")),
        ("daemon", running),
    ):
        versions.add_row(name, escape(text))
    versions.add_row("free", f"{home['free_bytes'] / 2**30:.1f} GiB")
    out.print(versions)
    out.print(table("plugin", "from", "version", "state", rows=rows, title="Plugins"))
    for fault in found["faults"]:
        out.print(f"[red]fault[/] {escape(fault)}")
    if not found["faults"]:
        out.print(
            "[green]Nothing is wrong. (Entries and artifacts were not checked: govd audit"
            " verify.)[/]"
        )


def show_settings(found: Mapping[str, Json]) -> None:
    """The settings of a home, a block each."""
    out = console()
    out.print(
        escape(found["file"])
        + ("" if found["exists"] else " (not there: every setting has its default)")
    )
    for row in found["settings"]:
        value, default = (escape(json.dumps(row[name])) for name in ("value", "default"))
        out.print(
            f"[bold]{row['name']}[/] = {value}"
            + (f"  [dim](default {default})[/]" if value != default else "")
        )
        out.print(f"  {escape(row['meaning'])}")


def show_status(found: Mapping[str, Json]) -> None:
    """What serves, what waits, how large the ledger is."""
    out = console()
    rows = [
        (escape(m["name"]), m["revision"] or "base", m["rank"], m["in_force"], m["subsumed"])
        for m in found["models"]
    ]
    if rows:
        out.print(table("model", "revision", "rank", "in force", "subsumed", rows=rows))
    else:
        out.print("No model is registered yet: govd model add NAME REFERENCE")
    for model in found["models"]:
        if model.get("undelivered"):
            out.print(
                f"[red]not delivered[/] {escape(model['name'])}: {escape(model['undelivered'])}"
            )
        if model.get("capacity"):
            out.print(
                f"{escape(model['name'])}: other answers that change, by how many forgets:"
                f" {capacity_line(model['capacity'])}"
            )
    show_retired(found["retired"])
    for waiting in found["waiting"]:
        out.print(f"{waiting['id']} {state(waiting['state'])} {escape(waiting['reason'])}")
    for expired in found.get("expired", ()):
        identifier, day = expired["id"], expired["expires_at"][:10]
        out.print(
            f"{identifier} [yellow]expired[/] on {day} and still in force: govd revert {identifier}"
            " --reason …"
        )
    ledger = found["ledger"]
    if ledger.get("fault"):
        out.print(f"[red]the ledger takes no entries[/]: {escape(ledger['fault'])}")
    out.print(
        f"ledger {escape(ledger['origin'])}: {count(ledger['size'], 'entry')}, root"
        f" {ledger['root'][:16]}…"
    )


def show_models(models: Sequence[Mapping[str, Json]]) -> None:
    """Registered models."""
    rows = [
        (
            escape(m["name"]),
            escape(m["reference"]),
            m["dim"],
            said(m.get("use")),
            said(m.get("side")),
            escape(said(m.get("pool"))),
            "retired" if m["state"] == "retired" else m["revision"] or "base",
        )
        for m in models
    ]
    console().print(
        table("model", "reference", "width", "use", "side", "pool", "revision", rows=rows)
    )


def show_model(model: Mapping[str, Json]) -> None:
    """A model that was registered, changed or taken out of service, in short."""
    out = console()
    name = escape(model["name"])
    out.print(
        f"[bold]{name}[/]: {escape(model['reference'])},"
        f" {escape(model.get('architecture') or 'model')} of {model['dim']} dimensions"
    )
    backend, device, side, use = (
        escape(said(model.get(key))) for key in ("backend", "device", "side", "use")
    )
    asks = ", edits conditional on domains" if model.get("conditional") else ""
    out.print(f"  opened by the plugin {backend} on {device}; side {side}, use {use}{asks}")
    out.print(
        f"  {count(model.get('labels', 0), 'label')}, {count(model.get('anchors', 0), 'anchor')},"
        f" {_pool(model)}"
    )
    for line in _given(model):
        out.print(f"  {line}")
    for key in ("domains", "images", "publish_to"):
        if model.get(key):
            out.print(f"  {key.replace('_', ' ')}: {escape(said(model[key]))}")
    out.print(f"  [dim]everything: govd model show {name}[/]")


def _pool(model: Mapping[str, Json]) -> str:
    """The pool in short."""
    if not model.get("pool"):
        return "no pool"
    total = model.get("pool_total", model["pool"])
    of = f" of {total}, taken evenly" if total > model["pool"] else ""
    return f"{escape(model['pool'])} {escape(model.get('pool_kind', ''))} embeddings{of}"


def _given(model: Mapping[str, Json]) -> Iterator[str]:
    """What was left out of the files and folders that were given, and names that add nothing."""
    for what in ("labels", "anchors"):
        merged = model.get(f"{what}_merged", [])
        for row in merged[:TOLD]:
            yield f"[yellow]{escape(_repeat(row, what.removesuffix('s')))}[/]"
        if len(merged) > TOLD:
            yield f"[yellow]{len(merged) - TOLD} more {what} add nothing[/]"
    for what in ("pool", "images"):
        left_out = model.get(f"{what}_left_out")
        if left_out:
            reasons = ", ".join(f"{number} {reason}" for reason, number in sorted(left_out.items()))
            yield (
                "[yellow]left out of"
                f" {'the pool' if what == 'pool' else 'the evaluation pictures'}:"
                f" {escape(reasons)}[/]"
            )


def _repeat(row: Mapping[str, Json], what: str) -> str:
    """Why a name adds nothing."""
    first, second = row["lines"]
    if row["why"] == "repeated":
        return f"{what} {row['name']!r} stands on lines {first} and {second}: it counts once"
    where = f"line {first}" if first else "a label"
    return (
        f"{what} {row['name']!r} (line {second}) reads like {row['kept']!r} ({where}) to this"
        f" model: one {what}"
    )


def show_tokens(tokens: Sequence[Mapping[str, Json]]) -> None:
    """Tokens, a line each."""
    rows = [
        (t["id"], escape(t["actor"]), t["role"], minute(t["created_at"]), minute(t["revoked_at"]))
        for t in tokens
    ]
    console().print(table("id", "acts as", "role", "created", "revoked", rows=rows))


def show_reconciled(record: Mapping[str, Json]) -> None:
    """What was still to do, and what is left of it."""
    out = console()
    if record["daemon"]:
        out.print("A daemon runs on this home: it does by itself what is to do (govd status).")
        return
    for what, lines in (("was", record["done"]), ("is left", record["left"])):
        for line in lines:
            out.print(f"{what}: {escape(line)}", soft_wrap=True)
    out.print("[red]Something is left.[/]" if record["left"] else "Nothing is left to do.")


def show_backup(found: Mapping[str, Json]) -> None:
    """A backup that was written."""
    out = console()
    out.print(
        f"{escape(found['file'])}: {count(found['entries'], 'entry')} of {escape(found['origin'])}"
    )
    for why, names in _by_reason(found["left_out"]).items():
        some = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        out.print(f"[dim]left out: {escape(some)} ({escape(why)})[/]", soft_wrap=True)
    out.print("It holds the signing key: keep it as safe as the home.")


def _by_reason(left_out: Mapping[str, str]) -> dict[str, list[str]]:
    reasons: dict[str, list[str]] = {}
    for name, why in left_out.items():
        reasons.setdefault(why, []).append(name)
    return reasons


def show_restored(found: Mapping[str, Json]) -> None:
    """A home that was made from a backup."""
    out = console()
    out.print(f"{escape(found['home'])}: {count(found['entries'], 'entry')}, verified.")
    for warning in found["warnings"]:
        out.print(f"[yellow]{escape(warning)}[/]", soft_wrap=True)


def show_requests(requests: Sequence[Mapping[str, Json]]) -> None:
    """Requests, a line each."""
    optional = [
        name
        for name in ("ticket", "due")
        if any(r.get("ticket" if name == "ticket" else "due_at") for r in requests)
    ]
    rows = []
    for r in requests:
        what = (
            f"revert of {r['reverts']}"
            if r["kind"] == "revert"
            else f"{scope(r)} · {escape(r['model'])}"
        )
        more = {"ticket": escape(r.get("ticket") or ""), "due": (r.get("due_at") or "")[:10]}
        rows.append(
            (
                r["id"],
                what,
                state(r["state"]),
                *(more[name] for name in optional),
                escape(spoken(r["filed_by"])),
                r["filed_at"][:10],
            )
        )
    console().print(table("id", "what", "state", *optional, "filed by", "filed", rows=rows))


def show_filings(answers: Sequence[Mapping[str, Json]]) -> None:
    """What became of each row of a file."""
    rows = []
    for answer in answers:
        what = ", ".join(answer["concepts"]) or "everything"
        where = ", ".join(answer["domains"]) or "everywhere"
        outcome = state(answer["state"]) if answer["answer"] == "filed" else answer["answer"]
        rows.append(
            (
                answer["line"],
                answer["id"] or "–",
                f"{escape(what)} {escape(where)}",
                outcome,
                escape(said(answer["reason"])),
            )
        )
    out = console()
    out.print(table("line", "id", "what", "state", "why", rows=rows))
    counts = {
        kind: sum(answer["answer"] == kind for answer in answers)
        for kind in ("filed", "already", "refused")
    }
    out.print(
        f"{count(len(answers), 'row')}: "
        + ", ".join(f"{number} {kind}" for kind, number in counts.items())
    )


def show_request(request: Mapping[str, Json]) -> None:
    """One request, with what it was predicted to do and how it was decided."""
    out = console()
    verb = f"revert of {request['reverts']}" if request["kind"] == "revert" else "forget"
    out.print(
        f"[bold]{request['id']}[/] {verb}: {scope(request)} · {escape(request['model'])} ·"
        f" {state(request['state'])}"
    )
    if request["state_reason"]:
        out.print(f"  {escape(request['state_reason'])}")
    for line in _circumstances(request):
        out.print(f"  {line}")
    if request["kind"] == "forget":
        target = f", target {request['target']}" if request["target"] else ""
        out.print(f"  method {escape(request['method'])}{target}, strength {request['strength']:g}")
    if request["predicted"]:
        _predicted(request["predicted"])
    for vote in request["votes"]:
        out.print(
            f"  vote of {escape(vote['policy'])}: {vote['decision']} ({escape(vote['reason'])})"
        )
    for path in request.get("pictures", []):
        out.print(f"  wrote {escape(path)}")
    if (
        request.get("prototypes")
        and "pictures" not in request
        and request["kind"] == "forget"
        and not request.get("private")
    ):
        out.print(
            f"  [dim]the pictures that were synthesised for it: govd request show {request['id']}"
            " --pictures DIR[/]"
        )
    if request.get("held"):
        out.print(f"  [dim]to end the hold: govd request release {request['id']} --reason …[/]")
    elif request["state"] == "waiting":
        out.print(
            f"  [yellow]next:[/] govd request approve {request['id']}, or reject, or withdraw"
        )
    elif request["state"] == "failed":
        out.print(f"  [yellow]next:[/] govd request retry {request['id']}, or withdraw")
    elif request["state"] in ("in_force", "subsumed"):
        out.print(f"  [dim]to take it back: govd revert {request['id']} --reason …[/]")


def approver(approval: Mapping[str, Json]) -> str:
    """Who approved, and whether that is who filed it."""
    who = escape(spoken(approval["principal"]))
    if approval.get("automatic"):
        return f"{who} [yellow](automatic: the home approves by itself)[/]"
    return f"{who} [yellow](who filed it)[/]" if approval.get("by_filer") else who


def _circumstances(request: Mapping[str, Json]) -> Iterator[str]:
    """Who asked, why, by when; who approved; what holds it."""
    hidden = "" if not request.get("private") else " (a commitment: --reveal shows the text)"
    if request.get("shredded_at"):
        hidden = (
            f" (its text was destroyed on {request['shredded_at'][:10]}; a backup made before may"
            " still hold it)"
        )
    yield f"filed by {escape(spoken(request['filed_by']))} on {minute(request['filed_at'])}{hidden}"
    said = [(name, request.get(name)) for name in ("reason", "basis", "ticket")]
    if any(text for _, text in said):
        yield ", ".join(f"{name}: {escape(str(text))}" for name, text in said if text)
    aliases = [a for c in request["concepts"] for a in c["aliases"]]
    if aliases:
        yield f"also as {escape(', '.join(aliases))}"
    for name, text in (("due", request.get("due_at")), ("expires", request.get("expires_at"))):
        if text:
            passed = name == "expires" and has_expired(request)
            yield (
                f"[yellow]expired {text[:10]}, and still in force[/]"
                if passed
                else f"{name} {text[:10]}"
            )
    for approval in request.get("approvals", []):
        yield (
            f"approved by {approver(approval)} on {minute(approval['at'])}:"
            f" {escape(approval['reason'])}"
        )
    for approval in request.get("approvals_held", []):
        yield (
            f"{approver(approval)} approved it on {minute(approval['at'])}"
            f" ({escape(approval['reason'])}), but a policy did not"
        )
    for words in request.get("said", []):
        yield f"entry {words['entry']}, {escape(spoken(words['actor']))}: {escape(words['reason'])}"
    if request.get("held"):
        held = request["held"]
        yield (
            f"[yellow]under a legal hold since {held['at'][:10]} by {escape(spoken(held['by']))}:"
            f" {escape(held['reason'])}[/]"
        )


def _predicted(predicted: Mapping[str, Json]) -> None:
    out = console()
    out.print(f"  predicted on {escape(said(predicted.get('on')))}: {_changes(predicted)}")
    for target in predicted.get("targets", ()):
        if target.get("warning"):
            out.print(f"  [yellow]{escape(target['about'])}: {escape(target['warning'])}[/]")


def _changes(predicted: Mapping[str, Json]) -> str:
    """How many answers to other images change by this forget, and by all that are in force with
    it.
    """
    if predicted.get("subsumed_by"):
        return f"it adds nothing while {escape(predicted['subsumed_by'])} stands"
    added = share(predicted.get("disagreement"))
    total = share(predicted["total_disagreement"]) if "total_disagreement" in predicted else added
    return f"{added} of the other answers change by it" + (
        f", {total} with all that is in force" if total != added else ""
    )


def show_revisions(revisions: Sequence[Mapping[str, Json]]) -> None:
    """Revisions, a line each."""
    rows = [
        (
            r["number"],
            state(r["state"]),
            r["edit_digest"][:12],
            r["rank"],
            share((r["metrics"] or {}).get("forget_acc")),
            share((r["metrics"] or {}).get("retain_acc")),
            minute(r["published_at"]),
        )
        for r in revisions
    ]
    console().print(
        table("no.", "state", "edit", "rank", "forgotten", "retained", "published", rows=rows)
    )


def show_answers(answers: Sequence[Mapping[str, Json]]) -> None:
    """Labels of pictures."""
    out = console()
    for answer in answers:
        if answer["label"] is None:
            out.print(f"{escape(answer['path'])}  [red]not read: {escape(answer['error'])}[/]")
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
