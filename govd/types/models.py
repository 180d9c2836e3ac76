"""Models as backends open them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from govd.types.jobs import ExternalJob
from govd.types.values import (
    SINGLE,
    Bytes,
    Floats,
    Precision,
    Progress,
    Side,
    silent,
)


@dataclass(frozen=True)
class ModelReference:
    """What somebody typed to name a model: a folder, a file or a Hugging Face id, with the commit
    where it is one.

    `text_encoder`: the command or address that the operator configured for this reference
    (`text_encoders` in `govd.toml`), for backends whose models hold some texts and encode none.
    `job`: the external job that he configured for it (`[unlearning.NAME]`), for backends whose
    models are edited by one. `files`: where a model of it is registered, the checkpoint's files as
    they were then, with their SHA-256; what is the same now was opened before. `precision`: what
    it is to encode in, for backends that have a choice; the others leave it, and their facts say
    `float32`.
    """

    reference: str
    hf_revision: str | None = None
    text_encoder: str | None = None
    files: Mapping[str, str] = field(default_factory=dict, hash=False)
    job: ExternalJob | None = None
    precision: Precision = SINGLE


@dataclass(frozen=True)
class ModelFacts:
    """What a backend says of a model that it opened.

    `digest` (SHA-256, hex) covers the weights and whatever else the embeddings depend on, the
    `precision` that they are computed in among it. `files`
    are the checkpoint's files with their SHA-256. `defaults` are files that the checkpoint brings
    for its registration, by option name (`labels`, `templates`, `pool`, `images`, `embeddings`), so
    that `model add NAME REFERENCE` alone is enough where they exist. `words` are texts that it
    brings without a file of their own (`labels`, `anchors`, `templates`, `domains`).

    `card` is what a model card says of its checkpoints, as Markdown, by name: `library` (as the Hub
    calls it), `load` (how to load one), `image` and `text` (where an edit of that side lies),
    `rounding`; `FORMAT:NAME` is of one format alone. `image:carries` is `map` where no weight can
    carry an edit of that side, and a checkpoint has it as a file beside weights that know
    everything: it is exported so, and what is published is the edit alone. It is `edit` where
    there are no weights at all; so `text:carries`.

    `dim` is the width of the space that is edited; 0: there is none, and what a forget adds are
    deltas of weights by their names (`TensorDeltas`). `logit_scale` is what a cosine is multiplied
    by before a softmax: 1.0 where the model has none. `image_size` is in pixels: 0 where it takes
    no pictures. `texts_listed`: only texts that its file holds can be encoded, so that a forget of
    another one is refused before it is filed.
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
    card: Mapping[str, str] = field(default_factory=dict)
    precision: Precision = SINGLE
    texts_listed: bool = False


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


class TensorDeltas(Protocol):
    """What a backend needs of an edit of a model without a space to write it into weights;
    `govd.edit.TensorEdit` is one. A weight `W` becomes `W + Δ`, rounded to its own type.
    """

    @property
    def deltas(self) -> Mapping[str, Floats]:
        """By the weights' names and of their shapes, float64."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256 of the edit."""
        ...


@runtime_checkable
class Model(Protocol):
    """A model that a backend opened. Threads: several may ask at once, to answer while something is
    computed.

    It need not be a CLIP. What govd needs is a space of `facts.dim` dimensions in which things are
    compared by their angle, and something that embeds what is to be forgotten there. A call that a
    model has no answer to raises `Unsupported`, and only what needs that call is refused:

    - without `encode_images` it is served and forgets, and its evaluation needs stored vectors;
    - one that encodes only the texts that its file holds, raises for any other (`govd_vectors`);
    - without `synthesise` there is no `--prototypes`;
    - without weights (`write_checkpoint` raises `NoWeights`) the edit alone is published.

    A model that has no such space at all (`facts.dim` 0: a language model, a GAN) answers none of
    these but `write_checkpoint`, which is given `TensorDeltas`. Its backend answers
    `govd_compute_contribution` with tensors `full:NAME`, or `up:NAME` and `down:NAME`, which
    `govd.edit.tensors` adds up, and `govd_evaluate` with whatever its evaluation measures.
    """

    @property
    def facts(self) -> ModelFacts: ...

    def encode_texts(self, texts: Sequence[str], progress: Progress = silent) -> Floats:
        """Unit embeddings `(n, d)` float32 of texts, as the unedited model gives them.

        `progress`: as in `encode_images`.
        """
        ...

    def encode_images(
        self, images: Sequence[Path | Bytes], progress: Progress = silent
    ) -> Floats:
        """Unit embeddings `(n, d)` float32 of pictures: paths, or `(H, W, 3)` uint8 arrays.

        Args:
            images: none is left out.
            progress: told how many are done, as often as the backend likes. One that can tell says
                0 when it has begun with the first: answers to others go out then, where they are
                in nobody's way.

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
