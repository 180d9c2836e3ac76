"""The fold: an entry and the records so far in, the changed records out. It is pure: it reads
through `Lookup` alone, writes nothing, and no record that it was given changes.

Entry kinds: `model.<event>`, `request.file`, `request.vote`, `request.<event>` and
`revision.<event>` for each event of `lifecycle`, and those that change no state: `request.extend`,
`.criteria`, `.hold`, `.release`, `.read`, `.shred`, `.recompute`, `revision.measure`, `.deliver`,
`model.update`, `contribution.make`, `delivery.<event>`, `export.<event>`, `token.<event>`,
`key.<event>`, `witness.cosign`, `witness.stamp`, `policy.<event>`, `feed.<event>`, `store.<event>`,
`notice.<event>`, `principal.<event>`. The subject of a request's entries is its id, of a revision's
and its delivery's `model/number`, of a model's, feed's, store's, receiver's or principal's its
name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from govd.errors import Conflict, NotFound
from govd.records.changes import NOTHING, Changes, Lookup, Place, typed
from govd.records.contribution import ContributionRef
from govd.records.fold_feeds import fold_feed
from govd.records.fold_models import fold_delivery, fold_model
from govd.records.fold_notices import fold_notice
from govd.records.fold_people import fold_principal
from govd.records.fold_policies import fold_policy
from govd.records.fold_requests import fold_request
from govd.records.fold_revisions import fold_revision
from govd.records.fold_stores import fold_store
from govd.records.record import StoredRecord
from govd.types import Record

Fold = Callable[[str, Record, Lookup], Changes]
"""Of the entries of one noun: the event (`approve` of `request.approve`), the entry, the records so
far.
"""


def fold(entry: Record, lookup: Lookup) -> Changes:
    """What an entry changes; one of a kind that is not known here changes nothing.

    `lookup`: the records as the entries before this one leave them.

    Raises:
        Conflict: it cannot happen in the state that something is in.
        NotFound: what it is about does not exist.
    """
    noun, _, event = str(entry["kind"]).partition(".")
    of_noun = FOLDS.get(noun)
    if of_noun is None:
        return NOTHING
    return of_noun(event, entry, lookup)


def folded(entries: Iterable[Record]) -> dict[Place, StoredRecord]:
    """The records that entries from the first on leave, without a database. Entries that cannot
    happen change nothing.
    """
    records: dict[Place, StoredRecord] = {}
    for entry in entries:
        try:
            changes = fold(entry, lambda noun, key: records.get((noun, key)))
        except (Conflict, NotFound):
            continue
        records.update(changes.records)
    return records


def _fold_token(event: str, entry: Record, lookup: Lookup) -> Changes:
    place = ("token", str(entry["subject"]))
    token = lookup(*place)
    if event == "create":
        created = {"id": place[1], "created_at": entry["time"], "revoked_at": None}
        created |= {"principal": None, "models": [], "expires_at": None}
        return _kept(place, {**created, "seq": entry["seq"], **entry["payload"]})
    if event == "revoke" and token is not None:
        return Changes({place: token.with_(revoked_at=entry["time"])})
    return NOTHING


def _fold_witness(event: str, entry: Record, lookup: Lookup) -> Changes:
    name = str(entry["subject"])
    witnessed = {"name": name, "kind": event, "seq": entry["seq"], **entry["payload"]}
    return _kept(("witness", name), witnessed)


def _fold_contribution(event: str, entry: Record, lookup: Lookup) -> Changes:
    place = ("contribution", str(entry["subject"]))
    record = ContributionRef.from_json({"seq": entry["seq"], **entry["payload"]})
    return Changes({place: record})


def _fold_export(event: str, entry: Record, lookup: Lookup) -> Changes:
    if event != "write":  # nobody got anything
        return NOTHING
    place = ("export", str(entry["seq"]))
    written = {"model": entry["model"], "at": entry["time"], "by": entry["actor"]}
    record = typed("export", {**written, "seq": entry["seq"], **entry["payload"]})
    return Changes({place: record}, (("export_of", str(entry["subject"]), place),))


def _kept(place: Place, record: Record) -> Changes:
    return Changes({place: typed(place[0], record)})


FOLDS: Final[Mapping[str, Fold]] = {
    "model": fold_model,
    "token": _fold_token,
    "witness": _fold_witness,
    "contribution": _fold_contribution,
    "delivery": fold_delivery,
    "export": _fold_export,
    "request": fold_request,
    "revision": fold_revision,
    "policy": fold_policy,
    "feed": fold_feed,
    "notice": fold_notice,
    "principal": fold_principal,
    "store": fold_store,
}
"""By the noun of an entry's kind."""
