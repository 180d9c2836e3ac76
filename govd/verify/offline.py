"""Verification of a bundle as a command says it: a record. Reads the verifier, no database and no
model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from govd.ledger.signing import Key
from govd.types import Json, Record
from govd.verify.bounds import Trust
from govd.verify.bundle import verified
from govd.verify.excerpt import Excerpt
from govd.verify.safe_text import safe
from govd.verify.stamps import certificates
from govd.verify.verdict import Verdict


def trust_of(witnesses: Iterable[str], roots: Iterable[str]) -> Trust:
    """Keys of witnesses and root certificates (PEM) as a reader gives them.

    Raises:
        BadFile: one of them is none.
    """
    trust = Trust(
        tuple(Key.parse(w) for w in witnesses), tuple(root.encode() for root in roots)
    )
    certificates(trust.roots)
    return trust


def verify_offline(
    path: Path,
    key: str | None,
    witnesses: Sequence[str] = (),
    again: bool = False,
    kept: Sequence[str] = (),
    roots: Sequence[str] = (),
) -> Record:
    """Check a bundle; `again`: compose its edits from its contributions and compare. `kept`: log
    checkpoints; `roots`: PEM texts.

    Raises:
        BadFile: the file is no bundle, or a key, a certificate is none.
    """
    with verified(
        path, Key.parse(key) if key else None, trust_of(witnesses, roots), kept
    ) as opened:
        verdict = opened.verdict
        excerpt = opened.excerpt if again and verdict.holds else None
        recomputed = (
            composed_again(verdict, opened.entries, opened.artifact, excerpt)
            if again and verdict.holds
            else []
        )
        record = record_of(verdict) | {
            "origin": opened.manifest.get("origin"),
            "file": str(path),
        }
        record |= {
            "key": key or str(opened.manifest.get("key")),
            "key_given": key is not None,
            "whole": opened.whole,
        }
        if verdict.holds:
            record["about"] = opened.manifest.get("about")
        proven, open_ = told(recomputed)
        sentences = sections(
            verdict,
            opened.claim,
            opened.proven + proven,
            opened.recorded,
            open_ + opened.not_proven,
        )
        return record | sentences | {"recomputed": recomputed}


def composed_again(
    verdict: Verdict,
    entries: Callable[[], Iterable[Mapping[str, Any]]],
    artifact: Callable[[str], bytes],
    excerpt: Excerpt | None = None,
) -> list[dict[str, Json]]:
    """Every edit composed again; what does not fit is a fault, and so is that nothing could be
    composed, nor (`excerpt`: where other requests are shown as digests only) a contribution be
    compared with what was filed.
    """
    from govd.verify.excerpted import recompute_excerpt
    from govd.verify.recompute import recompute

    recomputed = (
        recompute(entries(), artifact)
        if excerpt is None
        else recompute_excerpt(entries, artifact, excerpt)
    )
    for record in recomputed:
        if record["fault"]:
            verdict.fault(f"{record['revision']}: {record['fault']}")
    if not any(map(_was_seen, recomputed)):
        reason = "there is no edit here"
        if recomputed:
            reason = str(recomputed[0]["says"] or recomputed[0]["fault"])
        verdict.fault(
            f"nothing was composed again, although that was requested: {reason}"
        )
    return recomputed


def _was_seen(record: Mapping[str, Json]) -> bool:
    """Whether something was composed again, or compared."""
    return record["same_bytes"] is not None or bool(record.get("same_contribution"))


def told(recomputed: Sequence[Mapping[str, Json]]) -> tuple[list[str], list[str]]:
    """What composing again came to, in sentences: what it proves, and which edits could not be
    composed.
    """
    composed: list[str] = []
    missed: list[str] = []
    for record in recomputed:
        if record["says"]:
            sentence = safe(f"{record['revision']}: {record['says']}.")
            (composed if _was_seen(record) else missed).append(sentence)
    return composed, missed


def record_of(verdict: Verdict) -> dict[str, Json]:
    """A verdict as JSON."""
    record: dict[str, Json] = asdict(verdict) | {"holds": verdict.holds}
    for name in ("named", "delivered", "last"):
        record.pop(name)
    return record


def sections(
    verdict: Verdict,
    claim: str,
    proven: Sequence[str],
    recorded: Sequence[str],
    not_proven: Sequence[str],
) -> dict[str, Json]:
    """The sentences of a verdict; where something is wrong there are none."""
    if not verdict.holds:
        return {
            "holds": False,
            "faults": verdict.faults,
            "claim": "",
            "proven": [],
            "recorded": [],
            "not_proven": [],
        }
    return {
        "claim": claim,
        "proven": list(proven),
        "recorded": list(recorded),
        "not_proven": list(not_proven),
    }
