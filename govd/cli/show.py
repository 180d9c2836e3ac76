"""Records as tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from govd.types import Json

COLOURS = {"in_force": "green", "published": "green", "done": "green", "waiting": "yellow", "filed": "yellow", "approved": "yellow"}
COLOURS |= {"failed": "red", "denied": "red", "rejected": "red", "refused": "red"}
WHOLE = ("id", "state", "kind", "revision", "edit")
"""Columns that are never cut: what they show is typed again, or read at a glance."""


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
        made.add_row(*(str(cell) for cell in row))
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
    show_log(found["entries"])


def show_verdict(found: Mapping[str, Json]) -> None:
    """Whether the ledger holds, and what that means."""
    out = console()
    if found["holds"]:
        out.print(
            f"[green]The ledger holds:[/] {found['size']} entries, {found['checkpoints']} signed log checkpoints (the last of "
            f"{found['signed_size']}), {found['artifacts']} artifacts; root {found['root'][:16]}…"
        )
        out.print(f"  signed by {escape(found['key'])}")
    for fault in found["faults"]:
        out.print(f"[red]fault[/] {escape(fault)}")
    for heading, lines in (("Proven", found["proven"]), ("Not proven", found["not_proven"])):
        for line in lines:
            out.print(f"  [bold]{heading}:[/] {escape(line)}")
