"""Opening the views beside a ledger: continued where they stopped, or rebuilt."""

from __future__ import annotations

import logging
from pathlib import Path

from govd.errors import BadFile
from govd.ledger import canonical
from govd.ledger.store import Ledger
from govd.views.records import VERSION, Records
from govd.views.sealed_tables import remove_tables
from govd.views.views import Views

log = logging.getLogger("govd")


def opened_views(path: Path, ledger: Ledger, key: bytes) -> Views:
    """The views beside a ledger, as far as they go, sealed with `key`; made anew where somebody
    else changed them, where they are damaged, of another ledger, of another history of it, or of
    another govd.

    Raises:
        BadFile: they cannot be made. MachineFault: they cannot be read or written.
    """
    for last in (False, True):
        records: Records | None = None
        try:
            records = Records(path, key)
            at = records.position()
            size = int(at.get("size", 0))
            is_ours = (
                at.get("version") == VERSION
                and at.get("origin") == ledger.origin
                and 0 < size <= ledger.size()
            )
            if not at or (
                is_ours
                and canonical.digest(next(iter(ledger.some([size - 1])))) == at["last"]
            ):
                return Views(records, ledger.origin)
            records.close()
            log.info("rebuilding the views from the entries")
        except BadFile as error:
            if records is not None:
                records.close()
            if last:
                raise
            log.warning("%s. They are being rebuilt.", error.what)
        remove_tables(path)
    raise BadFile(
        "the views cannot be built",
        where=str(path),
        advice="This is a bug; please report it.",
    )
