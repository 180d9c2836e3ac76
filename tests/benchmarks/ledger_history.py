"""A generated history: entries as a home of some years has them, with a witness's cosignatures."""

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from govd.edit import Edit
from govd.home.home import Home
from govd.ledger.entry import Draft
from govd.ledger.signing import COSIGNER, Key, LogCheckpoint, Signer
from govd.types import Json

BATCH = 1000
STANDING = 30
WORDS = (
    "dog",
    "cat",
    "house",
    "umbrella",
    "apple",
    "rocket",
    "train",
    "car",
    "bear",
    "guitar",
    "tree",
    "clock",
)
WHO = ("ann", "bob", "carol", "legal", "dpo")
WITNESSED = 20
"""Batches between two cosignatures."""
CLASSES = [
    {"class": f"{word} {n}", "domain": d, "n": 6}
    for word in WORDS
    for n in range(4)
    for d in ("line", "colour")
]


def history(entries: int, artifact: str) -> Iterator[Draft]:
    """So many entries, nearly."""
    draw, standing, number, made = random.Random(1), [], 0, 1
    facts: dict[str, Json] = {
        "reference": "generated",
        "hf_revision": None,
        "digest": "0" * 64,
        "files": {},
        "backend": "none",
    }
    facts |= {
        "device": "cpu",
        "dim": 4,
        "side": "image",
        "use": "labels",
        "basis": artifact,
        "evaluation": None,
        "publish_to": None,
    }
    facts |= {
        "domains": ["line", "colour"],
        "labels": 100,
        "anchors": 1000,
        "pool": 0,
        "from_scratch": False,
        "logit_scale": 100.0,
    }
    yield Draft("model.add", "m", "ann", "m", facts)
    i = 0
    while made < entries:
        i += 1
        request, who = f"r{i:011x}", draw.choice(WHO)
        concept = {"name": f"{draw.choice(WORDS)} {i % 997}", "aliases": []}
        domains = ["line"] if draw.random() < 0.2 else []
        body: dict[str, Json] = {
            "kind": "forget",
            "model": "m",
            "concepts": [concept],
            "domains": domains,
            "strength": 1.0,
        }
        body |= {
            "method": "bilateral",
            "target": "unnamed",
            "prototypes": 0,
            "reason": f"case {i}",
            "basis": "contract",
            "ticket": f"T-{i}",
        }
        story = [
            Draft(
                "request.file",
                request,
                who,
                "m",
                {**body, "reverts": None, "idempotency_key": None, "private": None},
            )
        ]
        vote = {
            "moment": "filed",
            "policy": "bounds",
            "version": "0.1.0",
            "reason": "within the bound of 0.050",
            "inputs": {"found": 0.031},
        }
        fate = draw.random()
        if fate < 0.02:
            story.append(
                Draft(
                    "request.vote",
                    request,
                    "govd",
                    "m",
                    {**vote, "policy": "people", "decision": "wait"},
                )
            )
            story.append(
                Draft(
                    "request.wait",
                    request,
                    "govd",
                    "m",
                    {"reason": "people: somebody must approve"},
                )
            )
            if fate < 0.018:
                story.append(
                    Draft(
                        "request.reject", request, "legal", "m", {"reason": "no ground"}
                    )
                )
        elif fate < 0.06:
            story.append(
                Draft(
                    "request.vote", request, "govd", "m", {**vote, "decision": "deny"}
                )
            )
            story.append(
                Draft(
                    "request.deny",
                    request,
                    "govd",
                    "m",
                    {"reason": "bounds: over the bound"},
                )
            )
        else:
            digest = f"{i:064x}"
            story.append(
                Draft(
                    "contribution.make",
                    digest,
                    "govd",
                    "m",
                    {"artifact": artifact, "method": "bilateral", "facts": {}},
                )
            )
            story.append(
                Draft(
                    "request.vote", request, "govd", "m", {**vote, "decision": "allow"}
                )
            )
            approved = {
                "reason": "approved",
                "by": who,
                "contribution": digest,
                "predicted": {},
            }
            story.append(Draft("request.approve", request, who, "m", approved))
            reverted = standing.pop(0) if len(standing) == STANDING else None
            if reverted:
                undo = f"v{i:011x}"
                filed = {
                    "kind": "revert",
                    "model": "m",
                    "reverts": reverted[0],
                    "reason": "no longer needed",
                    "concepts": [],
                    "domains": [],
                }
                story.append(
                    Draft(
                        "request.file",
                        undo,
                        who,
                        "m",
                        {**filed, "strength": 1.0, "method": "bilateral"},
                    )
                )
                story.append(
                    Draft(
                        "request.approve",
                        undo,
                        who,
                        "m",
                        {"reason": "approved", "by": who},
                    )
                )
            standing.append((request, digest))
            number += 1
            composed = {
                "edit_digest": digest,
                "edit": artifact,
                "rank": len(standing),
                "side": "image",
                "facts": {"composed_by": "host"},
            }
            composed |= {
                "requests": [r for r, _ in standing],
                "subsumed": {},
                "contributions": sorted(d for _, d in standing),
            }
            composed |= {
                "basis": artifact,
                "software": {"govd": "0.1.0"},
                "machine": "x86_64",
                "plugins": {"clip": "0.1.0"},
            }
            subject = f"m/{number}"
            story.append(Draft("revision.compose", subject, "govd", "m", composed))
            figures: dict[str, Json] = {
                "forget_acc": 0.02,
                "forget_acc_before": 0.9,
                "retain_acc": 0.894,
                "retain_acc_before": 0.895,
                "on": "623 images",
            }
            if number % 10 == 0:
                figures["cells"] = [
                    {**c, "before": draw.random(), "after": draw.random()}
                    for c in CLASSES
                ]
            story.append(
                Draft("revision.evaluate", subject, "govd", "m", {"metrics": figures})
            )
            story.append(
                Draft("revision.publish", subject, "govd", "m", {"edit_digest": digest})
            )
            story.append(
                Draft(
                    "request.publish",
                    request,
                    "govd",
                    "m",
                    {"revision": number, "reason": f"revision {number}"},
                )
            )
            if reverted:
                story.append(
                    Draft(
                        "request.revert",
                        reverted[0],
                        "govd",
                        "m",
                        {"reason": f"reverted by {undo}", "by": undo},
                    )
                )
                story.append(
                    Draft(
                        "request.publish",
                        undo,
                        "govd",
                        "m",
                        {"revision": number, "reason": "reverted"},
                    )
                )
        yield from story
        made += len(story)


