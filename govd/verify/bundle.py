"""Verification of an evidence bundle, offline: from one file and, if the reader has it, the log's
public key.

Reads `archive`, `canonical`, `merkle`, `signing`, `keys`, `bounds`, `claim` and `sentences`;
nothing of govd's database, models or plugins. What is in a bundle is described in this folder's
README. Entries and proofs are read line by line and forgotten again, artifacts when they are asked
for: time grows with the file, memory does not.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

from govd.errors import BadFile, GovdError, NotFound
from govd.ledger import canonical, merkle
from govd.ledger.signing import LONGEST as NOTE
from govd.ledger.signing import Key, LogCheckpoint, split
from govd.records.standing import Standing, event_of
from govd.verify import archive, bounds, claim, stamps
from govd.verify.account import tell
from govd.verify.bounds import Bounds, Trust, Vouched
from govd.verify.entries import Verdict, told
from govd.verify.excerpt import Excerpt
from govd.verify.keys import MOST as ROTATIONS
from govd.verify.keys import Keys
from govd.verify.parts import CLAMPED, FIELDS, MOST, Times, named
from govd.verify.proofs import CHECKPOINTS, Proofs

FORMAT: Final = "govd-bundle-2"
LIMIT: Final = 4 * 2**30
SMALL: Final = 2**20
"""Bytes of the manifest."""
STATEMENT: Final = 4 * 2**20
"""Bytes of a statement, and of a line that is an entry."""
STATEMENTS: Final = 256
VOUCHERS: Final = 50_000
"""Cosignatures and time stamps that are checked."""
NAMES: Final = re.compile(
    r"README\.txt|SHA256SUMS|manifest\.json|entries\.ndjson|proofs\.ndjson|statements/[A-Za-z0-9._-]{1,150}\.dsse\.json"
    r"|(checkpoints|cosigned)/[0-9]{1,16}\.note|stamps/[0-9]{1,16}\.tsr|artifacts/[0-9a-f]{64}"
)
TEXTS: Final = tuple(sorted(FIELDS - {"seq", "payload"}))


@dataclass
class Opened:
    """A bundle's contents, as far as they were understood."""

    manifest: dict[str, Any]
    files: archive.Archive
    verdict: Verdict = field(default_factory=Verdict)
    statements: dict[claim.Revision, dict[str, Any]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    excerpt: Excerpt | None = None
    """Of a bundle of one request that shows others as digests only: which entries are about it."""
    claim: str = ""
    proven: list[str] = field(default_factory=list)
    recorded: list[str] = field(default_factory=list)
    not_proven: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether it says to have every entry."""
        return self.manifest.get("whole") is True

    def entries(self) -> Iterator[dict[str, Any]]:
        """The entries, read anew; those that are none are left out. Whether they are canonical was
        looked at once, which is enough.
        """
        for line in self.files.lines("entries.ndjson", STATEMENT):
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if _is_entry(entry):
                yield entry

    def artifact(self, digest: str) -> bytes:
        """An artifact's bytes.

        Raises:
            NotFound: it is not in the bundle. BadFile: it is not what its name says.
        """
        if f"artifacts/{digest}" not in self.files.members:
            raise NotFound("this artifact is not in the bundle", where=digest)
        data = self.files.read(f"artifacts/{digest}")
        if hashlib.sha256(data).hexdigest() != digest:
            raise BadFile("the artifact's bytes are not what its name says", where=digest)
        return data


@dataclass
class _Scan:
    """What is kept of the entries while they pass by."""

    rotations: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    vouchers: list[Vouched] = field(default_factory=list)
    roots: dict[int, bytes] = field(
        default_factory=dict
    )  # of a whole bundle: at each size that is spoken of
    times: Times = field(default_factory=Times)
    last: int = -1


def entry_of(line: bytes) -> dict[str, Any] | None:
    """A line as an entry; None where it is none."""
    try:
        entry = canonical.decode(line)
    except GovdError:
        return None
    return entry if _is_entry(entry) else None


def _is_entry(said: Any) -> bool:
    fine = (
        isinstance(said, dict)
        and said.keys() in (FIELDS, CLAMPED)
        and type(said["seq"]) is int
        and isinstance(said["payload"], dict)
    )
    return fine and all(isinstance(said[name], str) for name in TEXTS)


@contextmanager
def verified(
    path: Path,
    key: Key | None = None,
    trust: Trust | None = None,
    kept: Sequence[str] = (),
    limit: int = LIMIT,
) -> Iterator[Opened]:
    """As `verify_bundle`, of a file; a context in which the bundle can be read further.

    Raises:
        BadFile: the file cannot be read as a bundle at all.
    """
    try:
        with path.open("rb") as file:
            yield verify_bundle(file, key, trust, kept, limit)
    except OSError as fault:
        raise BadFile(f"cannot be read ({fault.strerror})", where=str(path)) from None


def verify_bundle(
    file: BinaryIO,
    key: Key | None = None,
    trust: Trust | None = None,
    kept: Sequence[str] = (),
    limit: int = LIMIT,
) -> Opened:
    """Check everything that a bundle says. `key`: the log's, known from elsewhere; without it the
    bundle's own is taken, and said so.

    `trust`: witnesses and authorities that the reader knows. `kept`: log checkpoints that he kept,
    which must be the beginning of this.

    Raises:
        BadFile: the file cannot be read as a bundle at all.
    """
    trust, files = trust or Trust(), archive.Archive(file, limit)
    _check_names(files)
    opened = Opened(_json(files.read("manifest.json", SMALL), "manifest.json"), files)
    manifest, fault = opened.manifest, opened.verdict.fault
    if manifest.get("format") != FORMAT:
        raise BadFile(
            f"bundles of the format {str(manifest.get('format'))[:40]!r} are not known here",
            advice="Update govd.",
        )
    _check_sums(files, fault)
    notes = _notes(opened)
    newest = notes[max(notes)][1] if notes else LogCheckpoint("", 0, merkle.EMPTY)
    held = _kept(kept, opened)
    proofs = Proofs(files, newest, fault)
    scan = _read(opened, newest, {*notes, *(said.size for _, said in held)}, proofs)
    keys = Keys(key or _own_key(manifest), str(manifest.get("origin")), scan.rotations, fault)
    opened.verdict.keys = [str(k) for k in keys.keys]
    if not notes:
        fault("there is no signed log checkpoint: nothing vouches for these entries")
    for size, (note, said) in notes.items():
        _signed(f"checkpoints/{size}.note", note, said, keys, opened)
    _grown(opened, newest, notes, held, keys, scan, proofs)
    found = _bounds(opened, notes, scan, trust)
    _statements(opened, keys, newest)
    tell(opened, newest, found, key is not None, [said.size for _, said in held])
    return opened


def _check_names(files: archive.Archive) -> None:
    counts = {"checkpoints": 0, "cosigned": 0, "stamps": 0, "statements": 0}
    for name in files.members:
        if not NAMES.fullmatch(name):
            raise BadFile("bundles have no such file", where=name)
        counts[name.partition("/")[0]] = counts.get(name.partition("/")[0], 0) + 1
    if (
        max(counts["checkpoints"], counts["cosigned"]) > CHECKPOINTS
        or counts["statements"] > STATEMENTS
    ):
        raise BadFile(
            "the bundle has more log checkpoints or statements than are read",
            advice=archive.SMALLER,
        )


def sums(members: Mapping[str, str]) -> bytes:
    """`SHA256SUMS`, as `sha256sum -c` reads it: names with their digests."""
    return "".join(
        f"{digest}  {name}\n" for name, digest in sorted(members.items()) if name != "SHA256SUMS"
    ).encode()


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
        found = canonical.decode(data)
    except GovdError as error:
        raise BadFile(error.what, where=name) from None
    if not isinstance(found, dict):
        raise BadFile("this is not what bundles have here", where=name)
    return found


def _own_key(manifest: Mapping[str, Any]) -> Key:
    try:
        return Key.parse(str(manifest.get("key"))[:1000])
    except GovdError as error:
        raise BadFile(error.what, where="manifest.json") from None


def _notes(opened: Opened) -> dict[int, tuple[str, LogCheckpoint]]:
    """The log checkpoints by size, whoever signed them."""
    found: dict[int, tuple[str, LogCheckpoint]] = {}
    for name in opened.files.members:
        if name.startswith("checkpoints/"):
            try:
                note = opened.files.read(name, NOTE).decode()
                said = LogCheckpoint.read(note)
                if name != f"checkpoints/{said.size}.note":
                    raise BadFile("it speaks of another size")
                found[said.size] = note, said
            except (GovdError, UnicodeDecodeError) as error:
                opened.verdict.fault(f"{name}: {getattr(error, 'what', error)}")
    return found


def _kept(kept: Sequence[str], opened: Opened) -> list[tuple[str, LogCheckpoint]]:
    found = []
    for note in kept:
        try:
            found.append((note, LogCheckpoint.read(note)))
        except GovdError as error:
            opened.verdict.fault(f"the log checkpoint that was kept: {error.message}")
    return found


def _read(opened: Opened, newest: LogCheckpoint, sizes: set[int], proofs: Proofs) -> _Scan:
    """Every entry once: that it is one and at its place, that it is in the log, and what it says of
    keys, witnesses and artifacts.
    """
    verdict, scan, tree, standing = (
        opened.verdict,
        _Scan(),
        merkle.Growing(),
        Standing(opened.verdict.fault),
    )
    unnamed = {
        name.partition("/")[2] for name in opened.files.members if name.startswith("artifacts/")
    }
    verdict.artifacts, there = len(unnamed), set(unnamed)
    for line in opened.files.lines("entries.ndjson", STATEMENT):
        entry = entry_of(line)
        if entry is None or entry["seq"] <= scan.last:
            verdict.fault(f"a line after entry {scan.last} is no entry, or not at its place")
        else:
            scan.last = entry["seq"]
            leaf = merkle.leaf_hash(line)
            verdict.size += 1
            if opened.whole:
                tree.add(leaf)
                if tree.size in sizes:
                    scan.roots[tree.size] = tree.root()
                _fold(entry, standing, verdict)
            else:
                proofs.check(entry["seq"], leaf)
            _note(entry, opened, scan, unnamed, there)
        if verdict.full:
            break
    standing.finish()
    verdict.notes += told(scan.times)
    if opened.whole and (
        scan.last + 1 != newest.size or verdict.size != newest.size or tree.root() != newest.root
    ):
        verdict.fault("the entries are not all those that were signed")
    proofs.finish()
    for digest in sorted(unnamed)[:MOST]:
        verdict.fault(f"artifact {digest} is named by no entry")
    return scan


def _fold(entry: dict[str, Any], standing: Standing, verdict: Verdict) -> None:
    """What an entry of a whole bundle makes of what is in force."""
    try:
        event = event_of(entry)
    except (TypeError, AttributeError) as error:
        verdict.fault(f"entry {entry['seq']} is not what its kind has: {error}")
    else:
        if event is not None:
            standing.take(event)


def _note(
    entry: dict[str, Any], opened: Opened, scan: _Scan, unnamed: set[str], there: set[str]
) -> None:
    scan.times.take(entry["seq"], entry)
    if entry["kind"] == "key.rotate" and len(scan.rotations) <= ROTATIONS:
        scan.rotations.append((entry["seq"], entry["payload"]))
    elif entry["kind"] in ("witness.cosign", "witness.stamp"):
        if len(scan.vouchers) == VOUCHERS:
            opened.verdict.fault(f"more than {VOUCHERS} cosignatures and time stamps are not read")
        elif len(scan.vouchers) < VOUCHERS:
            scan.vouchers.append(bounds.vouched(entry))
    for what, digest in named(entry):
        unnamed.discard(digest)
        if len(digest) != 64:
            opened.verdict.fault(
                f"entry {entry['seq']} names something as its {what} that is no digest"
            )
        elif digest not in there:
            opened.missing[digest] = what


def _signed(name: str, note: str, said: LogCheckpoint, keys: Keys, opened: Opened) -> None:
    key = keys.at(said.size)
    try:
        LogCheckpoint.open(note, key)
        if said.origin != opened.manifest.get("origin") or said.origin != key.name:
            raise BadFile(f"it is of another log ({said.origin[:100]})")
    except GovdError as error:
        opened.verdict.fault(f"{name}: {error.what}")


def _grown(
    opened: Opened,
    newest: LogCheckpoint,
    notes: Mapping[int, tuple[str, LogCheckpoint]],
    held: Sequence[tuple[str, LogCheckpoint]],
    keys: Keys,
    scan: _Scan,
    proofs: Proofs,
) -> None:
    """That the newest log checkpoint goes on from each older one, and from each that the reader
    kept.
    """
    verdict = opened.verdict

    def begins(old: LogCheckpoint) -> bool:
        if old.size == newest.size or opened.whole:
            return (
                newest.root if old.size == newest.size else scan.roots.get(old.size)
            ) == old.root
        path = proofs.older.get(old.size)
        return path is not None and merkle.consistent(
            old.size, newest.size, old.root, newest.root, path
        )

    for size, (_, said) in notes.items():
        if not begins(said):
            verdict.fault(
                f"the log checkpoint of {size} entries is not the beginning of that of"
                f" {newest.size}"
            )
    for note, said in held:
        _signed("the log checkpoint that was kept", note, said, keys, opened)
        if said.size > newest.size:
            verdict.fault(
                f"the log checkpoint that was kept has {said.size} entries, this bundle ends at"
                f" {newest.size}: ask for a newer one"
            )
        elif not opened.whole and said.size != newest.size and said.size not in proofs.older:
            verdict.fault(
                f"whether this begins with the log checkpoint of {said.size} entries that was kept"
                " cannot be checked: the bundle has no proof from there (govd audit bundle FILE"
                " --since CHECKPOINT)"
            )
        elif not begins(said):
            verdict.fault(
                f"the log checkpoint of {said.size} entries that was kept is not the beginning of"
                " this log"
            )
    verdict.checkpoints, verdict.signed_size, verdict.root = (
        len(notes),
        newest.size,
        newest.root.hex(),
    )


def _bounds(
    opened: Opened, notes: Mapping[int, tuple[str, LogCheckpoint]], scan: _Scan, trust: Trust
) -> Bounds:
    """Cosignatures and time stamps: those of entries, and the lines and tokens that lie beside them
    for other tools.
    """
    verdict, files = opened.verdict, opened.files

    def token(seq: int) -> bytes:
        return files.read(f"stamps/{seq}.tsr", stamps.LARGEST)

    stamped = {v.entry: v for v in scan.vouchers if v.kind == "stamp" and not v.fault}
    for name, member in files.members.items():
        if name.startswith("stamps/"):
            seq = int(name[7:-4])
            if (
                seq not in stamped
                or member.size > stamps.LARGEST
                or stamped[seq].digest != member.sha256
            ):
                verdict.fault(f"{name} is not the time stamp of an entry that is shown")
                stamped.pop(seq, None)
    there = [
        v
        for v in scan.vouchers
        if v.kind != "stamp" or v.fault or f"stamps/{v.entry}.tsr" in files.members
    ]
    left_out = len(scan.vouchers) - len(there)
    if left_out and not opened.whole:
        verdict.fault(f"{left_out} time stamps that entries record are not in the bundle as files")
    found = bounds.check(
        there,
        lambda size: notes[size][0] if size in notes else None,
        token,
        trust,
        verdict.fault,
        not opened.whole,
    )
    found.without += left_out
    for name in files.members:
        if name.startswith("cosigned/"):
            size = int(name[9:-5])
            try:
                text, lines = split(files.read(name, NOTE).decode())
                if size not in notes or text != notes[size][1].text:
                    raise BadFile("it is not the log checkpoint of that size with more signatures")
                found.found += bounds.lines_bounds(size, text, lines, trust)
            except (GovdError, UnicodeDecodeError) as error:
                verdict.fault(f"{name}: {getattr(error, 'what', error)}")
    bounds.idle(found.found, trust, verdict.fault)
    return found


def _statements(opened: Opened, keys: Keys, newest: LogCheckpoint) -> None:
    """The claims: in-toto statements in DSSE envelopes, signed by the log's key, each exactly what
    the entries say.
    """
    verdict = opened.verdict
    found: dict[claim.Revision, tuple[str, claim.Sealed]] = {}
    for name in opened.files.members:
        if name.startswith("statements/"):
            sealed = claim.opened(opened.files.read(name, STATEMENT), keys.at(newest.size))
            if (
                sealed is None
                or name != f"statements/{sealed.revision[0]}-{sealed.revision[1]}.dsse.json"
            ):
                verdict.fault(
                    f"{name} is no in-toto statement in a DSSE envelope about that revision"
                )
                continue
            if not sealed.signed:
                verdict.fault(f"{name}: the claim is not signed by the log's key")
            found[sealed.revision] = name, sealed
    claims = claim.claims_of(opened.entries, found) if found and not verdict.full else {}
    for revision, (name, sealed) in found.items():
        mine = claims.get(revision)
        if (
            mine is None
            or not mine.composed
            or sealed.statement.get("subject") != mine.statement()["subject"]
        ):
            verdict.fault(
                f"{name}: the claim is about other files than those that the entries of this"
                " revision name"
            )
        elif sealed.statement != mine.statement():
            verdict.fault(f"{name}: the claim is not what the entries say")
        opened.statements[revision] = sealed.statement
