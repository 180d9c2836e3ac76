"""`govd preview`, for people: will it work, what does it cost, does it wait and for whom; then
other strengths, and what is near.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from govd.cli.capacity import capacity_line, of_others
from govd.cli.counted import found_by_word, of_labelled, of_pool, told_apart
from govd.cli.show_beside import alike_lines, asked_lines
from govd.cli.show_costs import NOT_MEASURED, at_most, cost_lines
from govd.cli.show_criteria import foreseen_lines
from govd.cli.show_targets import target_lines
from govd.cli.tables import console, count, escape, said, scope, share, table, tried

if TYPE_CHECKING:
    from govd.types import Json

TRIED: Final = (
    "from cheap to certain, each by itself as a linear edit, counted on pool pictures that it was"
    " not fitted on; the last one is taken"
)


def show_previews(answers: Sequence[Mapping[str, Json]]) -> None:
    """What each row of a file would do."""
    for answer in answers:
        if answer["preview"] is None:
            console().print(f"line {answer['line']}: {escape(answer['reason'])}")
        else:
            console().print(f"line {answer['line']}")
            show_preview(answer["preview"])


def show_preview(preview: Mapping[str, Json]) -> None:
    """What a forget would do."""
    out = console()
    out.print(
        f"[bold]preview[/]: {scope(preview)} · {escape(preview['model'])}{_how(preview)} (nothing"
        " is filed)"
    )
    for line in _same(preview.get("same_scope"), preview.get("subsumed_by")):
        out.print(f"  {line}")
    out.print("[bold]Will it work?[/]")
    for line in _effect(preview):
        out.print(f"  {line}")
    for term in preview["predicted"].get("targets", ()):
        if term.get("tried"):
            out.print(tried(term["tried"]))
            out.print(f"  [dim]{TRIED}[/]")
    out.print("[bold]What does it cost?[/]")
    for line in cost_lines(preview):
        out.print(f"  {line}")
    for line in in_force(preview["predicted"]):
        out.print(f"  {line}")
    if preview.get("capacity"):
        out.print(
            f"  {of_others(preview['capacity'])}, by how many forgets, random ones of this model:"
            f" {capacity_line(preview['capacity'])}"
        )
    for line in foreseen_lines(preview.get("criteria") or ()):
        out.print(f"  {line}")
    out.print("[bold]Does it wait?[/]")
    for line in decision_lines(preview):
        out.print(f"  {line}")
    if preview.get("others"):
        out.print(_others(preview["others"]))
    if preview.get("near"):
        out.print(_near(preview["near"]))
        for line in asked_lines(preview["near"], "--alias NAME, or "):
            out.print(f"  {line}")


def predicted_lines(predicted: Mapping[str, Json]) -> Iterator[str]:
    """The figures of a preview as a request's entry keeps them: for whoever approves it."""
    linear = {"checkpoint": predicted.get("checkpoint")}
    yield from _effect({"effect": predicted.get("effect"), "predicted": linear})
    yield from cost_lines({"costs": predicted.get("costs"), "predicted": predicted})
    yield from in_force(predicted)


def in_force(predicted: Mapping[str, Json]) -> Iterator[str]:
    """What is in force without it and with it, and what it covers; nothing of older entries."""
    forgets = predicted.get("forgets")
    total = predicted.get("total_disagreement_before")
    if forgets is not None and total is not None:
        yield (
            f"{count(forgets, 'forget')} in force → then {predicted['forgets_after']}; other"
            f" answers that differ from the unedited model's: {share(total)} → then"
            f" {share(predicted['total_disagreement'])}"
        )
    covers = predicted.get("covers") or []
    names = [escape(name) if name else "a private forget" for name in covers]
    if names:
        verb = "it adds" if len(names) == 1 else "they add"
        yield f"it covers {', '.join(names)}: {verb} nothing while this stands"


def _how(preview: Mapping[str, Json]) -> str:
    target = f" · target {preview['target']}" if preview.get("target") else ""
    return f" · {escape(preview['method'])}{target} · strength {preview['strength']:g}"


def _same(same: Mapping[str, Json] | None, covered: Json) -> Iterator[str]:
    if same:
        state = str(same["state"]).replace("_", " ")
        name = "by a private request" if same["private"] else f"as {same['id']}"
        yield (
            f"[yellow]the same scope is {state} already, {name}: what follows is counted without"
            " it[/]"
        )
    if covered:
        yield f"[yellow]it would add nothing while {escape(covered)} stands, which covers it[/]"


