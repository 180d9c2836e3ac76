"""The demo's report: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import numpy as np

from govd.types import Json

if TYPE_CHECKING:
    from govd.cli.demo import Story

SHOWN = 8


def write(story: Story) -> str:
    """The report as HTML."""
    text = files("govd").joinpath("data/report.html.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["share"] = lambda v: "–" if v is None else f"{100 * v:.1f} %"
    return environment.from_string(text).render(
        story=story, heat=_heat(story.cells), pictures=_pictures(story), prototypes=_prototypes(story)
    )


def _heat(cells: list[dict[str, Json]]) -> list[dict[str, Any]]:
    """Class × domain: accuracy before and after, as colours."""
    domains = sorted({c["domain"] for c in cells})
    rows = []
    for name in sorted({c["class"] for c in cells}):
        found = {c["domain"]: c for c in cells if c["class"] == name}
        rows.append({"class": name, "cells": [found.get(d) for d in domains], "touched": any(c["forgotten"] for c in found.values())})
    return [{"domains": domains, "rows": rows}]


def _pictures(story: Story) -> list[dict[str, Json]]:
    return [{**p, "src": _embed(Path(p["path"]).read_bytes())} for p in story.facts["shown"]]


def _prototypes(story: Story) -> list[Mapping[str, Any]]:
    from PIL import Image

    made: list[Mapping[str, Any]] = []
    for prompt, picture in story.facts["prototypes"]:
        buffer = io.BytesIO()
        Image.fromarray(np.asarray(picture, np.uint8)).resize((96, 96), Image.Resampling.NEAREST).save(buffer, "PNG")
        made.append({"prompt": prompt, "src": _embed(buffer.getvalue())})
    return made


def _embed(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
