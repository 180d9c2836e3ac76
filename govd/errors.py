"""One root of errors. Each says what was wrong, where, and what to do; its class says how a command
ends and what HTTP answers.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, ClassVar, Final

REPORT: Final = "whoever maintains this installation of govd"
"""Where bugs are reported."""
LISTED: Final = 24
"""Names that a refusal lists; of more, how to list them is said, or the first few."""
AMONG: Final = 5
SUGGESTED: Final = 3
ALIKE: Final = 0.6
"""How alike names are spelled that are suggested, as `difflib` measures it."""
MACHINE: Final = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
)
"""Errors of the machine, wherever they come from: no bug of govd's."""
NOT_ALLOWED: Final = (errno.EACCES, errno.EPERM)
NO_ACCOUNT: Final = "Could not determine home directory"
"""What pathlib says of a `~` whose account is unknown."""
SHOWN: Final = 60
"""Characters of a path that is too long, as it is told."""


def instead(
    name: str,
    known: Iterable[str],
    head: str = "There are",
    how: str = "",
    near: Sequence[str] = (),
    none: str = "",
) -> str:
    """Advice where somebody named what is not there: names that are spelled alike or have a word in
    common, those that are `near` in meaning, as far as a model can tell; then all there are, or of
    many that none is like it, where that is so, and how to list them.

    Args:
        name: as it was typed.
        known: the names that there are.
        head: what they are called where they are listed.
        how: where many are there, what to do instead of reading them here.
        near: names that are near in meaning, nearest first.
        none: what is said where none is there.
    """
    names = list(dict.fromkeys(known))
    sentences = []
    alike = _alike(name, names)
    if alike:
        sentences.append(f"Did you mean {' or '.join(alike)}?")
    if near:
        sentences.append(f"Nearest in meaning: {', '.join(near[:SUGGESTED])}.")
    if len(names) > LISTED and not sentences:
        sentences.append(f"None of {len(names)} is spelled like it.")
    if names and len(names) <= LISTED:
        sentences.append(f"{head}: {', '.join(names)}.")
    elif not names:
        sentences.append(none or f"{head}: none.")
    elif how:
        sentences.append(how)
    else:
        among = ", ".join(names[:AMONG])
        sentences.append(f"{head}: {among} and {len(names) - AMONG} more.")
    return " ".join(sentences)


def _alike(name: str, names: Sequence[str]) -> list[str]:
    """The names that are spelled most like one, whatever the case; else those of which it has a
    whole word.
    """
    by_spelling: dict[str, str] = {}
    for other in names:
        by_spelling.setdefault(other.casefold(), other)
    typed = name.casefold()
    close = get_close_matches(typed, by_spelling, SUGGESTED, ALIKE)
    words = {word for word in typed.split() if len(word) >= SUGGESTED}
    close = close or [other for other in by_spelling if words & set(other.split())]
    return [by_spelling[other] for other in close[:SUGGESTED]]


class GovdError(Exception):
    """`what` was wrong, `where` (a path, a name, an option), `advice`: what to do about it."""

    exit_code: ClassVar[int] = 1
    status: ClassVar[int] = 400
    title: ClassVar[str] = "Refused"

    def __init__(
        self, what: str, *, where: str = "", advice: str = "", **details: Any
    ) -> None:
        self.what = what
        self.where = where
        self.advice = advice
        self.details = details
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """One text for people: what, where, what to do."""
        text = f"{self.where}: {self.what}" if self.where else self.what
        end = "" if text.endswith("?") else "."
        return f"{text.rstrip('.')}{end} {self.advice}" if self.advice else text

    def told(self, private: bool) -> str:
        """The message; of something `private` without the details."""
        if not private:
            return self.message
        return f"{self.title} (the details would reveal what is private)"

    def as_problem(self) -> dict[str, Any]:
        """The same as RFC 9457 problem details."""
        kind = "".join(
            f"-{c.lower()}" if c.isupper() else c for c in type(self).__name__
        ).lstrip("-")
        problem = {
            "type": f"urn:govd:{kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.message,
        }
        problem |= {
            k: v for k, v in (("where", self.where), ("advice", self.advice)) if v
        }
        return problem | self.details


class Usage(GovdError):
    """Wrong usage: an option or value that cannot be meant."""

    exit_code = 2
    status = 422
    title = "Wrong usage"


