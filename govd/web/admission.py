"""How many calls for answers a daemon takes at once: by the bytes of their bodies and the pictures
in them, so that a crowd costs others a moment and the daemon no memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from govd.errors import Busy

RETRY_SECONDS = 1
"""After which a call that was refused may come again."""


class Place:
    """What one call has of the room."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.size_bytes = self.pictures = 0

    def hold(self, size_bytes: int = 0, pictures: int = 0) -> None:
        """Have so much at least.

        Raises:
            Busy: others have the room. Nobody else: there is always room for one.
        """
        room = self._admission
        more_bytes = max(0, size_bytes - self.size_bytes)
        more_pictures = max(0, pictures - self.pictures)
        is_over = (
            room.size_bytes + more_bytes > room.most_bytes
            or room.pictures + more_pictures > room.most_pictures
        )
        if is_over and room.calls > 1:
            raise Busy(
                f"{room.pictures} pictures of {room.calls - 1} other calls wait for their answers"
                f" ({room.size_bytes >> 20} MiB)",
                advice="Send this again in a moment, or fewer at once.",
                retry_after=RETRY_SECONDS,
            )
        room.size_bytes += more_bytes
        room.pictures += more_pictures
        self.size_bytes += more_bytes
        self.pictures += more_pictures


class Admission:
    """The room for calls, and what is in it; for the loop's thread alone."""

    def __init__(self, most_pictures: int, most_bytes: int) -> None:
        self.most_pictures = most_pictures
        self.most_bytes = most_bytes
        self.calls = self.pictures = self.size_bytes = 0

    @contextmanager
    def place(self) -> Iterator[Place]:
        """A place for a call, until it is answered."""
        place = Place(self)
        self.calls += 1
        try:
            yield place
        finally:
            self.calls -= 1
            self.pictures -= place.pictures
            self.size_bytes -= place.size_bytes
