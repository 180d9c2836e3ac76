"""Verification of a bundle as a command says it, and of an edit by composing it again. Needs NumPy and the methods, no model."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from govd.contribution import sealed, spec_from
from govd.edit import Basis, Edit, compose
from govd.edit.factors import tensors_from_bytes
from govd.errors import GovdError
from govd.ledger.bundle import verify_file
from govd.ledger.signing import Key
from govd.types import Contribution, Json, Record


def verify_offline(path: Path, key: str | None, witnesses: Sequence[str] = (), again: bool = False) -> Record:
    """Check a bundle; `again`: compose its edits from its contributions and compare."""
    opened = verify_file(path, Key.parse(key) if key else None, tuple(Key.parse(w) for w in witnesses))
    verdict = opened.verdict
    recomputed: list[dict[str, Json]] = []
    if again and verdict.holds:
        recomputed = recompute(opened.entries.values(), opened.artifacts.__getitem__)
        for found in recomputed:
            if found["fault"]:
                verdict.fault(f"{found['revision']}: {found['fault']}")
    said: dict[str, Json] = asdict(verdict) | {"holds": verdict.holds, "origin": opened.manifest.get("origin"), "file": str(path)}
    said.pop("named")
    said |= {"key": key or str(opened.manifest.get("key")), "key_given": key is not None, "about": opened.manifest.get("about")}
    proven = opened.proven + [f"{f['revision']}: {f['says']}" for f in recomputed if f["says"]] if verdict.holds else []
    return said | {"proven": proven, "not_proven": opened.not_proven, "recomputed": recomputed}


def recompute(entries: Any, artifact: Callable[[str], bytes]) -> list[dict[str, Json]]:
    """Each edit whose parts are at hand, composed again: `says` how it compares with what was published, `fault` what is wrong."""
    from govd.methods import builtin

    made: dict[str, str] = {}
    found: list[dict[str, Json]] = []
    composed = []
    for entry in entries:
        if entry["kind"] == "contribution.make":
            made[entry["subject"]] = str(entry["payload"]["artifact"])
        elif entry["kind"] == "revision.compose":
            composed.append(entry)
    for entry in composed:
        said: dict[str, Json] = {"revision": entry["subject"], "says": "", "fault": ""}
        try:
            said |= _again(entry["payload"], made, artifact, builtin())
        except KeyError:
            said["says"] = "its parts are not all in this bundle, so it was not composed again"
        except GovdError as error:
            said["fault"] = f"it cannot be composed again: {error.message}"
        found.append(said)
    return found


def _again(payload: Mapping[str, Any], made: Mapping[str, str], artifact: Callable[[str], bytes], methods: Any) -> dict[str, Json]:
    basis = Basis.from_bytes(artifact(payload["basis"]), "basis")
    contributions = []
    for digest in payload["contributions"]:
        contribution = _contribution(artifact(made[digest]), str(payload["basis"]))
        if contribution.digest != digest:
            return {"fault": f"the contribution {digest[:16]}… is not what its name says"}
        contributions.append(contribution)
    published = Edit.from_bytes(artifact(payload["edit"]), "edit")
    if published.digest != payload["edit_digest"]:
        return {"fault": "the published edit is not the one that the entry names"}
    if any(c.spec.method not in methods for c in contributions):
        return {"says": "one of its methods is a plugin's that is not installed here, so it was not composed again"}
    edit = compose(basis, contributions, methods)
    if edit.digest == published.digest:
        return {"says": f"its edit was composed again from {len(contributions)} contributions: the same bytes", "same_bytes": True}
    far = float(np.abs(edit.B @ edit.L.T - published.B @ published.L.T).max())
    if far <= 1e-6:
        return {"says": f"its edit was composed again: equal within {far:.1e} (composed by another device)", "same_bytes": False}
    return {"fault": f"composed again its edit differs by {far:.1e}", "same_bytes": False}


def _contribution(data: bytes, basis: str) -> Contribution:
    tensors, said = tensors_from_bytes(data, "contribution")
    return sealed(basis, spec_from(json.loads(said["spec"])), tensors, json.loads(said["facts"]))
