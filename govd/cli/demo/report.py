"""The demo's report: its story, made of the parts that every report is made of."""

from __future__ import annotations

import io
from itertools import groupby
from typing import Any

import numpy as np

from govd.cli.demo.story import HOW, Story, search_areas
from govd.cli.demo.tables import SPOILED
from govd.cli.report import render
from govd.cli.report.parts import MARKS, SAYS, WORKS, heat, leak_part, tally
from govd.service.evaluating import CLAIM
from govd.types import Json


def page(story: Story) -> str:
    """The report as HTML."""
    return render(
        "demo",
        story=story,
        comparison=[_compared(row) for row in story.rows],
        leaks=[leak_part(leak) for leak in story.leaks],
        heat=heat(story.cells),
        tally=tally(story.cells),
        shown=[
            (name, list(group))
            for name, group in groupby(story.pictures, key=lambda p: p.name)
        ],
        drawn=[
            (title, [(p, _png(p.pixels)) for p in group])
            for title, group in story.prototypes
            if group
        ],
        same_bytes=sum(bool(r.get("same_bytes")) for r in story.bundle["recomputed"]),
        honest=CLAIM,
        says=SAYS,
        marks=MARKS,
        works=WORKS,
    )


def _compared(row: dict[str, Json]) -> dict[str, Any]:
    """One forget, with a line for each way that can do it: figures, and whether it went and the
    rest stayed.
    """
    lines = []
    for key, title in HOW:
        m = row[key]
        if m is None:
            continue
        failed = m["forget_acc"] > m["forget_acc_before"] / 2
        spoiled = m["retain_agreement"] < SPOILED
        lines.append(
            {
                "title": title,
                "ours": key == "govd",
                "m": m,
                "failed": failed,
                "spoiled": spoiled,
                "areas": search_areas(m),
            }
        )
    return {"what": row["what"], "lines": lines}


def _png(pixels: Any) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
