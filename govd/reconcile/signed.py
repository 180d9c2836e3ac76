"""What govd adds to a checkpoint that a backend wrote, or to an edit: a checkpoint's card, the
statement about its revision, and the signature over all of it.

Proven by `tests/reconcile/test_signed_checkpoints.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from govd.contributions.stored import Stored
from govd.edit.abstaining import calibrated
from govd.edit.tensors import TensorEdit
from govd.errors import BadFile, NotFound, PluginFault
from govd.ledger.model_signing import SIGNATURE, ModelKey, signature
from govd.models.core import Core
from govd.models.embeddings import file_digest
from govd.models.model_key import ModelKeys
from govd.models.served import Served
from govd.reconcile.model_card import CARD, FACTS, CardSubject, card, facts_of
from govd.types import SINGLE, Json
from govd.verify import claim
from govd.verify.carried import LINEAR, of_linear
from govd.verify.claim import Claim
from govd.verify.honest import is_number, json_dict, json_list
from govd.verify.signed_folder import STATEMENT_FILE
from govd.views.desk import EVERY

LEFT_OUT: Final = ("approvals",)
"""Of a request in a statement: names of people go to auditors, not with a model."""


LEAKS: Final = (
    "probe_before",
    "probe_after",
    "knn_before",
    "knn_after",
    "examples_after",
)
"""What is said of attacks with examples: how well they do, not on what."""


def sign_checkpoint(
    core: Core,
    served: Served,
    model: str,
    folder: Path,
    files: Mapping[str, str],
    format: str = "hf",
    texts: Mapping[str, Mapping[str, Json]] | None = None,
) -> dict[str, str]:
    """Add card, statement and signature to a folder with a checkpoint; all files with their
    SHA-256. Written twice of one revision they have the same bytes.

    Args:
        core: of the home.
        served: the model with the edit.
        model: its name.
        folder: with the checkpoint and nothing else.
        files: of the checkpoint, with their SHA-256.
        format: that it is in.
        texts: what private requests say, of those that whoever gets it may know, by id.

    Raises:
        PluginFault: the backend wrote files of these names. BadFile: the key that signs is lost.
    """
    present = dict(files)
    if CARD not in files:
        subject_claim = _claim(core, served, model, weights=True)
        subject = _subject(core, served, subject_claim, format, texts or {})
        present |= _put(folder, CARD, card(subject).encode())
        text = json.dumps(facts_of(subject), indent=2, sort_keys=True) + "\n"
        present |= _put(folder, FACTS, text.encode())
    return sign_folder(core, served, model, folder, present, weights=True)


def carries_linear(
    core: Core, served: Served, model: str, weights: bool = True
) -> bool:
    """Whether what is given away has the linear edit of a revision whose own is conditional.

    Args:
        core: of the home.
        served: the model with the edit.
        model: its name.
        weights: it is given away as weights, which can ask a picture nothing; else as an edit.
    """
    if not served.number:
        return False
    asks = "conditional" in core.desk.revision(model, served.number).facts
    return asks and (weights or not served.edit.conditions)


def other_side(core: Core, served: Served, model: str) -> dict[str, Json]:
    """Which `side` is edited by what is given away, and of which its figures are, `figures_side`:
    where that is another than the model's own, of which the revision's digest and figures are.
    """
    own_side = core.desk.model(model).side
    if served.edit.side == own_side:
        return {}
    figures = {"figures_side": own_side} if served.number else {}
    return {"side": str(served.edit.side), **figures}


def sign_folder(
    core: Core,
    served: Served,
    model: str,
    folder: Path,
    files: Mapping[str, str],
    weights: bool = False,
) -> dict[str, str]:
    """Add statement and signature to a folder with a checkpoint or an edit; all files with their
    SHA-256.

    Args:
        core: of the home.
        served: the model with the edit.
        model: its name.
        folder: with these files and nothing else.
        files: with their SHA-256.
        weights: whether they are of a checkpoint.

    Raises:
        PluginFault: the backend wrote files of these names. BadFile: the key that signs is lost.
    """
    collisions = sorted({STATEMENT_FILE, SIGNATURE} & set(files))
    if collisions:
        raise PluginFault(
            f"wrote {', '.join(collisions)}, which govd writes itself",
            where=f"plugin {served.opened.model.facts.backend}, write_checkpoint",
            advice="Write them under other names. Nothing was published or exported.",
        )
    signed = dict(files)
    revision_claim = _claim(core, served, model, weights)
    with core.desk.lock:  # no key is changed between the statement and the signature
        signer = ModelKeys(core).signer()
        log = core.desk.ledger.signer
        revision_claim.predicate |= _keys(core, signer.key)
        revision_claim.subjects = dict(signed)
        signed |= _put(
            folder,
            STATEMENT_FILE,
            claim.sealed(revision_claim, log.key.id.hex(), log.raw),
        )
        name = f"{model}-{served.number}"
        signed |= _put(folder, SIGNATURE, signature(name, signed, signer))
    return signed


def _put(folder: Path, name: str, data: bytes) -> dict[str, str]:
    (folder / name).write_bytes(data)
    return {name: file_digest(folder / name)}


def _keys(core: Core, key: ModelKey) -> dict[str, Any]:
    return {"log_key": str(core.desk.ledger.signer.key), "model_key": key.pem}


def _claim(core: Core, served: Served, model: str, weights: bool) -> Claim:
    """What the entries say of a revision, without what is for auditors alone: people, whole tables
    of figures, where the base lay on this machine. Its figures are of the edit that is given away.
    """
    desk = core.desk
    number = served.number
    subjects = {model, f"{model}/{number}"}
    if number:
        subjects |= set(desk.revision(model, number).requests)
    records = desk.views.records
    seqs = sorted(
        {seq for s in subjects for seq in records.seqs(limit=EVERY, subject=s)}
    )
    entries = desk.ledger.some(seqs)
    revision_claim = claim.claims_of(lambda: entries, [(model, number)])[model, number]
    facts = served.opened.model.facts
    predicate = revision_claim.predicate
    predicate |= {"origin": desk.ledger.origin, "base": {"digest": facts.digest}}
    if facts.precision != SINGLE:
        predicate["base"] |= {"precision": facts.precision}
    if facts.hf_revision:
        predicate["base"] |= {
            "reference": facts.reference,
            "hf_revision": facts.hf_revision,
        }
    metrics = predicate["metrics"]
    if carries_linear(core, served, model, weights):
        predicate |= {"carries": LINEAR, "figures_of": LINEAR}
        predicate["rank"] = served.edit.linear.rank
        metrics = of_linear(metrics)
    predicate |= other_side(core, served, model)
    predicate["metrics"] = _figures(metrics)
    predicate["requests"] = [
        {name: value for name, value in request.items() if name not in LEFT_OUT}
        for request in predicate["requests"]
    ]
    return revision_claim


def _figures(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Single figures and what they were measured on: tables name classes one by one."""
    single = {**json_dict(metrics.get("data_free")), **metrics}
    figures = {
        name: value
        for name, value in single.items()
        if is_number(value) or name == "on"
    }
    leaks = [
        {name: leak[name] for name in LEAKS if name in leak}
        for leak in map(json_dict, json_list(metrics.get("leaks")))
    ]
    external = {
        k: v for k, v in json_dict(metrics.get("external")).items() if is_number(v)
    }
    figures |= {"external": external} if external else {}
    return figures | ({"leaks": leaks} if leaks else {})


