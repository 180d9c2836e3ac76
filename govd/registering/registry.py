"""The nouns of `govd model`: registering, showing and removing; each is one append."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Final

from govd.contributions.calibrating import Calibrating
from govd.errors import Conflict, Usage
from govd.ledger.entry import Draft
from govd.models.core import Core
from govd.models.given import Given
from govd.models.phrases import spelled
from govd.models.prepared import prepared
from govd.models.publish_folder import PublishFolder, folder_of, is_early
from govd.models.publish_places import check_folder
from govd.models.words import spellings
from govd.records.lifecycle import OPEN, STANDING, UNSERVED
from govd.records.limits import bounded
from govd.records.model import RegisteredModel
from govd.registering.label_set import label_rows
from govd.types import Json, Record

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Models:
    """Registered models of a home."""

    def __init__(self, core: Core, calibrating: Calibrating) -> None:
        self.core = core
        self.calibrating = calibrating

    def all(self) -> list[Record]:
        """All registered models and those that were retired, by name; `state` says which."""
        retired = {
            str(record["name"]): record for record in self.core.desk.views.retired()
        }
        records = {**retired, **self.core.desk.views.models}
        return [self._shown(records[name]) for name in sorted(records)]

    @bounded
    def show(self, name: str) -> Record:
        """One model with the revision that it serves; of a retired one, that it served last."""
        return self._shown(self.core.desk.known_model(name))

    @bounded
    def labels(self, name: str) -> list[Record]:
        """The label set of a model (`label_rows`)."""
        record = self.core.desk.known_model(name)
        return label_rows(
            self.core.models.basis(record),
            record.get("labels_merged", []),
            self.core.desk.views.wanted(name),
        )

    def spellings(self, name: str) -> dict[str, str]:
        """Labels of a model by other spellings of them, as folders may be called."""
        record = self.core.desk.model(name)
        label_of = {
            spelled(label): label for label in self.core.models.basis(record).labels
        }
        return {**spellings(record.get("labels_merged", [])), **label_of}

    def _shown(self, record: Record) -> Record:
        published = self.core.desk.views.published(str(record["name"]))
        return {**record, "revision": published["number"] if published else None}

    @bounded
    def remove(
        self, name: str, actor: str, reason: str = "", delete_published: bool = False
    ) -> Record:
        """Take a model out of service; its entries stay. One with forgets in force is *retired*:
        they keep their states, its name is not used again, and nothing is published back first.
        `current` of its folder is taken away, never turned; published revisions stay, unless
        `delete_published`.

        Args:
            actor: of the entry.
            reason: stands in the entry.

        Raises:
            Conflict: requests of it are not decided yet.
        """
        core = self.core
        with core.working(name), core.desk.lock:
            record = core.desk.model(name)
            staying = self._staying(name)
            payload: dict[str, Json] = (
                {"retired": True, "requests": staying} if staying else {}
            )
            payload |= {"reason": reason} if reason.strip() else {}
            folder = self._folder(record)
            # before the entry: without it, it is put back
            withdrawn = folder is not None and folder.withdraw()
            last = core.desk.views.published(name)
            entry = Draft(
                kind="model.remove",
                subject=name,
                actor=actor,
                model=name,
                payload=payload,
            )
            core.desk.append([entry])
            remaining = folder.forget() if folder and delete_published else []
        core.models.let_go()
        return {
            **record,
            "state": "retired" if staying else "removed",
            "requests": staying,
            "reason": reason,
            "revision": last["number"] if last else None,
            "current_removed": withdrawn,
            "left": remaining,
            "published": []
            if folder is None
            else [str(number) for number in folder.numbers()],
        }

    def _folder(self, record: RegisteredModel) -> PublishFolder | None:
        """The folder that a model's revisions are published to."""
        if not record.publish_to:
            return None
        path = Path(record.publish_to)
        return folder_of(self.core, record.name, path, is_early(record))

    def _staying(self, name: str) -> list[str]:
        """Requests that stay what they are where their model is removed.

        Raises:
            Conflict: others are not decided yet.
        """
        requests = [
            request
            for request in list(self.core.desk.views.open.values())
            if request["model"] == name
        ]
        staying = [
            request["id"]
            for request in requests
            if request["state"] in STANDING
            or (request["served_at"] and request["state"] in UNSERVED)
        ]
        undecided = [
            request["id"]
            for request in requests
            if request["state"] in OPEN and request["id"] not in staying
        ]
        if undecided:
            raise Conflict(
                f"{', '.join(undecided[:5])} of {name} wait to be decided",
                advice="Reject or withdraw them first.",
            )
        return staying

    def add(self, name: str, reference: str, given: Given, actor: str) -> None:
        """Register a model: encode its labels, anchors, domains, pool and evaluation images, and
        compute its basis.

        Args:
            reference: a folder, a file or a Hugging Face id.
            actor: of the entry.

        Raises:
            Conflict: the name is taken. Usage, BadFile, BadCheckpoint: something given is wrong;
            nothing is registered.
        """
        core = self.core
        if not NAME.fullmatch(name):
            raise Usage(
                f"{name!r} is no name for a model",
                advice="Use letters, digits, dot, dash and underscore.",
            )
        self._check_free(name)
        check_folder(core, given.publish_to, name, reference)
        opened, payload = prepared(
            core, reference, replace(given, publish_base=bool(given.publish_base))
        )
        payload["calibration"] = self.calibrating.measured(opened, payload)
        with core.desk.lock:
            self._check_free(name)
            check_folder(core, payload["publish_to"], name, reference)
            core.desk.append(
                [
                    Draft(
                        kind="model.add",
                        subject=name,
                        actor=actor,
                        model=name,
                        payload=payload,
                    )
                ]
            )
        core.models.keep(opened)
        core.progress("storing", 1, 1)

    def _check_free(self, name: str) -> None:
        if name in self.core.desk.views.models:
            raise Conflict(
                f"a model is called {name} already",
                advice=f"`govd model show {name}`, or choose another name.",
            )
        self.core.desk.views.check_name(name)
