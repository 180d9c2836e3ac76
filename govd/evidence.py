"""What convinces somebody who does not trust us: log checkpoints, verification, key rotation, bundles, witnesses."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from collections.abc import Iterable
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import zip_longest
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from govd.audit import Audit
from govd.core import Core, remove_views
from govd.errors import BadFile, GovdError, MachineFault, NotFound, PluginFault, Usage, VerificationFailed
from govd.ledger import archive, bundle, canonical
from govd.ledger.merkle import leaf_hash
from govd.ledger.records import Records
from govd.ledger.signing import Key, LogCheckpoint, Signer, pre_authentication, rotation_text, seen_at, split
from govd.ledger.store import Draft
from govd.ledger.verify import digests, verify
from govd.offline import recompute
from govd.types import Json, Record
from govd.views import Views

PROVEN: Final = (
    "The entries are those that were signed: none was changed, dropped, inserted or reordered, up to the last log checkpoint.",
    "Every artifact that the entries name is here with the bytes that its name says.",
)
NOT_PROVEN: Final = (
    "A govd edit suppresses concepts in the shared space and at the model's output; it does not erase training data or earlier layers.",
    "Whoever holds the signing key could have signed another history; a log checkpoint kept elsewhere, or a witness, would show that.",
)
MANY: Final = 200_000
"""Entries from which on verification uses all cores."""
HOUR: Final = 3600.0
PATIENCE: Final = 300.0
"""Seconds after which a witness that did not answer is asked again."""


class Evidence:
    """The nouns of `govd audit` that prove."""

    def __init__(self, core: Core, audit: Audit) -> None:
        self.core, self.audit = core, audit
        self._failed: dict[str, float] = {}
        self._finish_rotation()

    # -- checkpoints and keys ---------------------------------------------------------------------------------------------------

    def checkpoint(self, size: int | None = None, witnessed: bool = False) -> str:
        """A signed log checkpoint with the witnesses' lines that are known for it: of the ledger as it is, of `size`, or the newest that a
        witness has cosigned.

        Raises:
            NotFound: there is none of that size, or none that was cosigned.
        """
        if witnessed:
            seals = [r for r in self.core.views.witnessed.values() if r["kind"] == "cosign"]
            if not seals:
                raise NotFound("no witness has cosigned yet", advice="List some under witnesses in govd.toml.")
            size = max(int(r["size"]) for r in seals)
        note = self.core.ledger.checkpoint() if size is None else self._note(size)
        return note + "".join(f"{line}\n" for line in self._lines(LogCheckpoint.read(note).size))

    def _note(self, size: int) -> str:
        for known, note in self.core.ledger.checkpoints():
            if known == size:
                return note
        raise NotFound(f"there is no log checkpoint of {size} entries", advice="`govd audit checkpoint` makes one of the ledger as it is.")

    def _lines(self, size: int) -> list[str]:
        found = self.core.views.records.seqs(size - 1, 1000, kind="witness.cosign")
        return [e["payload"]["line"] for e in self.core.ledger.some(found) if e["payload"]["size"] == size]

    def sign(self) -> None:
        """Sign the ledger as it is, where there is news."""
        last, size = self.core.ledger.last_checkpoint(), self.core.ledger.size()
        if size and (last is None or self._news(last[0], size)):
            self.core.ledger.checkpoint()

    def hourly(self) -> None:
        """Sign the ledger where there is news and the last checkpoint is an hour old, or there is none."""
        last = self.core.ledger.last_checkpoint()
        if last is None or (datetime.now(UTC) - datetime.fromisoformat(last[1])).total_seconds() >= HOUR:
            self.sign()

    def _news(self, since: int, size: int) -> bool:
        """Whether there is an entry that is not itself about checkpoints."""
        return size - since > len(self.core.views.records.seqs(since - 1, 10_000, kind="witness"))

    def key(self) -> str:
        """The public key that log checkpoints are signed with."""
        return str(self.core.ledger.signer.key)

    def rotate_key(self, reason: str, actor: str) -> Record:
        """A new signing key; the change is an entry that both keys sign, and the old private key is destroyed.

        Raises:
            Usage: no reason.
        """
        if not reason.strip():
            raise Usage("a new key needs a reason", advice="Say --reason TEXT.")
        core, old = self.core, self.core.ledger.signer
        folder = core.home.folder / "keys"
        with core.lock:
            core.ledger.checkpoint()
            (folder / "next.key").unlink(missing_ok=True)
            new = Signer.at(folder / "next.key", old.key.name)
            text = rotation_text(core.ledger.origin, old.key, new.key)
            payload: dict[str, Json] = {"old": str(old.key), "new": str(new.key), "reason": reason}
            payload |= {f"signature_{n}": base64.b64encode(s.raw(text)).decode() for n, s in (("old", old), ("new", new))}
            (entry,) = core.record([Draft("key.rotate", new.key.id.hex(), actor, "", payload)])
            self._finish_rotation()
            core.ledger.checkpoint()
        return {"old": str(old.key), "new": str(new.key), "entry": entry["seq"], "reason": reason}

    def _finish_rotation(self) -> None:
        """Put the next key into place where its entry is in the ledger; throw it away where it is not."""
        folder = self.core.home.folder / "keys"
        if not (folder / "next.key").exists():
            return
        new = Signer.at(folder / "next.key", self.core.ledger.origin)
        entries = self.core.ledger.some(self.core.views.records.seqs(limit=10_000, kind="key.rotate"))
        if entries and entries[-1]["payload"]["new"] == str(new.key):
            os.replace(folder / "next.key", folder / "signing.key")
            self.core.ledger.signer = new
        else:
            (folder / "next.key").unlink()

    # -- verification -----------------------------------------------------------------------------------------------------------

    def verify(self, kept: Iterable[str] = (), key: str | None = None, again: bool = False) -> Record:
        """Check the whole ledger and every artifact that it names. `kept`: log checkpoints that somebody kept, which must be the
        beginning of what is here; `key`: the log's public key, where it is known from elsewhere; `again`: compose every edit once more
        from its contributions."""
        core, ledger, kept = self.core, self.core.ledger, list(kept)
        trusted = Key.parse(key) if key else ledger.signer.key
        many = ledger.size() >= MANY and (os.cpu_count() or 1) > 1
        workers: Any = ProcessPoolExecutor(mp_context=get_context("spawn")) if many else nullcontext()
        with workers as pool:
            executor: Executor | None = pool
            verdict = verify(ledger.stored(), trusted, ledger.origin, executor, kept)
        for digest in sorted(verdict.named):
            try:
                core.artifacts.get(digest)
                verdict.artifacts += 1
            except GovdError as error:
                verdict.fault(f"artifact {digest}: {error.message}")
        recomputed: list[dict[str, Json]] = []
        if again and verdict.holds:
            seqs = core.views.records.seqs(limit=1_000_000, kind="contribution.make") + core.views.records.seqs(
                limit=1_000_000, kind="revision.compose"
            )
            recomputed = recompute(ledger.some(seqs), core.artifacts.get)
            for found in recomputed:
                if found["fault"]:
                    verdict.fault(f"{found['revision']}: {found['fault']}")
        said: dict[str, Json] = asdict(verdict) | {
            "recomputed": recomputed,
            "holds": verdict.holds,
            "origin": ledger.origin,
            "key": self.key(),
        }
        said.pop("named")
        proven = [
            *PROVEN,
            *(f"{f['revision']}: {f['says']}" for f in recomputed),
            *(f"It begins with the checkpoint that was kept: {LogCheckpoint.read(n).size} entries." for n in kept if verdict.holds),
        ]
        unsigned = verdict.size - verdict.signed_size
        late = [f"The last {unsigned} entries are not signed yet: `govd audit checkpoint` signs them."] if unsigned else []
        return said | {"proven": proven if verdict.holds else [], "not_proven": [*late, *NOT_PROVEN]}

    def rebuild(self) -> Record:
        """Make the views anew from the entries and compare them with those in use; where they differ the new ones take their place."""
        core = self.core
        path = core.home.folder / "views.new.db"
        with core.lock, core.fold:
            remove_views(path)
            fresh = Views(Records(path), core.ledger.origin).read(core.ledger.entries(0, core.views.size))
            differ = 0
            examples: list[str] = []
            for a, b in zip_longest(core.views.dump(), fresh.dump()):
                if a != b:
                    differ += 1
                    if len(examples) < 10:
                        examples.append(" ".join((a or b or ())[:4])[:200])
            fresh.records.close()
            if differ:
                core.replace_views(path)
            remove_views(path)
        return {"entries": core.views.size, "same": not differ, "differences": differ, "examples": examples}

    # -- witnesses --------------------------------------------------------------------------------------------------------------

    def witness(self, patient: bool = False) -> list[Record]:
        """Hand the newest log checkpoint to each configured witness and time stamp authority that has not seen it; what they answered.

        `patient`: leave alone for a while who did not answer.
        """
        core = self.core
        last = core.ledger.last_checkpoint()
        if last is None:
            return []
        size = last[0]
        done: list[Record] = []
        for setting in core.home.settings.witnesses:
            url, key = _witness(setting)
            before = int(core.views.witnessed.get(key.name, {}).get("size", 0))
            if (before and not self._news(before, size)) or (patient and self._quiet(key.name)):
                continue
            note = self._note(size)
            done.append(self._ask("govd_witness", key.name, size, url=url, checkpoint=note, before=before, key=str(key)))
        for url in core.home.settings.timestamp_authorities:
            before = int(core.views.witnessed.get(url, {}).get("size", 0))
            if (before and not self._news(before, size)) or (patient and self._quiet(url)):
                continue
            done.append(self._ask("govd_timestamp", url, size, url=url, message=self._note(size).encode()))
        return done

    def _quiet(self, name: str) -> bool:
        return time.monotonic() - self._failed.get(name, -PATIENCE) < PATIENCE

    def _ask(self, hook: str, name: str, size: int, **arguments: Any) -> Record:
        core = self.core
        said: Record = {"name": name, "size": size, "fault": None}
        try:
            if hook == "govd_witness":
                answer = core.first(hook, prove=lambda old: core.ledger.consistency(old, size) if old else [], **arguments)
                payload = self._cosigned(answer, arguments, size)
                event = "witness.cosign"
            else:
                answer = core.first(hook, **arguments)
                if answer is None:
                    raise PluginFault("no plugin speaks to time stamp authorities", advice="pip install 'govd[timestamp]'")
                payload = {"name": name, "size": size, "at": answer["at"], "token": base64.b64encode(answer["token"]).decode()}
                event = "witness.stamp"
        except GovdError as error:
            self._failed[name] = time.monotonic()
            return {**said, "fault": error.message}
        core.record([Draft(event, name, "govd", "", payload)])
        return {**said, "at": payload["at"]}

    def _cosigned(self, lines: Any, arguments: dict[str, Any], size: int) -> dict[str, Json]:
        key = Key.parse(arguments["key"])
        if lines is None:
            raise PluginFault("no plugin speaks to witnesses at this address", where=arguments["url"])
        text, _ = split(arguments["checkpoint"])
        seconds = seen_at(text, lines, key)
        if seconds is None:
            raise VerificationFailed("the witness answered, but not with a cosignature of its key", where=arguments["url"])
        (line,) = [line for line in lines if seen_at(text, [line], key) is not None][:1]
        at = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {"name": key.name, "size": size, "at": at, "line": line}

    # -- bundles ----------------------------------------------------------------------------------------------------------------

    def bundle(self, file: Path, request: str | None = None, revision: tuple[str, int] | None = None) -> Record:
        """Evidence of a request, of a revision, or of everything, in one file that is not there yet; the same question has the same bytes.

        Raises:
            Usage: the file exists. NotFound: no such request or revision.
        """
        if file.exists():
            raise Usage("this file exists", where=str(file), advice="Choose another name; nothing is overwritten.")
        with self.core.lock:
            files, about = self._bundled(request, revision)
        part = file.with_name(f".{file.name}.part")
        try:
            with part.open("wb") as out:
                for piece in archive.write(files):
                    out.write(piece)
                out.flush()
                os.fsync(out.fileno())
            os.replace(part, file)
        except OSError as fault:
            part.unlink(missing_ok=True)
            raise MachineFault(f"cannot be written ({fault.strerror})", where=str(file), advice="Nothing was changed.") from fault
        artifacts = sum(name.startswith("artifacts/") for name in files)
        return {"file": str(file), "bytes": file.stat().st_size, "about": about, "entries": files["entries.ndjson"].count(b"\n")} | {
            "artifacts": artifacts,
            "key": self.key(),
        }

    def bundle_to(self, file: Path, request: str | None, model: str | None, number: int | None) -> Record:
        """The same, with a revision as two options.

        Raises:
            Usage: a model without a revision, or both a request and a revision.
        """
        if (model is None) != (number is None) or (request is not None and model is not None):
            raise Usage("say --request ID, or --revision MODEL N, or neither (everything)")
        return self.bundle(file, request, (model, number) if model is not None and number is not None else None)

    def as_of(self, time: str, model: str | None = None, proof: bool = False) -> Record:
        """`Audit.as_of`; with `proof` also the entries that say so, their inclusion proofs, and the log checkpoint that these lead to."""
        found = self.audit.as_of(time, model)
        if not proof:
            return found
        seqs = sorted({int(s) for m in found["models"] for s in m["entries"]})
        note = self.core.ledger.checkpoint()
        size = LogCheckpoint.read(note).size
        said = [
            {"entry": entry, "inclusion": [h.hex() for h in self.core.ledger.inclusion(int(entry["seq"]), size)]}
            for entry in self.core.ledger.some(seqs)
        ]
        return {**found, "proof": {"checkpoint": note, "entries": said}}

    def inclusion(self, entry: int, size: int | None = None) -> Record:
        """That an entry is in the log, for others to check (RFC 6962, section 2.1.1): its canonical JSON, its leaf hash, the path in hex,
        the root, and the signed log checkpoint of `size` entries (the newest that has the entry; signed now where there is none).

        Raises:
            NotFound: no such entry, or no log checkpoint of that size.
        """
        found = self.core.ledger.bodies_of([entry]) if 0 <= entry < 2**62 else {}
        if entry not in found:
            raise NotFound(f"there is no entry {entry}", advice=f"The ledger has {self.core.ledger.size()} entries, from 0.")
        last = self.core.ledger.last_checkpoint()
        note = self._note(size) if size is not None else self.checkpoint(last[0] if last and last[0] > entry else None)
        said = LogCheckpoint.read(note)
        if said.size <= entry:
            raise NotFound(f"entry {entry} is not among the first {said.size}", advice="Ask for a later size.")
        path = [step.hex() for step in self.core.ledger.inclusion(entry, said.size)]
        proof = {"size": said.size, "root": said.root.hex(), "path": path, "checkpoint": note}
        return {"entry": entry, "body": found[entry].decode(), "leaf": leaf_hash(found[entry]).hex(), **proof}

    def consistency(self, old: int, new: int | None = None) -> Record:
        """That the log of `new` entries (its newest log checkpoint) begins with that of `old` (RFC 6962, section 2.1.2): the path and both
        roots in hex, and the signed log checkpoint of `new`.

        Raises:
            NotFound: no log checkpoint of `new` entries. Usage: `old` is not between 1 and `new`.
        """
        last = self.core.ledger.last_checkpoint()
        note = self._note(new) if new is not None else self.checkpoint(last[0] if last else None)
        said = LogCheckpoint.read(note)
        if not 0 < old <= said.size:
            raise Usage(f"no proof from {old} to {said.size} entries", advice="The old size is at least 1 and at most the new one.")
        path = [step.hex() for step in self.core.ledger.consistency(old, said.size)]
        roots = {"old_root": self.core.ledger.root(old).hex(), "new_root": said.root.hex()}
        return {"old": old, "new": said.size, **roots, "path": path, "checkpoint": note}

    def _bundled(self, request: str | None, revision: tuple[str, int] | None) -> tuple[dict[str, bytes], dict[str, Json]]:
        core, ledger = self.core, self.core.ledger
        whole = request is None and revision is None
        seqs, claimed, about = self._about(request, revision)
        last = ledger.last_checkpoint()
        needed = ledger.size() if whole else max(seqs) + 1
        size = last[0] if last and last[0] >= needed else LogCheckpoint.read(ledger.checkpoint()).size
        if whole:
            bodies = dict(ledger.bodies(0, size))
        else:
            seqs |= set(core.views.records.seqs(limit=10_000, kind="key.rotate"))
            bodies = ledger.bodies_of(sorted(s for s in seqs if s < size))
        entries = {seq: json.loads(body) for seq, body in bodies.items()}
        notes = {size: self.checkpoint(size)}
        seal = max((int(r["size"]) for r in core.views.witnessed.values() if r["kind"] == "cosign"), default=0)
        if 0 < seal < size:
            notes[seal] = self.checkpoint(seal)
        proofs = {
            "consistency": {str(n): [h.hex() for h in ledger.consistency(n, size)] for n in notes if n != size},
            "inclusion": {} if whole else {str(s): [h.hex() for h in ledger.inclusion(s, size)] for s in bodies},
        }
        files = {f"checkpoints/{n}.note": note.encode() for n, note in notes.items()}
        files |= {"entries.ndjson": b"".join(body + b"\n" for body in bodies.values()), "proofs.json": canonical.encode(proofs)}
        for entry in entries.values():
            for digest in digests(entry):
                if whole or not entry["kind"].startswith(("model.", "request.")):
                    files[f"artifacts/{digest}"] = core.artifacts.get(digest)
        if claimed:
            files["statement.dsse.json"] = self._statement(entries, *claimed)
        files["README.txt"] = _README.encode()
        manifest: dict[str, Json] = {"format": bundle.FORMAT, "origin": ledger.origin, "key": self.key(), "size": size, "whole": whole}
        manifest |= {"about": about, "files": {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}}
        files["manifest.json"] = canonical.encode(manifest)
        return files, about

    def _about(self, request: str | None, revision: tuple[str, int] | None) -> tuple[set[int], tuple[str, int] | None, dict[str, Json]]:
        """Entries to show, the revision that the claim is about, and what was asked."""
        views = self.core.views
        if request is not None:
            trail = self.audit.trail(request)
            found = trail["request"]
            seqs = {int(e["seq"]) for e in trail["entries"]}
            model, number = str(found["model"]), found["revision"]
            seqs |= self._of_revision(model, int(number)) if number else set()
            for revert in views.records.keys("reverts", str(found["id"]), "request"):
                undone = (views.request(revert) or {}).get("revision")
                seqs |= self._of_revision(model, int(undone)) if undone else set()
            seqs |= self._of_model(model)
            return seqs, (model, int(number)) if number else None, {"request": found["id"]}
        if revision is not None:
            model, number = revision
            why = self.audit.why(model, number)
            seqs = self._of_revision(model, number)
            for wish in why["requests"]:
                seqs |= set(self.core.request(wish["id"])["entries"])
            return seqs, (model, number), {"model": model, "revision": number}
        if not self.core.ledger.size():
            raise Usage("the ledger is empty: there is nothing to prove", advice="Start with govd model add.")
        published = [(m, int(h["published"])) for m, h in sorted(views.heads.items()) if h["published"]]
        return set(), published[0] if len(published) == 1 else None, {"everything": True}

    def _of_revision(self, model: str, number: int) -> set[int]:
        """Entries about a revision, what it is made of, and the filing of what it forgets."""
        views = self.core.views
        record = views.revision(model, number)
        if record is None:
            raise NotFound(f"{model} has no revision {number}", advice=f"`govd revision list --model {model}` shows them.")
        subjects = [f"{model}/{number}", *record["contributions"]]
        seqs = {s for subject in subjects for s in views.records.seqs(limit=10_000, subject=subject)}
        seqs |= {int(self.core.request(r)["seq"]) for r in [*record["requests"], *record.get("subsumed", {})]}
        return seqs | self._of_model(model)

    def _of_model(self, model: str) -> set[int]:
        """What it was registered with, and how that was changed."""
        records = self.core.views.records
        return {s for kind in ("model.add", "model.update") for s in records.seqs(limit=1000, kind=kind, subject=model)}

    def _statement(self, entries: dict[int, Any], model: str, number: int) -> bytes:
        """The claim as an in-toto Statement in a DSSE envelope; its subjects are the edit and the published files, where some were."""
        subjects: dict[str, str] = {}
        for entry in entries.values():
            if entry["subject"] == f"{model}/{number}" and entry["kind"] == "revision.compose":
                subjects[f"{model}-{number}.edit.safetensors"] = entry["payload"]["edit"]
            elif entry["subject"] == f"{model}/{number}" and entry["kind"] in ("revision.deliver", "export.write"):
                subjects |= entry["payload"]["files"]
        statement = {
            "_type": bundle.STATEMENT,
            "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(subjects.items())],
            "predicateType": bundle.PREDICATE,
            "predicate": bundle.claim_of(entries, model, number),
        }
        payload = canonical.encode(statement)
        signer = self.core.ledger.signer
        signature = base64.b64encode(signer.raw(pre_authentication(bundle.PAYLOAD, payload))).decode()
        envelope = {"payload": base64.b64encode(payload).decode(), "payloadType": bundle.PAYLOAD}
        return canonical.encode({**envelope, "signatures": [{"keyid": signer.key.id.hex(), "sig": signature}]})


def _witness(setting: str) -> tuple[str, Key]:
    url, _, key = setting.strip().partition(" ")
    try:
        return url, Key.parse(key)
    except BadFile as error:
        raise BadFile(f"the witness {setting!r} has no key: {error.what}", where="govd.toml", advice='Write "URL NAME+HASH+KEY".') from None


_README = """This is an evidence bundle of govd. It verifies without the daemon that made it, and without trusting it:

    pip install govd
    govd audit verify THIS-FILE --key KEY [--recompute]

KEY is the log's public key; ask for it elsewhere. Every file but manifest.json is listed there with its SHA-256.
entries.ndjson has the entries, one canonical JSON (RFC 8785) a line; checkpoints/ has signed log checkpoints (C2SP tlog-checkpoint);
proofs.json has the RFC 6962 proofs of each entry and of each older checkpoint; artifacts/ has safetensors files named by their SHA-256;
statement.dsse.json is the claim, an in-toto Statement in a DSSE envelope whose subjects are the published files.
"""
