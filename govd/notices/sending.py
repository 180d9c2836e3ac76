"""Sending what is due: a thread for each receiver that something is due to, so that one that hangs
delays neither another nor anything else; and what becomes an entry.

An entry is made once it is known what became of a notice, never for an attempt. A crash in between
sends it again: at least once, with the same id.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Final

from govd.asking.limited import Call
from govd.errors import BadFile, GovdError
from govd.ledger.entry import Draft
from govd.models.core import Core
from govd.notices import mail, signing, webhook
from govd.notices.addresses import mailbox_of
from govd.notices.attempts import Attempts
from govd.notices.due import Due
from govd.notices.kept import KeptFiles
from govd.notices.message import TEST, Message, body_of, message_id
from govd.notices.outcome import Outcome, Verdict
from govd.notices.words import mail_of
from govd.records.actors import GOVD
from govd.records.notice import Receiver, ReceiverState
from govd.types import Json

log = logging.getLogger("govd")
REFUSALS: Final = 3
"""Attempts until a notice that is refused as it is (HTTP 400, 413, 415, 422) is given up; the next
one is sent then.
"""
LAST_SECONDS: Final = 1.0
"""For which the attempts at hand may come back when a home is closed, all together."""


class Sending:
    """The threads of one home."""

    def __init__(self, core: Core, kept: KeptFiles) -> None:
        self.core = core
        self.kept = kept
        self.due = Due(core)
        self.attempts = Attempts(kept.folder)
        self._running: dict[str, Call] = {}
        self._lock = threading.Lock()
        self._is_ending = False

    def look(self, now: datetime, fresh: bool = False) -> None:
        """Begin to send what is due at `now`, to each receiver that is not being sent something,
        and return. `fresh`: look at all dates anew.
        """
        if self.core.desk.ledger.fault is not None:
            return  # it takes no entries: what is sent now would be sent again and again
        for name, receiver in list(self.core.desk.views.receivers.items()):
            if receiver.state is not ReceiverState.ACTIVE or self.attempts.waits(name):
                continue
            with self._lock:
                running = self._running.get(name)
                if self._is_ending or (running is not None and running.hangs):
                    continue
                if self._is_due(name, now, fresh):
                    self._running[name] = Call(partial(self._send_all, name, now))
                    self._running[name].begin(f"notices to {name}")

    def wait(self, seconds: float, name: str | None = None) -> bool:
        """Whether all that is being sent, or what is to one receiver, comes back within
        `seconds`.
        """
        last = time.monotonic() + seconds
        with self._lock:
            calls = [call for key, call in self._running.items() if name in (None, key)]
        return all(call.wait(max(0.0, last - time.monotonic())) for call in calls)

    def end(self) -> None:
        """Begin nothing more; what hangs is left alone, and sent again after the next start."""
        self._is_ending = True
        self.wait(LAST_SECONDS)

    def test(self, receiver: Receiver, now: datetime, actor: str) -> Outcome:
        """One attempt with a notice that is about nothing; an entry where it was taken.

        Args:
            receiver: who is sent it.
            now: this moment.
            actor: who wants it.
        """
        origin = self.core.home.origin
        identifier = message_id(origin, receiver.seq, f"test {secrets.token_hex(8)}")
        time_of_test = (
            now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        )
        message = Message(
            id=identifier,
            receiver=receiver.name,
            kind=TEST,
            subject=receiver.name,
            time=time_of_test,
            about={"kind": TEST, "subject": receiver.name},
            data={"ledger": origin, "receiver": receiver.name},
        )
        outcome, digest = self._attempt(receiver, message)
        if outcome.verdict is Verdict.SENT:
            payload = {"attempts": 1, "status": outcome.status, "sha256": digest}
            self._append(receiver, "notice.send", message, payload, actor)
        return outcome

    def _is_due(self, name: str, now: datetime, fresh: bool) -> bool:
        """Whether something is due to a receiver. What goes wrong with one does not keep others
        from being told.
        """
        try:
            return self.due.next(name, now, fresh) is not None
        except Exception as fault:  # noqa: BLE001 - told, and tried again after a pause
            self._pause(name, None, fault)
            return False

    def _send_all(self, name: str, now: datetime) -> None:
        """One notice after the other, until none is due or one was not taken."""
        message: Message | None = None
        try:
            message = self.due.next(name, now)
            while (
                message is not None
                and not self._is_ending
                and self._send(name, message)
            ):
                message = self.due.next(name, now)
        except Exception as fault:  # noqa: BLE001 - told, and tried again after a pause
            self._pause(name, message, fault)

    def _pause(self, name: str, message: Message | None, fault: Exception) -> None:
        """What was sent without its entry (a full disk, say) is not sent again at once."""
        # the ledger is closed: it is sent again after the next start
        if self._is_ending:
            return
        if isinstance(fault, GovdError):
            log.error("notices to %s: %s", name, fault.title)
            reason = f"what became of it could not be noted ({fault.title.lower()})"
        else:
            log.error("notices to %s: a bug in govd", name, exc_info=fault)
            reason = "a bug in govd; the log says more"
        outcome = Outcome(Verdict.LATER, 0, reason)
        self.attempts.failed(name, message.id if message else "", outcome)

    def _send(self, name: str, message: Message) -> bool:
        """Whether a notice is settled, so that the next may follow."""
        receiver = self.core.desk.views.receivers.get(name)
        if receiver is None:  # it was removed meanwhile
            return False
        outcome, digest = self._attempt(receiver, message)
        count = self.attempts.count(name, message.id) + 1
        payload = {"attempts": count, "status": outcome.status, "sha256": digest}
        if outcome.verdict is Verdict.SENT:
            self._append(receiver, "notice.send", message, payload)
            self.attempts.forget(name)
            return True
        attempt_limit = self.core.home.settings.notice_attempts
        is_refused = outcome.verdict is Verdict.REFUSED
        if is_refused:
            attempt_limit = min(attempt_limit, REFUSALS)
        if count < attempt_limit and outcome.verdict is not Verdict.GONE:
            self.attempts.failed(name, message.id, outcome)
            log.info(
                "notice %s to %s: %s; attempt %d",
                message.id,
                name,
                outcome.reason,
                count,
            )
            return False
        log.warning("notice %s to %s is given up: %s", message.id, name, outcome.reason)
        given_up = {**payload, "reason": outcome.reason, "stops": not is_refused}
        self._append(receiver, "notice.fail", message, given_up)
        self.attempts.forget(name)
        return is_refused

    def _attempt(self, receiver: Receiver, message: Message) -> tuple[Outcome, str]:
        """What came of one attempt, and the SHA-256 of what was sent."""
        home = self.core.home
        seconds = home.settings.notice_seconds
        origin = home.origin
        now = datetime.now(UTC)
        if receiver.is_mail:
            mailbox = mailbox_of(receiver.to)
            letter = mail_of(message, origin, home.settings.smtp_from, mailbox, now)
            digest = hashlib.sha256(letter.get_content().encode()).hexdigest()
            return mail.send(letter, home.settings, seconds), digest
        media_type, body = body_of(message, origin, receiver.format)
        digest = hashlib.sha256(body).hexdigest()
        try:
            secrets = self.kept.read(receiver.name)
        except BadFile as error:
            return Outcome(Verdict.LATER, 0, error.what), digest
        timestamp = int(now.timestamp())
        signed = signing.headers(secrets.signing(now), message.id, timestamp, body)
        headers = {"Content-Type": media_type, **signed}
        return webhook.post(secrets.address, headers, body, seconds), digest

    def _append(
        self,
        receiver: Receiver,
        kind: str,
        message: Message,
        payload: Mapping[str, Json],
        actor: str = GOVD,
    ) -> None:
        """The entry, unless the receiver was removed meanwhile."""
        whole = {"id": message.id, "about": dict(message.about), **payload}
        with self.core.desk.lock:
            now = self.core.desk.views.receivers.get(receiver.name)
            if (
                now is None
                or now.seq != receiver.seq
                or now.state is ReceiverState.REMOVED
            ):
                return
            self.core.desk.append(
                [Draft(kind=kind, subject=receiver.name, actor=actor, payload=whole)]
            )
