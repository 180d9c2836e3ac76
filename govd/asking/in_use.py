"""The plugins of a home: which there are, what they bring, and what they answer."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from govd.asking.abroad import Abroad, ModelAbroad
from govd.asking.asker import Asker
from govd.asking.failures import FILE, Failures
from govd.asking.guarded import Guarded
from govd.asking.notices import Notices
from govd.asking.plugins import load
from govd.edit import Method
from govd.errors import PluginFault, Unsupported
from govd.home.home import Home
from govd.types import Model, ModelReference

FILES: Final = (".npz", ".parquet")
"""How references of models end that are files, and no ids of a hub."""
log = logging.getLogger("govd")
ENDING = 60.0
"""Seconds that an external job has beside its own limit: to be begun, ended and looked at."""


class Methods(dict[str, Method]):
    """Methods by name. One that is asked for and not there is its plugin's fault, not a bug."""

    def __missing__(self, name: str) -> Method:
        raise PluginFault(
            f"the method {name} is not in use",
            where="govd_methods",
            advice="`govd doctor` says why, where its plugin is disabled, broken or not there.",
        )


class Plugins:
    """`known` are those that were found, `methods` what they bring by name, `brought_by` which
    plugin brought a method.

    Raises:
        PluginFault: two plugins bring a method of the same name.
    """

    def __init__(self, home: Home) -> None:
        self.settings = settings = home.settings
        self.manager, self.known = load(frozenset(settings.disabled_plugins))
        failures = Failures(home.folder / FILE)
        self.asker = Asker(
            self.manager,
            self.known,
            failures,
            settings.plugin_seconds,
            max(
                (
                    settings.plugin_work_seconds,
                    *(j.seconds + ENDING for j in settings.unlearning),
                )
            ),
        )
        self.notices = Notices(self.asker)
        self.methods = self._methods()

    def open_model(self, reference: ModelReference) -> Model:
        """A model from a backend.

        Raises:
            Unsupported: no backend knows this reference. BadCheckpoint: it is broken.
        """
        model_reference = replace(
            reference,
            text_encoder=self.settings.text_encoder(reference.reference),
            job=self.settings.unlearning_job(reference.reference),
        )
        plugin, opened = self.asker.first("govd_open_model", reference=model_reference)
        if opened is None:
            raise self._unknown(reference)
        abroad = Abroad.of(self.asker, plugin)
        travelling = replace(model_reference, files=dict(model_reference.files))
        way = None
        if abroad is not None:
            way = ModelAbroad(abroad, travelling, opened.facts.digest)
        return Guarded(
            opened,
            partial(self.asker.call, plugin),
            way,
        )

    def _unknown(self, reference: ModelReference) -> Unsupported:
        """That nobody opens a model."""
        text = reference.reference
        is_path = text.startswith(("/", "./", "../", "~")) or text.lower().endswith(
            FILES
        )
        if is_path and not Path(text).exists():
            advice = "Check the path."
            if reference.files:
                advice = "Put it back, or give the model another: govd model rebase NAME REFERENCE."
            return Unsupported(
                f"no backend recognises {text!r}: there is no such file or folder",
                advice=advice,
            )
        backends = ", ".join(p.name for p in self.known if not p.fault) or "none"
        return Unsupported(
            f"no backend recognises {text!r}",
            advice=(
                f"Check the path or id. Plugins in use: {backends}; a CLIP model needs govd[clip]."
            ),
        )

    def brings_default(self, reference: str | None, what: str) -> bool:
        """Whether a checkpoint brings a file of its own for an option."""
        return (
            reference is not None
            and what in self.open_model(ModelReference(reference)).facts.defaults
        )

    def first(self, hook: str, **arguments: Any) -> Any:
        """Ask a *first* hook; what a plugin raises that is no error of govd's is that plugin's
        fault.
        """
        return self.asker.first(hook, **arguments)[1]

    def versions(self) -> dict[str, str]:
        """The plugins that work, by name."""
        return {
            plugin.name: plugin.version for plugin in self.known if not plugin.fault
        }

    def guarded(self, name: str, where: str, work: Callable[[], Any]) -> Any:
        """Call what a plugin brought, under its name and for a limited time.

        Raises:
            PluginFault: it raised something that is no error of govd's, did not come back, or
            answered nonsense.
        """
        return self.asker.call(name, where, work)

    def _methods(self) -> Methods:
        methods = Methods()
        owner: dict[str, str] = {}
        for plugin, answer in self.asker.each("govd_methods"):
            if isinstance(answer, PluginFault):
                log.warning(
                    "plugin %s: %s in govd_methods", plugin, answer.title.lower()
                )
                continue
            for name, method in answer.items():
                if name in methods:
                    raise PluginFault(
                        f"the method {name} is claimed by the plugins {owner[name]} and {plugin}",
                        where="govd_methods",
                        advice="Uninstall one, or list it under disabled_plugins in govd.toml.",
                    )
                methods[name], owner[name] = method, plugin
        self.brought_by = owner
        return methods
