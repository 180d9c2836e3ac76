"""Revisions: edits of a model on their way, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from govd.records.lifecycle import PENDING, REVISION_STATES, RevisionState
from govd.records.record import StoredRecord
from govd.types import Json


@dataclass(frozen=True, eq=False)
class Revision(StoredRecord):
    """An edit of one model, composed of contributions, evaluated, and published or not."""

    @property
    def model(self) -> str:
        """The name of the model that it is of."""
        return str(self._json["model"])

    @property
    def number(self) -> int:
        """From 1 on; 0 is the base, of which there is no record."""
        return int(self._json["number"])

    @property
    def subject(self) -> str:
        """How entries name it, `shop/3`."""
        return f"{self.model}/{self.number}"

    @property
    def state(self) -> RevisionState:
        """Where it is; what may follow is in `lifecycle`."""
        return REVISION_STATES[self._json["state"]]

    @property
    def state_reason(self) -> str:
        """Why it is so, for people."""
        return str(self._json["state_reason"])

    @property
    def edit_digest(self) -> str:
        """SHA-256 of the edit's tensors and facts, wherever they are stored."""
        return str(self._json["edit_digest"])

    @property
    def edit(self) -> str:
        """SHA-256 of the artifact that holds the edit."""
        return str(self._json["edit"])

    @property
    def rank(self) -> int:
        """Columns of the edit's factors."""
        return int(self._json["rank"])

    @property
    def side(self) -> str:
        """Which projection is edited, `image` or `text`."""
        return str(self._json["side"])

    @property
    def facts(self) -> Mapping[str, Json]:
        """What composing says of the edit; `composed_by` is the host or a device."""
        return self._json.get("facts") or {}

    @property
    def requests(self) -> tuple[str, ...]:
        """Ids of the forgets that it is made of."""
        return tuple(self._json.get("requests", ()))

    @property
    def subsumed(self) -> Mapping[str, str]:
        """Forgets that add nothing to it: id → id of the one that covers it, empty where that is
        not to be told.
        """
        return self._json.get("subsumed") or {}

    @property
    def contributions(self) -> tuple[str, ...]:
        """Digests of the contributions that it is made of, sorted."""
        return tuple(self._json.get("contributions", ()))

    @property
    def basis(self) -> str:
        """SHA-256 of the basis of the model that it was composed for."""
        return str(self._json.get("basis", ""))

    @property
    def made_for(self) -> Mapping[str, Json]:
        """The model as it was then: `reference`, `hf_revision`, `digest`, `from_scratch`,
        `evaluation`; `precision` where it is not float32.
        """
        return self._json.get("made_for") or {}

    @property
    def plugins(self) -> Mapping[str, str]:
        """Versions of the plugins when it was composed."""
        return self._json.get("plugins") or {}

    @property
    def software(self) -> Mapping[str, str]:
        """Versions of govd, NumPy and Python that composed it."""
        return self._json.get("software") or {}

    @property
    def machine(self) -> str:
        """The kind of processor that composed it, `x86_64`."""
        return str(self._json.get("machine", ""))

    @property
    def metrics(self) -> Mapping[str, Json]:
        """What was measured: `forget_acc`, `retain_acc`, `leaks`, …."""
        return self._json.get("metrics") or {}

    @property
    def criteria(self) -> Mapping[str, Mapping[str, Json]]:
        """What the criteria of each forget were judged by: request → `set`, `on`, `figures`."""
        return self.metrics.get("criteria") or {}

    @property
    def predictions(self) -> tuple[Mapping[str, Json], ...]:
        """What each forget that was new in it was predicted to do, against what was measured."""
        return tuple(self.metrics.get("predictions") or ())

    @property
    def measured(self) -> bool:
        """Whether the figures that take longer are among them."""
        return bool(self._json["measured"])

    @property
    def evaluated_by(self) -> str:
        """The plugin that evaluated it, or `govd`."""
        return str(self._json.get("evaluated_by", ""))

    @property
    def published_at(self) -> str | None:
        """When it was published, RFC 3339 in UTC."""
        return self._json.get("published_at")

    @property
    def tree_size(self) -> int | None:
        """Entries before the one that published it; None where none did."""
        return self._json.get("tree_size")

    @property
    def files(self) -> Mapping[str, str]:
        """Files of the model checkpoint that was delivered, with their SHA-256."""
        return self._json.get("files") or {}

    @property
    def seq(self) -> int:
        """The number of the entry that composed it."""
        return int(self._json["seq"])

    @property
    def is_pending(self) -> bool:
        """Whether it is on its way: composed, evaluated or waiting."""
        return self.state in PENDING
