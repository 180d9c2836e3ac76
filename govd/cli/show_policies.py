"""Policies, for people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from govd.cli.tables import console, escape, minute, moment, table

if TYPE_CHECKING:
    from govd.types import Json, Record

COLOURS = {"enforce": "green", "shadow": "yellow", "off": "dim"}
SHOWN_DIGITS = 12
MOST_CHOICES = 10
"""Choices of a parameter that are listed; more are numbers that its meaning says."""


def _mode(mode: str) -> str:
    return f"[{COLOURS[mode]}]{mode}[/]"


def show_policies(policies: Sequence[Record]) -> None:
    """All texts of all policies, a line each."""
    if not policies:
        console().print(
            "no policy yet; `govd policy list --ready` shows those that come with govd,"
            " `govd policy add` adds one"
        )
        return
    rows = [
        (
            escape(p["name"]),
            escape(p["version"]),
            _mode(p["mode"]),
            ", ".join(p["moments"]),
            p["digest"][:SHOWN_DIGITS],
            escape(p["added_by"]),
            _origin(p).partition(":")[0],
        )
        for p in policies
    ]
    heads = ("policy", "version", "mode", "asked when", "digest", "by", "from")
    console().print(table(*heads, rows=rows))


def _origin(policy: Record) -> str:
    """Where a text comes from."""
    ready = policy.get("ready")
    if policy.get("setting"):
        return f"govd.toml: {policy['setting']}"
    return f"ready: {escape(ready['name'])}" if ready else "file"


def show_ready(ready: Sequence[Record]) -> None:
    """Ready policies with their parameters."""
    for place, policy in enumerate(ready):
        if place:
            console().print()
        console().print(
            f"[bold]{escape(policy['name'])}[/]  {escape(policy['description'])}"
        )
        for parameter in policy["parameters"]:
            default = parameter["default"]
            needed = (
                "must be set"
                if default is None
                else f"default {escape(default or 'empty')}"
            )
            meaning = escape(parameter["meaning"])
            choices = parameter["choices"]
            if 0 < len(choices) < MOST_CHOICES:
                meaning += f"; {', '.join(choices)}"
            console().print(
                f"    --set {escape(parameter['name'])}=…  {meaning} ({needed})"
            )


def show_policy(policy: Record) -> None:
    """One policy: how it stands, and its text."""
    say = console().print
    digest = policy["digest"][:SHOWN_DIGITS]
    say(
        f"{escape(policy['name'])} version {escape(policy['version'])}: {_mode(policy['mode'])},"
        f" asked when {', '.join(policy['moments'])}; digest {digest}"
    )
    say(f"  added {moment(policy['added_at'])} by {escape(policy['added_by'])}")
    if policy.get("mode_at"):
        why = f": {escape(policy['mode_reason'])}" if policy["mode_reason"] else ""
        say(
            f"  {policy['mode']} since {moment(policy['mode_at'])} by {escape(policy['mode_by'])}"
            f"{why}"
        )
    say(f"  from {_origin(policy)}")
    for other in policy["versions"][1:]:
        say(
            f"  another text of it, {other['digest'][:SHOWN_DIGITS]}: {_mode(other['mode'])}"
        )
    for line in policy["text"].rstrip().splitlines():
        say(f"    {escape(line)}")


def show_added(policy: Record) -> None:
    """A policy that was just added, and what comes next."""
    show_policy(policy)
    if policy["mode"] == "shadow":
        name = escape(policy["name"])
        console().print(
            f"It counts for nothing yet. Next: `govd policy test {name}` (the requests that there"
            f" were), `govd policy report {name}` (what it would have done since), then"
            f" `govd policy enforce {name} --report DIGEST`."
        )


def show_inputs(inputs: Record) -> None:
    """What expressions see at a moment."""
    say = console().print
    say(f"{inputs['moment']}: {escape(inputs['when'])}")
    for variable in inputs["variables"]:
        kind = escape(variable["type"])
        meaning = escape(variable["meaning"])
        say(f"[bold]{variable['name']}[/] ({kind}) {meaning}")
        rows = [
            (
                f"{variable['name']}.{field['name']}",
                escape(field["type"]),
                escape(field["meaning"]),
                escape(json.dumps(field["example"], ensure_ascii=False)),
            )
            for field in variable["fields"]
        ]
        if rows:
            say(table("field", "type", "meaning", "example", rows=rows))


def show_test(test: Record) -> None:
    """What a policy would have decided otherwise."""
    differing = [row for row in test["rows"] if row["otherwise"]]
    console().print(
        f"{escape(test['policy'])}: {test['requests']} past requests, {len(differing)} would have"
        " been decided otherwise"
    )
    if not {"filed", "revert"} & {*test["moments"]}:
        console().print(
            f"It is asked at {', '.join(test['moments'])}; past requests are tried at filed and"
            " revert alone."
        )
    if differing:
        rows = [
            (
                row["request"],
                escape(row["model"]),
                escape(", ".join(row["concepts"]) or "all concepts"),
                minute(row["filed_at"]),
                row["was"],
                row["would"],
                escape(row["reason"]),
            )
            for row in differing
        ]
        heads = ("id", "model", "concepts", "filed (UTC)", "was", "would", "because")
        console().print(table(*heads, rows=rows))


def show_report(report: Record) -> None:
    """What a policy decided, or would have, and the digest that enforcing wants."""
    say = console().print
    counts = ", ".join(
        f"{count} × {effect}" for effect, count in report["counts"].items()
    )
    say(
        f"{escape(report['policy'])} ({_mode(report['mode'])}): {report['decisions']} decisions"
        f"{f' ({counts})' if counts else ''}; people decided otherwise in {report['otherwise']}"
    )
    if report["rows"]:
        rows = [
            (
                row["entry"],
                minute(row["at"]),
                row["subject"],
                escape(", ".join(row.get("concepts", ())) or "-"),
                row["moment"],
                row["would"],
                _cost(row),
                row["became"] or "-",
                escape(row["otherwise"]),
            )
            for row in report["rows"]
        ]
        heads = ("entry", "time (UTC)", "subject", "concepts", "asked when", "said")
        say(table(*heads, "cost", "became", "otherwise", rows=rows))
    say(f"report {report['digest']}")
    if report["mode"] != "enforce":
        name = escape(report["policy"])
        say(f"govd policy enforce {name} --report {report['digest'][:SHOWN_DIGITS]}")


def _cost(row: Record) -> str:
    """What a forget was predicted to cost at most, and what was measured of it."""
    if row["predicted"] is None:
        return "-"
    measured = row["measured"]
    predicted = f"≤ {100 * row['predicted']:.1f} %"
    return predicted if measured is None else f"{predicted}, was {100 * measured:.1f} %"


def show_replay(replay: Record) -> None:
    """Whether past decisions come out as they did."""
    say = console().print
    differing = len(replay["differing"])
    outcome = f"[red]{differing} differ[/]" if differing else "all agree"
    say(
        f"{replay['decisions']} decisions, {replay['outcomes']} answers of policies decided again:"
        f" {outcome}"
    )
    for row in replay["differing"]:
        say(
            f"  entry {row['entry']}, {escape(row['policy'])} on {row['subject']}: was"
            f" {escape(json.dumps(row['was']))}, is {escape(json.dumps(row['is']))}"
        )


def show_explained(explained: Record) -> None:
    """Why a request waits or was decided so."""
    say = console().print
    say(
        f"{explained['request']} is {explained['state']}: {escape(explained['state_reason'])}"
    )
    for vote in explained["votes"]:
        say(
            f"  {escape(vote['policy'])} (plugin): {vote['decision']}, {escape(vote['reason'])}"
        )
    for row in explained["policies"]:
        counted = "" if row["mode"] == "enforce" else " (shadow: counts for nothing)"
        effect = row["effect"] or "nothing to say"
        say(
            f"  {escape(row['policy'])} at {row['moment']}: {effect}{counted}, entry {row['entry']}"
        )
        if row.get("message"):
            say(f"    {escape(row['message'])}")
        say(f"    when {escape(' '.join(row['when'].split()))}  →  {row['result']}")
        for name, value in row["saw"].items():
            say(f"    {name} = {escape(json.dumps(value, ensure_ascii=False))}")
    for approval in explained["approvals"]:
        roles = ", ".join(approval["roles"]) or "no role"
        say(f"  approved by {escape(approval['principal'])} ({escape(roles)})")


def show_freeze(freeze: Record) -> None:
    """That everything automatic stands still."""
    console().print(
        f"frozen by {escape(freeze['by'])}: {escape(freeze['reason'])}. Nothing acts by itself"
        " until `govd policy unfreeze`; people decide as before."
    )


def show_unfrozen(freeze: Mapping[str, Json]) -> None:
    """The freeze that ended, and what would have happened."""
    say = console().print
    say(f"the freeze of {moment(freeze['at'])} by {escape(freeze['by'])} is over")
    for line in freeze.get("meanwhile", ()):
        say(f"  meanwhile: {escape(line)}")
