"""Models as they are registered, and the numbers of their revisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from govd.records.lifecycle import ModelState
from govd.records.record import StoredRecord
from govd.types import SINGLE, Json, Side


@dataclass(frozen=True, eq=False)
class RegisteredModel(StoredRecord):
    """A model as it was registered, or changed since."""

    @property
    def name(self) -> str:
        """How everybody calls it, `shop`."""
        return str(self._json["name"])

    @cached_property
    def state(self) -> ModelState:
        """Whether it is served."""
        return ModelState(self._json["state"])

    @property
    def reference(self) -> str:
        """What was typed for it: a folder, a file or a Hugging Face id."""
        return str(self._json["reference"])

    @property
    def hf_revision(self) -> str | None:
        """The commit at Hugging Face, where the reference is one."""
        return self._json.get("hf_revision")

    @property
    def digest(self) -> str:
        """SHA-256 of its weights and of whatever else its embeddings depend on."""
        return str(self._json["digest"])

    @property
    def precision(self) -> str:
        """What it encodes in: `float32`, `bfloat16` or `float16`."""
        return str(self._json.get("precision") or SINGLE)

    @property
    def texts_listed(self) -> bool:
        """Only texts that its file holds can be encoded: it was registered without an encoder."""
        return bool(self._json.get("texts_listed"))

    @property
    def dim(self) -> int:
        """Width of the model's joint space."""
        return int(self._json["dim"])

    @property
    def basis(self) -> str:
        """SHA-256 of its basis: the label set, anchors and pool, encoded."""
        return str(self._json["basis"])

    @property
    def evaluation(self) -> str | None:
        """SHA-256 of its evaluation set, where it has one."""
        return self._json.get("evaluation")

    @property
    def images(self) -> str | None:
        """The folder that the evaluation set was read from."""
        return self._json.get("images")

    @property
    def use(self) -> str:
        """What it is used for: `labels`, `open` or `search`."""
        return str(self._json["use"])

    @property
    def side(self) -> Side:
        """Which projection is edited, `image` or `text`."""
        return "text" if self._json["side"] == "text" else "image"

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains that can be named, `("photo", "sketch")`."""
        return tuple(self._json.get("domains") or ())

    @property
    def from_scratch(self) -> bool:
        """Whether it was trained without what is forgotten: a reference to compare with."""
        return bool(self._json.get("from_scratch"))

    @property
    def publish_to(self) -> str | None:
        """The folder that model checkpoints are delivered to."""
        return self._json.get("publish_to")

    @property
    def publish_base(self) -> bool:
        """Whether the base is delivered, too, while nothing is forgotten; it is where the model was
        registered before that could be said.
        """
        return bool(self._json.get("publish_base", True))

    @property
    def delivery_fault(self) -> Mapping[str, Json] | None:
        """Which revision could not be delivered (`revision`), why (`reason`), since when (`since`)
        and by which entry (`entry`); None where all is well.
        """
        return self._json.get("delivery_fault")

    @property
    def calibration(self) -> str | None:
        """SHA-256 of the errors of predictions that were measured when it was registered."""
        return self._json.get("calibration")

    @property
    def added_at(self) -> str:
        """When it was registered, RFC 3339 in UTC."""
        return str(self._json["added_at"])

    @property
    def retired(self) -> Mapping[str, Json] | None:
        """When (`at`), by whom (`by`), why (`reason`) and by which entry (`entry`) it was."""
        return self._json.get("retired")

    @property
    def seq(self) -> int:
        """The number of the entry that registered it."""
        return int(self._json["seq"])


@dataclass(frozen=True, eq=False)
class Head(StoredRecord):
    """The numbers of a model's revisions that something can still happen to. It outlives the model:
    one that is registered anew under its name goes on counting.
    """

    @property
    def model(self) -> str:
        """The model's name."""
        return str(self._json["model"])

    @property
    def last(self) -> int:
        """The newest revision, in whatever state; 0 where there is none."""
        return int(self._json["last"])

    @property
    def published(self) -> int | None:
        """The revision that is served; None while that is the base."""
        return self._json.get("published")

    @property
    def numbers(self) -> tuple[int, int]:
        """Both, 0 for none."""
        return self.last, self.published or 0
