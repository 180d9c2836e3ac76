"""Verification of an evidence bundle, offline: from one file and, if the reader has it, the log's
public key.

Reads `archive`, `canonical`, `merkle`, `signing`, `keys`, `bounds`, `claim` and `sentences`;
nothing of govd's database, models or plugins. What is in a bundle is described in this folder's
README. Entries and proofs are read line by line and forgotten again, artifacts when they are asked
for: time grows with the file, memory does not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from govd.errors import BadFile, GovdError
from govd.ledger import canonical, merkle
from govd.ledger.signing import Key, LogCheckpoint
from govd.verify import archive, claim
from govd.verify.account import tell
from govd.verify.bounds import Trust
from govd.verify.bundle_checkpoints import (
    Growth,
    check_growth,
    check_signature,
    kept_notes,
    notes_of,
)
from govd.verify.bundle_entries import read_entries
from govd.verify.bundle_format import (
    FORMAT,
    MAX_BUNDLE_BYTES,
    MAX_MANIFEST_BYTES,
    MAX_STATEMENT_BYTES,
    MAX_STATEMENTS,
    MEMBER_NAMES,
    sums,
)
from govd.verify.bundle_vouchers import check_vouchers
from govd.verify.keys import Keys
from govd.verify.open_bundle import OpenBundle
from govd.verify.proofs import CHECKPOINTS, Proofs


@contextmanager
def verified(
    path: Path,
    key: Key | None = None,
    trust: Trust | None = None,
    kept: Sequence[str] = (),
    limit: int = MAX_BUNDLE_BYTES,
) -> Iterator[OpenBundle]:
    """As `verify_bundle`, of the file at `path`, with the same `key`, `trust`, `kept` and `limit`;
    a context in which the bundle can be read further.

    Raises:
        BadFile: the file cannot be read as a bundle at all.
    """
    try:
        with path.open("rb") as file:
            try:
                opened = verify_bundle(file, key, trust, kept, limit)
            except BadFile as fault:
                place = ": ".join(filter(None, (str(path), fault.where)))
                raise BadFile(fault.what, where=place, advice=fault.advice) from None
            yield opened
    except OSError as fault:
        raise BadFile(f"cannot be read ({fault.strerror})", where=str(path)) from None


def verify_bundle(
    file: BinaryIO,
    key: Key | None = None,
    trust: Trust | None = None,
    kept: Sequence[str] = (),
    limit: int = MAX_BUNDLE_BYTES,
) -> OpenBundle:
    """Check everything that a bundle says. `key`: the log's, known from elsewhere; without it the
    bundle's own is taken, and said so.

    `trust`: witnesses and authorities that the reader knows. `kept`: log checkpoints that he kept,
    which must be the beginning of this. `limit`: bytes of the `file`, unpacked.

    Raises:
        BadFile: the file cannot be read as a bundle at all.
    """
    trust, files = trust or Trust(), archive.Archive(file, limit)
    _check_names(files)
    opened = OpenBundle(
        _json(files.read("manifest.json", MAX_MANIFEST_BYTES), "manifest.json"), files
    )
    manifest = opened.manifest
    fault = opened.verdict.fault
    if manifest.get("format") != FORMAT:
        raise BadFile(
            f"bundles of the format {str(manifest.get('format'))[:40]!r} are not known here",
            advice="Update govd.",
        )
    _check_sums(files, fault)
    notes = notes_of(opened)
    newest = notes[max(notes)][1] if notes else LogCheckpoint("", 0, merkle.EMPTY)
    own_notes = kept_notes(kept, opened)
    kept_sizes = [checkpoint.size for _, checkpoint in own_notes]
    proofs = Proofs(files, newest, fault)
    scan = read_entries(opened, newest, {*notes, *kept_sizes}, proofs)
    keys = Keys(
        key or _own_key(manifest), str(manifest.get("origin")), scan.rotations, fault
    )
    opened.verdict.keys = list(map(str, keys.keys))
    if not notes:
        fault("there is no signed log checkpoint: nothing vouches for these entries")
    for size, (note, checkpoint) in notes.items():
        check_signature(f"checkpoints/{size}.note", note, checkpoint, keys, opened)
    check_growth(Growth(opened, newest, scan, proofs), notes, own_notes, keys)
    checked = check_vouchers(opened, notes, scan, trust)
    _statements(opened, keys, newest)
    tell(opened, newest, checked, key is not None, kept_sizes)
    return opened


def _check_names(files: archive.Archive) -> None:
    counts = {"checkpoints": 0, "cosigned": 0, "stamps": 0, "statements": 0}
    for name in files.members:
        if not MEMBER_NAMES.fullmatch(name):
            raise BadFile("bundles have no such file", where=name)
        folder = name.partition("/")[0]
        counts[folder] = counts.get(folder, 0) + 1
    notes = max(counts["checkpoints"], counts["cosigned"])
    if notes > CHECKPOINTS or counts["statements"] > MAX_STATEMENTS:
        raise BadFile(
            "the bundle has more log checkpoints or statements than are read",
            advice=archive.SMALLER,
        )


def _check_sums(files: archive.Archive, fault: Any) -> None:
    if "SHA256SUMS" not in files.members:
        raise BadFile("this file is missing", where="SHA256SUMS")
    digests = {name: member.sha256 for name, member in files.members.items()}
    if hashlib.sha256(sums(digests)).hexdigest() != digests["SHA256SUMS"]:
        fault("the files are not those that SHA256SUMS lists")
    for name, digest in digests.items():
        if name.startswith("artifacts/") and name != f"artifacts/{digest}":
            fault(f"{name}: its bytes are not what its name says")


def _json(data: bytes, name: str) -> dict[str, Any]:
    try:
        value = canonical.decode(data)
    except GovdError as error:
        raise BadFile(error.what, where=name) from None
    if not isinstance(value, dict):
        raise BadFile("this is not what bundles have here", where=name)
    return value


def _own_key(manifest: Mapping[str, Any]) -> Key:
    try:
        return Key.parse(str(manifest.get("key"))[:1000])
    except GovdError as error:
        raise BadFile(error.what, where="manifest.json") from None


def _statements(opened: OpenBundle, keys: Keys, newest: LogCheckpoint) -> None:
    """The claims: in-toto statements in DSSE envelopes, signed by the log's key, each exactly what
    the entries say.
    """
    verdict = opened.verdict
    statements: dict[claim.Revision, tuple[str, claim.Sealed]] = {}
    for name in opened.files.members:
        if name.startswith("statements/"):
            sealed = claim.opened(
                opened.files.read(name, MAX_STATEMENT_BYTES), keys.at(newest.size)
            )
            if sealed is None or name != _statement_name(sealed.revision):
                verdict.fault(
                    f"{name} is no in-toto statement in a DSSE envelope about that revision"
                )
                continue
            if not sealed.signed:
                verdict.fault(f"{name}: the claim is not signed by the log's key")
            statements[sealed.revision] = name, sealed
    claims = (
        claim.claims_of(opened.entries, statements)
        if statements and not verdict.full
        else {}
    )
    for revision, (name, sealed) in statements.items():
        fault = _claim_fault(sealed, claims.get(revision))
        if fault:
            verdict.fault(f"{name}: {fault}")
        opened.statements[revision] = sealed.statement


def _statement_name(revision: claim.Revision) -> str:
    return f"statements/{revision[0]}-{revision[1]}.dsse.json"


def _claim_fault(sealed: claim.Sealed, from_entries: claim.Claim | None) -> str:
    """What is wrong with a claim, beside the one that the entries make; "" where nothing is."""
    other_files = "the claim is about other files than those that the entries of this revision name"
    if from_entries is None or not from_entries.composed:
        return other_files
    statement = from_entries.statement()
    if sealed.statement.get("subject") != statement["subject"]:
        return other_files
    if sealed.statement == statement:
        return ""
    return "the claim is not what the entries say"
