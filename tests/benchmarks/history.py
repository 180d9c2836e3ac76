"""`python -m tests.benchmarks.history HOME [REQUESTS]`: a plausible half year of `mini` in a new
home (300 requests), really computed.

Brand owners, courts and people ask; policies let some wait; officers approve, reject, extend, hold;
some is taken back; some requests are private, a few of them shredded; exports go to partners; the
vocabulary and the key change once. Times are simulated by a clock that is set: the entries are
dated over the last six months. Everything else is as in a home that lived so long.
"""

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from govd.errors import GovdError
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.service import Service, open_service

DAYS = 180
FILERS = ("brand-desk", "legal", "privacy-desk", "ann", "feed:licences")
OFFICERS = ("bob", "carol", "dpo")
REASONS = {
    "brand-desk": (
        "brand owner asks, letter of the {}th",
        "licence of the logo ends",
        "settlement with the designer",
    ),
    "legal": ("court order 7 C {}/26", "interim injunction", "counsel's advice"),
    "privacy-desk": ("data subject request {}", "withdrawal of consent"),
    "ann": ("found in a review", "asked by the product owner"),
    "feed:licences": ("row {} of the nightly list",),
}


class Clock:
    """A clock that is set forward by hand."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC) - timedelta(days=DAYS)

    def forward(self, hours: float) -> None:
        self.at = min(self.at + timedelta(hours=hours), datetime.now(UTC))

    def now(self) -> str:
        self.at += timedelta(milliseconds=3)
        return f"{self.at.isoformat(timespec='microseconds')[:-6]}Z"


@contextmanager
def simulated() -> Iterator[Clock]:
    """govd's clock, in one's hand."""
    clock = Clock()
    with (
        patch("govd.ledger.append.now", clock.now),
        patch("govd.ledger.store.now", clock.now),
        patch("govd.requests.options.now", clock.now),
    ):
        yield clock


class Office:
    """People and feeds that work on a home."""

    def __init__(self, service: Service, clock: Clock, seed: int = 1) -> None:
        self.service, self.clock, self.draw = service, clock, random.Random(seed)
        self.labels = list(service.core.models.opened("mini").basis.labels)
        self.refused = 0

    def state(self, request: str) -> str:
        return str(self.service.requests.show(request)["state"])

    def standing(self) -> list[dict[str, Any]]:
        return [
            dict(r)
            for r in self.service.requests.all(state="in_force")
            if r["kind"] == "forget"
        ]

    def file(self) -> str | None:
        draw, who = self.draw, self.draw.choice(FILERS)
        date = (
            (self.clock.at + timedelta(days=draw.randrange(20, 44))).date().isoformat()
        )
        options: dict[str, Any] = {
            "concepts": [draw.choice(self.labels)],
            "domains": [draw.choice(("colour", "glyph", "line"))]
            if draw.random() < 0.6
            else [],
            "reason": draw.choice(REASONS[who]).format(draw.randrange(1, 28)),
            "ticket": f"{who.split('-')[0].upper()}-{draw.randrange(1000, 9999)}",
            "basis": draw.choice(
                ("contract", "Art. 17 GDPR", "court order", "policy 4.2")
            ),
            "due": date if draw.random() < 0.3 else None,
            "private": who == "privacy-desk",
            "strength": draw.choice((1.0, 1.0, 1.0, 1.25)),
        }
        try:
            return str(
                self.service.requests.forget("mini", ForgetOptions(**options), who)[
                    "id"
                ]
            )
        except GovdError:  # the same scope again, say: told, and no entry
            self.refused += 1
            return None

    def decide(self, request: str) -> None:
        draw, officer = self.draw, self.draw.choice(OFFICERS)
        if self.state(request) != "waiting":
            return
        self.clock.forward(draw.uniform(1, 60))
        if draw.random() < 0.3:
            due = (self.clock.at + timedelta(days=33)).date().isoformat()
            with suppress(GovdError):
                self.service.requests.extend(
                    request,
                    due,
                    "a complex case: the domain must be looked at",
                    officer,
                )
        event, why = (
            ("reject", "out of proportion")
            if draw.random() < 0.2
            else ("approve", "the cost is accepted")
        )
        self.service.requests.decide(request, event, why, officer)

    def undo(self) -> None:
        standing = self.standing()
        if not standing:
            return
        request, officer = self.draw.choice(standing)["id"], self.draw.choice(OFFICERS)
        if self.draw.random() < 0.15:
            self.service.requests.hold(
                request, f"case {self.draw.randrange(100)} is pending", "legal"
            )
            try:
                self.service.requests.revert(request, "no longer needed", officer)
            except GovdError:
                self.refused += 1
            self.clock.forward(self.draw.uniform(24, 90))
            self.service.requests.release(request, "the case is closed", "legal")
        self.service.requests.revert(
            request,
            self.draw.choice(
                ("licence renewed", "order lifted", "withdrawn by who asked")
            ),
            officer,
        )

    def shred(self) -> None:
        old = [
            r
            for r in self.service.requests.all()
            if r.get("private") and not r.get("shredded_at") and r["kind"] == "forget"
        ]
        if old:
            self.service.requests.shred(
                self.draw.choice(old)["id"], "the purpose is fulfilled", "dpo"
            )

    def day(self, most: int) -> None:
        """Some filings, their decisions, and what else happens."""
        for _ in range(most):
            request = self.file()
            self.service.reconciler.run()
            if request:
                self.decide(request)
                self.service.reconciler.run()
            self.clock.forward(self.draw.uniform(0.1, 3))
        while len(self.standing()) > 12 or (
            self.standing() and self.draw.random() < 0.3
        ):
            self.undo()
            self.service.reconciler.run()
        if self.draw.random() < 0.05:
            self.shred()
        self.service.checkpoints.hourly()
        self.clock.forward(self.draw.uniform(8, 20))


def lived(home: Path, requests: int = 300, seed: int = 1) -> dict[str, int]:
    """Make the home; how much of what is in it."""
    with simulated() as clock, open_service(home) as service:
        service.add_model("mini", "mini", Given(), "ann")
        office = Office(service, clock, seed)
        days, exported = 0, 0
        while len(service.requests.all()) < requests:
            office.day(office.draw.randrange(1, 4))
            days += 1
            if days % 25 == 0:
                folder = home.parent / f"export-{days}"
                service.export(
                    "mini",
                    folder,
                    "carol",
                    format="edit",
                    disclose=True,
                    recipient=f"partner-{days}@example.org",
                )
                exported += 1
            if days == 40:
                service.checkpoints.rotate_key("half a year is over", "carol")
            if days == 60:
                service.update_model(
                    "mini",
                    Given(
                        anchors=(
                            *service.core.models.opened("mini").basis.vocabulary,
                            "stapler of the office",
                            "loading ramp",
                        )
                    ),
                    "ann",
                )
        service.reconciler.measure()
        service.checkpoints.sign()
        return {
            "requests": len(service.requests.all()),
            "entries": service.core.desk.ledger.size(),
            "days": days,
            "refused": office.refused,
        }


if __name__ == "__main__":
    print(lived(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 300))
