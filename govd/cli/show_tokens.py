"""Tokens, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from govd.cli.tables import console, escape, minute, table

if TYPE_CHECKING:
    from govd.types import Json


def show_tokens(tokens: Sequence[Mapping[str, Json]]) -> None:
    """Tokens, a line each."""
    rows = [
        (t["id"], escape(t["actor"]), t["role"], minute(t["created_at"]), minute(t["revoked_at"]))
        for t in tokens
    ]
    console().print(table("id", "acts as", "role", "created", "revoked", rows=rows))