class NotFound(GovdError):
    """A name or id that is not there."""

    status = 404
    title = "Not found"


class Conflict(GovdError):
    """It contradicts what is already so: a duplicate, or a state that does not allow it."""

    status = 409
    title = "Conflict"


class KeyReused(GovdError):
    """An idempotency key that came with another body before."""

    status = 422
    title = "Idempotency key reused"


class Denied(GovdError):
    """A policy, a role or a person said no."""

    status = 403
    title = "Denied"


class Unauthenticated(GovdError):
    """No token, or one that is not known."""

    status = 401
    title = "No valid token"


class BadFile(GovdError):
    """A file that is not what it should be: truncated, non-finite, of the wrong shape or format."""

    status = 422
    title = "Bad file"


class BadCheckpoint(BadFile):
    """A model checkpoint that cannot be loaded."""

    title = "Bad model checkpoint"


class UnreadableImage(BadFile):
    """A picture that cannot be decoded; `details["path"]` names it."""

    title = "Unreadable image"


class TooManyPixels(BadFile):
    """Pictures that have too many pixels in all for one request; each of them may be fine."""

    status = 413
    title = "Too many pixels"


class Unsupported(GovdError):
    """Well formed, but not possible with this model, method or backend."""

    status = 422
    title = "Not possible here"


class NoWeights(Unsupported):
    """A model that has no weights to fold an edit into: it is made of vectors, say. The edit alone
    is written then.
    """


class JobFailed(GovdError):
    """A command that computes or evaluates for govd failed, took too long, or wrote something that
    cannot be used.
    """

    status = 422
    title = "An external job failed"


class OverCapacity(GovdError):
    """The edit has no room for this: no anchor would be left, or the solve is singular."""

    status = 422
    title = "Over capacity"


class VerificationFailed(GovdError):
    """A signature, hash or proof that does not hold."""

    title = "Verification failed"


class Unreachable(GovdError):
    """The daemon or the database does not answer."""

    exit_code = 3
    status = 503
    title = "Not reachable"


class Busy(GovdError):
    """More is asked at once than there is room for; nothing was done. `details["retry_after"]`:
    seconds after which it may be asked again.
    """

    exit_code = 3
    status = 503
    title = "Busy"


class MachineFault(GovdError):
    """The machine's fault, nothing changed: disk full, read-only home, port in use, a ledger from a
    newer version.
    """

    exit_code = 4
    status = 507
    title = "Fault of the machine"


class HomeLocked(MachineFault):
    """Another process works on this home."""

    status = 409
    title = "Home in use"


class PluginFault(GovdError):
    """A plugin raised or answered nonsense; it is named in `where`."""

    exit_code = 4
    status = 502
    title = "Fault of a plugin"


class Bug(GovdError):
    """A bug in govd that a daemon tells of; one of this process's is any other exception."""

    exit_code = 70
    status = 500
    title = "A bug in govd"


def no_bug(fault: BaseException) -> GovdError | None:
    """What an exception of the standard library says of what was typed, or of the machine; None of
    any other, which is a bug.
    """
    if isinstance(fault, RuntimeError) and str(fault).startswith(NO_ACCOUNT):
        return Usage(
            "a path begins with ~ and the name of no account", advice="Write it out."
        )
    if not isinstance(fault, OSError):
        return None
    if fault.errno == errno.ENAMETOOLONG:
        start = f"{str(fault.filename)[:SHOWN]}…"
        return Usage(f"{fault.strerror}: {start}", advice="Give a shorter path.")
    if fault.errno == errno.ELOOP:
        return Usage(
            str(fault.strerror),
            where=str(fault.filename or ""),
            advice="Give a path whose links lead somewhere.",
        )
    if fault.errno in NOT_ALLOWED and fault.filename is not None:
        return BadFile(
            str(fault.strerror),
            where=str(fault.filename),
            advice="Give this account the right to it, or another path.",
        )
    if fault.errno not in MACHINE:
        return None
    return MachineFault(
        str(fault.strerror),
        where=str(fault.filename or ""),
        advice="Free space or correct the machine, then try again.",
    )


def reason_of(fault: BaseException) -> str:
    """What a fault says, for people: the operating system's words without number and path, which is
    told beside them.
    """
    if isinstance(fault, OSError) and fault.strerror:
        return fault.strerror
    return str(fault)
