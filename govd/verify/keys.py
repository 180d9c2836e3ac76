"""Which key signs log checkpoints of which sizes: each change of the key is an entry that the old
and the new one sign.
"""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from govd.errors import GovdError
from govd.ledger.signing import Key, rotation_text

MOST: Final = 1000
"""Changes of the key that are followed."""


class Keys:
    """The keys of a log, from the one that is trusted along the signed changes, forwards and
    backwards.
    """

    def __init__(
        self,
        trusted: Key,
        origin: str,
        rotations: Sequence[tuple[int, Mapping[str, Any]]],
        fault: Callable[[str], None],
    ) -> None:
        self.starts: list[int] = [0]
        self.keys: list[Key] = []
        if len(rotations) > MOST:
            fault(
                f"the key was changed {len(rotations)} times: more than {MOST} changes are not"
                " followed"
            )
        for seq, payload in rotations[:MOST]:
            key = _changed(origin, payload)
            if key is None or (self.keys and self.keys[-1] != key[0]):
                fault(
                    f"entry {seq} changes the key without the signatures of both keys"
                )
                continue
            if not self.keys:
                self.keys.append(key[0])
            self.starts.append(seq + 1)
            self.keys.append(key[1])
        self.keys = self.keys or [trusted]
        if trusted not in self.keys:
            names = ", ".join(map(str, self.keys[:10]))
            fault(
                f"the log is not signed by the key that is trusted ({trusted}), but by {names}"
            )
            self.starts = [0]
            self.keys = [trusted]

    def at(self, size: int) -> Key:
        """The key that signs a checkpoint of that size."""
        return self.keys[bisect_right(self.starts, size) - 1]


def _changed(origin: str, payload: Mapping[str, Any]) -> tuple[Key, Key] | None:
    """The old and the new key, where both signed the change."""
    try:
        old = Key.parse(payload["old"])
        new = Key.parse(payload["new"])
        text = rotation_text(origin, old, new)
        signatures = [
            base64.b64decode(payload[f"signature_{name}"], validate=True)
            for name in ("old", "new")
        ]
    except (GovdError, KeyError, TypeError, AttributeError, ValueError, binascii.Error):
        return None
    if old.signed(text, signatures[0]) and new.signed(text, signatures[1]):
        return (old, new)
    return None
