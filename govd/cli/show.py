"""Records as tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape as _markup
from rich.table import Table

from govd.ledger.sentences import safe
from govd.types import Json

COLOURS = {"in_force": "green", "published": "green", "done": "green", "waiting": "yellow", "filed": "yellow", "approved": "yellow"}
COLOURS |= {"failed": "red", "denied": "red", "rejected": "red", "refused": "red"}
LINE = 100_000
"""Characters of a line that is printed."""
WHOLE = ("id", "state", "kind", "revision", "edit", "status", "filed", "due", "in force")
"""Columns that are never cut: what they show is typed again, or read at a glance."""


def escape(text: str) -> str:
    """What somebody wrote, as it can be printed: no markup, and nothing that a terminal would obey."""
    return _markup(safe(text, LINE))


def console() -> Console:
    """Standard output."""
    return Console(highlight=False)


def state(name: str) -> str:
    """A state in its colour."""
    return f"[{COLOURS.get(name, 'dim')}]{name}[/]"


def scope(request: Mapping[str, Json]) -> str:
    """What a request is about, in words."""
    concepts = ", ".join(c["name"] for c in request["concepts"]) or "everything"
    return escape(f"{concepts} in {', '.join(request['domains'])}" if request["domains"] else f"{concepts} everywhere")


def share(value: Any) -> str:
    """A share in per cent."""
    return "–" if value is None else f"{100 * value:.1f} %"


def table(*columns: str, rows: Sequence[Sequence[Any]], title: str = "") -> Table:
    """A plain table."""
    made = Table(title=title or None, title_justify="left")
    for name in columns:
        made.add_column(name, no_wrap=name in WHOLE, overflow="fold")
    for row in rows:
        made.add_row(*(safe(cell) for cell in row))
    return made


def show_doctor(found: Mapping[str, Json]) -> None:
    """What `doctor` found, and what to do about it."""
    out = console()
    versions = Table(title="This machine", title_justify="left", show_header=False, box=None)
    for name, version in found["versions"].items():
        versions.add_row(name, version or "[yellow]not installed[/]")
    rows = [
        (p["name"], p["source"], p["version"], f"[red]{escape(p['fault'])}[/]" if p["fault"] else "[green]in use[/]")
        for p in found["plugins"]
    ]
    for device in found["devices"]:
        versions.add_row("device", device)
    home = found["home"]
    ledger = f"{home['size']} entries, schema {home['schema']}, {home['origin']}" if "size" in home else "none yet"
    running = f"runs at {home['daemon']}" if home["daemon"] else "does not run"
    for name, text in (("home", home["folder"]), ("ledger", ledger), ("key", home.get("key", "made on first use")), ("daemon", running)):
        versions.add_row(name, escape(str(text)))
    versions.add_row("free", f"{home['free_bytes'] / 2**30:.1f} GiB")
    out.print(versions)
    out.print(table("plugin", "from", "version", "state", rows=rows, title="Plugins"))
    for fault in found["faults"]:
        out.print(f"[red]fault[/] {escape(fault)}")
    if not found["faults"]:
        out.print("[green]Nothing is wrong.[/]")


def show_status(found: Mapping[str, Json]) -> None:
    """What serves, what waits, how large the ledger is."""
    out = console()
    rows = [(m["name"], m["revision"] or "base", m["rank"], m["in_force"], m["subsumed"]) for m in found["models"]]
    out.print(table("model", "revision", "rank", "in force", "subsumed", rows=rows))
    for waiting in found["waiting"]:
        out.print(f"{waiting['id']} {state(waiting['state'])} {escape(waiting['reason'])}")
    out.print(f"ledger {found['ledger']['origin']}: {found['ledger']['size']} entries, root {found['ledger']['root'][:16]}…")


def show_models(models: Sequence[Mapping[str, Json]]) -> None:
    """Registered models."""
    rows = [(m["name"], m["reference"], m["dim"], m["use"], m["side"], m["pool"] or "–", m["revision"] or "base") for m in models]
    console().print(table("model", "reference", "width", "use", "side", "pool", "revision", rows=rows))


def show_record(record: Mapping[str, Json]) -> None:
    """Any record, a line for each field."""
    made = Table(show_header=False, box=None)
    for name, value in record.items():
        text = value if isinstance(value, str) else ", ".join(map(str, value)) if isinstance(value, list) else value
        made.add_row(f"[bold]{name}[/]", escape(str("" if text is None else text)))
    console().print(made)


def show_requests(requests: Sequence[Mapping[str, Json]]) -> None:
    """Requests, a line each."""
    rows = [(r["id"], r["kind"], r["model"], scope(r), r["method"], state(r["state"])) for r in requests]
    console().print(table("id", "kind", "model", "what", "method", "state", rows=rows))


def show_request(request: Mapping[str, Json]) -> None:
    """One request, with what it was predicted to do and how it was decided."""
    out = console()
    verb = f"revert of {request['reverts']}" if request["kind"] == "revert" else "forget"
    out.print(f"[bold]{request['id']}[/] {verb}: {scope(request)} · {request['model']} · {state(request['state'])}")
    if request["state_reason"]:
        out.print(f"  {escape(request['state_reason'])}")
    if request["kind"] == "forget":
        out.print(f"  method {request['method']}, target {request['target']}, strength {request['strength']:g}")
    predicted = request["predicted"]
    if predicted:
        out.print(
            f"  predicted on {predicted['on']}: {share(predicted['predicted_disagreement'])} of the other answers change, "
            f"edit of rank {predicted['rank']} and norm {predicted['edit_norm']:.2f}, anchors {predicted.get('anchors', '')}"
        )
        for target in predicted["targets"]:
            if target.get("warning"):
                out.print(f"  [yellow]{escape(target['about'])}: {escape(target['warning'])}[/]")
    for vote in request["votes"]:
        out.print(f"  vote of {vote['policy']}: {vote['decision']} ({escape(vote['reason'])})")
    if request["state"] == "waiting":
        out.print(f"  [yellow]next:[/] govd request approve {request['id']}, or reject, or withdraw")
    elif request["state"] == "in_force":
        out.print(f"  [dim]to take it back: govd revert {request['id']} --reason …[/]")


def show_preview(found: Mapping[str, Json]) -> None:
    """What a forget would do."""
    out = console()
    out.print(
        f"[bold]preview[/]: {scope(found)} · {found['model']} · method {found['method']}, target {found['target']} (nothing is filed)"
    )
    predicted = found["predicted"]
    rows = [
        ("measured on", predicted["on"]),
        ("answers to other images that change", share(predicted["predicted_disagreement"])),
        ("same best label among the retained", share(predicted["retain_agreement"])),
        ("same best word among unlisted ones", share(predicted["unlisted_agreement"])),
        ("rank, norm of the edit", f"{predicted['rank']}, {predicted['edit_norm']:.2f}"),
        ("anchors", predicted.get("anchors", "")),
        ("largest spill on a retained anchor", f"{predicted['largest_spill']:.4f}"),
    ]
    out.print(table("", "", rows=rows))
    for target in predicted["targets"]:
        said = ", ".join(f"{k} {v:.3g}" if isinstance(v, float) else f"{k} {v}" for k, v in target.items() if k not in ("about", "warning"))
        out.print(f"  {escape(target['about'])}: {escape(said)}")
        if target.get("warning"):
            out.print(f"  [yellow]{escape(target['warning'])}[/]")
    if found["subsumed_by"]:
        out.print(f"  it would add nothing while {found['subsumed_by']} stands")


def show_revisions(revisions: Sequence[Mapping[str, Json]]) -> None:
    """Revisions, a line each."""
    rows = [
        (
            r["number"],
            state(r["state"]),
            r["edit_digest"][:12],
            r["rank"],
            share(r["metrics"].get("forget_acc")),
            share(r["metrics"].get("retain_acc")),
            (r["published_at"] or "")[:19],
        )
        for r in revisions
    ]
    console().print(table("revision", "state", "edit", "rank", "forgotten", "retained", "published", rows=rows))


def show_answers(answers: Sequence[Mapping[str, Json]]) -> None:
    """Labels of pictures."""
    out = console()
    for answer in answers:
        if answer["label"] is None:
            out.print(f"{escape(answer['path'])}  [red]not read: {escape(answer['error'])}[/]")
            continue
        best = ", ".join(f"{name} {score:.3f}" for name, score in list(answer["scores"].items())[:3])
        out.print(
            f"{escape(answer['path'])}  [bold]{escape(answer['label'])}[/]  ({escape(best)}; revision {answer['revision'] or 'base'})"
        )


def show_evaluation(found: Mapping[str, Json]) -> None:
    """Metrics of a revision, with what a stranger can still do."""
    out, m = console(), found["metrics"]
    rows = [("images", m["on"]), ("accuracy", f"{share(m['accuracy_before'])} → {share(m['accuracy'])}")]
    if m["forgotten_images"]:
        rows += [
            (
                "forgotten cells",
                f"{share(m['forget_acc_before'])} → {share(m['forget_acc'])} (by mistake: {share(m['base_false_positives'])})",
            ),
            ("by another word for it", share(m["paraphrase_leak"])),
        ]
    rows += [
        ("retained cells", f"{share(m['retain_acc_before'])} → {share(m['retain_acc'])}"),
        ("same answer among retained labels", share(m["retain_agreement"])),
        ("same nearest image", share(m["neighbour_agreement"])),
    ]
    out.print(table("", f"{found['model']}, revision {found['revision'] or 'base'}", rows=rows))
    for leak in m["leaks"]:
        if "probe_after" in leak:
            name = ", ".join(c["name"] for c in leak["scope"]["concepts"]) or "everything"
            where = ", ".join(leak["scope"]["domains"]) or "everywhere"
            was, now = leak["probe_before"], leak["probe_after"]
            out.print(f"  still found by a linear probe: {escape(name)} {where}, AUC {was:.2f} → [red]{now:.2f}[/]")
    out.print(f"[dim]{escape(found['claim'])}[/]")


def show_log(entries: Sequence[Mapping[str, Json]]) -> None:
    """Entries, a line each."""
    rows = [(e["seq"], e["time"][:19], e["actor"], e["kind"], e["subject"][:24], _gist(e["payload"])) for e in entries]
    console().print(table("entry", "time", "actor", "kind", "subject", "what", rows=rows))


def _gist(payload: Mapping[str, Json]) -> str:
    words = [str(payload[k]) for k in ("decision", "reason", "reference", "edit_digest") if payload.get(k)]
    return escape(" · ".join(words)[:80])


def show_trail(found: Mapping[str, Json]) -> None:
    """A request's story."""
    show_request(found["request"])
    _timeline(found["timeline"])


