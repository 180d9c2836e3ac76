"""What is in an evidence bundle: entries, proofs, checkpoints, claims and artifacts, as files."""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Final

from govd.audit.bundle_questions import Question
from govd.audit.checkpoints import LogCheckpoints
from govd.errors import BadFile, NotFound, Usage
from govd.ledger import canonical
from govd.ledger.signing import LogCheckpoint, Signer
from govd.models.core import Core
from govd.types import Json, Record
from govd.verify import archive, bundle_format, claim
from govd.verify.archive import Content
from govd.verify.parts import named
from govd.views.records import Records

LEAST: Final = 3
"""From so many consecutive entries on, one proof covers the whole run."""
LOOKED: Final = 10_000
"""Cosignatures and time stamps that are searched for the earliest of each witness."""
NOTES: Final = 1024
"""Log checkpoints with cosignatures or time stamps that a bundle of everything brings; the oldest
and the newest half of them.
"""


@dataclass(frozen=True)
class Frame:
    """What a bundle shows, settled at one moment. Entries below `size` and artifacts stay what they
    are, so all else is read later.

    `seqs`: the entries (None: all). `notes`: signed log checkpoints by their sizes, with the
    witnesses' lines. `signer`: of the newest.
    """

    size: int
    seqs: list[int] | None
    notes: dict[int, tuple[str, list[str]]]
    signer: Signer


