"""A home and the rules side by side: what is done to the one is done to the other, and after each
day they are compared.
"""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta
from typing import Any

from tests.month import daemon
from tests.month.daemon import SETTLES_SECONDS, Home
from tests.month.proof import Proof, person
from tests.month.rules import IN_FORCE, OWNER, WAITING, Case, Refused, Rules
from tests.month.texts import RULES

FEED, FILE = "nightly", "list.csv"
PEOPLE = {
    "ann": ["legal"],
    "bob": ["legal"],
    "cyd": ["brand"],
    "dee": ["clerk"],
}
PASSES_SECONDS = daemon.EVERY_SECONDS + 0.3
"""In which the daemon's worker has looked at everything once more."""
LOOKS_SECONDS = 0.15
"""Between two comparisons while they differ."""
LOOKS = timedelta(minutes=61)
"""After which the feed is looked at again."""


class Story:
    """What happens, to both."""

    def __init__(self, home: Home) -> None:
        self.home, self.rules, self.proof = home, Rules(), Proof()
        self.tokens: dict[str, list[str]] = {}
        self.runs = 0

    # -- the beginning

    def begin(self) -> None:
        """People with two tokens each, a feed, all policies in shadow."""
        for name, roles in PEOPLE.items():
            given = (word for role in roles for word in ("--role", role))
            self.home.typed("principal", "add", name, *given)
            self.rules.roles[f"principal:{name}"] = {*roles, "operator"}
            for number in (1, 2):
                options = (
                    "--role",
                    "operator",
                    "--name",
                    f"{name}-{number}",
                    "--principal",
                    name,
                )
                token = self.home.typed("token", "create", *options)["token"]
                self.tokens.setdefault(f"principal:{name}", []).append(token)
        for rule in RULES:
            path = self.home.folder / f"{rule.name}.yaml"
            path.write_text(rule.text, encoding="utf-8")
            self.home.typed("policy", "add", str(path))
            self.rules.rules[rule.name] = rule
        words = ("--model", "mini", "--missing", "revert", "--every", "1h")
        self.home.govd("feed", "add", FEED, str(self.home.lists), *words)

    def _done(
        self, path: str, body: Any, who: str = OWNER, second: bool = False
    ) -> Any:
        """The answer of a POST that is not refused."""
        status, told = self.home.post(path, body, self._token(who, second))
        assert status in (200, 201, 202), f"{path}: {told}"
        return told

    # -- what happens

    def enforce(self, *names: str) -> None:
        """Enforce policies by the report that somebody read."""
        for name in names:
            report = self.home.typed("policy", "report", name)["digest"]
            self.home.typed("policy", "enforce", name, "--report", report)
            self.rules.enforced.add(name)

    def file(self, concept: str, who: str, basis: str = "") -> Case:
        """A forget is filed: by the command as the owner, over HTTP as anybody else."""
        case = self.rules.file(concept, who, self.home.now, basis)
        if who == OWNER:
            words = ("--basis", basis) if basis else ()
            return self._named(
                case, self.home.govd("forget", concept, "--model", "mini", *words)
            )
        body = {"model": "mini", "concepts": [concept], "basis": basis}
        return self._named(case, self._done("/v1/requests", body, who))

    def revert(self, case: Case, who: str) -> Case | None:
        """A revert is filed, or refused."""
        path = f"/v1/requests/{case.key}/revert"
        try:
            revert = self.rules.revert(case, who, self.home.now)
        except Refused:
            self._refused(path, {"reason": "back"}, who)
            return None
        return self._named(revert, self._done(path, {"reason": "back"}, who))

    def decide(
        self, event: str, case: Case, who: str, second_token: bool = False
    ) -> None:
        """Approve, reject, withdraw, retry, hold or release; or it is refused."""
        path, body = f"/v1/requests/{case.key}/{event}", {"reason": f"{event} by {who}"}
        try:
            if event == "approve":
                self.rules.approve(case, person(who) or who)
            else:
                getattr(self.rules, event)(case)
        except Refused:
            self._refused(path, body, who)
            return
        self._done(path, body, who, second_token)

    def _refused(self, path: str, body: Any, who: str) -> None:
        status, told = self.home.post(path, body, self._token(who))
        assert status in (403, 409), (
            f"{path} is {status}, and should be refused: {told}"
        )

    def _token(self, who: str, second: bool = False) -> str:
        return "" if who == OWNER else self.tokens[who][int(second)]

    def freeze(self, reason: str) -> None:
        """Nothing acts by itself."""
        self.home.govd("policy", "freeze", "--reason", reason)
        self.rules.freeze()

    def unfreeze(self) -> Any:
        """It does again; what would have happened."""
        self.rules.unfreeze()
        return self.home.govd("policy", "unfreeze")["meanwhile"]

    def put_list(
        self, rows: list[tuple[str, str]], bad: str = "", twice: bool = False
    ) -> None:
        """The nightly list is there, whole at once: rows, perhaps one that cannot be read, perhaps
        each twice.
        """
        text = "concept,basis,domain\n" + "".join(
            f"{concept},{basis},\n" for concept, basis in rows * (1 + twice)
        )
        part = self.home.lists / f"{FILE}.part"
        part.write_text(text + bad, encoding="utf-8")
        part.rename(self.home.lists / FILE)
        self.pass_time(LOOKS)  # the next look is due

    def read_list(self, rows: list[tuple[str, str]], whole: bool = True) -> None:
        """The daemon has read it: so have the rules."""
        self.runs += 1
        self._until_runs()
        self.rules.feed(FEED, rows, self.home.now, whole)

    def held_list(self) -> int:
        """The daemon has read it and holds it for a person; its run."""
        self.runs += 1
        self._until_runs()
        newest = self.home.get(f"/v1/feeds/{FEED}/runs")["items"][-1]
        assert newest["state"] == "held", newest
        return int(newest["run"])

    def _until_runs(self) -> None:
        def has_run() -> bool:
            return int(self.home.get(f"/v1/feeds/{FEED}")["runs"]) >= self.runs

        self.home.until(
            has_run, SETTLES_SECONDS, f"the feed has not run {self.runs} times"
        )
        assert int(self.home.get(f"/v1/feeds/{FEED}")["runs"]) == self.runs

    # -- time

    def pass_time(self, time: timedelta) -> None:
        """The clock jumps ahead while the daemon runs; what is due then is due."""
        self.home.set_clock(self.home.offset + time)
        self.rules.pass_time(self.home.now)

    # -- whether it is so

    def settle(self) -> None:
        """Both come to rest and are compared; the entries prove it; replay agrees."""
        end = time.monotonic() + SETTLES_SECONDS
        while (differences := self._differences()) and time.monotonic() < end:
            time.sleep(LOOKS_SECONDS)
        assert not differences, "\n".join(differences)
        passed = time.monotonic() + PASSES_SECONDS
        self._prove()
        time.sleep(max(0.0, passed - time.monotonic()))
        assert not self._differences(), "it went on"

    def _requests(self) -> list[Any]:
        page = self.home.get("/v1/requests", limit=1000)
        assert page["next"] is None
        return list(page["items"])

    def _differences(self) -> list[str]:
        self.rules.pass_time(self.home.now)
        self.rules.settle()
        requests = self._requests()
        for request in requests:
            if request["id"] not in self.rules.cases:
                self._adopt(request)
        by_id = {request["id"]: request for request in requests}
        differences = [
            f"no {case.concept} of {case.filer}: {key}"
            for key, case in self.rules.cases.items()
            if key not in by_id
        ]
        differences += [
            f"{i}: nobody wanted it: {r}"
            for i, r in by_id.items()
            if i not in self.rules.cases
        ]
        for key, case in self.rules.cases.items():
            if key in by_id:
                differences += self._compared(case, by_id[key])
        return differences

    def _adopt(self, request: Any) -> None:
        """A request that something filed by itself is called as the case that the rules filed."""
        actor = str(request["filed_by"]).partition("@")[0]
        for case in self.rules.all():
            of = None if case.of is None else case.of.key
            is_same = (
                case.concept == request["concepts"][0]["name"] and case.filer == actor
            )
            if case.key.startswith("case-") and is_same and of == request["reverts"]:
                self._named(case, request)
                return

    def _named(self, case: Case, request: Any) -> Case:
        self.rules.rename(
            case, request["id"], datetime.fromisoformat(request["filed_at"])
        )
        return case

    def _compared(self, case: Case, request: Any) -> list[str]:
        told = (
            f"{case.concept} {case.basis} of {case.filer} ({request['state_reason']})"
        )
        differences = []
        if request["state"] != case.state:
            differences.append(f"{told} is {request['state']}, not {case.state}")
        if (request["held"] is not None) != case.held:
            differences.append(f"{told} is held, or not: {request['held']}")
        expires = "" if case.expires is None else case.expires.isoformat()[:26]
        if (request["expires_at"] or "")[:26] != expires:
            differences.append(
                f"{told} expires at {request['expires_at']}, not {expires}"
            )
        if case.state == WAITING == request["state"]:
            differences += self._why(case, request, told)
        return differences

    def _why(self, case: Case, request: Any, told: str) -> list[str]:
        reason = str(request["state_reason"])
        unmet = {name.removeprefix("expire/") for name in self.rules.unmet(case)}
        if case.frozen:
            return [] if "froze" in reason else [f"{told} should wait for the freeze"]
        if unmet and not any(name in reason for name in (*unmet, "hold", "flaky")):
            return [f"{told} should wait for {unmet}"]
        return []

    def _prove(self) -> None:
        """The entries since the last time, read by code of the test's own; and what govd says."""
        while True:
            page = self.home.get("/v1/audit/log", after=self.proof.read - 1, limit=1000)
            self.proof.take(page["items"])
            if page["next"] is None:
                break
        assert not self.proof.faults, "\n".join(self.proof.faults)
        in_force = {case.key for case in self.rules.all() if case.state == IN_FORCE}
        assert self.proof.in_force == in_force
        number = self.home.get("/v1/models/mini")["revision"]
        served = self.home.get(f"/v1/models/mini/revisions/{number}")["requests"]
        assert set(served) == in_force, (served, in_force)
        replay = self.home.get("/v1/policy/replay")
        assert replay["agree"], json.dumps(replay["differing"])

    def verify(self, by_command: bool = False) -> None:
        """`govd audit verify`: the daemon is asked as the command asks it, or by the command."""
        if by_command:
            verdict = self.home.govd("audit", "verify")
        else:
            verdict = self._done("/v1/audit/verify", {})
        assert verdict["holds"], verdict
