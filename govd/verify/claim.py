"""The claim about a revision: an in-toto Statement (v1) whose subjects are the published files,
derived from entries and nothing else.

Who makes a bundle and who verifies it call the same function, `claims_of`: so a statement that says
anything but what the entries say is noticed, names and digests of its subjects included.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from govd.errors import GovdError
from govd.ledger import canonical
from govd.ledger.signing import Key, base64_bytes, pre_authentication

STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://github.com/govd/govd/blob/main/govd/ledger/README.md#claim"
PAYLOAD: Final = "application/vnd.in-toto+json"
KEPT: Final = ("concepts", "domains", "strength", "method", "target", "private")
APPROVED: Final = ("role", "roles", "for", "meets")
DIGITS: Final = frozenset("0123456789abcdef")

Entry = Mapping[str, Any]
Revision = tuple[str, int]


@dataclass
class Claim:
    """What entries say of one revision. `subjects`: names of files with their SHA-256."""

    model: str
    number: int
    predicate: dict[str, Any] = field(default_factory=dict)
    subjects: dict[str, str] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    filed: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What the predicate says of each request, by its id."""
    followed_by: int = 0
    """The last revision of the model that was published after it."""

    @property
    def composed(self) -> bool:
        """Whether there is an edit."""
        return "edit_digest" in self.predicate

    def statement(self) -> dict[str, Any]:
        """The in-toto Statement."""
        return {
            "_type": STATEMENT,
            "subject": [
                {"name": name, "digest": {"sha256": digest}}
                for name, digest in sorted(self.subjects.items())
            ],
            "predicateType": PREDICATE,
            "predicate": self.predicate,
        }


def claims_of(
    entries: Callable[[], Iterable[Entry]], revisions: Iterable[Revision]
) -> dict[Revision, Claim]:
    """The claims about revisions, from entries in their order, which are read twice."""
    claims = {revision: _empty(revision) for revision in revisions}
    by_subject = {
        f"{model}/{number}": claim for (model, number), claim in claims.items()
    }
    of_model: dict[str, list[Claim]] = {}
    for claim in claims.values():
        of_model.setdefault(claim.model, []).append(claim)
    for entry in entries():
        kind = entry["kind"]
        subject = entry["subject"]
        for claim in of_model.get(subject, ()):
            _model(claim, entry)
        if kind in ("model.add", "model.update"):
            continue
        if subject in by_subject:
            _revision(by_subject[subject], entry)
        if kind == "revision.publish":
            for claim in of_model.get(subject.rpartition("/")[0], ()):
                claim.followed_by = _after(claim, subject)
    by_request: dict[str, list[Claim]] = {}
    for claim in claims.values():
        for request in claim.requests:
            by_request.setdefault(request, []).append(claim)
    for entry in entries() if by_request else ():
        for claim in by_request.get(entry["subject"], ()):
            _request(claim, entry)
    return claims


def _empty(revision: Revision) -> Claim:
    """A claim of which nothing is said yet."""
    model, number = revision
    predicate = {"model": model, "revision": number, "metrics": {}, "requests": []}
    return Claim(model, number, predicate)


def _model(claim: Claim, entry: Entry) -> None:
    """What an entry about its model says: what the edit is of, and whether it was retired."""
    payload = entry["payload"]
    match entry["kind"]:
        case "model.add" | "model.update" if not claim.composed:
            claim.predicate["base"] = {
                "reference": payload.get("reference"),
                "digest": payload.get("digest"),
            }
        case "model.remove" if payload.get("retired"):
            if "published_at" in claim.predicate:
                claim.predicate["retired_at"] = entry["time"]


def _request(claim: Claim, entry: Entry) -> None:
    """What was asked for, and who approved it: as what, for whom, for which policies. Approvals of
    older ledgers do not say that, and are in no claim.
    """
    payload = entry["payload"]
    kind = entry["kind"]
    if kind == "request.file":
        filed = {"id": entry["subject"]} | {k: payload[k] for k in KEPT if k in payload}
        claim.predicate["requests"].append(filed)
        claim.filed[entry["subject"]] = filed
    elif entry["subject"] in claim.filed:
        _approvals(claim.filed[entry["subject"]], entry)


