"""Tokens, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from govd.cli.tables import console, escape, table

if TYPE_CHECKING:
    from govd.types import Json


def show_tokens(tokens: Sequence[Mapping[str, Json]]) -> None:
    """Tokens, a line each."""
    rows = [
        (
            t["id"],
            _holder(t),
            t["role"],
            escape(", ".join(t["models"])) or "all",
            (t["created_at"] or "")[:10],
            _end(t),
        )
        for t in tokens
    ]
    console().print(
        table("id", "principal", "role", "models", "created", "ends", rows=rows)
    )


def _holder(token: Mapping[str, Json]) -> str:
    """Who holds it, and what it is called where that is another name."""
    principal = str(token["actor"].removeprefix("principal:"))
    name = str(token["name"])
    return escape(principal if name == principal else f"{principal} · {name}")


def _end(token: Mapping[str, Json]) -> str:
    """When it was revoked, else until when it is valid."""
    if token["revoked_at"]:
        return f"revoked {token['revoked_at'][:10]}"
    return str(token["expires_at"] or "")[:10]
