"""Who else says that entries existed at a time: cosignatures of witnesses (C2SP tlog-cosignature)
and RFC 3161 time stamps, as entries record them, checked against the log checkpoint that they name
and against what a reader trusts.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from govd.errors import GovdError
from govd.ledger.signing import COSIGNER, Key, seen_at, split
from govd.verify import stamps

SHOWN: Final = 4
"""Bounds of one witness or authority that are told; the first and the last say all."""
MAX_LINE_CHARS: Final = 1000
"""No cosignature's line is longer."""


@dataclass(frozen=True)
class Trust:
    """What a reader knows from elsewhere: keys of witnesses, root certificates (PEM) of time stamp
    authorities.
    """

    witnesses: tuple[Key, ...] = ()
    roots: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Vouched:
    """What an entry `witness.cosign` or `witness.stamp` says, as far as it can be read."""

    entry: int
    kind: str
    name: str = ""
    size: int = 0
    at: str = ""
    line: str = ""
    key: Key | None = None
    stamp: stamps.Stamp | None = None
    digest: str = ""
    """SHA-256 of the token."""
    fault: str = ""


@dataclass(frozen=True)
class Bound:
    """The first `size` entries existed no later than `at`, by `by`. `checked`: by a key or root
    that the reader gave.
    """

    size: int
    at: str
    by: str
    kind: str
    checked: bool
    entry: int | None = None


@dataclass
class Bounds:
    """What was found of all vouchers."""

    found: list[Bound] = field(default_factory=list)
    without: int = 0
    """Vouchers whose log checkpoint is not at hand."""


def vouched(entry: Mapping[str, Any]) -> Vouched:
    """Read such an entry; what is wrong with it is in `fault`."""
    seq = entry["seq"]
    kind = entry["kind"].partition(".")[2]
    try:
        return _read(seq, kind, entry["subject"], entry["payload"])
    except (
        GovdError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        binascii.Error,
    ) as error:
        reason = getattr(error, "what", error)
        return Vouched(
            seq, kind, fault=f"entry {seq} is no {_WHAT.get(kind, 'voucher')}: {reason}"
        )


def _read(seq: int, kind: str, subject: str, payload: Mapping[str, Any]) -> Vouched:
    name = payload["name"]
    size = payload["size"]
    at = payload["at"]
    typed = isinstance(name, str) and type(size) is int and isinstance(at, str)
    if not typed or name != subject or size > seq:
        raise ValueError("its fields are not those of such an entry")
    if kind == "cosign":
        key = Key.parse(payload["key"])
        line = payload["line"]
        of_witness = key.algorithm == COSIGNER and key.name == name
        if not of_witness or not isinstance(line, str) or len(line) > MAX_LINE_CHARS:
            raise ValueError("it names no key of that witness")
        return Vouched(
            entry=seq, kind=kind, name=name, size=size, at=at, line=line, key=key
        )
    token = base64.b64decode(payload["token"], validate=True)
    stamp = stamps.read(token)
    if stamp.at[:19] != at[:19]:
        raise ValueError(f"the token says {stamp.at[:19]}Z, the entry {at[:19]}Z")
    digest = hashlib.sha256(token).hexdigest()
    return Vouched(
        entry=seq, kind=kind, name=name, size=size, at=at, stamp=stamp, digest=digest
    )


_WHAT: Final = {"cosign": "cosignature", "stamp": "time stamp"}


def check(
    vouchers: Iterable[Vouched],
    note_of: Callable[[int], str | None],
    token_of: Callable[[int], bytes],
    trust: Trust,
    fault: Callable[[str], None],
    required: bool = True,
) -> Bounds:
    """Each voucher against the signed note of its size. `token_of`: the time stamp of an entry,
    read again where it matters.

    `required`: that note must be there. A witness or a root that was given and vouches for nothing
    is a fault as well: see `idle`.
    """
    bounds = Bounds()
    for voucher in vouchers:
        if voucher.fault:
            fault(voucher.fault)
            continue
        note = note_of(voucher.size)
        if note is None:
            bounds.without += 1
            if required:
                fault(
                    f"entry {voucher.entry} vouches for the first {voucher.size} entries, of which"
                    " there is no log checkpoint"
                )
            continue
        bound = (
            _cosigned(voucher, note, trust)
            if voucher.kind == "cosign"
            else _stamped(voucher, note, token_of, trust)
        )
        if isinstance(bound, str):
            fault(f"entry {voucher.entry}: {bound}")
        else:
            bounds.found.append(bound)
    return bounds