def _subject(
    core: Core,
    served: Served,
    about: Claim,
    format: str,
    texts: Mapping[str, Mapping[str, Json]],
) -> CardSubject:
    number = served.number
    metrics = core.desk.revision(about.model, number).metrics if number else {}
    is_linear = carries_linear(core, served, about.model)
    return CardSubject(
        model=about.model,
        number=number,
        side=str(served.edit.side),
        facts=served.opened.model.facts,
        predicate=about.predicate,
        metrics=of_linear(metrics) if is_linear else metrics,
        format=format,
        texts=texts,
        conditional=is_linear,
        abstains_below=_abstains_below(core, served, about.model),
    )


def _abstains_below(core: Core, served: Served, model: str) -> float | None:
    """The cosine below which an answer of the checkpoint, whose edit is linear, had better be none;
    None where nothing is forgotten or calibrates it, or a contribution cannot be read.
    """
    basis = served.opened.basis
    if isinstance(served.edit, TensorEdit) or not basis.labels or not served.number:
        return None
    revision = core.desk.revision(model, served.number)
    try:
        filed = [Stored(core).load(digest) for digest in revision.contributions]
    except (NotFound, BadFile):
        return None
    abstention = calibrated(
        basis, served.edit.linear, filed, list(basis.labels), basis.tensors["labels"]
    )
    return None if abstention is None else abstention.below
