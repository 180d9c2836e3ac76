"""The door of the room: receivers added and removed, what they were told, what is to be told
again.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from govd.errors import BadFile, Conflict, NotFound, Usage, instead
from govd.ledger.entry import Draft
from govd.models.core import Core
from govd.notices.addresses import Address, address_of, check_name
from govd.notices.kept import Kept, KeptFiles
from govd.notices.message import PREFIX
from govd.notices.options import ReceiverOptions, kinds_of, payload_of
from govd.notices.outcome import Verdict
from govd.notices.rows import history_row, notices, receiver_row
from govd.notices.sending import Sending
from govd.notices.signing import check_secret, new_secret
from govd.records.limits import bounded
from govd.records.notice import Notice, Receiver, ReceiverState
from govd.types import Json, Record

MOST: Final = 100
"""Receivers of a home: each may have a thread."""
PATIENCE_SECONDS: Final = 60.0
"""For which `govd reconcile` sends what is due."""
MOMENT_SECONDS: Final = 2.0
"""Longer than one attempt, for its entry to be made."""


class Receivers:
    """The nouns of `govd notice`."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.kept = KeptFiles(core.home.folder)
        self.sending = Sending(core, self.kept)
        self._forget_removed()

    @bounded
    def add(self, options: ReceiverOptions, actor: str) -> Record:
        """Tell somebody of entries from now on. Its `secret`, where govd made it, is shown this
        once.

        Raises:
            Usage: an address, a kind, a name or a secret that cannot be meant, or mail without a
            mail server. Conflict: the name, or the address with the same kinds, is there already.
        """
        address = address_of(options.address, options.plain_http)
        payload = payload_of(address, options, self.core.home.settings)
        secret = (
            None if address.is_mail else check_secret(options.secret or new_secret())
        )
        with self.core.desk.lock:
            name = self._free_name(address, options)
            if secret is not None:
                self.kept.write(name, Kept(address.whole, ((secret, None),)))
            self.sending.attempts.forget(name)
            entry = Draft(kind="notice.add", subject=name, actor=actor, payload=payload)
            try:
                self.core.desk.append([entry])
            except BaseException:
                self.kept.remove(name)
                raise
        record = self.show(name)
        if options.secret or secret is None:
            return record
        return {**record, "secret": secret}

    def all(self) -> list[Record]:
        """Receivers by name, with how far each was told."""
        return [receiver_row(receiver, self.sending) for receiver in self._live()]

    def show(self, name: str) -> Record:
        """One receiver.

        Raises:
            NotFound: there is none of this name.
        """
        return receiver_row(self._receiver(name), self.sending)

    @bounded
    def remove(self, name: str, actor: str) -> Record:
        """Tell it nothing more, and forget its secret.

        Raises:
            NotFound: there is none of this name.
        """
        with self.core.desk.lock:
            record = self.show(name)
            self.core.desk.append(
                [Draft(kind="notice.remove", subject=name, actor=actor, payload={})]
            )
            self.kept.remove(name)
            self.sending.attempts.forget(name)
        return {**record, "state": ReceiverState.REMOVED.value, "trouble": "", "due": 0}

    @bounded
    def renew_secret(self, name: str, actor: str, secret: str | None = None) -> Record:
        """Another secret for a webhook: a new one, shown this once, or the `secret` that is given.
        The one before signs beside it for a day.

        Raises:
            NotFound: there is none of this name. Usage: it has no secret, or this is none.
        """
        renewed = check_secret(secret or new_secret())
        with self.core.desk.lock:
            receiver = self._receiver(name)
            if receiver.is_mail:
                raise Usage(
                    "mail is not signed",
                    where=name,
                    advice="Only webhooks have a secret.",
                )
            secrets = self.kept.read(name)
            # the entry first: a secret that nobody was shown must not sign
            self.core.desk.append(
                [Draft(kind="notice.secret", subject=name, actor=actor, payload={})]
            )
            self.kept.write(name, secrets.replaced(renewed, datetime.now(UTC)))
        record = self.show(name)
        return record if secret else {**record, "secret": renewed}

    @bounded
    def test(self, name: str, actor: str) -> Record:
        """Send one notice that is about nothing, and wait for what comes of it: whether it was
        `sent`, else the `reason`.

        Raises:
            NotFound: there is none of this name.
        """
        outcome = self.sending.test(self._receiver(name), datetime.now(UTC), actor)
        sent = outcome.verdict is Verdict.SENT
        return {
            "receiver": name,
            "sent": sent,
            "status": outcome.status,
            "reason": outcome.reason,
        }

    @bounded
    def retry(self, notice: str, actor: str) -> Record:
        """Send again what was given up: a notice by its id, or all that is due to a receiver by its
        name. Waits for the first attempt.

        Raises:
            NotFound: neither is there. Conflict: it was sent, or nothing is to be sent again.
        """
        with self.core.desk.lock:
            name, payload = self._to_retry(notice)
            self.core.desk.append(
                [Draft(kind="notice.retry", subject=name, actor=actor, payload=payload)]
            )
            self.sending.attempts.forget(name)
        self.sending.look(datetime.now(UTC), fresh=True)
        self.sending.wait(self.core.home.settings.notice_seconds + MOMENT_SECONDS, name)
        return self.show(name)

    @bounded
    def history(
        self, name: str | None = None, limit: int = 100, after: int | None = None
    ) -> list[Record]:
        """What became of notices, the newest first: at most `limit`, to the receiver `name` or to
        all, before entry `after`.

        Raises:
            NotFound: no receiver was ever called so.
        """
        desk = self.core.desk
        equal = {} if name is None else {"subject": name}
        if name is not None and desk.views.records.get("receiver", name) is None:
            self._receiver(name)  # raises
        start = -1 if after is None else after
        if start == 0:
            return []
        seqs = desk.views.records.of_kinds(
            ("notice.send", "notice.fail"), start, limit, newest=True, **equal
        )
        return [history_row(entry) for entry in desk.ledger.some(seqs)]

    def failing(self) -> list[Record]:
        """The receivers that are not told what they should be, with the reason."""
        heads = self.sending.attempts
        troubled = (
            r for r in self._live() if r.failed or heads.head(r.name) is not None
        )
        return [receiver_row(receiver, self.sending) for receiver in troubled]

    def send_due(self, now: datetime) -> tuple[list[str], list[str]]:
        """Send what is due at `now`, for a minute at most: what was done and what is left, a line
        for each receiver.
        """
        before = {receiver.name: int(receiver["sent"]) for receiver in self._live()}
        self.sending.look(now, fresh=True)
        self.sending.wait(PATIENCE_SECONDS)
        sent_lines = []
        due_lines = []
        for receiver in self._live():
            sent = int(receiver["sent"]) - before[receiver.name]
            if sent:
                verb = "was" if sent == 1 else "were"
                sent_lines.append(f"{notices(sent)} to {receiver.name} {verb} sent")
            row = receiver_row(receiver, self.sending)
            if row["trouble"] or row["due"]:
                reason = row["trouble"] or "it takes them slowly"
                due_lines.append(f"{notices(row['due'])} to {receiver.name}: {reason}")
        return sent_lines, due_lines

    # -- what stands

    def _live(self) -> list[Receiver]:
        receivers = list(self.core.desk.views.receivers.values())
        live = [
            receiver
            for receiver in receivers
            if receiver.state is not ReceiverState.REMOVED
        ]
        return sorted(live, key=lambda receiver: receiver.name)

    def _receiver(self, name: str) -> Receiver:
        """A receiver that is there.

        Raises:
            NotFound: there is none of this name.
        """
        for receiver in self._live():
            if receiver.name == name:
                return receiver
        names = [receiver.name for receiver in self._live()]
        how = "`govd notice list` shows them."
        none = "govd notice add adds one."
        advice = instead(name, names, how=how, none=none)
        raise NotFound(f"no receiver is called {name!r}", advice=advice)

    def _to_retry(self, notice: str) -> tuple[str, dict[str, Json]]:
        """The receiver, and what the entry says: a notice of which nothing but an id is left is
        named, all others follow from how far the receiver was told.

        Raises:
            NotFound: neither is there. Conflict: nothing is to be sent again.
        """
        views = self.core.desk.views
        stored = views.notice(notice)
        near = (
            views.records.starting("notice", notice)
            if notice.startswith(PREFIX)
            else []
        )
        if stored is None and len(near) == 1:
            stored = views.notice(near[0])
        if stored is None:
            receiver = self._receiver(notice)
            if receiver.failed is None and self.sending.attempts.head(notice) is None:
                raise Conflict(
                    f"nothing that {notice} was sent has failed",
                    advice=f"govd notice history {notice} shows what it was sent.",
                )
            return notice, {}
        if stored["state"] == "sent":
            raise Conflict(f"{stored.id} was sent on {str(stored['at'])[:10]}")
        receiver = self._receiver(stored.receiver)
        if stored["seq"] < receiver.seq:
            raise Conflict(
                f"{stored.id} was for a receiver that was removed",
                advice=f"The {receiver.name} of today was added after it.",
            )
        if stored.is_settled and self.sending.due.again(receiver, stored.id) is None:
            raise Conflict(
                f"nobody can make {stored.id} once more: what it told is gone"
            )
        return receiver.name, _named(stored)

    # -- adding

    def _free_name(self, address: Address, options: ReceiverOptions) -> str:
        """The name that was given, or one made of the address.

        Raises:
            Usage: it is none. Conflict: it is taken, the same is told already, or there are too
            many.
        """
        live = {receiver.name: receiver for receiver in self._live()}
        if len(live) >= MOST:
            raise Conflict(f"there are {MOST} receivers already", advice="Remove some.")
        if options.name:
            name = check_name(options.name)
            if name in live:
                advice = (
                    f"Choose another name; govd notice remove {name} takes it away, and govd notice"
                    f" secret {name} changes its secret."
                )
                raise Conflict(f"a receiver is called {name} already", advice=advice)
            return name
        kinds = sorted(kinds_of(options.on))
        for other in live.values():
            if sorted(other.kinds) == kinds and self._is_at(other, address):
                advice = "To tell it twice, give the second one a name: govd notice add NAME …"
                raise Conflict(
                    f"{other.name} is told of the same at this address", advice=advice
                )
        numbered = (f"{address.name}-{n}" for n in range(2, MOST + 2))
        return next(name for name in (address.name, *numbered) if name not in live)

    def _is_at(self, receiver: Receiver, address: Address) -> bool:
        if receiver.to != address.shown or receiver.is_mail:
            return receiver.to == address.shown
        try:
            return self.kept.read(receiver.name).address == address.whole
        except BadFile:  # nobody knows any more where it is
            return False

    def _forget_removed(self) -> None:
        """Forget the secrets of receivers that were removed: a crash may have come between the
        entry and the deed.
        """
        for path in self.kept.folder.glob("*.key"):
            stored = self.core.desk.views.records.get("receiver", path.stem)
            if stored is not None and stored["state"] == ReceiverState.REMOVED:
                path.unlink(missing_ok=True)


def _named(notice: Notice) -> dict[str, Json]:
    return {"id": notice.id} if notice.is_settled else {}
