"""What a plugin opened here, opened again in another process: a model or a store travels as the way
to open it, and its plugin alone is loaded there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, version
from typing import Any

from govd.asking.asker import Asker
from govd.asking.plugins import load
from govd.errors import GovdError, Unsupported
from govd.types import ModelReference


@dataclass(frozen=True)
class Abroad:
    """A plugin as another process loads it: the name and the module of its entry point, the version
    of govd that it is asked by, and how long it is waited for.
    """

    name: str
    source: str
    govd_version: str
    work_seconds: float

    @classmethod
    def of(cls, asker: Asker, name: str) -> Abroad | None:
        """A plugin of this process; None for one that was registered here and has no entry point,
        which another process could not load.
        """
        sources = [plugin.source for plugin in asker.plugins if plugin.name == name]
        if not sources:
            return None
        return cls(name, sources[0], version("govd"), asker.work_seconds)

    def asker(self) -> Asker:
        """Asks that plugin, in the process that this is called in.

        Raises:
            Unsupported: another govd is installed here, or the plugin does not load.
        """
        here = version("govd")
        if here != self.govd_version:
            raise Unsupported(
                f"a worker has govd {here}, and is asked by {self.govd_version}",
                advice="Install the same version with the same extras on every node.",
            )
        manager, plugins = load(points=[EntryPoint(self.name, self.source, "govd")])
        if plugins[0].fault:
            raise Unsupported(
                f"the plugin {self.name} does not load on a worker: {plugins[0].fault}",
                advice="Install the same version with the same extras on every node.",
            )
        return Asker(manager, plugins, work_seconds=self.work_seconds)


@dataclass(frozen=True)
class StoreAbroad:
    """A store as another process opens it."""

    plugin: Abroad
    url: str
    secret: str = field(repr=False)

    def open(self) -> tuple[Asker, Any]:
        """The asker of its plugin, and the store.

        Raises:
            Unsupported: its plugin does not load here, or does not know it. BadFile, MachineFault:
            it is not there.
        """
        asker = self.plugin.asker()
        store = asker.first("govd_open_store", url=self.url, secret=self.secret)[1]
        if store is None:
            raise Unsupported(
                f"the plugin {self.plugin.name} does not open {self.url} here"
            )
        return asker, store


@dataclass(frozen=True)
class ModelAbroad:
    """A model as another process opens it, and the digest that it must have."""

    plugin: Abroad
    reference: ModelReference
    digest: str

    def open(self) -> tuple[Asker, Any]:
        """The asker of its plugin, and the model.

        Raises:
            Unsupported: it cannot be opened here, for whatever reason.
        """
        asker = self.plugin.asker()
        advice = (
            "Keep its files at the same path on every node, as they were registered."
        )
        try:
            model = asker.first("govd_open_model", reference=self.reference)[1]
        except GovdError as fault:
            raise Unsupported(
                f"a worker cannot open the model: {fault.what}",
                where=fault.where,
                advice=advice,
            ) from None
        if model is None or model.facts.digest != self.digest:
            raise Unsupported(
                "a worker finds no such model, or another one",
                where=self.reference.reference,
                advice=advice,
            )
        return asker, model
