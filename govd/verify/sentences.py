"""What entries and claims say, in sentences for people. Whatever somebody filed is shown so that it
cannot pass for govd's words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from govd.verify.feed_sentences import of_feed
from govd.verify.honest import (
    attacks,
    external_figures,
    json_dict,
    json_list,
    scope,
    share,
)
from govd.verify.notice_sentences import of_notice
from govd.verify.policy_sentences import of_policy
from govd.verify.safe_text import safe
from govd.verify.store_sentences import of_store

HAPPENED: Final = {
    "request.approve": "was approved",
    "request.wait": "waits",
    "request.deny": "was denied",
    "request.reject": "was rejected",
    "request.withdraw": "was withdrawn",
    "request.fail": "failed",
    "request.retry": "is looked at again",
    "request.hold": "was put under a legal hold",
    "request.release": "was released from its legal hold",
    "request.read": "was revealed",
    "request.breach": "is recognised again",
    "request.mend": "is no longer recognised",
    "request.recompute": "was computed anew",
    "request.subsume": "is subsumed",
    "request.revert": "was taken back",
    "revision.wait": "waits",
    "revision.refuse": "was refused",
    "revision.supersede": "was superseded before it was published",
    "model.add": "was registered",
    "model.update": "was changed",
    "model.remove": "was taken out of service",
}
"""What happened, by kind of entry, where it takes no more words."""


def sentence_of(entry: Mapping[str, Any]) -> str:
    """What an entry says, for people; empty where it is of no interest by itself."""
    return safe(_sentence(entry))


def _sentence(entry: Mapping[str, Any]) -> str:
    payload = entry["payload"]
    subject = entry["subject"]
    kind = str(entry["kind"])
    noun = kind.partition(".")[0]
    sentence = None
    if noun == "request":
        sentence = _of_request(kind, subject, entry)
        sentence = sentence or _of_word(kind, subject, entry)
    elif noun == "revision":
        sentence = _of_revision(kind, subject, payload)
    elif noun == "policy":
        sentence = of_policy(kind, subject, payload)
    elif noun == "feed":
        sentence = of_feed(kind, subject, payload)
    elif noun == "notice":
        sentence = of_notice(kind, subject, payload)
    elif noun == "store":
        sentence = of_store(kind, subject, payload)
    else:
        sentence = _of_other(kind, subject, payload)
    if sentence is not None:
        return sentence
    happened = HAPPENED.get(kind, "")
    if not happened:
        return ""
    reason = _reason(payload)
    return f"{subject} {happened}" + (f": {reason}" if reason else "")


def _reason(payload: Mapping[str, Any]) -> str:
    if payload.get("private"):
        return "reason kept private"
    return str(payload.get("reason") or "")


def _of_request(kind: str, subject: str, entry: Mapping[str, Any]) -> str | None:
    payload = entry["payload"]
    reason = str(payload.get("reason") or "")
    match kind:
        case "request.file":
            reason = _reason(payload) or "no reason given"
            if payload.get("kind") == "revert":
                return f"asked to revert {payload.get('reverts')} (request {subject}): {reason}"
            bounds = payload.get("criteria")
            clause = f", to keep {criteria(bounds)}" if bounds else ""
            return (
                f"asked to forget {scope(payload)} by {payload.get('method')}{clause} (request"
                f" {subject}): {reason}"
            )
        case "request.vote":
            return (
                f"the policy {payload.get('policy')} said {payload.get('decision')} to {subject}:"
                f" {reason}"
            )
        case "request.set":
            dates = [
                f"{verb} {str(payload[name])[:10]}"
                for name, verb in (
                    ("due_at", "is due on"),
                    ("expires_at", "expires on"),
                )
                if name in payload
            ]
            return f"{subject} {' and '.join(dates)} by {entry['actor']}"
        case "request.extend":
            return (
                f"{subject} is due on {str(payload.get('due_at'))[:10]} instead of"
                f" {str(payload.get('was'))[:10]}: {reason}"
            )
        case "request.criteria":
            return (
                f"{subject} must keep {criteria(payload.get('criteria'))} instead of"
                f" {criteria(payload.get('was'))}: {_reason(payload)}"
            )
        case "request.shred":
            return f"the text of {subject} was destroyed: {reason}"
        case "request.publish":
            return f"{subject} is served: {reason}"
    return None


def criteria(bounds: Any) -> str:
    """Acceptance criteria, in words."""
    phrases = [
        f"{bound.get('metric')} ≤ {bound.get('at_most')}"
        for bound in json_list(bounds)
        if isinstance(bound, dict)
    ]
    return ", ".join(phrases) or "nothing"


def _of_word(kind: str, subject: str, entry: Mapping[str, Any]) -> str | None:
    """What somebody said to a request: that he approves, or asks for an act that takes more."""
    payload = entry["payload"]
    match kind:
        case "request.approve" if "roles" in payload:
            because = f": {_reason(payload)}" if _reason(payload) else ""
            return f"{subject} was approved{_authority_of(payload)}{because}"
        case "request.approval":
            return (
                f"{entry['actor']} approved {subject}{_authority_of(payload)} ({_reason(payload)}),"
                f" but policies did not: {payload.get('held_by')}"
            )
        case "request.release_wanted" | "request.extend_wanted":
            act = "the end of its legal hold"
            if kind == "request.extend_wanted":
                act = f"more time until {str(payload.get('due_at'))[:10]}"
            return (
                f"{entry['actor']} asked for {act} for {subject}{_authority_of(payload)}"
                f" ({_reason(payload)}), which needs more: {payload.get('held_by')}"
            )
    return None


def _authority_of(payload: Mapping[str, Any]) -> str:
    """As what and for whom somebody approved, and which policies wanted it."""
    words = f" as {payload['role']}" if payload.get("role") else ""
    acting = [
        str(json_dict(person).get("principal"))
        for person in json_list(payload.get("for"))
    ]
    words += f", acting for {' and '.join(acting)}" if acting else ""
    meets = [str(policy) for policy in json_list(payload.get("meets"))]
    return words + (f", as {', '.join(meets)} asked" if meets else "")


def _of_revision(kind: str, subject: str, payload: Mapping[str, Any]) -> str | None:
    match kind:
        case "revision.compose":
            count = len(json_list(payload.get("contributions")))
            return f"revision {subject} was composed of {count} contributions"
        case "revision.publish":
            return f"revision {subject} was published, edit {str(payload.get('edit_digest'))[:12]}…"
        case "revision.deliver":
            return f"revision {subject} was written as a model checkpoint"
        case "revision.evaluate":
            return _figures(subject, payload.get("metrics"))
        case "revision.measure":
            outcome = attacks(payload.get("metrics"))
            if outcome:
                return f"{subject} was attacked; what it forgets is found {outcome}"
            return ""
    return None


def _of_other(kind: str, subject: str, payload: Mapping[str, Any]) -> str | None:
    reason = str(payload.get("reason") or "")
    match kind:
        case _ if kind.startswith("principal."):
            return _of_principal(kind, subject, payload)
        case "contribution.make":
            return f"the contribution {subject[:12]}… was computed by {payload.get('method')}"
        case "delivery.fail":
            return f"revision {subject} could not be delivered: {reason}"
        case "delivery.recover":
            return (
                f"revision {subject} was delivered to {payload.get('folder')}, which had failed"
                f" before (entry {payload.get('failed')})"
            )
        case "export.write":
            return f"{subject} was exported to {payload.get('recipient') or payload.get('folder')}"
        case "export.fail":
            return f"{subject} was to be exported, and nothing was written: {reason}"
        case "model.update" if payload.get("weights_approved"):
            approval = json_dict(payload.get("weights_approved"))
            return (
                f"{subject} was changed; what its forgets cost in published weights was approved by"
                f" {approval.get('by')}: {approval.get('reason')}"
            )
        case "model.remove" if payload.get("retired"):
            count = len(json_list(payload.get("requests")))
            because = f": {reason}" if reason else ""
            return (
                f"{subject} was retired with {count} forget{'' if count == 1 else 's'} in force,"
                f" which keep their states{because}"
            )
        case "token.create":
            holder = payload.get("principal") or payload.get("name")
            return f"a token with the role {payload.get('role')} was made for {holder}"
        case "token.revoke":
            return f"the token {subject} was revoked"
        case "key.add":
            replaced = str(payload.get("replaces") or "")[:16]
            instead = f" instead of {replaced}" if replaced else ""
            return f"model checkpoints are signed by the key {subject}{instead} from here on"
        case "key.rotate":
            return f"the key of the log was changed to {str(payload.get('new'))[-20:]}: {reason}"
    return None


def _of_principal(kind: str, subject: str, payload: Mapping[str, Any]) -> str | None:
    reason = str(payload.get("reason") or "")
    match kind:
        case "principal.add" | "principal.update":
            roles = ", ".join(map(str, json_list(payload.get("roles"))))
            verb = "has from now on"
            if kind == "principal.add":
                verb = "was added with"
            return f"the principal {subject} {verb} the roles {roles}" + _because(
                reason
            )
        case "principal.remove":
            return f"the principal {subject} was removed" + _because(reason)
        case "principal.delegate":
            until = str(payload.get("until"))[:10]
            return f"{payload.get('to')} acts for {subject} until {until}" + _because(
                reason
            )
        case "principal.undelegate":
            return f"{payload.get('to')} acts for {subject} no more" + _because(reason)
    return None


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


def _figures(subject: str, metrics: Any) -> str:
    if not isinstance(metrics, dict):
        return ""
    if "extent" in metrics:
        words = external_figures(metrics) or "It has no evaluation."
        return f"{subject} was evaluated. {words}"
    if "forget_acc" not in metrics:
        if "accuracy" not in metrics:
            return f"{subject} was evaluated without labelled images."
        return ""
    return (
        f"{subject} was measured on {metrics.get('on')}: what is forgotten"
        f" {share(metrics.get('forget_acc_before'))} → {share(metrics['forget_acc'])}, what stays"
        f" {share(metrics.get('retain_acc_before'))} → {share(metrics.get('retain_acc'))}"
    )
