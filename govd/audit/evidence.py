"""What convinces somebody who does not trust us: log checkpoints, proofs, verification, bundles.
Thin; the work is done beside it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from itertools import zip_longest
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from govd.audit.bundles import Bundles
from govd.audit.key_rotation import KeyRotation
from govd.audit.questions import Audit
from govd.audit.witnesses import Witnesses
from govd.errors import GovdError, NotFound, Usage, VerificationFailed
from govd.ledger.merkle import included, leaf_hash
from govd.ledger.signing import Key, LogCheckpoint
from govd.models.core import Core
from govd.records.limits import bounded
from govd.types import Json, Record
from govd.verify import bounds, claim, delivered
from govd.verify.entries import Verdict, verify
from govd.verify.offline import composed_again, record_of, sections, told, trust_of
from govd.verify.parts import DELIVERIES, delivery
from govd.verify.sentences import honest
from govd.views.sealed_tables import remove_tables

PROVEN: Final = (
    (
        "The entries are those that were signed: none was changed, dropped, inserted or reordered,"
        " up to the last log checkpoint."
    ),
    "Every artifact that the entries name is here with the bytes that its name says.",
)
NOT_PROVEN: Final = (
    (
        "Whoever holds the signing key could have signed another history; a log checkpoint kept"
        " elsewhere, or a witness, would show that."
    ),
    (
        "What is recorded is what the daemon wrote: who acted is who held a token or the machine's"
        " account, and the figures are as measured."
    ),
    "What servers elsewhere answer from: only files that lie where they were published are hashed.",
)
MANY: Final = 200_000
"""Entries from which on verification uses all cores."""
HOUR: Final = 3600.0


class Evidence:
    """The nouns of `govd audit` that prove."""

    def __init__(self, core: Core, audit: Audit) -> None:
        self.core, self.audit = core, audit
        self.rotation = KeyRotation(core)
        self.witnesses = Witnesses(core, self._note)
        self.bundles = Bundles(core, self._note, self.witnesses.lines)

    # -- checkpoints, keys, proofs

    @bounded
    def checkpoint(self, size: int | None = None, witnessed: bool = False) -> str:
        """A signed log checkpoint with the witnesses' lines that are known for it: of the ledger as
        it is, of `size`, or the newest that a witness has cosigned.

        Raises:
            NotFound: there is none of that size, or none that was cosigned.
        """
        if witnessed:
            seals = [
                r for r in list(self.core.desk.views.witnessed.values()) if r["kind"] == "cosign"
            ]
            if not seals:
                raise NotFound(
                    "no witness has cosigned yet", advice="List some under witnesses in govd.toml."
                )
            size = max(int(r["size"]) for r in seals)
        note = self._signed() if size is None else self._note(size)
        return note + "".join(
            f"{line}\n" for line in self.witnesses.lines(LogCheckpoint.read(note).size)
        )

    def _signed(self) -> str:
        """The ledger as it is, signed: never while the key is changed."""
        return self.core.desk.ledger.checkpoint()

    def _note(self, size: int) -> str:
        note = self.core.desk.ledger.checkpoint_of(size)
        if note is None:
            advice = "`govd audit checkpoint` makes one of the ledger as it is."
            raise NotFound(f"there is no log checkpoint of {size} entries", advice=advice)
        return note

    def sign(self) -> None:
        """Sign the ledger as it is, where there is news."""
        last, size = self.core.desk.ledger.last_checkpoint(), self.core.desk.ledger.size()
        if size and (last is None or self.witnesses.news(last[0], size)):
            self._signed()

    def hourly(self) -> None:
        """Sign the ledger where there is news and the last checkpoint is an hour old, or there is
        none.
        """
        last = self.core.desk.ledger.last_checkpoint()
        age = (
            (datetime.now(UTC) - datetime.fromisoformat(last[1])).total_seconds() if last else HOUR
        )
        if not 0 <= age < HOUR:  # below zero: the clock was set back since
            self.sign()

    def key(self) -> str:
        """The public key that log checkpoints are signed with."""
        return str(self.core.desk.ledger.signer.key)

    @bounded
    def rotate_key(self, reason: str, actor: str) -> Record:
        """A new signing key; the change is an entry that both keys sign, and the old private key is
        destroyed.

        Raises:
            Usage: no reason.
        """
        return self.rotation.rotate(reason, actor)

    def witness(self, patient: bool = False) -> list[Record]:
        """Hand the newest log checkpoint to each configured witness and time stamp authority that
        has not seen it; what they answered.

        `patient`: leave alone for a while who did not answer.
        """
        return self.witnesses.ask(patient)

    @bounded
    def inclusion(self, entry: int, size: int | None = None) -> Record:
        """That an entry is in the log, for others to check (RFC 6962, section 2.1.1): its canonical
        JSON, its leaf hash, the path in hex, the root, and the signed log checkpoint of `size`
        entries (the newest that has the entry; signed now where there is none).

        Raises:
            NotFound: no such entry, or no log checkpoint of that size.
        """
        found = self.core.desk.ledger.bodies_of([entry]) if 0 <= entry < 2**62 else {}
        if entry not in found:
            raise NotFound(
                f"there is no entry {entry}",
                advice=f"The ledger has {self.core.desk.ledger.size()} entries, from 0.",
            )
        last = self.core.desk.ledger.last_checkpoint()
        note = (
            self._note(size)
            if size is not None
            else self.checkpoint(last[0] if last and last[0] > entry else None)
        )
        said = LogCheckpoint.read(note)
        if said.size <= entry:
            raise NotFound(
                f"entry {entry} is not among the first {said.size}", advice="Ask for a later size."
            )
        steps = self.core.desk.ledger.inclusion(entry, said.size)
        if not included(entry, said.size, leaf_hash(found[entry]), steps, said.root):
            advice = "Run `govd audit verify`: something was changed since."
            raise VerificationFailed(
                f"entry {entry} is not in the log as it was signed", where="ledger", advice=advice
            )
        proof = {
            "size": said.size,
            "root": said.root.hex(),
            "path": [step.hex() for step in steps],
            "checkpoint": note,
        }
        return {
            "entry": entry,
            "body": found[entry].decode(),
            "leaf": leaf_hash(found[entry]).hex(),
            **proof,
        }

    @bounded
    def consistency(self, old: int, new: int | None = None) -> Record:
        """That the log of `new` entries (its newest log checkpoint) begins with that of `old` (RFC
        6962, section 2.1.2): the path and both roots in hex, and the signed log checkpoint of
        `new`.

        Raises:
            NotFound: no log checkpoint of `new` entries. Usage: `old` is not between 1 and `new`.
        """
        last = self.core.desk.ledger.last_checkpoint()
        note = self._note(new) if new is not None else self.checkpoint(last[0] if last else None)
        said = LogCheckpoint.read(note)
        if not 0 < old <= said.size:
            raise Usage(
                f"no proof from {old} to {said.size} entries",
                advice="The old size is at least 1 and at most the new one.",
            )
        path = [step.hex() for step in self.core.desk.ledger.consistency(old, said.size)]
        roots = {"old_root": self.core.desk.ledger.root(old).hex(), "new_root": said.root.hex()}
        return {"old": old, "new": said.size, **roots, "path": path, "checkpoint": note}

    # -- verification

    @bounded
    def verify(
        self,
        kept: Iterable[str] = (),
        key: str | None = None,
        again: bool = False,
        witnesses: Sequence[str] = (),
        roots: Sequence[str] = (),
    ) -> Record:
        """Check the whole ledger, every artifact that it names, and published files where they
        still lie. `kept`: log checkpoints that somebody kept, which must be the beginning of what
        is here; `key`: the log's public key, where it is known from elsewhere; `again`: compose
        every edit once more from its contributions; `witnesses`, `roots`: keys and root
        certificates (PEM) that vouch for times.
        """
        ledger, kept = self.core.desk.ledger, list(kept)
        trusted = Key.parse(key) if key else ledger.signer.key
        many = ledger.size() >= MANY and (os.cpu_count() or 1) > 1
        with self.core.desk.lock:  # what is published is signed under it
            moment = ledger.stored().now()
        signed, unreadable = self._beside_the_key()
        workers: Any = (
            ProcessPoolExecutor(mp_context=get_context("spawn")) if many else nullcontext()
        )
        with workers as pool:
            executor: Executor | None = pool
            verdict = verify(
                moment, trusted, ledger.origin, executor, kept, trust_of(witnesses, roots), signed
            )
        for fault in unreadable:
            verdict.fault(fault)
        for digest in sorted(verdict.named):
            try:
                self.core.artifacts.get(digest)
                verdict.artifacts += 1
            except GovdError as error:
                verdict.fault(f"artifact {digest}: {error.message}")
        files = delivered.check(
            verdict.delivered,
            verdict.fault,
            partial(self._delivered_since, verdict.size),
            dict(verdict.published()),
        )
        entries = partial(self.core.desk.ledger.entries, 0, verdict.size)
        recomputed = (
            composed_again(verdict, entries, self.core.artifacts.get)
            if again and verdict.holds
            else []
        )
        said = record_of(verdict) | {
            "origin": ledger.origin,
            "key": str(trusted),
            "key_given": key is not None,
            "recomputed": recomputed,
        }
        said |= {"unsigned": max(0, verdict.size - verdict.signed_size)}
        return said | self._sentences(verdict, kept, files, recomputed)

    def _beside_the_key(self) -> tuple[str | None, list[str]]:
        """The log checkpoint that lies beside the key, and what is wrong with the file."""
        try:
            return self.core.desk.ledger.signed.note(), []
        except GovdError as error:
            return None, [error.message]

    def _delivered_since(self, size: int) -> list[dict[str, Any]]:
        return [
            delivery(entry)
            for entry in self.core.desk.ledger.entries(size)
            if entry["kind"] in DELIVERIES
        ]

    def _sentences(
        self,
        verdict: Verdict,
        kept: Sequence[str],
        files: delivered.Delivered,
        recomputed: Sequence[dict[str, Json]],
    ) -> dict[str, Json]:
        if not verdict.holds:
            return sections(verdict, "", (), (), ())
        again, missed = told(recomputed)
        proven, recorded = bounds.tell(verdict.bounds)
        begins = [
            f"It begins with the checkpoint that was kept: {LogCheckpoint.read(n).size} entries."
            for n in kept
        ]
        unsigned = verdict.size - verdict.signed_size
        late = (
            [f"The last {unsigned} entries are not signed yet: `govd audit checkpoint` signs them."]
            if unsigned
            else []
        )
        if files.files:
            proven.append(
                f"{files.files} published files lie where they were written, with the bytes that"
                " the entries name."
            )
        if files.gone:
            late.append(
                f"{len(files.gone)} published revisions are not there any more ({files.gone[0]}):"
                " their files were not hashed."
            )
        late += [f"What is served elsewhere: {line}." for line in files.behind]
        if not any(b.checked for b in verdict.bounds):
            late.append(
                "When it happened: the times are those of the daemon's clock, and nothing that was"
                " checked bounds them."
            )
        proven = [*PROVEN, *again, *begins, *proven]
        return sections(
            verdict,
            self._claim(verdict.newest()),
            proven,
            [*recorded, *files.serves],
            [*missed, *late, *NOT_PROVEN],
        )

    def _claim(self, revisions: Sequence[claim.Revision]) -> str:
        """The honest claim about what each model serves, from the entries about it, which are
        searched in the ledger.
        """
        ledger = self.core.desk.ledger
        subjects = {name for model, number in revisions for name in (model, f"{model}/{number}")}
        entries = ledger.some(ledger.stored().about(subjects))
        asked = {
            str(r)
            for e in entries
            if e["kind"] == "revision.compose"
            for r in e["payload"]["requests"]
        }
        entries += ledger.some(ledger.stored().about(asked))
        claims = claim.claims_of(lambda: entries, revisions)
        return " ".join(honest(c) for c in claims.values()) or honest(None)

    def rebuild(self) -> Record:
        """Make the views anew from the entries and compare them with those in use; where they
        differ the new ones take their place.

        Raises:
            VerificationFailed: the entries themselves do not hold; then the views stay, which may
            say what the entries said.
        """
        core = self.core
        with core.desk.lock:
            moment = core.desk.ledger.stored().now()
        held = verify(moment, core.desk.ledger.signer.key, core.desk.ledger.origin)
        if (
            not held.holds and core.desk.ledger.last_checkpoint() is not None
        ):  # before the first nothing says what they were
            advice = (
                "Run `govd audit verify`, and restore a backup. The views were left as they are."
            )
            raise VerificationFailed(
                f"the entries are not as they were signed: {held.faults[0]}",
                where="ledger",
                advice=advice,
            )
        with core.desk.lock, core.desk.fold:
            fresh = core.desk.views_anew(core.desk.views.size)
            path = fresh.records.path
            assert path is not None
            differ = 0
            examples: list[str] = []
            for a, b in zip_longest(core.desk.views.dump(), fresh.dump()):
                if a != b:
                    differ += 1
                    if len(examples) < 10:
                        examples.append(" ".join((a or b or ())[:4])[:200])
            fresh.records.close()
            if differ:
                core.desk.views.replace(path)
            remove_tables(path)
        return {
            "entries": core.desk.views.size,
            "same": not differ,
            "differences": differ,
            "examples": examples,
        }

    # -- bundles

    def bundle(
        self,
        file: Path,
        request: str | None = None,
        revision: tuple[str, int] | None = None,
        since: str | None = None,
        as_of: str | None = None,
        model: str | None = None,
        with_others: bool = False,
    ) -> Record:
        """Evidence of a request, of a revision, of a time (`as_of`, perhaps of one `model`), or of
        everything, in one file that is not there yet; the same question to the same ledger has the
        same bytes. `since`: a log checkpoint that somebody kept, from which the bundle then has a
        proof. `with_others`: beside a request also the others that are in its revisions; else they
        are shown as digests only.

        Raises:
            Usage: the file exists. NotFound: no such request or revision.
        """
        if request is not None:
            question = self.bundles.of_request(request, with_others)
        elif revision is not None:
            question = self.bundles.of_revision(*revision)
        elif as_of is not None:
            question = self.bundles.as_of(as_of, model, self.audit.as_of(as_of, model))
        else:
            question = self.bundles.everything()
        return self.bundles.write(
            file, question, None if since is None else LogCheckpoint.read(since).size
        )

    @bounded
    def bundle_to(
        self,
        file: Path,
        request: str | None = None,
        model: str | None = None,
        number: int | None = None,
        since: str | None = None,
        as_of: str | None = None,
        with_others: bool = False,
    ) -> Record:
        """The same, with a revision as two options; beside `as_of`, `model` says of which model.

        Raises:
            Usage: a model without a revision, or more than one question; others without a request.
        """
        asked = sum(given is not None for given in (request, number, as_of))
        if (
            asked > 1
            or (number is not None and model is None)
            or (model is not None and number is None and as_of is None)
        ):
            raise Usage("say --request ID, or --revision MODEL N, or neither (everything)")
        if with_others and request is None:
            raise Usage(
                "--with-others goes with --request ID",
                advice="Other bundles show all requests that they are about.",
            )
        revision = (model, number) if model is not None and number is not None else None
        return self.bundle(
            file, request, revision, since, as_of, model if as_of is not None else None, with_others
        )

    @bounded
    def as_of(self, time: str, model: str | None = None, proof: bool = False) -> Record:
        """`Audit.as_of`, each bound on a time looked at again; with `proof` also the entries that
        say so, their inclusion proofs, and the log checkpoint that these lead to. That nothing else
        was published in between is for a bundle to show (`bundle` with `as_of`).
        """
        found = self.audit.as_of(time, model)
        models = [
            (
                {**m, "no_later_than": self._looked_at(m["no_later_than"])}
                if m.get("no_later_than")
                else m
            )
            for m in found["models"]
        ]
        found = {**found, "models": models}
        if not proof:
            return found
        seqs = sorted({int(s) for m in models for s in m["entries"]})
        note = self._signed()
        size = LogCheckpoint.read(note).size
        said = [
            {
                "entry": entry,
                "inclusion": [
                    h.hex() for h in self.core.desk.ledger.inclusion(int(entry["seq"]), size)
                ],
            }
            for entry in self.core.desk.ledger.some(seqs)
        ]
        return {**found, "proof": {"checkpoint": note, "entries": said}}

    def _looked_at(self, said: Sequence[dict[str, Json]]) -> list[dict[str, Json]]:
        """Bounds whose cosignature or time stamp is of the log checkpoint that it names.
        `verified`: against a witness's key, or a root certificate that `govd.toml` named when the
        stamp came; without one, who signed the stamp is not known.
        """
        kept: list[dict[str, Json]] = []
        for bound, entry in zip(
            said, self.core.desk.ledger.some([int(b["entry"]) for b in said]), strict=True
        ):
            faults: list[str] = []
            note_of = self.core.desk.ledger.checkpoint_of
            found = bounds.check(
                [bounds.vouched(entry)], note_of, lambda _: b"", bounds.Trust(), faults.append
            )
            if found.found:
                verified = entry["kind"] == "witness.cosign" or bool(
                    entry["payload"].get("verified")
                )
                kept.append({**bound, "verified": verified})
        return kept
