"""What entries and claims say, in sentences for people. Whatever somebody filed is shown so that it
cannot pass for govd's words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from govd.grades import claim_of
from govd.verify.claim import Claim

LONGEST: Final = 2000
"""Characters of one thing that somebody else wrote."""
NOT_ERASURE: Final = (
    "It is not erasure: training data and the traces in earlier layers stay, and who has examples"
    " may still find what is hidden."
)
CLAIMED: Final = (
    "The claim is reversible suppression in the space that images and texts share, at the model's"
    " output"
)
SHOWN: Final = 20
"""Forgets that a claim names."""
LEVEL: Final = 0.5
"""AUC at which the text of a concept ranks its pictures like any others."""


def safe(text: object, longest: int = LONGEST) -> str:
    """A text on one line, with everything that a terminal would obey or hide written out: controls,
    line ends, bidirectional overrides.
    """
    said = str(text)
    cut = said if len(said) <= longest else said[:longest] + "…"
    if cut.isprintable():
        return cut
    return "".join(c if c.isprintable() else _written(ord(c)) for c in cut)


def _written(code: int) -> str:
    return (
        f"\\x{code:02x}"
        if code < 0x100
        else f"\\u{code:04x}"
        if code < 0x10000
        else f"\\U{code:08x}"
    )


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
    payload, subject, kind = entry["payload"], entry["subject"], str(entry["kind"])
    noun = kind.partition(".")[0]
    sentence = None
    if noun == "request":
        sentence = _of_request(kind, subject, entry)
    elif noun == "revision":
        sentence = _of_revision(kind, subject, payload)
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
    return "reason kept private" if payload.get("private") else str(payload.get("reason") or "")


def _of_request(kind: str, subject: str, entry: Mapping[str, Any]) -> str | None:
    payload = entry["payload"]
    reason = str(payload.get("reason") or "")
    match kind:
        case "request.file":
            reason = _reason(payload) or "no reason given"
            if payload.get("kind") == "revert":
                return f"asked to revert {payload.get('reverts')} (request {subject}): {reason}"
            return (
                f"asked to forget {scope(payload)} by {payload.get('method')} (request {subject}):"
                f" {reason}"
            )
        case "request.vote":
            return (
                f"the policy {payload.get('policy')} said {payload.get('decision')} to {subject}:"
                f" {reason}"
            )
        case "request.approval":
            return (
                f"{entry['actor']} approved {subject} ({_reason(payload)}), but policies did not:"
                f" {payload.get('held_by')}"
            )
        case "request.extend":
            return (
                f"{subject} is due on {str(payload.get('due_at'))[:10]} instead of"
                f" {str(payload.get('was'))[:10]}: {reason}"
            )
        case "request.shred":
            return f"the text of {subject} was destroyed: {reason}"
        case "request.publish":
            return f"{subject} is served: {reason}"
    return None


def _of_revision(kind: str, subject: str, payload: Mapping[str, Any]) -> str | None:
    match kind:
        case "revision.compose":
            count = len(_list(payload.get("contributions")))
            return f"revision {subject} was composed of {count} contributions"
        case "revision.publish":
            return f"revision {subject} was published, edit {str(payload.get('edit_digest'))[:12]}…"
        case "revision.deliver":
            return f"revision {subject} was written as a model checkpoint"
        case "revision.evaluate":
            return _figures(subject, payload.get("metrics"))
        case "revision.measure":
            outcome = attacks(payload.get("metrics"))
            return f"{subject} was attacked; what it forgets is found {outcome}" if outcome else ""
    return None


def _of_other(kind: str, subject: str, payload: Mapping[str, Any]) -> str | None:
    reason = str(payload.get("reason") or "")
    match kind:
        case "contribution.make":
            return f"the contribution {subject[:12]}… was computed by {payload.get('method')}"
        case "export.write":
            return f"{subject} was exported to {payload.get('recipient') or payload.get('folder')}"
        case "model.remove" if payload.get("retired"):
            count = len(_list(payload.get("requests")))
            because = f": {reason}" if reason else ""
            return (
                f"{subject} was retired with {count} forget{'' if count == 1 else 's'} in force,"
                f" which keep their states{because}"
            )
        case "key.rotate":
            return f"the key of the log was changed to {str(payload.get('new'))[-20:]}: {reason}"
    return None


def scope(payload: Mapping[str, Any]) -> str:
    """Concepts and domains, in words."""
    concepts = [str(c.get("name")) for c in _list(payload.get("concepts")) if isinstance(c, dict)]
    domains = [str(d) for d in _list(payload.get("domains"))]
    return (", ".join(concepts) or "everything") + (
        f" in {', '.join(domains)}" if domains else " everywhere"
    )


def honest(claim: Claim | None) -> str:
    """The claim, composed of what the entries have, and saying what they do not have."""
    if claim is None or not claim.composed:
        return (
            "No edit is shown here: nothing is claimed to be forgotten. What was asked for is not"
            " what was done."
        )
    said, metrics = claim.predicate, claim.predicate["metrics"]
    shown = said["requests"]
    told = [
        f"{scope(r)} (target {r.get('target') or 'none: full strength'})" for r in shown[:SHOWN]
    ]
    told += [f"and {len(shown) - SHOWN} more"] if len(shown) > SHOWN else []
    hidden = len(claim.requests) - len(shown)
    told += (
        [
            f"{'and ' if told else ''}what {hidden} other request{'s' if hidden > 1 else ''} asked"
            " for, not shown here"
        ]
        if hidden > 0
        else []
    )
    about = "; ".join(told)
    state = "was published" if "published_at" in said else "is not published"
    if claim.followed_by:
        state += f" and followed by revision {claim.followed_by}"
    if claim.predicate.get("retired_at"):
        state += " (its model was retired later)"
    if not claim.requests:
        return safe(
            f"Nothing is claimed to be forgotten: revision {claim.number} of {claim.model}, which"
            f" {state}, is the unedited model."
        )
    parts = [
        f"{CLAIMED}: revision {claim.number} of {claim.model}, which {state}, forgets {about}.",
        _targets(said, metrics),
    ]
    linear = metrics.get("checkpoint")
    if isinstance(linear, dict):
        parts.append(_of_checkpoint(linear))
    found = attacks(metrics)
    if found:
        parts.append(f"Attacks were measured: with examples it is still found {found}.")
        parts += grades(metrics)
    elif hidden <= 0:
        parts.append("Attacks with examples were not measured.")
    software = said.get("software")
    if isinstance(software, dict) and software:
        parts.append(f"Computed with {', '.join(f'{k} {v}' for k, v in sorted(software.items()))}.")
    return " ".join([safe(part) for part in parts] + [NOT_ERASURE])


def _of_checkpoint(linear: Mapping[str, Any]) -> str:
    """What the linear edit does, where answers and vectors get a conditional one."""
    text = (
        "These are figures of the conditional edit, of answers and vectors; a checkpoint carries"
        " the linear one"
    )
    if "forget_acc" not in linear:
        return f"{text}, which was not measured on labelled images of what is forgotten."
    gone = f"{share(linear.get('forget_acc_before'))} → {share(linear.get('forget_acc'))}"
    return (
        f"{text}: named right {gone}, what stays {share(linear.get('retain_acc_before'))} →"
        f" {share(linear.get('retain_acc'))}."
    )


def _targets(said: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    """Whether the evaluation says that the targets were met."""
    if not metrics:
        return "No evaluation is shown: whether it does what it aims at is not known."
    kinds = sorted({str(r.get("target")) for r in said["requests"] if r.get("target")})
    if "forget_acc" not in metrics:
        return (
            "It was evaluated without labelled images of what is forgotten: whether the targets are"
            " met was not measured."
        )
    gone, mistakes = metrics.get("forget_acc"), metrics.get("base_false_positives")
    text = (
        f"On {metrics.get('on')} what is forgotten is named right"
        f" {share(metrics.get('forget_acc_before'))} → {share(gone)}, what stays"
        f" {share(metrics.get('retain_acc_before'))} → {share(metrics.get('retain_acc'))}"
    )
    told = []
    if (
        "unnamed" in kinds
        and gone is not None
        and mistakes is not None
        and _number(gone)
        and _number(mistakes)
    ):
        met = "met" if gone <= mistakes else "not met"
        told.append(
            f"the target unnamed (no more often than by mistake, {share(mistakes)}) is {met} over"
            " all that is forgotten"
        )
    if "level" in kinds:
        areas = [
            c["text_auc"]
            for c in _list(metrics.get("concepts"))
            if isinstance(c, dict) and _number(c.get("text_auc"))
        ]
        if areas:
            above = sum(a > LEVEL for a in areas)
            worst = f"the highest AUC of a concept's text is {max(areas):.3f}"
            told.append(
                f"the target level (AUC {LEVEL}) is"
                f" {'met' if not above else f'not met by {above} of {len(areas)}'}: {worst}"
            )
    unsaid = [kind for kind in kinds if not any(f"target {kind}" in line for line in told)]
    told += [f"whether the target {kind} is met was not measured" for kind in unsaid]
    return ", and ".join([text, *told]) + "."


def attacks(metrics: Any) -> str:
    """What somebody with examples still finds, in words: areas under the curve, 0.5 is chance."""
    leaks = [
        leak
        for leak in _list(metrics.get("leaks") if isinstance(metrics, dict) else None)
        if isinstance(leak, dict)
    ]
    told = []
    for name, what in (("probe", "by a linear probe"), ("knn", "by nearest neighbours")):
        pairs = [
            (leak.get(f"{name}_before"), leak[f"{name}_after"])
            for leak in leaks
            if _number(leak.get(f"{name}_after"))
        ]
        if pairs:
            was, now = max(pairs, key=lambda pair: pair[1])
            told.append(f"{what} with AUC {f'{was:.2f} → ' if _number(was) else ''}{now:.2f}")
    shots = [
        (k, v) for leak in leaks for k, v in _dict(leak.get("examples_after")).items() if _number(v)
    ]
    if shots:
        k, worst = max(shots, key=lambda pair: pair[1])
        told.append(f"by a query with {k} example{'s' if k != '1' else ''} with AUC {worst:.2f}")
    return ", ".join(told) + (" (the worst of all forgets; 0.5 is chance)" if told else "")


def grades(metrics: Mapping[str, Any]) -> list[str]:
    """For each forget, `SHOWN` at most, which claim the attacks on it leave."""
    leaks = [
        leak for leak in _list(metrics.get("leaks")) if isinstance(leak, dict) and "rungs" in leak
    ]
    told = [f"On {scope(_dict(leak.get('scope')))}, {claim_of(leak)}." for leak in leaks[:SHOWN]]
    return told + ([f"And {len(leaks) - SHOWN} more."] if len(leaks) > SHOWN else [])


def share(value: Any) -> str:
    """A share in per cent."""
    return f"{100 * value:.1f} %" if _number(value) else "–"


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _figures(subject: str, metrics: Any) -> str:
    if not isinstance(metrics, dict):
        return ""
    if "forget_acc" not in metrics:
        return (
            f"{subject} was evaluated without labelled images." if "accuracy" not in metrics else ""
        )
    return (
        f"{subject} was measured on {metrics.get('on')}: what is forgotten"
        f" {share(metrics.get('forget_acc_before'))} → {share(metrics['forget_acc'])}, what stays"
        f" {share(metrics.get('retain_acc_before'))} → {share(metrics.get('retain_acc'))}"
    )