def _timeline(lines: Sequence[Mapping[str, Json]]) -> None:
    made = Table(box=None, pad_edge=False, header_style="dim")
    made.add_column("entry", justify="right", no_wrap=True)
    made.add_column("time (UTC)", no_wrap=True)
    made.add_column("who", overflow="fold")
    made.add_column("what", overflow="fold", ratio=1)
    for line in lines:
        made.add_row(str(line["entry"]), line["time"][:19].replace("T", " "), escape(line["actor"]), escape(line["what"] or line["kind"]))
    console().print(made)


def show_as_of(found: Mapping[str, Json]) -> None:
    """What was so at a time."""
    out = console()
    out.print(f"[bold]As of {found['time'][:19]}Z[/] (the ledger's first {found['tree_size']} entries)")
    for model in found["models"]:
        if not model["registered"]:
            out.print(f"{model['model']}: not registered yet")
            continue
        if not model["revision"]:
            out.print(f"[bold]{model['model']}[/] served the unedited model; nothing was forgotten")
            continue
        out.print(
            f"[bold]{model['model']}[/] served revision {model['revision']}, edit {model['edit_digest'][:12]}…, published "
            f"{model['published_at'][:19]}Z by the daemon's clock (entry {model['published_entry']})"
        )
        for bound in model["no_later_than"]:
            checked = "checked when it came" if bound["verified"] else "who signed it was never checked"
            out.print(
                f"  no later than {bound['at'][:19]}Z by {escape(bound['by'])} (checkpoint of {bound['checkpoint']} entries; {checked})"
            )
        if not model["no_later_than"]:
            out.print("  [dim]no witness or time stamp bounds that time[/]")
        rows = []
        for forget in model["forgets"]:
            by = "; ".join(f"{a['by']} {a['at'][:19]}Z" for a in forget["approvals"])
            covered = f"covered by {forget['covered_by']}" if forget.get("covered_by") else "in the edit"
            rows.append((forget["id"], scope(forget), covered, f"{forget['filed_by']} {forget['filed_at'][:10]}", escape(by)))
        out.print(table("id", "what", "how", "filed by", "approved by", rows=rows))