def _effect(preview: Mapping[str, Json]) -> Iterator[str]:
    effect = preview.get("effect")
    labelled = preview.get("labelled")
    if effect is None:
        yield NOT_MEASURED
    elif not effect["pictures"]:
        by_texts = (
            "; it goes by its texts alone"
            if effect["what"] == "concepts" and preview.get("examples") == []
            else ""
        )
        yield (
            f"nobody knows: of {escape(effect['on'])} none looks like it to the model{by_texts}"
        )
    else:
        verb = "keep their answer" if effect["what"] == "domains" else "are named so"
        ends = (
            f" ({effect['after_low']} to {effect['after_high']})"
            if effect.get("after_high") is not None
            else ""
        )
        yield (
            f"[bold]before {effect['before']} → after {effect['after']}[/]{ends}"
            f" {verb}{by_prompt(effect)}"
        )
        yield of_pool(effect)
    yield from _left_in_weights(preview["predicted"].get("checkpoint") or {})
    if labelled:
        verb = "keep their answer" if labelled["what"] == "domains" else "are named so"
        change = f"before {labelled['before']} → after {labelled['after']}"
        yield f"{change} {verb}{by_prompt(labelled)}"
        yield of_labelled(labelled)
    search = preview.get("search")
    if search and preview.get("target") in ("level", "shift"):
        yield found_by_word(search)
    stay = preview.get("labelled_elsewhere")
    if stay:
        change = f"before {stay['before']} → after {stay['after']}"
        yield f"elsewhere {change} are named so{by_prompt(stay)}"
        yield f"{of_labelled(stay)}, in other domains: they are to stay"
    for row in preview.get("told_apart") or ():
        yield told_apart(row)
    yield from alike_lines(preview.get("read_alike") or ())
    yield from target_lines(preview["predicted"])


def _left_in_weights(linear: Mapping[str, Json]) -> Iterator[str]:
    """What a checkpoint leaves named, where the model's own edit asks pictures; nothing of older
    entries.
    """
    effect = linear.get("effect")
    if effect and effect["pictures"]:
        verb = "keep their answer" if effect["what"] == "domains" else "are named so"
        yield (
            f"in a checkpoint, by the linear edit: before {effect['before']} → after"
            f" {effect['after']} {verb}{by_prompt(effect)}"
        )


def by_prompt(effect: Mapping[str, Json]) -> str:
    """By which prompt most are still named."""
    rows = effect["by_prompt"]
    if len(rows) < 2:
        return ""
    if len({row["after"] for row in rows}) == 1:
        return f", by each of {len(rows) - 1} prompts and by all together"
    return (
        f" by the worst prompt, {escape(repr(effect['prompt']))}"
        if effect["prompt"]
        else ", by all prompts together (each alone: less)"
    )


def decision_lines(preview: Mapping[str, Json]) -> Iterator[str]:
    decision = preview.get("decision")
    if decision is None:
        yield "nobody was asked"
        return
    if decision["event"] == "approve":
        verb = "is done" if preview.get("kind") == "revert" else "goes in force"
        yield f"no: it {verb} as soon as it is filed"
    elif decision["event"] == "deny":
        yield f"[red]it is denied[/]: {escape(decision['reason'])}"
    else:
        yield from _waiting_for(decision)
    for vote in decision["votes"]:
        text = f"{vote['policy']}: {vote['reason']}"
        if vote["decision"] != "allow" and text not in decision["reason"]:
            yield f"and {escape(vote['policy'])} says {vote['decision']}: {escape(vote['reason'])}"


def _waiting_for(decision: Mapping[str, Json]) -> Iterator[str]:
    """Whom it waits for; where several votes say why, each on a line of its own."""
    whom = f"[yellow]yes, for {escape(said(decision['waits_for']))}[/]"
    texts = [f"{vote['policy']}: {vote['reason']}" for vote in decision["votes"]]
    reasons = [text for text in texts if text in decision["reason"]]
    if "; ".join(reasons) != decision["reason"] or len(reasons) < 2:
        yield f"{whom}: {escape(decision['reason'])}"
        return
    yield f"{whom}:"
    for text in reasons:
        yield f"  {escape(text)}"


def _others(rows: Sequence[Mapping[str, Json]]) -> object:
    table_rows: list[tuple[str, ...]] = []
    changing = (
        "shown" if any("shown" in row.get("costs", {}) for row in rows) else "all"
    )
    for row in rows:
        mark = "[bold]asked[/]" if row["asked"] else ""
        name = (escape(said(row["target"])), f"{row['strength']:g}")
        if "not_possible" in row:
            table_rows.append((*name, "–", "–", "–", "not possible"))
            continue
        cost = row["costs"]
        change = "–" if row["after"] is None else f"{row['before']} → {row['after']}"
        figures = (
            at_most(cost[k]) if k in cost else "–" for k in (changing, "worst_label")
        )
        table_rows.append((*name, change, *figures, mark))
    return table(
        "target",
        "strength",
        "before → after",
        "others change" if changing == "all" else "others change, of labels",
        "worst label",
        "",
        rows=table_rows,
        title="Other targets and strengths",
    )


def _near(rows: Sequence[Mapping[str, Json]]) -> object:
    """Labels and words near it; beside pictures also how many of them each would be called."""
    table_rows = []
    pictured = any("called" in row for row in rows)
    for row in rows:
        called = [f"{row['called']} of {row['given']}"] if pictured else []
        involved = (
            "–"
            if row.get("involved") is None
            else f"{row['involved']:.2f} of {row['pictures']}"
        )
        name = (escape(row["name"]), row["what"], f"{row['cosine']:.2f}")
        table_rows.append((*name, *called, involved))
    heads = ["near it", "", "cosine", "of its pictures, are this"]
    if pictured:
        heads.insert(3, "pictures given called so")
    return table(*heads, rows=table_rows)