def filled(folder: Path, entries: int) -> float:
    """A home with so many entries; entries per second of the appends, encoding and hashing
    included.
    """
    with Home(folder) as home:
        witness = Signer.at(folder / "witness.key", "witness.example/w1")
        key = Key(witness.key.name, witness.key.public, COSIGNER)
        edit = home.artifacts.put(Edit.nothing(4, "image").to_bytes())
        began, spent, batch, batches = 0.0, 0.0, [], 0
        for draft in history(entries, edit):
            batch.append(draft)
            if len(batch) >= BATCH:
                began = time.perf_counter()
                home.ledger.append(batch)
                spent += time.perf_counter() - began
                batch, batches = [], batches + 1
                if batches % WITNESSED == 0:
                    said = LogCheckpoint.read(home.ledger.checkpoint())
                    seconds = int(time.time())
                    at = datetime.fromtimestamp(seconds, UTC).strftime(
                        "%Y-%m-%dT%H:%M:%S.%fZ"
                    )
                    seen = {
                        "name": key.name,
                        "size": said.size,
                        "at": at,
                        "line": witness.cosign(said.text, seconds),
                        "key": str(key),
                    }
                    batch.append(Draft("witness.cosign", key.name, "govd", "", seen))
        home.ledger.append(batch)
        home.ledger.checkpoint()
        return home.ledger.size() / spent