def _cosigned(said: Vouched, note: str, trust: Trust) -> Bound | str:
    assert said.key is not None
    seconds = seen_at(split(note)[0], [said.line], said.key)
    if seconds is None:
        return (
            f"the cosignature is not one of {said.name} on the log checkpoint of {said.size}"
            " entries"
        )
    if when(seconds)[:19] != said.at[:19]:
        return f"the cosignature is of {when(seconds)[:19]}Z, not of {said.at[:19]}Z"
    own_keys = [key for key in trust.witnesses if key.name == said.name]
    if own_keys and said.key not in own_keys:
        return (
            f"the cosignature in the name of {said.name} is by another key than the one that is"
            " known"
        )
    return Bound(
        size=said.size,
        at=when(seconds),
        by=said.name,
        kind="cosign",
        checked=said.key in trust.witnesses,
        entry=said.entry,
    )


def _stamped(
    said: Vouched, note: str, token_of: Callable[[int], bytes], trust: Trust
) -> Bound | str:
    assert said.stamp is not None
    if not said.stamp.of(note.encode()):
        return f"the time stamp is of something else than the log checkpoint of {said.size} entries"
    root = (
        stamps.trusted(token_of(said.entry), note.encode(), trust.roots)
        if trust.roots
        else None
    )
    if root is not None:
        return Bound(
            size=said.size,
            at=root[0],
            by=root[1],
            kind="stamp",
            checked=True,
            entry=said.entry,
        )
    return Bound(
        size=said.size,
        at=said.stamp.at,
        by=said.name,
        kind="stamp",
        checked=False,
        entry=said.entry,
    )


def lines_bounds(
    size: int, text: str, lines: Sequence[str], trust: Trust
) -> list[Bound]:
    """Bounds by the cosignature lines of a note."""
    times = [(key, seen_at(text, lines, key)) for key in trust.witnesses]
    return [
        Bound(size=size, at=when(seconds), by=key.name, kind="cosign", checked=True)
        for key, seconds in times
        if seconds is not None
    ]


def idle(found: Sequence[Bound], trust: Trust, fault: Callable[[str], None]) -> None:
    """Who was named as trusted and vouches for nothing here."""
    for key in trust.witnesses:
        if not any(
            b.checked and b.kind == "cosign" and b.by == key.name for b in found
        ):
            fault(f"the witness {key.name} has cosigned nothing here")
    if trust.roots and not any(b.checked and b.kind == "stamp" for b in found):
        fault(
            "no time stamp here is by an authority that the given root certificates vouch for"
        )


def when(seconds: int) -> str:
    """A Unix time as entries spell times."""
    return datetime.fromtimestamp(min(seconds, 253402300799), UTC).strftime(
        "%Y-%m-%dT%H:%M:%S.%fZ"
    )


def tell(found: Sequence[Bound]) -> tuple[list[str], list[str]]:
    """Sentences: what is proven with what the reader gave, and what is merely recorded."""
    proven: list[str] = []
    recorded: list[str] = []
    by: dict[tuple[str, str, bool], dict[int, Bound]] = {}
    for bound in found:
        bounds_of = by.setdefault((bound.kind, bound.by, bound.checked), {})
        if bound.size not in bounds_of or bound.at < bounds_of[bound.size].at:
            bounds_of[bound.size] = bound
    for (kind, name, checked), sizes in sorted(by.items()):
        order = [sizes[size] for size in sorted(sizes)]
        bounds = (
            order
            if len(order) <= SHOWN
            else [*order[: SHOWN // 2], *order[-SHOWN // 2 :]]
        )
        witness = (
            f"the witness {name}"
            if kind == "cosign"
            else f"the time stamp authority {name}"
        )
        for bound in bounds:
            sentence = (
                f"The first {bound.size} entries existed "
                f"no later than {bound.at[:19]}Z, by {witness}"
            )
            if checked:
                proven.append(f"{sentence}.")
            else:
                give = "--timestamp-root PEM"
                if kind == "cosign":
                    give = "--witness KEY"
                recorded.append(
                    f"{sentence}, as entry {bound.entry} records: who signed it was not checked"
                    f" (give {give})."
                )
    return proven, recorded