def _approvals(request: dict[str, Any], entry: Entry) -> None:
    """An approval that counted, which a request has from an entry on; those that were not enough
    before it was looked at anew are none.
    """
    payload = entry["payload"]
    kind = entry["kind"]
    is_enough = kind == "request.approve"
    if kind == "request.retry" and "approvals" in request:
        request["approvals"] = [
            earlier for earlier in request["approvals"] if earlier["enough"]
        ]
        return
    counts = kind == "request.approval" and payload.get("meets")
    if "roles" in payload and (is_enough or counts):
        approval = {
            "principal": entry["actor"],
            "at": entry["time"],
            "entry": entry["seq"],
            **{name: payload[name] for name in APPROVED if name in payload},
            "enough": is_enough,
        }
        request.setdefault("approvals", []).append(approval)


def _revision(claim: Claim, entry: Entry) -> None:
    payload = entry["payload"]
    match entry["kind"]:
        case "revision.compose":
            for name in ("edit_digest", "rank", "software", "machine"):
                claim.predicate[name] = payload.get(name)
            requests = _list(payload.get("requests"))
            claim.requests = [r for r in requests if isinstance(r, str)]
            name = f"{claim.model}-{claim.number}.edit.safetensors"
            _subject(claim, name, payload.get("edit"))
        case "revision.evaluate" | "revision.measure":
            metrics = payload.get("metrics")
            claim.predicate["metrics"] |= metrics if isinstance(metrics, dict) else {}
        case "revision.publish":
            claim.predicate["published_at"] = entry["time"]
        case "revision.deliver" | "export.write":
            files = payload.get("files")
            for name, digest in files.items() if isinstance(files, dict) else ():
                _subject(claim, name, digest)


def _after(claim: Claim, subject: str) -> int:
    number = subject.rpartition("/")[2]
    if "published_at" not in claim.predicate or not _is_number(number):
        return claim.followed_by
    if int(number) == claim.number:
        return claim.followed_by
    return int(number)


def _is_number(text: str) -> bool:
    """Whether a text is the number of a revision."""
    return text.isascii() and text.isdigit() and len(text) < 16


def _subject(claim: Claim, name: str, digest: Any) -> None:
    if isinstance(digest, str) and len(digest) == 64 and set(digest) <= DIGITS:
        claim.subjects[name] = digest


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def newest(entries: Iterable[Entry]) -> list[Revision]:
    """For each model the revision that was published last; the last composed one where none was."""
    published: dict[str, int] = {}
    composed: dict[str, int] = {}
    for entry in entries:
        kind = entry["kind"]
        if kind in ("revision.publish", "revision.compose"):
            model, _, number = entry["subject"].rpartition("/")
            if model and _is_number(number):
                numbers = composed
                if kind == "revision.publish":
                    numbers = published
                numbers[model] = int(number)
    return sorted((composed | published).items())


def sealed(claim: Claim, keyid: str, sign: Callable[[bytes], bytes]) -> bytes:
    """The statement in a DSSE envelope."""
    payload = canonical.encode(claim.statement())
    signature = base64.b64encode(sign(pre_authentication(PAYLOAD, payload))).decode()
    envelope = {"payload": base64.b64encode(payload).decode(), "payloadType": PAYLOAD}
    return canonical.encode(
        {**envelope, "signatures": [{"keyid": keyid, "sig": signature}]}
    )


@dataclass(frozen=True)
class Sealed:
    """A DSSE envelope, opened: the statement, the revision that it is about, and whether the key
    signed it.
    """

    statement: dict[str, Any]
    revision: Revision
    signed: bool


def opened(data: bytes, key: Key) -> Sealed | None:
    """Read an envelope; None where it is no statement about a revision in a DSSE envelope."""
    try:
        envelope = canonical.decode(data)
        payload = base64_bytes(envelope["payload"])
        (signature,) = envelope["signatures"]
        raw = base64_bytes(signature["sig"])
        signed = envelope["payloadType"] == PAYLOAD and key.signed(
            pre_authentication(PAYLOAD, payload), raw
        )
        statement = canonical.decode(payload)
        predicate = statement["predicate"]
        model = predicate["model"]
        number = predicate["revision"]
        if not isinstance(model, str) or type(number) is not int:
            return None
        if not isinstance(statement, dict):
            return None
    except (GovdError, KeyError, TypeError, ValueError, binascii.Error, AttributeError):
        return None
    return Sealed(statement, (model, number), signed)
