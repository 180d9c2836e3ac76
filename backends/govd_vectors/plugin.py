"""The hooks of the backend for models that are only vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from govd.errors import NoWeights, UnreadableImage, Unsupported, instead
from govd.hookspecs import hookimpl
from govd.types import (
    Bytes,
    Floats,
    LinearEdit,
    Model,
    ModelFacts,
    ModelReference,
    Progress,
    Prototypes,
    silent,
)
from govd_vectors.file import VectorFile, is_vector_file, read
from govd_vectors.outside import OutsideEncoder

if TYPE_CHECKING:
    pass


LISTING = "They are its text_names, or names; `govd model labels NAME` lists those that are labels."
"""How the texts of a file are listed."""


class VectorModel:
    """Texts that a file holds, and texts that a configured encoder gives; pictures come as vectors
    alone.
    """

    def __init__(
        self, facts: ModelFacts, vectors: VectorFile, encoder: OutsideEncoder | None
    ) -> None:
        self.facts = facts
        self._vectors = vectors
        self._encoder = encoder

    def encode_texts(self, texts: Sequence[str], progress: Progress = silent) -> Floats:
        """Unit embeddings `(n, d)` float32 of texts, from the file, else from the configured
        encoder.

        Raises:
            Unsupported: a text is not in the file, and no encoder is configured; names that are
            spelled like it are in the message, or how to list them. MachineFault, PluginFault: the
            encoder cannot be asked, or answers something else.
        """
        prompts = self._vectors.prompts
        missing = list(dict.fromkeys(text for text in texts if text not in prompts))
        fresh: dict[str, Floats] = {}
        if missing:
            if self._encoder is None:
                raise self._refusal(missing)
            progress("texts", 0, len(missing))
            fresh = dict(zip(missing, self._encoder(missing), strict=True))
        rows = [prompts[text] if text in prompts else fresh[text] for text in texts]
        if rows:
            return np.stack(rows)
        return np.zeros((0, self.facts.dim), np.float32)

    def _refusal(self, missing: Sequence[str]) -> Unsupported:
        rest = ""
        if len(missing) > 1:
            rest = f", and {len(missing) - 1} more"
        hint = f"{instead(missing[0], self._vectors.names, 'Its texts', LISTING)} "
        if self._vectors.is_in_a_domain(missing[0]):
            covered, names = self._vectors.in_domains, len(self._vectors.names)
            hint = f"domain_vectors covers the first {covered} of {names} texts. "
        return Unsupported(
            f"the file has no vector for the text {missing[0]!r}{rest}",
            where=str(self._vectors.path),
            advice=(
                f"{hint}Add it to the file, or name an encoder under text_encoders in govd.toml."
            ),
        )

    def encode_images(
        self, images: Sequence[Path | Bytes], progress: Progress = silent
    ) -> Floats:
        """Nothing: this model has no picture encoder.

        Raises:
            UnreadableImage: always, where a picture is given.
        """
        if not images:
            return np.zeros((0, self.facts.dim), np.float32)
        first = "a picture"
        if isinstance(images[0], Path):
            first = str(images[0])
        advice = (
            "Give image vectors as .npy (n, d): this model is a file of vectors and encodes no"
            " pictures."
        )
        raise UnreadableImage(
            "pictures cannot be encoded", where=first, advice=advice, path=first
        )

    def synthesise(
        self,
        prompts: Sequence[str],
        *,
        seed: int,
        steps: int | None = None,
        progress: Progress = silent,
    ) -> Prototypes:
        """Nothing: there are no weights to draw with.

        Raises:
            Unsupported: always.
        """
        raise Unsupported(
            "a model that is only vectors draws no prototypes",
            advice="Do without --prototypes; give a --pool.",
        )

    def write_checkpoint(self, edit: LinearEdit, folder: Path) -> Mapping[str, str]:
        """There are no weights to fold an edit into.

        Raises:
            NoWeights: always; the edit alone is published then.
        """
        raise NoWeights(
            "a model that is made of vectors has no weights", where=self.facts.reference
        )


@hookimpl
def govd_open_model(reference: ModelReference) -> Model | None:
    """A file of vectors; None for anything else."""
    path = Path(reference.reference).expanduser()
    if not is_vector_file(path):
        return None
    digest = _sha256(path)
    vectors = read(path)
    anchors = tuple(name for name in vectors.names if name not in set(vectors.labels))
    words = {
        "labels": vectors.labels,
        "anchors": anchors,
        "templates": vectors.templates,
        "domains": vectors.domains,
    }
    facts = ModelFacts(
        reference=reference.reference,
        digest=digest,
        backend="vectors",
        device="cpu",
        dim=vectors.dim,
        logit_scale=vectors.logit_scale,
        image_size=0,
        architecture="vectors",
        files={path.name: digest},
        defaults=(
            {"pool": path.with_name(f"{path.name}::image_vectors")}
            if vectors.pool_rows
            else {}
        ),
        words=words,
        card={"image:carries": "edit", "text:carries": "edit"},
        texts_listed=not reference.text_encoder,
    )
    encoder = (
        OutsideEncoder(reference.text_encoder, vectors.dim)
        if reference.text_encoder
        else None
    )
    return VectorModel(facts, vectors, encoder)


def _sha256(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
