"""Stamps that a store holds, and the plan of a patch: from which stamp to which."""

from __future__ import annotations

from govd.errors import BadFile, Conflict
from govd.types import Json, StoreStamp


def stamp_of(value: Json, where: str) -> StoreStamp | None:
    """The stamp that JSON says; None where it is None.

    Raises:
        BadFile: it is no stamp.
    """
    try:
        return None if value is None else StoreStamp.from_json(value)
    except ValueError as fault:
        raise BadFile(str(fault), where=where) from None


def check_column(value: Json, column: str, where: str) -> None:
    """That a stamp is of this column, where it says of which.

    Raises:
        Conflict: it is of another.
    """
    of = (value or {}).get("column", column)
    if of != column:
        raise Conflict(
            f"its stamp is of the column {of}, not of {column}",
            where=where,
            advice="One column of vectors can be a store: keep others in a table of their own.",
        )


def check_unstamped(stamp: StoreStamp | None, where: str) -> None:
    """That nobody has stamped a store.

    Raises:
        Conflict: somebody has.
    """
    if stamp is not None:
        raise Conflict("it is stamped already", where=where)


def check_expected(stamp: StoreStamp | None, expected: StoreStamp, where: str) -> None:
    """That the stamp of a store is still the one that a patch began with.

    Raises:
        Conflict: it is another.
    """
    if stamp != expected:
        raise Conflict(
            "its stamp is not the one that was read before: somebody was quicker",
            where=where,
            advice="Look at it again (`govd store show`), then patch again.",
        )


def plan_of(expected: StoreStamp, stamp: StoreStamp) -> dict[str, Json]:
    """The plan of a patch, as it lies beside a store."""
    return {"from": expected.as_json(), "to": stamp.as_json()}


def is_same_plan(begun: Json, plan: dict[str, Json]) -> bool:
    """Whether what was begun is this patch; nothing was where it is None."""
    return begun is not None and all(begun[name] == plan[name] for name in plan)


def leads_to(begun: Json, stamp: StoreStamp) -> bool:
    """Whether what was begun is a patch to this stamp."""
    return begun is not None and StoreStamp.from_json(begun["to"]).is_of(stamp)


def held_of(
    begun: Json, base: StoreStamp | None, stamp: StoreStamp, where: str
) -> Json:
    """What is switched to for a stamp: the plan of `next`, or None for the originals.

    Raises:
        Conflict: neither is of this stamp.
    """
    if leads_to(begun, stamp):
        return begun
    if base is None or not base.is_of(stamp):
        raise Conflict("it holds no vectors of this stamp", where=where)
    return None
