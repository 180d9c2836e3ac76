"""Data that flows between the core and its plugins. Imports nothing of govd, so that a plugin may
import it freely.

Shapes are written `(n, d)`: `d` is the width of the model's joint space, `k` a number of concepts,
`S` of domains. Embeddings are unit length and float32 unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Bytes = NDArray[np.uint8]
Json = Any
"""Anything that canonical JSON can say: None, bool, int, float, str, lists and dicts with string
keys.
"""

Side = Literal["image", "text"]
Use = Literal["labels", "open", "search"]
Target = Literal["unnamed", "level", "shift"]
Decision = Literal["allow", "deny", "wait"]

PRIVATE = "private:"
"""How the names of concepts begin that the ledger commits to without saying them."""
KEPT_PRIVATE = "kept private"
"""What records say in the place of a reason that the ledger only commits to."""
SIDES: tuple[Side, ...] = ("image", "text")
USES: tuple[Use, ...] = ("labels", "open", "search")
TARGETS: tuple[Target, ...] = ("unnamed", "level", "shift")


class Progress(Protocol):
    """Called by long work: `done` of `total` steps of what `what` names. Must be cheap and must not
    raise.
    """

    def __call__(self, what: str, done: int, total: int) -> None: ...


def silent(what: str, done: int, total: int) -> None:
    """The progress that nobody watches."""


@dataclass(frozen=True, order=True)
class Concept:
    """What is named: a phrase, with other phrases for the same thing."""

    name: str
    aliases: tuple[str, ...] = ()

    @property
    def phrases(self) -> tuple[str, ...]:
        """The name and the aliases, the name first."""
        return (self.name, *self.aliases)


@dataclass(frozen=True)
class Scope:
    """Concepts × domains. `concepts` empty: every concept (then `domains` is not). `domains` empty:
    every domain.
    """

    concepts: tuple[Concept, ...] = ()
    domains: tuple[str, ...] = ()

    @property
    def paradigm(self) -> Literal["concepts", "domains", "cells"]:
        """Concepts in all domains; all concepts in some domains; some concepts in some domains."""
        if not self.domains:
            return "concepts"
        return "cells" if self.concepts else "domains"

    def covers(self, other: Scope) -> bool:
        """Whether everything in `other` is in this scope: each phrase of its concepts, each domain
        by its name.
        """
        mine, theirs = ({p for c in scope.concepts for p in c.phrases} for scope in (self, other))
        concepts = not mine or (bool(theirs) and theirs <= mine)
        domains = not self.domains or (
            bool(other.domains) and set(other.domains) <= set(self.domains)
        )
        return concepts and domains

    def as_json(self) -> dict[str, Json]:
        """The scope in a fixed order, so that the same scope has the same digest however it was
        typed.
        """
        return {
            "concepts": [
                {"name": c.name, "aliases": sorted(c.aliases)} for c in sorted(self.concepts)
            ],
            "domains": sorted(self.domains),
        }


@dataclass(frozen=True)
class ForgetSpec:
    """What one forget computes: everything its contribution depends on besides the model, and
    nothing else (no id, time or actor).
    """

    scope: Scope
    method: str
    target: Target | None
    strength: float = 1.0
    prototypes: int = 0
    seed: int = 0
    examples: tuple[str, ...] = ()  # pictures that somebody gave, by their SHA-256

    def as_json(self) -> dict[str, Json]:
        """Canonical form, part of the contribution's digest."""
        return {
            "scope": self.scope.as_json(),
            "method": self.method,
            "target": self.target,
            "strength": float(self.strength),
            "prototypes": self.prototypes,
            "seed": self.seed,
            "examples": list(self.examples),
        }


