"""What policies decided, and decide again: report, replay, explain."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from govd.ledger import canonical
from govd.policies import gathering
from govd.policies.document import read
from govd.policies.inputs import MOMENTS
from govd.policies.outcomes import Asked, outcomes_of
from govd.policies.trying import Past
from govd.records.policy import Mode, Policy
from govd.records.request import Request
from govd.types import Json, Record

EVERY: Final = 2**31
PATH: Final = re.compile(r"\b([a-z]+)\.([a-z_]+)\b")


class Reports(Past):
    """Questions about the decisions of policies."""

    def report(self, name: str, since: str | None = None) -> Record:
        """What the newest text of a policy has decided, or would have in shadow, and what became of
        what it was asked about.

        `digest` is what `govd policy enforce --report` takes: it stands for this text and each of
        its decisions in order. `otherwise`: where people decided otherwise than it said.

        Raises:
            NotFound: there is none of this name.
        """
        policy = self._newest(name)
        rows = [self._row(policy, entry) for entry in self._of(policy, since)]
        counts = Counter(str(row["would"]) for row in rows)
        measured = [row for row in rows if row["predicted"] is not None]
        return {
            "policy": policy.name,
            "policy_digest": policy.digest,
            "mode": policy.mode.value,
            "digest": self.chain(policy)[-1],
            "decisions": len(rows),
            "counts": dict(sorted(counts.items())),
            "otherwise": sum(bool(row["otherwise"]) for row in rows),
            "faults": counts["fault"],
            "rested_on_predictions": len(measured),
            "rows": rows,
        }

    def chain(self, policy: Policy) -> list[str]:
        """Digests of its report after none, one, two, … of its decisions: each is the SHA-256 of
        the one before it and of the decision's entry number, result and effect, as RFC 8785 JSON.
        """
        digests = [
            hashlib.sha256(f"govd policy report {policy.digest}".encode()).hexdigest()
        ]
        for entry in self._of(policy, None):
            outcome = _outcome_of(policy, entry)
            link = [digests[-1], entry["seq"], outcome["result"], outcome["effect"]]
            digests.append(hashlib.sha256(canonical.encode(link)).hexdigest())
        return digests

    def prefix_of(self, policy: Policy, digest: str) -> dict[str, Json] | None:
        """The report that a digest stands for, None where it is none of this policy: how many
        decisions it had, and how many came since. A beginning of 12 digits is enough.
        """
        chain = self.chain(policy)
        for count, link in enumerate(chain):
            if len(digest) >= 12 and link.startswith(digest):
                return {
                    "digest": link,
                    "decisions": count,
                    "since": len(chain) - 1 - count,
                }
        return None

    def replay(self, since: str | None = None) -> Record:
        """Decide every decision again, from its entry and the texts in the ledger, and compare.

        `differing` has what came out otherwise now.
        """
        texts = self._texts()
        decisions = outcomes = 0
        differing: list[dict[str, Json]] = []
        for entry in self.decisions(since):
            decisions += 1
            payload = entry["payload"]
            for outcome in payload["outcomes"]:
                outcomes += 1
                again = _again(texts, outcome, payload)
                if again != changeable_outcome(outcome):
                    differing.append(
                        {
                            "entry": entry["seq"],
                            "subject": entry["subject"],
                            "policy": outcome["policy"],
                            "was": changeable_outcome(outcome),
                            "is": again,
                        }
                    )
        return {
            "decisions": decisions,
            "outcomes": outcomes,
            "agree": not differing,
            "differing": differing,
        }

    def explain(self, request_id: str) -> Record:
        """Why a request waits or was decided so: what each policy said last at each moment, its
        expression, and the values that the expression saw.

        Raises:
            NotFound: there is no such request.
        """
        request = self.core.desk.request(request_id)
        newest: dict[tuple[str, str], dict[str, Json]] = {}
        texts = self._texts()
        for entry in self.decisions(subject=request.id):
            payload = entry["payload"]
            for outcome in payload["outcomes"]:
                row = {
                    "entry": entry["seq"],
                    "at": entry["time"],
                    "moment": payload["moment"],
                }
                row |= {**outcome, **_expression(texts, outcome, payload)}
                newest[outcome["policy"], payload["moment"]] = row
        votes = [vote for vote in request["votes"] if not vote.get("digest")]
        return {
            "request": request.id,
            "state": request.state.value,
            "state_reason": request.state_reason,
            "policies": sorted(newest.values(), key=lambda row: int(row["entry"])),
            "votes": votes,
            "approvals": gathering.approvals_seen(request),
        }

    def _of(self, policy: Policy, since: str | None) -> list[Record]:
        """Decisions in which this very text was asked."""
        return [
            entry
            for entry in self.decisions(since)
            if any(
                outcome["digest"] == policy.digest
                for outcome in entry["payload"]["outcomes"]
            )
        ]

    def _row(self, policy: Policy, entry: Record) -> dict[str, Json]:
        outcome = _outcome_of(policy, entry)
        request = self.core.desk.views.request(str(entry["subject"]))
        answer = (
            "fault" if outcome["result"] == "fault" else outcome["effect"] or "nothing"
        )
        cost = entry["payload"]["input"].get("predicted", {}).get("cost")
        row: dict[str, Json] = {
            "entry": entry["seq"],
            "at": entry["time"],
            "subject": entry["subject"],
            "model": entry["model"],
            "moment": entry["payload"]["moment"],
            "counted": outcome["mode"] == Mode.ENFORCE.value,
            "would": answer,
            "message": outcome.get("message", ""),
            "predicted": cost,
            "measured": None,
            "became": None,
            "otherwise": "",
        }
        if request is not None:
            row["became"] = request.state.value
            row["measured"] = self._measured(request)
            row["concepts"] = [concept.name for concept in request.concepts]
            row["otherwise"] = _otherwise(str(outcome["effect"] or ""), request)
        return row

    def _measured(self, request: Request) -> float | None:
        """The share of other answers that a forget changed by itself, as the first revision with it
        was measured; None where it was not.
        """
        if request.revision is None:
            return None
        revision = self.core.desk.views.revision(request.model, request.revision)
        for prediction in () if revision is None else revision.predictions:
            for figure in (
                prediction["figures"] if prediction["request"] == request.id else ()
            ):
                if figure["metric"] == "own_cost":
                    measured: float | None = figure["measured"]
                    return measured
        return None

    def _texts(self) -> dict[str, str]:
        """Texts of all policies that ever were, by digest."""
        records = self.core.desk.views.records
        added = self.core.desk.ledger.some(records.seqs(limit=EVERY, kind="policy.add"))
        return {str(e["payload"]["digest"]): str(e["payload"]["text"]) for e in added}


def _outcome_of(policy: Policy, entry: Record) -> Record:
    outcomes: Sequence[Record] = entry["payload"]["outcomes"]
    return next(outcome for outcome in outcomes if outcome["digest"] == policy.digest)


def changeable_outcome(told: Record) -> dict[str, Json]:
    """What of an outcome is compared: what its expression came to, and what followed."""
    return {name: told.get(name) for name in ("result", "effect", "needs")}


def _again(
    texts: Mapping[str, str], recorded: Record, payload: Record
) -> dict[str, Json]:
    text = texts.get(str(recorded["digest"]))
    if text is None:
        return {"result": "fault", "effect": None, "needs": None}
    policy = Asked(
        str(recorded["policy"]), text, str(recorded["digest"]), Mode(recorded["mode"])
    )
    outcome = outcomes_of([policy], str(payload["moment"]), payload["input"])[0]
    return changeable_outcome(outcome.as_json())


def _expression(
    texts: Mapping[str, str], told: Record, payload: Record
) -> dict[str, Json]:
    """A policy's expression, and the values of what it names."""
    text = texts.get(str(told["digest"]))
    if text is None:
        return {"when": "", "saw": {}}
    when = read(text).when
    variables = MOMENTS[payload["moment"]][1]
    inputs = payload["input"]
    saw: dict[str, Json] = {}
    for variable, field in PATH.findall(when):
        if variable in variables and isinstance(inputs.get(variable), Mapping):
            saw[f"{variable}.{field}"] = inputs[variable].get(field)
    for variable in ("approvals", "now"):
        if re.search(rf"\b{variable}\b", when) and variable in inputs:
            saw[variable] = inputs[variable]
    return {"when": when, "saw": saw}


def _otherwise(effect: str, request: Request) -> str:
    """Where people decided otherwise than a policy said, in words; empty where they did not."""
    state = request.state.value
    ended = state in ("rejected", "withdrawn")
    people = [approval for approval in request.approvals if not approval.automatic]
    if effect == "allow" and ended:
        return f"it was {state}"
    if effect == "deny" and people:
        return f"{people[0].principal} approved it"
    if effect == "wait" and state == "rejected":
        return "it was rejected"
    return ""
