"""A store that a plugin opened, as the rest of govd uses it: each call for a limited time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from govd.asking.abroad import Abroad, StoreAbroad
from govd.errors import Unsupported
from govd.keeping.addresses import KINDS
from govd.models.core import Core
from govd.types import (
    Batch,
    Floats,
    Generation,
    Hit,
    Pace,
    Portion,
    Progress,
    Purged,
    Store,
    StoreFacts,
    StoreStamp,
    silent,
)


class GuardedStore:
    """`inner` is the store as its plugin made it; `ask(what, work)` calls work of that plugin.
    Pickled, it is `abroad`, the way to open it again.
    """

    def __init__(
        self,
        inner: Store,
        ask: Callable[[str, Callable[[], Any]], Any],
        abroad: StoreAbroad | None = None,
    ) -> None:
        self.inner = inner
        self._ask = ask
        self.abroad = abroad

    def __reduce__(self) -> tuple[Any, ...]:
        if self.abroad is None:
            raise TypeError("this store cannot be opened again elsewhere")
        return _arrived, (self.abroad,)

    def facts(self) -> StoreFacts:
        """As `Store.facts`."""
        facts: StoreFacts = self._ask("facts", self.inner.facts)
        return facts

    def stamp(self) -> StoreStamp | None:
        """As `Store.stamp`."""
        stamp: StoreStamp | None = self._ask("stamp", self.inner.stamp)
        return stamp

    def held(self) -> Sequence[StoreStamp]:
        """As `Store.held`."""
        return list(self._ask("held", self.inner.held))

    def claim(self, stamp: StoreStamp) -> StoreStamp:
        """As `Store.claim`."""
        claimed: StoreStamp = self._ask("claim", partial(self.inner.claim, stamp))
        return claimed

    def portions(self, generation: Generation, rows: int) -> Sequence[Portion]:
        """As `Store.portions`."""
        return list(
            self._ask("portions", partial(self.inner.portions, generation, rows))
        )

    def read(self, generation: Generation, portion: Portion) -> Batch:
        """As `Store.read`."""
        batch: Batch = self._ask("read", partial(self.inner.read, generation, portion))
        return batch

    def prepare(self, expected: StoreStamp, stamp: StoreStamp) -> None:
        """As `Store.prepare`."""
        self._ask("prepare", partial(self.inner.prepare, expected, stamp))

    def write(
        self, portion: Portion, batch: Batch, originals: Floats | None = None
    ) -> None:
        """As `Store.write`."""
        self._ask("write", partial(self.inner.write, portion, batch, originals))

    def late(self, rows: int) -> Sequence[Portion]:
        """As `Store.late`."""
        return list(self._ask("late", partial(self.inner.late, rows)))

    def switch(self, expected: StoreStamp, stamp: StoreStamp) -> StoreStamp | None:
        """As `Store.switch`."""
        switched: StoreStamp | None = self._ask(
            "switch", partial(self.inner.switch, expected, stamp)
        )
        return switched

    def find(self, queries: Floats, limit: int) -> Sequence[Sequence[Hit]]:
        """As `Store.find`."""
        hits: Sequence[Sequence[Hit]] = self._ask(
            "find", partial(self.inner.find, queries, limit)
        )
        return hits

    def fetch(self, keys: Sequence[str]) -> Floats:
        """As `Store.fetch`."""
        vectors: Floats = self._ask("fetch", partial(self.inner.fetch, keys))
        return vectors

    def purge(self, progress: Progress = silent) -> Purged:
        """As `Store.purge`."""
        purged: Purged = self._ask("purge", partial(self.inner.purge, progress))
        return purged

    def paces(self) -> Sequence[Pace]:
        """As `Paced.paces`; empty where the plugin does not tell."""
        # not isinstance: what a class answered once is kept there, whatever it has by now
        paces: Callable[[], Sequence[Pace]] | None = getattr(self.inner, "paces", None)
        return [] if paces is None else list(self._ask("paces", paces))

    def close(self) -> None:
        """As `Store.close`."""
        self._ask("close", self.inner.close)


def _arrived(abroad: StoreAbroad) -> GuardedStore:
    asker, store = abroad.open()
    return GuardedStore(store, partial(asker.call, abroad.plugin.name), abroad)


@contextmanager
def opened(core: Core, url: str, secret: str = "") -> Iterator[GuardedStore]:
    """The store at an address, while this lasts.

    Args:
        core: has the plugins.
        url: its address.
        secret: a password or token for it.

    Raises:
        Unsupported: no plugin knows such an address. BadFile, MachineFault: what is there is none.
    """
    plugin, store = core.plugins.asker.first("govd_open_store", url=url, secret=secret)
    if store is None:
        raise Unsupported(
            f"no plugin opens {url!r}",
            advice=f"There are {KINDS}. What else a plugin opens, its own manual says.",
        )
    travelling = Abroad.of(core.plugins.asker, plugin)
    abroad = None
    if travelling is not None:
        abroad = StoreAbroad(travelling, url, secret)
    guarded = GuardedStore(store, partial(core.plugins.asker.call, plugin), abroad)
    try:
        yield guarded
    finally:
        guarded.close()
