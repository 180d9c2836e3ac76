"""Making evidence bundles: which entries a question needs, and everything that vouches for them, in
one file.

Which entries there are is taken from the ledger itself; the views only say where to look first.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import os
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any, Final

from govd.errors import BadFile, MachineFault, NotFound, Usage
from govd.ledger import canonical
from govd.ledger.signing import LogCheckpoint, Signer
from govd.ledger.times import moment
from govd.models.core import Core
from govd.types import Json, Record
from govd.verify import archive, bundle, claim
from govd.verify.archive import Content
from govd.verify.excerpt import DIGESTS, OTHERS, Excerpt
from govd.verify.parts import named

LEAST: Final = 3
"""Entries that follow each other from which on one proof is given for the run of them."""
LOOKED: Final = 10_000
"""Cosignatures and time stamps among which the earliest of each witness is sought."""
NOTES: Final = 1024
"""Log checkpoints with cosignatures or time stamps that a bundle of everything brings; the oldest
and the newest half of them.
"""


@dataclass
class Question:
    """What a bundle is about: `seqs` of the entries to show (None: all there are), `claims` to
    sign, `about` for the manifest.

    `excerpt`: of one request, where others are shown as digests only.
    """

    about: dict[str, Json]
    seqs: set[int] | None = None
    claims: list[claim.Revision] = field(default_factory=list)
    excerpt: Excerpt | None = None


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


class Bundles:
    """Writes bundles of one ledger. `note_of`: the bare signed note of a size; `lines_of`: the
    witnesses' lines for it.
    """

    def __init__(
        self, core: Core, note_of: Callable[[int], str], lines_of: Callable[[int], list[str]]
    ) -> None:
        self.core, self._note, self._lines = core, note_of, lines_of

    def write(self, file: Path, question: Question, since: int | None = None) -> Record:
        """The bundle as a file that is not there yet. `since`: the size of a log checkpoint that
        somebody kept.

        Raises:
            Usage: the file exists, or the ledger has fewer entries than `since`. MachineFault: it
            cannot be written. BadFile: an artifact is damaged, or it would be larger than bundles
            can be.
        """
        if file.exists():
            raise Usage(
                "this file exists",
                where=str(file),
                advice="Choose another name; nothing is overwritten.",
            )
        part = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
        try:
            with part.open("wb") as out:
                contents, entries, key = self._contents(question, since)
                for piece in archive.write(contents):
                    out.write(piece)
                out.flush()
                os.fsync(out.fileno())
            if file.exists():
                raise Usage(
                    "this file was made by somebody else meanwhile",
                    where=str(file),
                    advice="Choose another name.",
                )
            os.replace(part, file)
        except OSError as fault:
            part.unlink(missing_ok=True)
            raise MachineFault(
                f"cannot be written ({fault.strerror})",
                where=str(file),
                advice="Nothing was changed.",
            ) from fault
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        artifacts = sum(name.startswith("artifacts/") for name in contents)
        said = {
            "file": str(file),
            "bytes": file.stat().st_size,
            "about": question.about,
            "entries": entries,
            "artifacts": artifacts,
        }
        return said | {"key": key}

    def _contents(
        self, question: Question, since: int | None
    ) -> tuple[dict[str, Content], int, str]:
        ledger, whole = self.core.desk.ledger, question.seqs is None
        frame = self._frame(question, since)
        size, seqs, notes, signer = frame.size, frame.seqs, frame.notes, frame.signer
        bodies = partial(self._bodies, seqs, size)
        contents: dict[str, Content] = {}
        entries = 0
        for seq, body in bodies():
            entries += 1
            if len(body) > bundle.STATEMENT:
                raise BadFile(
                    f"entry {seq} has {len(body)} bytes; bundles hold entries of {bundle.STATEMENT}"
                    " bytes",
                    where=f"entry {seq}",
                )
            entry = json.loads(body)
            self._stamp(entry, notes, contents)
            if question.excerpt is None or question.excerpt.shows_artifacts(entry):
                self._artifacts(entry, whole, contents)
        for n, (note, lines) in notes.items():
            contents[f"checkpoints/{n}.note"] = Content.whole(note.encode())
            if lines:
                contents[f"cosigned/{n}.note"] = Content.whole(
                    (note + "".join(f"{line}\n" for line in lines)).encode()
                )
        contents["entries.ndjson"] = Content.of(lambda: (body + b"\n" for _, body in bodies()))
        older = {*notes, *([since] if since else [])} - {size}
        proofs = b"".join(self._proofs(seqs, sorted(older), size)) if seqs is not None else b""
        contents["proofs.ndjson"] = Content.whole(proofs)
        for revision, made in self._claims(question, bodies).items():
            sealed = claim.sealed(made, signer.key.id.hex(), signer.raw)
            contents[f"statements/{revision[0]}-{revision[1]}.dsse.json"] = Content.whole(sealed)
        contents["README.txt"] = Content.whole(
            files("govd").joinpath("data/bundle.txt").read_bytes()
        )
        manifest = {
            "format": bundle.FORMAT,
            "origin": ledger.origin,
            "key": str(signer.key),
            "size": size,
            "whole": whole,
        }
        contents["manifest.json"] = Content.whole(
            canonical.encode({**manifest, "about": question.about})
        )
        contents["SHA256SUMS"] = Content.whole(
            bundle.sums({name: content.sha256 for name, content in contents.items()})
        )
        return contents, entries, str(signer.key)

    def _frame(self, question: Question, since: int | None) -> Frame:
        """What is shown. Filing waits only while a log checkpoint is made: the key must not be
        changed between that and its last change.
        """
        ledger, asked = self.core.desk.ledger, question.seqs
        seals, sealed = self._seals(asked, ledger.size())
        with self.core.desk.lock:
            seqs = None if asked is None else sorted({*asked, *seals, *self._rotations()})
            size, signer = (
                self._size(ledger.size() if seqs is None else max(seqs) + 1, since),
                ledger.signer,
            )
        return Frame(
            size,
            seqs,
            {n: (self._note(n), self._lines(n)) for n in sorted({*sealed, size})},
            signer,
        )

    def _size(self, needed: int, since: int | None) -> int:
        """The size of the newest log checkpoint where it covers what is needed, else of a new
        one.
        """
        last = self.core.desk.ledger.last_checkpoint()
        size = (
            last[0]
            if last and last[0] >= needed
            else LogCheckpoint.read(self.core.desk.ledger.checkpoint()).size
        )
        if since is not None and since > size:
            advice = (
                "It is of another ledger, or this one was cut off: govd audit verify --since"
                " CHECKPOINT."
            )
            raise Usage(
                f"the log checkpoint that was kept has {since} entries, the ledger {size}",
                advice=advice,
            )
        return size

    def _bodies(self, seqs: Sequence[int] | None, size: int) -> Iterator[tuple[int, bytes]]:
        if seqs is None:
            yield from self.core.desk.ledger.bodies(0, size)
            return
        for at in range(0, len(seqs), 1000):
            yield from self.core.desk.ledger.bodies_of(seqs[at : at + 1000]).items()

    def _seals(self, seqs: set[int] | None, size: int) -> tuple[list[int], list[int]]:
        """Entries of cosignatures and time stamps to show, and the sizes that they are on: the
        earliest of each witness on a log checkpoint that has all that is asked for, and the newest.
        """
        ledger, records = self.core.desk.ledger, self.core.desk.views.records
        known = {size for size, _ in ledger.checkpoints()}

        def seals(after: int | None = None) -> Iterator[Record]:
            for page in _pages(records, "witness", after):
                yield from (
                    e
                    for e in ledger.some(page)
                    if e["seq"] < ledger.size() and e["payload"].get("size") in known
                )

        if seqs is None:
            sizes = sorted({int(e["payload"]["size"]) for e in seals() if e["seq"] < size})
            return [], sizes if len(sizes) <= NOTES else sizes[: NOTES // 2] + sizes[-NOTES // 2 :]
        newest = {
            name: r
            for name, r in list(self.core.desk.views.witnessed.items())
            if r.get("size") in known and r["seq"] < ledger.size()
        }
        shown = {f"{name} newest": (int(r["seq"]), int(r["size"])) for name, r in newest.items()}
        for entry in islice(seals(max(seqs)), LOOKED):
            if entry["payload"]["size"] > max(seqs):
                shown.setdefault(
                    entry["subject"], (int(entry["seq"]), int(entry["payload"]["size"]))
                )
            if set(newest) <= set(shown):
                break
        return [seq for seq, _ in shown.values()], [size for _, size in shown.values()]

    def _rotations(self) -> list[int]:
        return [s for page in _pages(self.core.desk.views.records, "key.rotate") for s in page]

    def _stamp(self, entry: Record, notes: Collection[int], contents: dict[str, Content]) -> None:
        """The time stamp that an entry is about."""
        if entry["kind"] == "witness.stamp" and entry["payload"].get("size") in notes:
            with contextlib.suppress(
                binascii.Error
            ):  # what an entry only claims to be a time stamp is for verification to tell
                contents[f"stamps/{entry['seq']}.tsr"] = Content.whole(
                    base64.b64decode(str(entry["payload"].get("token")))
                )

    def _artifacts(self, entry: Record, whole: bool, contents: dict[str, Content]) -> None:
        """The artifacts that an entry names; those of filings and registrations only where all is
        shown.
        """
        for _, digest in named(entry):
            if f"artifacts/{digest}" not in contents and (
                whole or not entry["kind"].startswith(("model.", "request."))
            ):
                contents[f"artifacts/{digest}"] = self._artifact(digest)

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

    def _proofs(self, seqs: Sequence[int], older: Iterable[int], size: int) -> Iterator[bytes]:
        """Consistency from older sizes, then inclusion in the order of the entries: one proof for a
        run, else one for each.
        """
        ledger = self.core.desk.ledger

        def line(said: dict[str, Json], path: list[bytes]) -> bytes:
            return canonical.encode({**said, "path": [step.hex() for step in path]}) + b"\n"

        for old in older:
            yield line({"from": old}, ledger.consistency(old, size))
        for start, stop in _runs(seqs):
            if stop - start >= LEAST:
                yield line({"start": start, "stop": stop}, ledger.run(start, stop, size))
            else:
                for seq in range(start, stop):
                    yield line({"entry": seq}, ledger.inclusion(seq, size))

    def _claims(
        self, question: Question, bodies: Callable[[], Iterable[tuple[int, bytes]]]
    ) -> dict[claim.Revision, claim.Claim]:
        if not question.claims:
            return {}
        made = claim.claims_of(lambda: (json.loads(body) for _, body in bodies()), question.claims)
        return {revision: found for revision, found in made.items() if found.composed}

    # -- questions

    def everything(self) -> Question:
        """All entries, and a claim about the published revision of each model.

        Raises:
            Usage: there is none.
        """
        if not self.core.desk.ledger.size():
            raise Usage(
                "the ledger is empty: there is nothing to prove",
                advice="Start with govd model add.",
            )
        heads = sorted(self.core.desk.views.heads.items())
        return Question(
            {"everything": True},
            None,
            [(m, int(h["published"])) for m, h in heads if h["published"]],
        )

    def of_request(self, request_id: str, with_others: bool = False) -> Question:
        """A request: its entries and its reverts', and the revisions that brought it and took it
        back. `with_others`: also all that these were made of; without it, other requests are shown
        as the digests that those revisions name.
        """
        request = self.core.desk.request(request_id)
        mine, model = str(request["id"]), str(request["model"])
        subjects = {mine, model, *self.core.desk.views.records.keys("reverts", mine, "request")}
        entries = self._closure(subjects, mine, with_others)
        served = [
            e["payload"].get("revision")
            for e in entries
            if e["subject"] == mine and e["kind"] == "request.publish"
        ]
        claims = [(model, int(n)) for n in served[:1] if n]
        if with_others:
            return Question({"request": mine}, {int(e["seq"]) for e in entries}, claims)
        excerpt = Excerpt.of(lambda: entries, mine)
        seqs = {int(e["seq"]) for e in entries if excerpt.shows(e)}
        return Question({"request": mine, OTHERS: DIGESTS}, seqs, claims, excerpt)

    def of_revision(self, model: str, number: int) -> Question:
        """A revision: its entries, those of its requests and contributions, and what its model was
        registered with.

        Raises:
            NotFound: there is none.
        """
        if self.core.desk.views.revision(model, number) is None:
            raise NotFound(
                f"{model} has no revision {number}",
                advice=f"`govd revision list --model {model}` shows them.",
            )
        found = self._closure({f"{model}/{number}", model})
        return Question(
            {"model": model, "revision": number}, {int(e["seq"]) for e in found}, [(model, number)]
        )

    def as_of(self, time: str, model: str | None, then: Record) -> Question:
        """A time: what was published then (`then`: what `Audit.as_of` says), what it was made of,
        and every entry from the one that published it to the first that is dated later.

        Raises:
            NotFound: no model was registered then.
        """
        at, ledger = moment(time, "time", end=True), self.core.desk.ledger
        known = [m for m in then["models"] if m["registered"]]
        if not known:
            raise NotFound(
                "no model was registered then",
                where=time,
                advice="`govd audit log --kind model` shows since when.",
            )
        start = min(int(m.get("published_entry", m["entries"][0])) for m in known)
        stop = int(then["tree_size"])
        while stop < ledger.size() and next(ledger.entries(stop, stop + 1))["time"] <= at:
            stop += 1
        seqs = set(range(start, min(stop + 1, ledger.size())))
        subjects = {str(m["model"]) for m in known} | {
            f"{m['model']}/{m['revision']}" for m in known if m["revision"]
        }
        seqs |= {int(e["seq"]) for e in self._closure(subjects)}
        claims = [(str(m["model"]), int(m["revision"])) for m in known if m["revision"]]
        return Question(
            {"as_of": at, "from": start} | ({"model": model} if model else {}), seqs, claims
        )

    def _closure(
        self, subjects: set[str], request: str = "", with_others: bool = True
    ) -> list[Record]:
        """Every entry about these subjects and what they lead to; found in the entries themselves,
        whatever the views say.

        The views guess what will be asked for, so that the entries are searched once as a rule.
        `request`: the one that is asked about, whose reverts and revisions are followed as well.
        `with_others`: revisions lead to all that they were made of.
        """
        core, asked, fresh = self.core, set(subjects), set(subjects)
        # what is appended from here on is of another moment: some subjects would have it, others
        # not
        size = core.desk.ledger.size()
        while fresh:
            seqs = [
                s
                for subject in sorted(fresh)
                for s in core.desk.views.records.seqs(limit=100_000, subject=subject)
            ]
            fresh = (
                _leads(core.desk.ledger.some([s for s in seqs if s < size]), request, with_others)
                - asked
            )
            asked |= fresh
        while True:
            found = core.desk.ledger.some(
                [s for s in core.desk.ledger.stored().about(asked) if s < size]
            )
            more = _leads(found, request, with_others) - asked
            if not more:
                return found
            asked |= more


def _leads(entries: Iterable[Record], request: str, with_others: bool) -> set[str]:
    """The subjects that entries lead to: the parts of a revision (`with_others`), the contributions
    of a request; of `request` and its reverts also the revisions that brought and undid it.
    """
    found: set[str] = set()
    mine = {request}
    for entry in entries:
        payload, kind, subject = entry["payload"], str(entry["kind"]), str(entry["subject"])
        if kind == "revision.compose":
            subsumed = payload.get("subsumed") or {}
            found |= (
                {*payload["requests"], *payload["contributions"], *subsumed}
                if with_others
                else set()
            )
        elif kind.startswith("request.") and payload.get("contribution"):
            found.add(str(payload["contribution"]))
        if (
            kind == "request.file"
            and payload.get("reverts")
            and (payload["reverts"] == request or subject == request)
        ):
            mine.add(subject)
            found.add(str(payload["reverts"]))
        elif kind == "request.revert" and subject == request:
            mine.add(str(payload["by"]))
            found.add(str(payload["by"]))
        elif kind == "request.publish" and subject in mine and payload.get("revision"):
            found.add(f"{entry['model']}/{payload['revision']}")
    return found


def _runs(seqs: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Numbers that follow each other, as first and one after the last."""
    start = 0
    for i, seq in enumerate(seqs):
        if i + 1 == len(seqs) or seqs[i + 1] != seq + 1:
            yield seqs[start], seq + 1
            start = i + 1


def _pages(records: Any, kind: str, after: int | None = None) -> Iterator[list[int]]:
    while page := records.seqs(after, 1000, kind=kind):
        yield page
        after = page[-1]


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(archive.PIECE):
            yield piece
