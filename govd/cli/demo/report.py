"""The demo's report: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Sequence
from importlib.resources import files
from itertools import groupby
from typing import Any

import jinja2
import numpy as np

from govd.cli.demo.story import HOW, WORKS, Story, scope_of_leak, search_areas
from govd.cli.demo.tables import SPOILED, attacks
from govd.cli.tables import scope
from govd.service import HONEST
from govd.types import Json, Record

COLUMNS = 3
"""Parts of the heat map that stand beside each other where there is room."""
SAYS = {
    "gone": "gone, as wanted",
    "named": "still named",
    "kept": "as before",
    "lost": "damaged",
    "won": "known only now",
    "wrong": "known neither before nor after",
}
MARKS = {"gone": "✓", "named": "✗", "kept": "=", "lost": "▼", "wrong": "·", "won": "▲", "better": "▲", "part": "◐", "never": "·"}
"""Signs that say what the colours say."""


def page(story: Story) -> str:
    """The report as HTML."""
    text = files("govd").joinpath("data/report.html.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    filters: dict[str, Any] = {"share": lambda v: "–" if v is None else f"{100 * v:.1f} %", "scope": _scope, "png": _embed}
    environment.filters |= filters
    return environment.from_string(text).render(
        story=story,
        comparison=[_compared(row) for row in story.rows],
        leaks=[_leak(leak) for leak in story.leaks],
        heat=_heat(story.cells),
        tally=_tally(story.cells),
        shown=[(name, list(some)) for name, some in groupby(story.pictures, key=lambda p: p.name)],
        drawn=[(what, [(p, _png(p.pixels)) for p in some]) for what, some in story.prototypes if some],
        same_bytes=sum(bool(r.get("same_bytes")) for r in story.bundle["recomputed"]),
        honest=HONEST,
        says=SAYS,
        marks=MARKS,
        works=WORKS,
    )


def _scope(request: Record) -> str:
    return scope(request).replace("\\[", "[")


def _compared(row: dict[str, Json]) -> dict[str, Any]:
    """One forget, with a line for each way that can do it: figures, and whether it went and the rest stayed."""
    lines = []
    for key, title in HOW:
        m = row[key]
        if m is None:
            continue
        failed, spoiled = m["forget_acc"] > m["forget_acc_before"] / 2, m["retain_agreement"] < SPOILED
        lines.append({"title": title, "ours": key == "govd", "m": m, "failed": failed, "spoiled": spoiled, "areas": search_areas(m)})
    return {"what": row["what"], "lines": lines}


def _leak(leak: Record) -> dict[str, Any]:
    return {"what": _scope(scope_of_leak(leak)), "images": leak["images"], "attacks": attacks(leak)}


def verdict(cell: Record) -> str:
    """What a cell of the heat map says: of what was to go `gone`, `part`, `named`; of what was to stay `kept`, `lost`, `better`."""
    before, after = cell["before"], cell["after"]
    if cell["forgotten"]:
        return "never" if not before else "gone" if not after else "part" if after <= before / 2 else "named"
    return "kept" if after == before else "lost" if after < before else "better"


def _heat(cells: Sequence[Record]) -> list[list[dict[str, Any]]]:
    """Class × domain, in parts of about equal length: what each cell says, and how much of it."""
    domains = sorted({c["domain"] for c in cells})
    lines = []
    for name in sorted({c["class"] for c in cells}):
        found = {c["domain"]: {**c, "verdict": verdict(c)} for c in cells if c["class"] == name}
        lines.append({"class": name, "cells": [found.get(d) for d in domains], "domains": domains})
    size = -(-len(lines) // COLUMNS)
    return [lines[i : i + size] for i in range(0, len(lines), size)]


def _tally(cells: Sequence[Record]) -> dict[str, int]:
    found = Counter(verdict(c) for c in cells)
    went = sum(bool(c["forgotten"]) for c in cells)
    return {**dict.fromkeys(MARKS, 0), **found, "went": went, "stayed": len(cells) - went}


def _png(pixels: Any) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _embed(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