class BundleContents:
    """Gathers what bundles of one ledger have in them."""

    def __init__(self, core: Core, checkpoints: LogCheckpoints) -> None:
        self.core = core
        self.checkpoints = checkpoints

    def gather(
        self, question: Question, since: int | None
    ) -> tuple[dict[str, Content], int, str]:
        """The files that answer a `question`, how many entries they have, and the key that signs.
        `since`: the size of a log checkpoint kept elsewhere.

        Raises:
            Usage: the ledger has fewer entries than `since`. NotFound: an artifact is not there.
            BadFile: one is damaged, or an entry is larger than bundles hold.
        """
        whole = question.seqs is None
        frame = self._frame(question, since)
        bodies = partial(self._bodies, frame.seqs, frame.size)
        contents: dict[str, Content] = {}
        entries = 0
        for seq, body in bodies():
            entries += 1
            _check_size(seq, body)
            entry = json.loads(body)
            self._stamp(entry, frame.notes, contents)
            if question.excerpt is None or question.excerpt.shows_artifacts(entry):
                self._artifacts(entry, whole, contents)
        contents |= _checkpoints(frame)
        contents["entries.ndjson"] = Content.of(
            lambda: (body + b"\n" for _, body in bodies())
        )
        contents["proofs.ndjson"] = Content.whole(b"".join(self._proofs(frame, since)))
        contents |= self._statements(question, bodies, frame.signer)
        key = str(frame.signer.key)
        readme = files("govd").joinpath("data/bundle.txt").read_bytes()
        contents["README.txt"] = Content.whole(readme)
        manifest = {
            "format": bundle_format.FORMAT,
            "origin": self.core.desk.ledger.origin,
            "key": key,
            "size": frame.size,
            "whole": whole,
            "about": question.about,
        }
        contents["manifest.json"] = Content.whole(canonical.encode(manifest))
        digests = {name: content.sha256 for name, content in contents.items()}
        contents["SHA256SUMS"] = Content.whole(bundle_format.sums(digests))
        return contents, entries, key

    def _frame(self, question: Question, since: int | None) -> Frame:
        """What is shown. Filing waits only while a log checkpoint is made: the key must not be
        changed between that and its last change.
        """
        ledger = self.core.desk.ledger
        seqs = None
        seals, sealed_sizes = self._seals(question.seqs, ledger.size())
        with self.core.desk.lock:
            if question.seqs is not None:
                seqs = sorted({*question.seqs, *seals, *self._rotations()})
            size = self._size(ledger.size() if seqs is None else max(seqs) + 1, since)
            signer = ledger.signer
        notes = {
            note_size: (
                self.checkpoints.of_size(note_size),
                self.checkpoints.witnesses.lines(note_size),
            )
            for note_size in sorted({*sealed_sizes, size})
        }
        return Frame(size, seqs, notes, signer)

    def _size(self, needed: int, since: int | None) -> int:
        """The size of the newest log checkpoint where it covers what is needed, else of a new
        one.
        """
        last = self.core.desk.ledger.last_checkpoint()
        if last and last[0] >= needed:
            size = last[0]
        else:
            size = LogCheckpoint.read(self.core.desk.ledger.checkpoint()).size
        if since is not None and since > size:
            advice = (
                "It belongs to another ledger, or this one was truncated: govd audit verify --since"
                " CHECKPOINT."
            )
            raise Usage(
                f"the log checkpoint that you kept has {since} entries, the ledger {size}",
                advice=advice,
            )
        return size

    def _bodies(
        self, seqs: Sequence[int] | None, size: int
    ) -> Iterator[tuple[int, bytes]]:
        if seqs is None:
            yield from self.core.desk.ledger.bodies(0, size)
            return
        for at in range(0, len(seqs), 1000):
            yield from self.core.desk.ledger.bodies_of(seqs[at : at + 1000]).items()

    def _seals(self, seqs: set[int] | None, size: int) -> tuple[list[int], list[int]]:
        """Entries of cosignatures and time stamps to show, and the sizes that they are on: the
        earliest of each witness on a log checkpoint that has all that is asked for, and the newest.
        """
        ledger = self.core.desk.ledger
        records = self.core.desk.views.records
        signed_sizes = {size for size, _ in ledger.checkpoints()}

        def seals(after: int | None = None) -> Iterator[Record]:
            for page in _pages(records, "witness", after):
                for entry in ledger.some(page):
                    is_signed = entry["payload"].get("size") in signed_sizes
                    if entry["seq"] < ledger.size() and is_signed:
                        yield entry

        if seqs is None:
            before = (entry for entry in seals() if entry["seq"] < size)
            sizes = sorted({int(entry["payload"]["size"]) for entry in before})
            if len(sizes) > NOTES:
                sizes = sizes[: NOTES // 2] + sizes[-NOTES // 2 :]
            return [], sizes
        witnesses: set[str] = set()
        places: dict[str, tuple[int, int]] = {}
        for name, record in list(self.core.desk.views.witnessed.items()):
            if record.get("size") in signed_sizes and record["seq"] < ledger.size():
                witnesses.add(name)
                places[f"{name} newest"] = (int(record["seq"]), int(record["size"]))
        last = max(seqs)
        for entry in islice(seals(last), LOOKED):
            sealed_size = int(entry["payload"]["size"])
            if sealed_size > last:
                places.setdefault(entry["subject"], (int(entry["seq"]), sealed_size))
            if witnesses <= set(places):
                break
        seal_seqs = [seq for seq, _ in places.values()]
        return seal_seqs, [size for _, size in places.values()]

    def _rotations(self) -> list[int]:
        pages = _pages(self.core.desk.views.records, "key")
        return [seq for page in pages for seq in page]

    def _stamp(
        self, entry: Record, notes: Collection[int], contents: dict[str, Content]
    ) -> None:
        """The time stamp that an entry is about."""
        if entry["kind"] == "witness.stamp" and entry["payload"].get("size") in notes:
            # what an entry only claims to be a time stamp is for verification to tell
            with contextlib.suppress(binascii.Error):
                token = base64.b64decode(str(entry["payload"].get("token")))
                contents[f"stamps/{entry['seq']}.tsr"] = Content.whole(token)

    def _artifacts(
        self, entry: Record, whole: bool, contents: dict[str, Content]
    ) -> None:
        """The artifacts that an entry names; those of filings and registrations only where all is
        shown.
        """
        if not whole and entry["kind"].startswith(("model.", "request.")):
            return
        for _, digest in named(entry):
            path = f"artifacts/{digest}"
            if path not in contents:
                contents[path] = self._artifact(digest)

    def _artifact(self, digest: str) -> Content:
        path = self.core.artifacts.path(digest)
        if not path.exists():
            raise NotFound(
                "this artifact is not in the store",
                where=digest,
                advice="Restore it from a backup.",
            )
        content = Content.of(partial(_pieces, path))
        if content.sha256 != digest:
            raise BadFile(
                "the file's bytes do not match its name",
                where=str(path),
                advice="Restore it from a backup.",
            )
        return content

    def _proofs(self, frame: Frame, since: int | None) -> Iterator[bytes]:
        """Consistency from older sizes, then inclusion in the order of the entries: one proof for a
        run, else one for each. A bundle of everything needs none.
        """
        if frame.seqs is None:
            return
        ledger = self.core.desk.ledger
        size = frame.size
        older = {*frame.notes, *([since] if since else [])} - {size}

        def line(place: dict[str, Json], path: list[bytes]) -> bytes:
            steps = [step.hex() for step in path]
            return canonical.encode({**place, "path": steps}) + b"\n"

        for old in sorted(older):
            yield line({"from": old}, ledger.consistency(old, size))
        for start, stop in _runs(frame.seqs):
            if stop - start >= LEAST:
                yield line(
                    {"start": start, "stop": stop}, ledger.run(start, stop, size)
                )
            else:
                for seq in range(start, stop):
                    yield line({"entry": seq}, ledger.inclusion(seq, size))

    def _statements(
        self,
        question: Question,
        bodies: Callable[[], Iterable[tuple[int, bytes]]],
        signer: Signer,
    ) -> dict[str, Content]:
        """The signed statement of each revision that a `question` is about."""
        statements: dict[str, Content] = {}
        for (model, number), revision_claim in self._claims(question, bodies).items():
            sealed = claim.sealed(revision_claim, signer.key.id.hex(), signer.raw)
            path = f"statements/{model}-{number}.dsse.json"
            statements[path] = Content.whole(sealed)
        return statements

    def _claims(
        self, question: Question, bodies: Callable[[], Iterable[tuple[int, bytes]]]
    ) -> dict[claim.Revision, claim.Claim]:
        if not question.claims:
            return {}

        def entries() -> Iterator[Record]:
            return (json.loads(body) for _, body in bodies())

        claims = claim.claims_of(entries, question.claims)
        return {
            revision: revision_claim
            for revision, revision_claim in claims.items()
            if revision_claim.composed
        }


def _checkpoints(frame: Frame) -> dict[str, Content]:
    """The signed log checkpoints, alone and with the witnesses' lines."""
    contents: dict[str, Content] = {}
    for size, (note, lines) in frame.notes.items():
        contents[f"checkpoints/{size}.note"] = Content.whole(note.encode())
        if lines:
            cosigned = note + "".join(f"{line}\n" for line in lines)
            contents[f"cosigned/{size}.note"] = Content.whole(cosigned.encode())
    return contents


def _check_size(seq: int, body: bytes) -> None:
    limit = bundle_format.MAX_STATEMENT_BYTES
    if len(body) > limit:
        raise BadFile(
            f"entry {seq} has {len(body)} bytes; bundles hold entries of {limit} bytes",
            where=f"entry {seq}",
        )


def _runs(seqs: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Runs of consecutive numbers, each as its first and one past its last."""
    start = 0
    for following, seq in enumerate(seqs, start=1):
        if following == len(seqs) or seqs[following] != seq + 1:
            yield seqs[start], seq + 1
            start = following


def _pages(
    records: Records, kind: str, after: int | None = None
) -> Iterator[list[int]]:
    while page := records.seqs(after, 1000, kind=kind):
        yield page
        after = page[-1]


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(archive.PIECE):
            yield piece
