"""What govd does by itself: `loop` takes each work in turn (the daemon's worker and `govd
reconcile` call it), `clock` says what is due when.

Feeds: `feeds` (added, shown, decided, sent to), `looks` (when each is looked at), `feed_runs` (a
document's rows filed together), `missing` (rows that disappeared), `feed_files` (what a home keeps
beside the ledger), `signatures` (of what is sent).

Policies: `expiring` and `scheduled` (when they are asked), `proposals` (what they file), `thawing`
(the end of a freeze).
"""

from govd.automatic.loop import Automatic

__all__ = ["Automatic"]
