"""The Python client of a daemon.

    with govd.connect("http://127.0.0.1:8765", token=…) as daemon:
        request = daemon.forget("dog", model="mini", domains=["line"], reason="…", wait=True)

Errors of the daemon are raised as the classes of `govd.errors`.
"""

from __future__ import annotations

from govd.client.daemon import Daemon
from govd.client.follower import Follower
from govd.errors import Unreachable

__all__ = ["Daemon", "Follower", "connect"]


def connect(
    url: str | None = None, token: str | None = None, timeout: float = 600.0
) -> Daemon:
    """A daemon by its address; without one, the daemon that runs on the default home. `timeout`:
    seconds for an answer, or for a decision.

    Raises:
        Unreachable: no address was given and no daemon runs on the home. Usage: the address is
        none.
    """
    if url is None:
        from govd.home.home import announced, default_home

        announcement = announced(default_home())
        if announcement is None:
            raise Unreachable(
                "no daemon runs on this home",
                where=str(default_home()),
                advice="Start one: govd serve.",
            )
        url, token = announcement
    return Daemon(url, token, timeout)
