"""Registering a model that has no space in which things are compared: what a forget adds to it is
a delta of its weights, and whatever is said of words and pictures is its evaluation's.
"""

from __future__ import annotations

from pathlib import Path

from govd.edit import Basis
from govd.errors import Usage
from govd.models.core import Core, Opened
from govd.models.embeddings import Encoder
from govd.models.given import Given
from govd.models.paths import real
from govd.types import SINGLE, Json, Model, ModelFacts

SIDE = "weights"
"""What a revision of such a model edits."""


def spaceless(core: Core, model: Model, given: Given) -> tuple[Opened, dict[str, Json]]:
    """Such a model with the basis that it has, and what its entry says.

    Args:
        core: of the home.
        model: as its backend opened it.
        given: of which domains and the folder to publish to mean something here.

    Raises:
        Usage: an option is given that needs a space.
    """
    _check(given)
    facts = model.facts
    basis = Basis.spaceless(facts.digest, tuple(given.domains))
    payload: dict[str, Json] = {
        "reference": facts.reference,  # as its backend opens it from anywhere
        **model_facts(facts),
        "use": basis.use,
        "side": SIDE,
        "labels": 0,
        "anchors": 0,
        "labels_merged": [],
        "anchors_merged": [],
        "domains": list(basis.domains),
        "templates": [],
        "pool": 0,
        "pool_because": "",
        "pool_total": 0,
        "pool_kind": "",
        "pool_unreadable": 0,
        "pool_left_out": {},
        "hard": False,
        "soft_because": "",
        "basis": core.artifacts.put(basis.to_bytes()),
        "evaluation": None,
        "images": None,
        "images_unreadable": 0,
        "images_left_out": {},
        "from_scratch": given.from_scratch,
        **publishing(given),
    }
    return Opened(model, Encoder(model), basis), payload


def model_facts(facts: ModelFacts) -> dict[str, Json]:
    """What an entry says of a checkpoint."""
    return {
        "hf_revision": facts.hf_revision,
        "digest": facts.digest,
        "files": dict(facts.files),
        "backend": facts.backend,
        "device": facts.device,
        "architecture": facts.architecture,
        "dim": facts.dim,
        "logit_scale": facts.logit_scale,
        **({} if facts.precision == SINGLE else {"precision": facts.precision}),
        **({"texts_listed": True} if facts.texts_listed else {}),
    }


def publishing(given: Given) -> dict[str, Json]:
    """What an entry says of the folder that is published to."""
    base = {} if given.publish_base is None else {"publish_base": given.publish_base}
    return {
        "publish_to": str(real(Path(given.publish_to))) if given.publish_to else None,
        **base,
    }


def _check(given: Given) -> None:
    """Refuse what only a model with a space can use.

    Raises:
        Usage: it is given.
    """
    options = {
        "--labels": given.labels,
        "--anchors": given.anchors,
        "--templates": given.templates,
        "--images": given.images,
        "--pool": given.pool,
        "--prototypes": given.prototypes,
        "--conditional": given.conditional,
        "--use": given.use not in (None, "open"),
        "--side": given.side not in ("image", SIDE),
    }
    useless = [option for option, value in options.items() if value]
    if useless:
        raise Usage(
            f"{', '.join(useless)} cannot be used with a model that has no joint space",
            advice="What it forgets and what that costs is measured by its own evaluation"
            " (evaluate = [...] under [unlearning.NAME] in govd.toml).",
        )
