"""Reports as single HTML files that need nothing else: `govd demo` and `govd evaluate --report` are
made of the same parts.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import jinja2

from govd.cli.tables import scope
from govd.errors import MachineFault
from govd.grades import WHY
from govd.home.whole import whole
from govd.types import Record


def render(template: str, **values: Any) -> str:
    """A page of `govd/data/report`, whatever is in it escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("govd", "data/report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {
        "share": shown_share,
        "scope": shown_scope,
        "png": embedded,
        "points": points,
    }
    environment.filters |= filters
    environment.globals["WHY"] = WHY  # also to what is imported
    return environment.get_template(f"{template}.html.jinja").render(**values)


def shown_share(value: float | None) -> str:
    """A share in per cent."""
    return "–" if value is None else f"{100 * value:.1f} %"


def points(value: float | None) -> str:
    """A share in per cent, as finely as small ones need."""
    if value is None:
        return "–"
    return f"{100 * value:.2f} %" if value < 0.1 else shown_share(value)


def shown_scope(request: Record) -> str:
    """What a request is about, in words."""
    return scope(request).replace("\\[", "[")


def embedded(png: bytes | str) -> str:
    """A PNG, as bytes or in base64, as the source of an image."""
    return "data:image/png;base64," + (
        png if isinstance(png, str) else base64.b64encode(png).decode()
    )


@contextmanager
def place(report: Path) -> Iterator[Path]:
    """A file beside the report that takes its place in the end: whether that can be written is
    known before any work begins.

    Raises:
        MachineFault: it cannot be written.
    """
    advice = "Name a file in a folder that exists and can be written: --report FILE."
    if report.is_dir():
        raise MachineFault(
            "the report cannot be written: this is a folder",
            where=str(report),
            advice=advice,
        )
    with ExitStack() as stack:
        try:
            part = stack.enter_context(whole(report))
        except OSError as fault:
            raise MachineFault(
                f"the report cannot be written ({fault.strerror}); nothing was done",
                where=str(report),
                advice=advice,
            ) from None
        try:
            yield part
            stack.close()
        except OSError as fault:
            raise MachineFault(
                f"the report cannot be written ({fault.strerror})",
                where=str(report),
                advice="Free some space.",
            ) from fault
