"""Every kind of entry that govd writes: what a question or a receiver may ask for by name."""

from __future__ import annotations

from typing import Final

from govd.records.fold_requests import NOTES
from govd.records.lifecycle import EVENTS

_OF_REQUESTS: Final = EVENTS["forget"] | EVENTS["revert"] | NOTES.keys()
_OTHERS: Final = """
    contribution.make
    delivery.fail delivery.recover
    export.write export.fail
    feed.add feed.enable feed.disable feed.run feed.release feed.reject
    key.add key.rotate
    model.add model.update model.remove
    notice.add notice.remove notice.secret notice.retry notice.send notice.fail
    policy.add policy.enforce policy.shadow policy.disable policy.freeze policy.unfreeze
    policy.decide
    principal.add principal.update principal.remove principal.delegate principal.undelegate
    request.file request.read
    revision.compose revision.measure revision.deliver
    store.add store.patch store.switch store.fail store.verify store.purge store.remove
    token.create token.revoke
    witness.cosign witness.stamp
"""
KINDS: Final = frozenset(
    [
        *_OTHERS.split(),
        *(f"request.{event}" for event in _OF_REQUESTS),
        *(f"revision.{event}" for event in EVENTS["revision"]),
    ]
)
"""A noun and an event each."""
