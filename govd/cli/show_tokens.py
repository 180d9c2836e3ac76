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
            escape(t["actor"].removeprefix("principal:")),
            escape(t["name"]),
            t["role"],
            escape(", ".join(t["models"])) or "all",
            *((t[name] or "")[:10] for name in ("created_at", "expires_at", "revoked_at")),
        )
        for t in tokens
    ]
    columns = ("id", "principal", "name", "role", "models", "created", "expires", "revoked")
    console().print(table(*columns, rows=rows))
