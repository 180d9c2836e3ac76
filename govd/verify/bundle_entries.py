"""The entries of a bundle, read once, line by line, and forgotten again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from govd.ledger import merkle
from govd.ledger.signing import LogCheckpoint
from govd.records.in_force import InForce, event_of
from govd.verify import bounds
from govd.verify.approved import Approved, decision_of
from govd.verify.bounds import Vouched
from govd.verify.bundle_format import MAX_STATEMENT_BYTES, entry_of
from govd.verify.keys import MOST as ROTATIONS
from govd.verify.open_bundle import OpenBundle
from govd.verify.parts import MOST, Times, named
from govd.verify.proofs import Proofs
from govd.verify.verdict import Verdict, clock_sentences

MAX_VOUCHERS: Final = 50_000
"""Cosignatures and time stamps that are checked."""


@dataclass
class Scan:
    """What is kept of the entries while they pass by."""

    rotations: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    vouchers: list[Vouched] = field(default_factory=list)
    # of a whole bundle: at each size that is spoken of
    roots: dict[int, bytes] = field(default_factory=dict)
    times: Times = field(default_factory=Times)
    last: int = -1


def read_entries(
    opened: OpenBundle, newest: LogCheckpoint, sizes: set[int], proofs: Proofs
) -> Scan:
    """Every entry once: that it is one and at its place, that it is in the log of the `newest` log
    checkpoint (by `proofs`, or as all of it), and what it says of keys, witnesses and artifacts.
    `sizes`: those at which the root of a whole bundle is kept.
    """
    verdict = opened.verdict
    scan = Scan()
    tree = merkle.Growing()
    in_force = InForce(verdict.fault)
    approved = Approved(verdict.fault, whole=opened.whole)
    members = opened.files.members
    artifacts = {
        name.partition("/")[2] for name in members if name.startswith("artifacts/")
    }
    unnamed = set(artifacts)
    verdict.artifacts = len(artifacts)
    for line in opened.files.lines("entries.ndjson", MAX_STATEMENT_BYTES):
        entry = entry_of(line)
        if entry is None or entry["seq"] <= scan.last:
            verdict.fault(
                f"a line after entry {scan.last} is no entry, or not at its place"
            )
        else:
            scan.last = entry["seq"]
            leaf = merkle.leaf_hash(line)
            verdict.size += 1
            if opened.whole:
                tree.add(leaf)
                if tree.size in sizes:
                    scan.roots[tree.size] = tree.root()
                _fold(entry, in_force, verdict)
            else:
                proofs.check(entry["seq"], leaf)
            _count(entry, approved, verdict)
            unnamed.difference_update(_note(entry, opened, scan, artifacts))
        if verdict.full:
            break
    in_force.finish()
    verdict.notes += clock_sentences(scan.times)
    if opened.whole:
        sizes_fit = scan.last + 1 == verdict.size == newest.size
        if not sizes_fit or tree.root() != newest.root:
            verdict.fault("the entries are not all those that were signed")
    proofs.finish()
    for digest in sorted(unnamed)[:MOST]:
        verdict.fault(f"artifact {digest} is named by no entry")
    return scan


def _fold(entry: dict[str, Any], in_force: InForce, verdict: Verdict) -> None:
    """What an entry of a whole bundle makes of what is in force."""
    try:
        event = event_of(entry)
    except (TypeError, AttributeError) as error:
        verdict.fault(f"entry {entry['seq']} is not what its kind has: {error}")
    else:
        if event is not None:
            in_force.take(event)


def _count(entry: dict[str, Any], approved: Approved, verdict: Verdict) -> None:
    """What an entry says of approvals and of who may give them."""
    try:
        decision = decision_of(entry)
    except (TypeError, AttributeError) as error:
        verdict.fault(f"entry {entry['seq']} is not what its kind has: {error}")
    else:
        if decision is not None:
            approved.take(decision)


def _note(
    entry: dict[str, Any], opened: OpenBundle, scan: Scan, artifacts: set[str]
) -> set[str]:
    """Take down what an entry says of times, keys, witnesses, and of artifacts that are not in the
    bundle; the artifacts that it names.
    """
    scan.times.take(entry["seq"], entry)
    if entry["kind"] == "key.rotate" and len(scan.rotations) <= ROTATIONS:
        scan.rotations.append((entry["seq"], entry["payload"]))
    elif entry["kind"] in ("witness.cosign", "witness.stamp"):
        if len(scan.vouchers) == MAX_VOUCHERS:
            opened.verdict.fault(
                f"more than {MAX_VOUCHERS} cosignatures and time stamps are not read"
            )
        elif len(scan.vouchers) < MAX_VOUCHERS:
            scan.vouchers.append(bounds.vouched(entry))
    digests = set()
    for role, digest in named(entry):
        digests.add(digest)
        if len(digest) != 64:
            opened.verdict.fault(
                f"entry {entry['seq']} names something as its {role} that is no digest"
            )
        elif digest not in artifacts:
            opened.missing[digest] = role
    return digests