def show_why(found: Mapping[str, Json]) -> None:
    """What a revision is made of."""
    out = console()
    software = ", ".join(f"{k} {v}" for k, v in found["computed_by"]["software"].items())
    plugins = ", ".join(f"{k} {v}" for k, v in found["computed_by"]["plugins"].items())
    out.print(
        f"[bold]{found['model']} revision {found['number']}[/] {state(found['state'])}, published {(found['published_at'] or '–')[:19]}"
    )
    rows = [
        ("edit", f"{found['edit']['digest']} (rank {found['edit']['rank']}, {found['edit']['side']} side)"),
        ("artifact of the edit", found["edit"]["artifact"]),
        ("basis", found["basis"]),
        ("base model", f"{found['base']['reference']}, {found['base']['digest']}"),
        ("composed by", f"{found['computed_by']['composed_by']} on {found['computed_by']['machine']}"),
        ("software", software),
        ("plugins", plugins),
        ("published files", ", ".join(f"{k} {v[:12]}…" for k, v in found["files"].items()) or "–"),
        ("exported to", ", ".join(f"{e.get('recipient') or e['by']} ({e['at'][:10]})" for e in found["exports"]) or "–"),
    ]
    out.print(table("", "", rows=[(k, escape(str(v))) for k, v in rows]))
    for request in found["requests"]:
        out.print(f"[bold]{request['id']}[/] {scope(request)}: filed by {escape(request['filed_by'])} {request['filed_at'][:19]}Z")
        if request["reason"]:
            out.print(f"  because: {escape(str(request['reason']))}")
        for vote in request["votes"]:
            out.print(f"  vote of {vote['policy']} {vote.get('version', '')}: {vote['decision']} ({escape(vote['reason'])})")
        for approval in request["approvals"]:
            out.print(f"  approved by {escape(approval['by'])} {approval['at'][:19]}Z ({escape(approval['reason'])})")
        out.print(f"  contribution {request['contribution']}, artifact {request['artifact']}")
    _timeline(found["entries"])