@dataclass(frozen=True)
class ModelReference:
    """What somebody typed to name a model: a folder, a file or a Hugging Face id, with the commit
    where it is one.

    `text_encoder`: the command or address that the operator configured for this reference
    (`text_encoders` in `govd.toml`), for backends whose models hold some texts and encode none.
    `files`: where a model of it is registered, the checkpoint's files as they were then, with their
    SHA-256; what is the same now was opened before.
    """

    reference: str
    hf_revision: str | None = None
    text_encoder: str | None = None
    files: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class ModelFacts:
    """What a backend says of a model that it opened.

    `digest` (SHA-256, hex) covers the weights and whatever else the embeddings depend on. `files`
    are the checkpoint's files with their SHA-256. `defaults` are files that the checkpoint brings
    for its registration, by option name (`labels`, `templates`, `pool`, `images`, `embeddings`), so
    that `model add NAME REFERENCE` alone is enough where they exist. `words` are texts that it
    brings without a file of their own (`labels`, `anchors`, `templates`, `domains`).
    """

    reference: str
    digest: str
    backend: str
    device: str
    dim: int
    logit_scale: float
    image_size: int
    hf_revision: str | None = None
    architecture: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Path] = field(default_factory=dict)
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Prototypes:
    """Pictures synthesised from the model alone: `embeddings` `(n, d)` unit float32, `pictures`
    `(n, H, W, 3)` uint8, a prompt each.
    """

    prompts: tuple[str, ...]
    embeddings: Floats
    pictures: Bytes


class LinearEdit(Protocol):
    """What a backend needs of an edit to write it into weights; `govd.edit.Edit` is one.

    A projection `W` `(d, h)` becomes `W - B Lᵀ W` where `side` is image, and `W - L Bᵀ W` where it
    is text.
    """

    @property
    def side(self) -> Side:
        """Which projection it changes."""
        ...

    @property
    def L(self) -> Floats:
        """`(d, r)`, float64."""
        ...

    @property
    def B(self) -> Floats:
        """`(d, r)`, float64."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256 of the edit."""
        ...


@runtime_checkable
class Model(Protocol):
    """A model that a backend opened. Threads: several may ask at once, to answer while something is
    computed.
    """

    @property
    def facts(self) -> ModelFacts: ...

    def encode_texts(self, texts: Sequence[str], progress: Progress = silent) -> Floats:
        """Unit embeddings `(n, d)` float32 of texts, as the unedited model gives them."""
        ...

    def encode_images(self, images: Sequence[Path | Bytes], progress: Progress = silent) -> Floats:
        """Unit embeddings `(n, d)` float32 of pictures: paths, or `(H, W, 3)` uint8 arrays.

        Raises:
            UnreadableImage: a file that is no picture; its path is in the error. Nothing is skipped
            silently.
        """
        ...

    def synthesise(
        self,
        prompts: Sequence[str],
        *,
        seed: int,
        steps: int | None = None,
        progress: Progress = silent,
    ) -> Prototypes:
        """One visual prototype for each prompt.

        Raises:
            Unsupported: this backend has no way to synthesise pictures.
        """
        ...

    def write_checkpoint(self, edit: LinearEdit, folder: Path) -> Mapping[str, str]:
        """Write the edited model as a checkpoint of its own format into `folder` (empty, exists);
        file names with their SHA-256.

        Files of `facts.files` are copied byte for byte, and hashed as they are copied: what was
        replaced since is refused. Only the one with the projection differs, in that tensor alone;
        with an empty edit none does.

        Raises:
            Unsupported: this edit cannot be folded into this model's weights. NoWeights: it has
            none; govd then writes the edit alone. BadCheckpoint: a file is not the one that was
            registered.
        """
        ...


@dataclass(frozen=True)
class Contribution:
    """What one forget adds, whatever else is in force: named tensors (float64) and facts about
    them, named by one digest.
    """

    spec: ForgetSpec
    tensors: Mapping[str, Floats]
    facts: Mapping[str, Json]
    digest: str


@dataclass(frozen=True)
class Vote:
    """What a policy says to a request at one moment (`filed`, `approve`, `revert`)."""

    decision: Decision
    policy: str
    reason: str
    inputs: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Gate:
    """Whether an evaluated revision may be published, by whom and why."""

    decision: Decision
    gate: str
    reason: str


@dataclass(frozen=True)
class Proposal:
    """A forget that a policy proposes: what it would type, and why."""

    model: str
    scope: Scope
    policy: str
    reason: str
    idempotency_key: str


Record = Mapping[str, Json]
"""A request, revision, model or entry as `interface.md` spells it. Plugins get mapping proxies and
tuples, which nobody can change.
"""


def changeable(record: Json) -> Json:
    """A copy of a record as dicts and lists, which can be changed and given to `json.dumps`."""
    if isinstance(record, Mapping):
        return {key: changeable(value) for key, value in record.items()}
    return [changeable(value) for value in record] if isinstance(record, list | tuple) else record
