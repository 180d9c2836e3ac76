"""The manifest of a revision: every copy of a model that the ledger knows of, and whether it has
forgotten. Pure: made of records alone, so that an auditor makes it from entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from govd.records.store import StoreRecord
    from govd.types import Json

SERVER: Final = "server"
FOLDER: Final = "folder"
STORE: Final = "store"
EXPORT: Final = "export"


class CopyState(StrEnum):
    """Whether a copy has forgotten what a revision has."""

    FORGOTTEN = "forgotten"
    PENDING = "pending"
    """It is of another revision, and govd can change it."""
    UNKNOWN = "unknown"
    """Somebody else has it, or it was found not to be what its stamp says."""


@dataclass(frozen=True)
class Copy:
    """One copy. `kind`: `server` (this daemon's answers), `folder` (`--publish-to`), `store` or
    `export`. `revision`: that it carries, as far as the ledger says; `side`: of the edit in it.
    `recipient`: who got an export, and `lacks`, `keeps`: requests that the revision has and his
    copy lacks, and the other way round.
    """

    kind: str
    name: str
    place: str
    revision: int
    state: CopyState
    why: str = ""
    side: str = ""
    recipient: str = ""
    at: str = ""
    entry: int | None = None
    lacks: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Json]:
        """For an answer."""
        return {**asdict(self), "lacks": list(self.lacks), "keeps": list(self.keeps)}


@dataclass(frozen=True)
class Known:
    """What a ledger knows of a model. `published`: the revision that is served; `delivered`: the
    newest that was written to `publish_to`; `requests`: those of each revision, by its number.
    """

    model: str
    published: int
    publish_to: str
    delivered: int | None
    requests: Mapping[int, Sequence[str]]
    stores: Sequence[StoreRecord]
    exports: Sequence[Mapping[str, Json]]


def copies(known: Known, number: int) -> list[Copy]:
    """The manifest of revision `number` (0: the unedited model)."""
    listed = [_controlled(SERVER, known.model, "", known.published, number)]
    if known.publish_to and known.delivered is not None:
        listed.append(
            _controlled(FOLDER, known.model, known.publish_to, known.delivered, number)
        )
    listed += [_of_store(known, store, number) for store in known.stores]
    return listed + [_of_export(known, export, number) for export in known.exports]


def _controlled(kind: str, name: str, place: str, carried: int, number: int) -> Copy:
    state = CopyState.PENDING
    if carried == number:
        state = CopyState.FORGOTTEN
    return Copy(
        kind=kind, name=name, place=place, revision=carried, state=state, side="image"
    )


def _of_store(known: Known, store: StoreRecord, number: int) -> Copy:
    state = CopyState.FORGOTTEN
    why = ""
    if set(known.requests.get(store.revision, ())) != set(
        known.requests.get(number, ())
    ):
        state = CopyState.PENDING
    elif store.faults:
        state = CopyState.UNKNOWN
        why = store.faults[0]
    side = str(store.stamp["side"])
    return Copy(
        kind=STORE,
        name=store.name,
        place=store.url,
        revision=store.revision,
        state=state,
        why=why,
        side=side,
    )


def _of_export(known: Known, export: Mapping[str, Json], number: int) -> Copy:
    carried = int(export["revision"])
    carried_requests, requests = (known.requests.get(n, ()) for n in (carried, number))
    lacks = tuple(request for request in requests if request not in carried_requests)
    keeps = tuple(request for request in carried_requests if request not in requests)
    state = CopyState.UNKNOWN if lacks or keeps else CopyState.FORGOTTEN
    return Copy(
        kind=EXPORT,
        name=f"{known.model}/{carried}",
        place=str(export["folder"]),
        revision=carried,
        state=state,
        why="whether it was replaced is not known here" if lacks or keeps else "",
        side=str(export.get("side", "")),
        recipient=str(export.get("recipient", "")),
        at=str(export["at"]),
        entry=int(export["seq"]),
        lacks=lacks,
        keeps=keeps,
    )


def counted(manifest: Iterable[Copy]) -> dict[str, int]:
    """How many copies are in each state."""
    counts = dict.fromkeys((state.value for state in CopyState), 0)
    for copy in manifest:
        counts[copy.state.value] += 1
    return counts


def to_tell(manifest: Iterable[Copy]) -> list[dict[str, Json]]:
    """Who is to be told that what he was given is not what is published: each recipient once, with
    the newest that he has.
    """
    newest: dict[str, Copy] = {}
    for copy in manifest:
        if copy.kind == EXPORT and copy.recipient:
            before = newest.get(copy.recipient)
            if before is None or (copy.entry or 0) > (before.entry or 0):
                newest[copy.recipient] = copy
    return [
        {
            "recipient": recipient,
            "has": copy.revision,
            "since": copy.at,
            "lacks": list(copy.lacks),
            "keeps": list(copy.keeps),
        }
        for recipient, copy in sorted(newest.items())
        if copy.state is not CopyState.FORGOTTEN
    ]