def show_deadlines(found: Mapping[str, Json]) -> None:
    """What is due."""
    out, summary = console(), found["summary"]
    colours = {"late": "red", "met late": "red", "met": "green", "open": "yellow", "closed": "dim"}
    rows = [
        (
            r["id"],
            r["model"],
            scope({"concepts": [{"name": c} for c in r["concepts"]], "domains": r["domains"]}),
            f"[{colours[r['status']]}]{r['status']}[/]",
            r["filed_at"][:10],
            r["due_at"][:10],
            (r["served_at"] or "–")[:10],
            f"{r['days']:.1f}" if r["left_days"] is None else f"{r['left_days']:.0f} left",
            "; ".join(escape(f"to {e['due_at'][:10]}: {e['reason']}") for e in r["extensions"]),
        )
        for r in found["requests"]
    ]
    out.print(table("id", "model", "what", "status", "filed", "due", "in force", "days", "extended", rows=rows))
    said = [f"{summary['requests']} forgets: {summary['met']} met, {summary['met late']} met late, {summary['open']} open"]
    said += [f"{summary['late']} late, {summary['closed']} closed without effect, {summary['extended']} extended"]
    out.print(", ".join(said) + f" (due {summary['deadline_days']} days after filing, {summary['extended_days']} with an extension)")
    if "median_days" in summary:
        out.print(
            f"From filing to publishing: median {summary['median_days']:.2f} days, nine in ten within {summary['p90_days']:.2f}, "
            f"longest {summary['longest_days']:.2f}"
        )


def show_table(found: Mapping[str, Json]) -> None:
    """Rows of an SQL answer."""
    cells = [[escape("" if c is None else str(c)) for c in row] for row in found["rows"]]
    console().print(table(*found["columns"], rows=cells))


def show_witnesses(found: Sequence[Mapping[str, Json]]) -> None:
    """What witnesses answered."""
    out = console()
    if not found:
        out.print("No witness is configured, or all have seen the newest checkpoint (witnesses, timestamp_authorities in govd.toml).")
    for said in found:
        text = f"[red]{escape(said['fault'])}[/]" if said["fault"] else f"[green]no later than {said['at'][:19]}Z[/]"
        out.print(f"{escape(said['name'])}: checkpoint of {said['size']} entries, {text}")


def show_verdict(found: Mapping[str, Json]) -> None:
    """Whether a ledger or a bundle holds, and what that means."""
    out = console()
    what = "The bundle" if "file" in found else "The ledger"
    if found["holds"]:
        out.print(
            f"[green]{what} holds:[/] {found['size']} entries, {found['checkpoints']} signed log checkpoints (the last of "
            f"{found['signed_size']}), {found['artifacts']} artifacts; root {found['root'][:16]}…"
        )
        out.print(f"  signed by {escape(', then '.join(found['keys']))}")
    else:
        out.print(f"[red]{what} does not hold.[/]")
    for fault in found["faults"]:
        out.print(f"[red]fault[/] {escape(fault)}")
    if found["claim"]:
        out.print(f"  {escape(found['claim'])}")
    for heading, name in (("Proven", "proven"), ("Recorded", "recorded"), ("Not proven", "not_proven")):
        for line in found[name]:
            out.print(f"  [bold]{heading}:[/] {escape(line)}")
