"""Verification of an evidence bundle, offline: from one file and, if the reader has it, the log's public key.

Reads `archive`, `canonical`, `merkle`, `signing` and the parts of `verify` that know keys; nothing of govd's database, models or plugins.
What is in a bundle is described in this folder's README.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

from govd.errors import BadFile, GovdError
from govd.ledger import archive, canonical, merkle
from govd.ledger.signing import Key, LogCheckpoint, pre_authentication, seen_at, split
from govd.ledger.verify import FIELDS, Keys, Verdict, digests

FORMAT: Final = "govd-bundle-1"
STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://github.com/govd/govd/blob/main/govd/ledger/README.md#claim"
PAYLOAD: Final = "application/vnd.in-toto+json"
LIMIT: Final = 2 * 2**30
SMALL: Final = 64 * 2**20
"""Bytes of a file of a bundle that is JSON or text."""
NAMES: Final = re.compile(
    r"README\.txt|manifest\.json|entries\.ndjson|proofs\.json|statement\.dsse\.json|checkpoints/[0-9]{1,16}\.note|artifacts/[0-9a-f]{64}"
)
DEEPEST: Final = 64  # steps of a proof in a tree that no disk could hold


@dataclass
class Opened:
    """A bundle's contents, as far as they were understood."""

    manifest: dict[str, Any]
    entries: dict[int, dict[str, Any]]
    artifacts: dict[str, bytes]
    statement: dict[str, Any] = field(default_factory=dict)
    verdict: Verdict = field(default_factory=Verdict)
    proven: list[str] = field(default_factory=list)
    not_proven: list[str] = field(default_factory=list)


def verify_file(path: Path, key: Key | None = None, witnesses: tuple[Key, ...] = (), limit: int = LIMIT) -> Opened:
    """Check everything that a bundle says. `key`: the log's, known from elsewhere; without it the bundle's own is taken, and said so.

    Raises:
        BadFile: the file cannot be read as a bundle at all.
    """
    try:
        with path.open("rb") as file:
            return verify_bundle(file, key, witnesses, limit)
    except OSError as fault:
        raise BadFile(f"cannot be read ({fault.strerror})", where=str(path)) from None


def verify_bundle(file: BinaryIO, key: Key | None = None, witnesses: tuple[Key, ...] = (), limit: int = LIMIT) -> Opened:
    """The same of an open file."""
    files = archive.read(file, limit)
    for name, data in files.items():
        if not NAMES.fullmatch(name):
            raise BadFile("bundles have no such file", where=name)
        if not name.startswith("artifacts/") and len(data) > SMALL:
            raise BadFile(f"larger than {SMALL} bytes", where=name)
    manifest = _json(files, "manifest.json", dict)
    opened = Opened(manifest, {}, {})
    fault = opened.verdict.fault
    if manifest.get("format") != FORMAT:
        raise BadFile(f"bundles of the format {str(manifest.get('format'))[:40]!r} are not known here", advice="Update govd.")
    listed = manifest.get("files")
    there = {name: hashlib.sha256(data).hexdigest() for name, data in files.items() if name != "manifest.json"}
    if listed != there:
        fault("the files are not those that the manifest lists")
    for name, data in files.items():
        if name.startswith("artifacts/"):
            digest = name.partition("/")[2]
            opened.artifacts[digest] = data
            if there[name] != digest:
                fault(f"artifact {digest}: its bytes are not what its name says")
    _entries(files.get("entries.ndjson", b""), opened)
    trusted = key or _own_key(manifest)
    keys = _keys(trusted, opened)
    checkpoint = _checkpoints(files, keys, witnesses, opened)
    if checkpoint is not None:
        _included(files, checkpoint, opened)
    _artifacts(opened)
    _statement(files, keys, checkpoint, opened)
    _say(opened, checkpoint, key)
    return opened


def _json(files: Mapping[str, bytes], name: str, kind: type) -> Any:
    if name not in files:
        raise BadFile("this file is missing", where=name)
    try:
        found = canonical.decode(files[name])
    except GovdError as error:
        raise BadFile(error.what, where=name) from None
    if not isinstance(found, kind):
        raise BadFile("this is not what bundles have here", where=name)
    return found


def _own_key(manifest: Mapping[str, Any]) -> Key:
    try:
        return Key.parse(str(manifest.get("key")))
    except GovdError as error:
        raise BadFile(error.what, where="manifest.json") from None


