"""The rules as the documentation tells them, in a small model of their own: who waits and why, who
approved, what is in force, what expired. It shares no code with govd and computes nothing.

A rule is a policy told twice: the text that govd is given, and what it means, in Python.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

OWNER = "owner"
IN_FORCE, WAITING, DENIED = "in_force", "waiting", "denied"
OPEN = ("filed", WAITING)


@dataclass(frozen=True)
class Needs:
    """How many people, as what."""

    n: int = 1
    role: str | None = None
    not_filer: bool = False


@dataclass
class Case:
    """A forget or its revert. `asks`: who is waited for by which rule; None: any one person."""

    key: str
    concept: str
    filer: str
    filed: datetime
    basis: str = ""
    of: Case | None = None
    state: str = "filed"
    held: bool = False
    expires: datetime | None = None
    asks: dict[str, Needs | None] = field(default_factory=dict)
    approvals: list[str] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    frozen: bool = False
    answers: dict[str, str] = field(default_factory=dict)
    taken_back_by: str = ""
    was_reverted_by: str = ""

    @property
    def first(self) -> str:
        """The moment at which it is looked at first."""
        return "filed" if self.of is None else "revert"

    @property
    def is_automatic(self) -> bool:
        """Whether nobody filed it himself."""
        return self.filer.startswith(("policy:", "feed:"))


Meaning = Callable[["Rules", Case, str], bool]
"""Whether a rule is true of a case when somebody (the name) files or approves it."""


@dataclass(frozen=True)
class Rule:
    """A policy: its text, and the same in Python. `effect`: `allow`, `deny`, `wait` or `set`."""

    name: str
    moments: tuple[str, ...]
    text: str
    meaning: Meaning
    effect: str
    needs: Needs | None = None
    expires: timedelta | None = None


class Refused(Exception):
    """What the rules do not allow now."""


class Rules:
    """A world of cases, people and rules; each method is something that happens."""

    def __init__(self) -> None:
        self.roles: dict[str, set[str]] = {OWNER: {"owner"}}
        self.cases: dict[str, Case] = {}
        self.rules: dict[str, Rule] = {}
        self.enforced: set[str] = set()
        self.frozen = False
        self.failing = ""
        self.filed_by_feed: dict[tuple[str, str], Case] = {}
        self._number = 0

    # -- what happens

    def file(
        self, concept: str, filer: str, now: datetime, basis: str = "", key: str = ""
    ) -> Case:
        """A forget is filed; what follows is for `settle`."""
        if any(c.concept == concept and self._stands(c) for c in self.all()):
            raise Refused(f"{concept} is wanted already")
        return self._filed(Case(key or self._key(), concept, filer, now, basis))

    def revert(self, case: Case, filer: str, now: datetime, key: str = "") -> Case:
        """A revert is filed."""
        if case.held:
            raise Refused("it is held")
        if (
            case.of is not None
            or case.state != IN_FORCE
            or self.leaving(case) is not None
        ):
            raise Refused("it is not in force, or on its way out")
        revert = Case(key or self._key(), case.concept, filer, now, of=case)
        return self._filed(revert)

    def approve(self, case: Case, who: str) -> None:
        """Somebody approves; it may not be enough."""
        if case.state != WAITING:
            raise Refused(f"it is {case.state}")
        if case.of is not None and (case.held or case.of.held):
            raise Refused("it is held")
        case.approvals.append(who)
        late = self._late(case)
        asks = self._asks("approve", case, who)
        if asks is None or late is None:
            case.state = WAITING if case.held else DENIED
            return
        case.asks.update(late)
        case.asks.update(
            {name: needs for name, needs in asks.items() if needs is not None}
        )
        blocked = any(needs is None for needs in asks.values())
        if not blocked and not self.unmet(case):
            case.state = "approved"
            case.approvals, case.asks = [], {}

    def reject(self, case: Case) -> None:
        """Somebody says no."""
        self._end(case, "rejected", (WAITING,))

    def withdraw(self, case: Case) -> None:
        """It is taken back before it is served."""
        self._end(case, "withdrawn", ("filed", WAITING))

    def retry(self, case: Case) -> None:
        """It is looked at anew: what was approved counts no more."""
        if case.state != WAITING:
            raise Refused(f"it is {case.state}")
        expiry = {
            name: needs
            for name, needs in case.asks.items()
            if name.startswith("expire/")
        }
        case.state, case.asks, case.approvals, case.frozen = "filed", expiry, [], False

    def hold(self, case: Case) -> None:
        """A legal hold begins."""
        if case.held:
            raise Refused("it is held already")
        case.held = True

    def release(self, case: Case) -> None:
        """It ends."""
        if not case.held:
            raise Refused("it is not held")
        case.held = bool(self.failing)  # whoever cannot answer lets it wait

    def freeze(self) -> None:
        """Nothing acts by itself any more."""
        if self.frozen:
            raise Refused("it is frozen")
        self.frozen = True

    def unfreeze(self) -> None:
        """What waited for that alone is decided now."""
        if not self.frozen:
            raise Refused("nothing is frozen")
        self.frozen = False
        for case in self.all():
            if case.state == WAITING and case.frozen:
                self.retry(case)

    def pass_time(self, now: datetime) -> list[Case]:
        """What is due by itself: the reverts of what has expired, by the rules asked then."""
        filed = []
        for case in [] if self.frozen else self.all():
            expired = (
                case.state == IN_FORCE
                and case.expires is not None
                and case.expires <= now
            )
            if expired and not case.held and self.leaving(case) is None:
                filed += self._expired(case, now)
        return filed

    def _expired(self, case: Case, now: datetime) -> list[Case]:
        acting = []
        for name, rule in sorted(self.rules.items()):
            if "expire" in rule.moments and rule.meaning(self, case, "govd"):
                mode = "enforce" if name in self.enforced else "shadow"
                if mode == "enforce" and case.answers.get(name) != mode:
                    acting.append(rule)
                case.answers[name] = mode
        if not acting:
            return []
        rule = acting[0]
        revert = self.revert(case, f"policy:{rule.name}", now)
        if rule.effect == "wait":
            revert.asks[f"expire/{rule.name}"] = rule.needs
        return [revert]

    def feed(
        self, name: str, rows: list[tuple[str, str]], now: datetime, whole: bool
    ) -> None:
        """A feed brings its document anew: rows of a concept and a basis. What it lacks is taken
        back, unless a row (`whole` is false) cannot be read: it might be that one.
        """
        actor = f"feed:{name}"
        if self.frozen:
            raise Refused("it is frozen")
        places = {concept for concept, _ in rows}
        gone = [
            case
            for case in self.all()
            if case in self.filed_by_feed.values()
            and case.concept not in places
            and case.state in (*OPEN, IN_FORCE)
            and self.leaving(case) is None
        ]
        for case in self.all():
            leaving = self.leaving(case)
            is_own = leaving is not None and leaving.filer == actor and not leaving.held
            # its row is back
            if leaving is not None and is_own and case.concept in places:
                self.withdraw(leaving)
                case.was_reverted_by = ""  # gone once more, it is asked once more
        for row in rows:
            known = self.filed_by_feed.get(row)
            is_fresh = known is None or known.taken_back_by == actor
            if is_fresh and not any(
                c.concept == row[0] and self._stands(c) for c in self.all()
            ):
                self.filed_by_feed[row] = self.file(row[0], actor, now, row[1])
        for case in gone if whole else []:
            self._taken_back(case, actor, now)

    def _taken_back(self, case: Case, actor: str, now: datetime) -> None:
        if case.held or case.was_reverted_by == actor:
            return
        if case.state == IN_FORCE:
            self.revert(case, actor, now)
            case.was_reverted_by = actor
        else:
            self.withdraw(case)
            case.taken_back_by = actor

    def settle(self) -> None:
        """Whatever is filed is decided, and whatever is approved is served."""
        for case in self.all():
            if case.state == "filed":
                self._decide(case)
        for case in self.all():
            if case.state == "approved":
                case.state = IN_FORCE if case.of is None else "done"
                if case.of is not None:
                    case.of.state, case.of.taken_back_by = "reverted", case.filer

    def _decide(self, case: Case) -> None:
        asks = self._asks(case.first, case, case.filer)
        case.asked = {rule.name for rule in self._of(case.first)}
        under_hold = case.held or (case.of is not None and case.of.held)
        if asks is None and not under_hold:
            case.state = DENIED
            return
        case.asks = {**case.asks, **(asks or {})}
        by_itself = case.is_automatic or self._allowed(case)
        case.frozen = self.frozen and by_itself and not case.asks and not under_hold
        waits = case.asks or under_hold or case.frozen
        case.state = WAITING if waits else "approved"

    def rename(self, case: Case, key: str, filed: datetime) -> None:
        """A case is called otherwise, and was filed then."""
        shift = filed - case.filed
        self.cases = {key if c is case else k: c for k, c in self.cases.items()}
        case.key, case.filed = key, filed
        case.expires = None if case.expires is None else case.expires + shift

    # -- what is so

    def all(self) -> list[Case]:
        """All cases, in the order of their filing."""
        return list(self.cases.values())

    def leaving(self, case: Case) -> Case | None:
        """The revert of a case that is not decided yet."""
        return next((c for c in self.all() if c.of is case and c.state in OPEN), None)

    def unmet(self, case: Case) -> set[str]:
        """The rules whose people did not all approve."""
        return {name for name, needs in case.asks.items() if not self._met(case, needs)}

    def _met(self, case: Case, needs: Needs | None) -> bool:
        people = set(case.approvals)
        if needs is None:
            return bool(people)
        counted = {
            who
            for who in people
            if (needs.role is None or needs.role in self.roles[who])
            and not (needs.not_filer and who == case.filer)
        }
        return len(counted) >= needs.n

    def filed_within(self, case: Case, time: timedelta) -> int:
        """How many requests the same filer filed in the time before."""
        earlier = (c for c in self.all() if c is not case and c.filer == case.filer)
        return sum(case.filed - time <= c.filed <= case.filed for c in earlier)

    # -- parts

    def _of(self, moment: str) -> list[Rule]:
        names = sorted(self.enforced)
        return [
            self.rules[name] for name in names if moment in self.rules[name].moments
        ]

    def _allowed(self, case: Case) -> bool:
        """Whether a rule approves it by itself."""
        of_moment = self._of(case.first)
        return any(
            r.effect == "allow" and r.meaning(self, case, case.filer) for r in of_moment
        )

    def _late(self, case: Case) -> dict[str, Needs] | None:
        """Who is waited for by rules that were enforced since it was looked at; None: denied."""
        rules = [rule for rule in self._of(case.first) if rule.name not in case.asked]
        case.asked |= {rule.name for rule in rules}
        true = [rule for rule in rules if rule.meaning(self, case, case.filer)]
        if any(rule.effect == "deny" for rule in true):
            return None
        return {
            r.name: r.needs for r in true if r.effect == "wait" and r.needs is not None
        }

    def _asks(
        self, moment: str, case: Case, who: str
    ) -> dict[str, Needs | None] | None:
        """Who is waited for; None: it is denied."""
        asks: dict[str, Needs | None] = {}
        if self.failing:
            asks[self.failing] = None
        for rule in self._of(moment):
            if not rule.meaning(self, case, who):
                continue
            if rule.effect == "deny":
                return None
            if rule.effect == "wait":
                asks[rule.name] = rule.needs
            elif rule.expires is not None:
                case.expires = min(
                    case.expires or datetime.max.replace(tzinfo=case.filed.tzinfo),
                    case.filed + rule.expires,
                )
        return asks

    def _filed(self, case: Case) -> Case:
        self.cases[case.key] = case
        return case

    def _key(self) -> str:
        self._number += 1
        return f"case-{self._number}"

    def _stands(self, case: Case) -> bool:
        """Whether it is wanted, and not on its way out."""
        return case.of is None and case.state in (*OPEN, "approved", IN_FORCE)

    @staticmethod
    def _end(case: Case, state: str, states: tuple[str, ...]) -> None:
        if case.state not in states:
            raise Refused(f"it is {case.state}")
        if case.held:
            raise Refused("it is held")
        case.state = state