def _entries(data: bytes, opened: Opened) -> None:
    last = -1
    for line in data.split(b"\n")[:-1]:
        try:
            entry = canonical.decode(line)
            fine = isinstance(entry, dict) and set(entry) == FIELDS and type(entry["seq"]) is int and isinstance(entry["payload"], dict)
            fine = fine and all(isinstance(entry[name], str) for name in FIELDS - {"seq", "payload"})
        except GovdError:
            fine = False
        if not fine or entry["seq"] <= last:
            opened.verdict.fault(f"a line after entry {last} is no entry, or not at its place")
            continue
        last = entry["seq"]
        opened.entries[last] = entry
    if data and not data.endswith(b"\n"):
        opened.verdict.fault("the last line of the entries is cut off")
    opened.verdict.size = len(opened.entries)


def _keys(trusted: Key, opened: Opened) -> Keys:
    rotations = [(seq, e["payload"]) for seq, e in opened.entries.items() if e["kind"] == "key.rotate"]
    return Keys(trusted, str(opened.manifest.get("origin")), rotations, opened.verdict)


def _checkpoints(files: Mapping[str, bytes], keys: Keys, witnesses: tuple[Key, ...], opened: Opened) -> LogCheckpoint | None:
    """The newest signed log checkpoint; every other one must be the beginning of it."""
    found: dict[int, LogCheckpoint] = {}
    verdict = opened.verdict
    for name in sorted(n for n in files if n.startswith("checkpoints/")):
        try:
            note = files[name].decode()
            said = LogCheckpoint.read(note)
            LogCheckpoint.open(note, keys.at(said.size))
            if said.origin != opened.manifest.get("origin") or said.origin != keys.at(said.size).name:
                raise BadFile(f"it is of another log ({said.origin})")
            if name != f"checkpoints/{said.size}.note":
                raise BadFile("it speaks of another size")
        except (GovdError, UnicodeDecodeError) as error:
            verdict.fault(f"{name}: {getattr(error, 'what', error)}")
            continue
        found[said.size] = said
        text, lines = split(note)
        for witness in witnesses:
            seconds = seen_at(text, lines, witness)
            if seconds is not None:
                from datetime import UTC, datetime

                when = datetime.fromtimestamp(min(seconds, 253402300799), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                opened.proven.append(f"The first {said.size} entries existed no later than {when}, by the witness {witness.name}.")
    if not found:
        verdict.fault("there is no signed log checkpoint: nothing vouches for these entries")
        return None
    newest = found.pop(max(found))
    proofs = _json(files, "proofs.json", dict).get("consistency")
    for size, old in found.items():
        path = _path(proofs.get(str(size)) if isinstance(proofs, dict) else None)
        if path is None or not merkle.consistent(size, newest.size, old.root, newest.root, path):
            verdict.fault(f"the log checkpoint of {size} entries is not the beginning of that of {newest.size}")
    verdict.checkpoints, verdict.signed_size, verdict.root = 1 + len(found), newest.size, newest.root.hex()
    return newest


def _path(said: Any) -> list[bytes] | None:
    if not isinstance(said, list) or len(said) > DEEPEST or not all(isinstance(s, str) and len(s) == 64 for s in said):
        return None
    try:
        return [binascii.unhexlify(s) for s in said]
    except ValueError:
        return None


def _included(files: Mapping[str, bytes], checkpoint: LogCheckpoint, opened: Opened) -> None:
    leaves = {seq: merkle.leaf_hash(canonical.encode(entry)) for seq, entry in opened.entries.items()}
    if opened.manifest.get("whole") is True:
        tree = merkle.Growing()
        for leaf in leaves.values():
            tree.add(leaf)
        if list(leaves) != list(range(checkpoint.size)) or tree.root() != checkpoint.root:
            opened.verdict.fault("the entries are not all those that were signed")
        return
    proofs = _json(files, "proofs.json", dict).get("inclusion")
    for seq, leaf in leaves.items():
        path = _path(proofs.get(str(seq)) if isinstance(proofs, dict) else None)
        if path is None or not merkle.included(seq, checkpoint.size, leaf, path, checkpoint.root):
            opened.verdict.fault(f"entry {seq} is not proven to be in the log")


def _artifacts(opened: Opened) -> None:
    wanted = {digest for entry in opened.entries.values() for digest in digests(entry)}
    for digest in sorted(set(opened.artifacts) - wanted):
        opened.verdict.fault(f"artifact {digest} is named by no entry")
    opened.verdict.artifacts = len(opened.artifacts)
    missing = wanted - set(opened.artifacts)
    if missing:
        opened.not_proven.append(
            f"{len(missing)} artifacts that the entries name are not in this bundle (an evaluation set, the basis of another model, say): "
            "their digests are proven, their contents are not shown."
        )


def _statement(files: Mapping[str, bytes], keys: Keys, checkpoint: LogCheckpoint | None, opened: Opened) -> None:
    """The claim: an in-toto statement in a DSSE envelope, signed by the log's key, about digests that the entries name."""
    if "statement.dsse.json" not in files:
        return
    verdict, envelope = opened.verdict, _json(files, "statement.dsse.json", dict)
    try:
        payload = base64.b64decode(envelope["payload"], validate=True)
        (signature,) = envelope["signatures"]
        signer = keys.at(checkpoint.size if checkpoint else 0)
        raw = base64.b64decode(signature["sig"], validate=True)
        signed = envelope["payloadType"] == PAYLOAD and signer.signed(pre_authentication(PAYLOAD, payload), raw)
        statement = canonical.decode(payload)
        subjects = {s["digest"]["sha256"] for s in statement["subject"]}
        fine = statement["_type"] == STATEMENT and statement["predicateType"] == PREDICATE
        claim = dict(statement["predicate"])
    except (GovdError, KeyError, TypeError, ValueError, binascii.Error, AttributeError):
        verdict.fault("the claim is no in-toto statement in a DSSE envelope")
        return
    if not signed:
        verdict.fault("the claim is not signed by the log's key")
    spoken = {digest for entry in opened.entries.values() for digest in (*digests(entry), *_files(entry))}
    if not fine or not subjects or not subjects <= spoken:
        verdict.fault("the claim is about files that no entry of this bundle speaks of")
    if claim != claim_of(opened.entries, str(claim.get("model")), claim.get("revision")):
        verdict.fault("the claim is not what the entries say")
    opened.statement = statement


def _files(entry: Mapping[str, Any]) -> list[str]:
    if entry["kind"] not in ("revision.deliver", "export.write", "model.add", "model.update"):
        return []
    said = entry["payload"].get("files")
    return [d for d in said.values() if isinstance(d, str)] if isinstance(said, dict) else []


def claim_of(entries: Mapping[int, Mapping[str, Any]], model: str, number: Any) -> dict[str, Any]:
    """What the entries say of a revision: the predicate of the statement."""
    subject = f"{model}/{number}"
    claim: dict[str, Any] = {"model": model, "revision": number, "metrics": {}, "requests": []}
    wanted: list[str] = []
    for entry in entries.values():
        payload = entry["payload"]
        if entry["kind"] in ("model.add", "model.update") and entry["subject"] == model and "edit_digest" not in claim:
            claim["base"] = {"reference": payload.get("reference"), "digest": payload.get("digest")}
        if entry["subject"] == subject and entry["kind"] == "revision.compose":
            claim |= {name: payload.get(name) for name in ("edit_digest", "rank", "software", "machine")}
            wanted = [r for r in _list(payload.get("requests")) if isinstance(r, str)]
        elif entry["subject"] == subject and entry["kind"] in ("revision.evaluate", "revision.measure"):
            metrics = payload.get("metrics")
            claim["metrics"] = claim["metrics"] | (metrics if isinstance(metrics, dict) else {})
        elif entry["subject"] == subject and entry["kind"] == "revision.publish":
            claim["published_at"] = entry["time"]
    for entry in entries.values():
        if entry["kind"] == "request.file" and entry["subject"] in wanted:
            kept = ("concepts", "domains", "strength", "method", "target", "private")
            claim["requests"].append({"id": entry["subject"]} | {k: entry["payload"][k] for k in kept if k in entry["payload"]})
    return claim


HONEST: Final = (
    "The claim is reversible suppression: the edit takes the named concepts out of the space that images and texts share, at the model's "
    "output. It is not erasure: training data and the traces in earlier layers stay, and what somebody with examples can still do was "
    "measured and is in the entries."
)


def _say(opened: Opened, checkpoint: LogCheckpoint | None, key: Key | None) -> None:
    """In sentences, what holds and what does not follow."""
    if not opened.verdict.holds or checkpoint is None:
        opened.proven = []
        return
    whole = opened.manifest.get("whole") is True
    said = [
        HONEST,
        f"{len(opened.entries)} entries are in the log {checkpoint.origin} as it was signed at {checkpoint.size} entries, byte for byte"
        + (", and there are no others." if whole else "."),
        f"{len(opened.artifacts)} artifacts (contributions, edits, bases) have the bytes that the entries name.",
    ]
    for entry in opened.entries.values():
        sentence = sentence_of(entry)
        if sentence:
            said.append(f"Entry {entry['seq']}, {entry['time'][:19]}Z, {entry['actor']}: {sentence}")
    opened.proven = said + opened.proven
    if key is None:
        opened.not_proven.insert(
            0, "The key came with the bundle: it says that one signer made all this, not who. Ask for the key elsewhere, and give --key."
        )
    if not whole:
        opened.not_proven.append(
            "That nothing else happened: entries that are not here may exist (a bundle of the whole ledger shows all)."
        )
    opened.not_proven += [
        "The times are those of the daemon's clock, unless a witness's or a time stamp's line above bounds them.",
        "Whoever holds the signing key could have signed another history for somebody else; only witnesses or kept checkpoints show that.",
        "That the figures were measured on fitting data; they are what the daemon recorded, and --recompute checks the edit alone.",
    ]


def sentence_of(entry: Mapping[str, Any]) -> str:
    """What an entry says, for people; empty where it is of no interest by itself."""
    payload, subject = entry["payload"], entry["subject"]
    reason = str(payload.get("reason", ""))
    match entry["kind"]:
        case "request.file":
            if payload.get("kind") == "revert":
                return f"asked to revert {payload.get('reverts')} (request {subject}): {reason or 'no reason given'}"
            return f"asked to forget {_scope(payload)} by {payload.get('method')} (request {subject}): {reason or 'no reason given'}"
        case "request.vote":
            return f"the policy {payload.get('policy')} said {payload.get('decision')} to {subject}: {reason}"
        case "request.extend":
            return (
                f"{subject} is due on {str(payload.get('due_at'))[:10]} instead of {str(payload.get('was'))[:10]}: {payload.get('reason')}"
            )
        case "request.shred":
            return f"the text of {subject} was destroyed: {reason}"
        case "request.publish":
            return f"{subject} is served: {reason}"
        case "contribution.make":
            return f"the contribution {subject[:12]}… was computed by {payload.get('method')}"
        case "revision.compose":
            return f"revision {subject} was composed of {len(_list(payload.get('contributions')))} contributions"
        case "revision.publish":
            return f"revision {subject} was published, edit {str(payload.get('edit_digest'))[:12]}…"
        case "revision.deliver":
            return f"revision {subject} was written as a model checkpoint"
        case "export.write":
            return f"{subject} was exported to {payload.get('recipient') or payload.get('folder')}"
        case "revision.evaluate":
            return _figures(subject, payload.get("metrics"))
        case "revision.measure":
            return _attacks(subject, payload.get("metrics"))
    noun, _, event = entry["kind"].partition(".")
    return f"{event} {subject}: {reason}" if noun in ("request", "revision") and reason else ""


def _scope(payload: Mapping[str, Any]) -> str:
    concepts = [str(c.get("name")) for c in _list(payload.get("concepts")) if isinstance(c, dict)]
    domains = [str(d) for d in _list(payload.get("domains"))]
    return (", ".join(concepts) or "everything") + (f" in {', '.join(domains)}" if domains else " everywhere")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _share(value: Any) -> str:
    return f"{100 * value:.1f} %" if isinstance(value, int | float) else "–"


def _figures(subject: str, metrics: Any) -> str:
    if not isinstance(metrics, dict):
        return ""
    if "forget_acc" not in metrics:
        return f"{subject} was evaluated without labelled images." if "accuracy" not in metrics else ""
    return (
        f"{subject} was measured on {metrics.get('on')}: what is forgotten {_share(metrics.get('forget_acc_before'))} → "
        f"{_share(metrics['forget_acc'])}, what stays {_share(metrics.get('retain_acc_before'))} → {_share(metrics.get('retain_acc'))}"
    )


def _attacks(subject: str, metrics: Any) -> str:
    leaks = metrics.get("leaks") if isinstance(metrics, dict) else None
    found = [leak["probe_after"] for leak in _list(leaks) if isinstance(leak, dict) and isinstance(leak.get("probe_after"), int | float)]
    if not found:
        return ""
    return f"{subject} was attacked: with examples, a linear probe still finds what is forgotten, AUC up to {max(found):.2f}"
