"""The honest claim about a revision, in words: what it suppresses, and what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from govd.grades import claim_of
from govd.verify.carried import LINEAR, OF_PICTURES, of_linear
from govd.verify.claim import Claim
from govd.verify.safe_text import safe

NOT_ERASURE: Final = (
    "It is not erasure: training data and the traces in earlier layers stay, and who has examples"
    " may still find what is hidden."
)
CLAIMED: Final = (
    "The claim is reversible suppression in the space that images and texts share, at the model's"
    " output"
)
EXTERNAL: Final = "external"
"""The method of forgets whose deltas external jobs computed."""
OF_LINEAR: Final = (
    "These are figures of the linear edit, which weights and queries get; the revision itself has a"
    " conditional edit, of answers and vectors, with figures of its own."
)
NOT_OF_LINEAR: Final = (
    "These are figures of the revision's conditional edit, of answers and vectors, and not of what"
    " was given away, which carries the linear one: its own figures were not told with it."
)
SHOWN: Final = 20
"""Forgets that a claim names."""
LEVEL: Final = 0.5
"""AUC at which the text of a concept ranks its pictures like any others."""


def honest(claim: Claim | None) -> str:
    """The claim, composed of what the entries have, and saying what they do not have."""
    if claim is None or not claim.composed:
        return (
            "No edit is shown here: nothing is claimed to be forgotten. What was asked for is not"
            " what was done."
        )
    predicate = claim.predicate
    metrics = claim.predicate["metrics"]
    requests = predicate["requests"]
    state = _state(claim)
    scopes = _scopes(claim)
    if not claim.requests:
        return safe(
            f"Nothing is claimed to be forgotten: revision {claim.number} of {claim.model}, which"
            f" {state}, is the unedited model."
        )
    if "extent" in metrics or any(r.get("method") == EXTERNAL for r in requests):
        return " ".join(safe(part) for part in _of_deltas(claim, state, scopes))
    parts = [
        f"{CLAIMED}: revision {claim.number} of {claim.model}, which {state}, forgets {scopes}.",
        _targets(predicate, metrics),
    ]
    parts += [*approved(requests), *_whose(predicate, metrics)]
    outcome = attacks(metrics)
    if outcome:
        parts.append(
            f"Attacks were measured: with examples it is still found {outcome}."
        )
        parts += grades(metrics)
    elif len(claim.requests) <= len(requests):
        parts.append("Attacks with examples were not measured.")
    software = predicate.get("software")
    if isinstance(software, dict) and software:
        versions = ", ".join(f"{k} {v}" for k, v in sorted(software.items()))
        parts.append(f"Computed with {versions}.")
    return " ".join([safe(part) for part in parts] + [NOT_ERASURE])


def _whose(predicate: Mapping[str, Any], metrics: Mapping[str, Any]) -> list[str]:
    """Of which edit the figures are, where there are several."""
    linear = of_linear(metrics)
    sentences = [_of_checkpoint(linear)] if linear else []
    if not linear and predicate.get("carries") == LINEAR:
        is_its_own = predicate.get("figures_of") == LINEAR
        sentences.append(OF_LINEAR if is_its_own else NOT_OF_LINEAR)
    if predicate.get("figures_side"):
        sentences.append(OF_PICTURES)
    return sentences


def _scopes(claim: Claim) -> str:
    """What a revision forgets, as far as its requests are shown."""
    requests = claim.predicate["requests"]
    phrases = [
        f"{scope(r)} (target {r.get('target') or 'none: full strength'})"
        for r in requests[:SHOWN]
    ]
    if len(requests) > SHOWN:
        phrases.append(f"and {len(requests) - SHOWN} more")
    hidden = len(claim.requests) - len(requests)
    if hidden > 0:
        conjunction = "and " if phrases else ""
        plural = "s" if hidden > 1 else ""
        phrases.append(
            f"{conjunction}what {hidden} other request{plural} asked for, not shown here"
        )
    return "; ".join(phrases)


def _state(claim: Claim) -> str:
    """What became of a revision."""
    predicate = claim.predicate
    state = "is not published"
    if "published_at" in predicate:
        state = "was published"
    if claim.followed_by:
        state += f" and followed by revision {claim.followed_by}"
    if predicate.get("retired_at"):
        state += " (its model was retired later)"
    return state


def _of_deltas(claim: Claim, state: str, scopes: str) -> list[str]:
    """What is claimed of a model that external jobs edit: that their deltas are in the weights, and
    what its evaluation measured.
    """
    scopes = scopes.replace(" (target none: full strength)", "")
    return [
        f"The claim is that revision {claim.number} of {claim.model}, which {state}, is the base"
        f" with the deltas added to its weights that external jobs computed to forget {scopes}; and"
        " that each can be taken back exactly.",
        external_figures(claim.predicate["metrics"]) or "No evaluation of it is shown.",
        *approved(claim.predicate["requests"]),
        "What a delta erases is what the method of its job erases: that was not examined here.",
    ]


def external_figures(metrics: Mapping[str, Any]) -> str:
    """What an external evaluation measured, in a sentence; empty where there is none."""
    external = json_dict(metrics.get("external"))
    measured = [
        f"{name} {value:.4g}" for name, value in external.items() if is_number(value)
    ]
    if not measured:
        return ""
    listed = ", ".join(measured[:SHOWN])
    return f"Its evaluation by the owner's command, on {metrics.get('on')}, measured {listed}."


def approved(requests: list[Any]) -> list[str]:
    """Who approved what a revision forgets, where the entries say as what they did."""
    sentences = []
    for request in requests[:SHOWN]:
        approvals = map(json_dict, json_list(request.get("approvals")))
        people = [
            f"{approval.get('principal')} as {approval.get('role') or 'nothing'}"
            for approval in approvals
        ]
        if people:
            sentences.append(f"{scope(request)} was approved by {', '.join(people)}.")
    return sentences


def _of_checkpoint(linear: Mapping[str, Any]) -> str:
    """What the linear edit does, where answers and vectors get a conditional one."""
    text = (
        "These are figures of the conditional edit, of answers and vectors, which leaves a picture"
        " as it is that the unedited model takes for something else; a checkpoint carries the"
        " linear one"
    )
    if "forget_acc" not in linear:
        return (
            f"{text}, which was not measured on labelled images of what is forgotten."
        )
    forgotten = _change(linear, "forget_acc")
    outcome = attacks(linear)
    by_examples = f", and with examples it is still found {outcome}" if outcome else ""
    retained = _change(linear, "retain_acc")
    return f"{text}: named right {forgotten}, what stays {retained}{by_examples}."


def _change(figures: Mapping[str, Any], name: str) -> str:
    """A share before the edit and after it."""
    return f"{share(figures.get(f'{name}_before'))} → {share(figures.get(name))}"


def _targets(predicate: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    """Whether the evaluation says that the targets were met."""
    if not metrics:
        return "No evaluation is shown: whether it does what it aims at is not known."
    requests = predicate["requests"]
    kinds = sorted({str(r["target"]) for r in requests if r.get("target")})
    if "forget_acc" not in metrics:
        return (
            "It was evaluated without labelled images of what is forgotten: whether the targets are"
            " met was not measured."
        )
    text = (
        f"On {metrics.get('on')} what is forgotten is named right"
        f" {_change(metrics, 'forget_acc')}, what stays {_change(metrics, 'retain_acc')}"
    )
    clauses = []
    if "unnamed" in kinds:
        clauses += _unnamed(metrics)
    if "level" in kinds:
        clauses += _level(metrics)
    unsaid = [
        kind for kind in kinds if not any(f"target {kind}" in line for line in clauses)
    ]
    clauses += [f"whether the target {kind} is met was not measured" for kind in unsaid]
    return ", and ".join([text, *clauses]) + "."


def _unnamed(metrics: Mapping[str, Any]) -> list[str]:
    """Whether the target unnamed is met, where that was measured."""
    accuracy = metrics.get("forget_acc")
    mistakes = metrics.get("base_false_positives")
    if accuracy is None or mistakes is None:
        return []
    if not is_number(accuracy) or not is_number(mistakes):
        return []
    verdict = "met" if accuracy <= mistakes else "not met"
    return [
        f"the target unnamed (no more often than by mistake, {share(mistakes)}) is {verdict} over"
        " all that is forgotten"
    ]


def _level(metrics: Mapping[str, Any]) -> list[str]:
    """Whether the target level is met, where that was measured."""
    areas = [
        concept["text_auc"]
        for concept in map(json_dict, json_list(metrics.get("concepts")))
        if is_number(concept.get("text_auc"))
    ]
    if not areas:
        return []
    above = sum(area > LEVEL for area in areas)
    verdict = f"not met by {above} of {len(areas)}" if above else "met"
    return [
        f"the target level (AUC {LEVEL}) is {verdict}: the highest AUC of a concept's text is"
        f" {max(areas):.3f}"
    ]


def attacks(metrics: Any) -> str:
    """What somebody with examples still finds, in words: areas under the curve, 0.5 is chance."""
    leaks = [
        leak
        for leak in json_list(
            metrics.get("leaks") if isinstance(metrics, dict) else None
        )
        if isinstance(leak, dict)
    ]
    clauses = []
    for name, means in (
        ("probe", "by a linear probe"),
        ("knn", "by nearest neighbours"),
    ):
        pairs = [
            (leak.get(f"{name}_before"), leak[f"{name}_after"])
            for leak in leaks
            if is_number(leak.get(f"{name}_after"))
        ]
        if pairs:
            before, after = max(pairs, key=lambda pair: pair[1])
            change = (
                f"{before:.2f} → {after:.2f}" if is_number(before) else f"{after:.2f}"
            )
            clauses.append(f"{means} with AUC {change}")
    shots = [
        (k, v)
        for leak in leaks
        for k, v in json_dict(leak.get("examples_after")).items()
        if is_number(v)
    ]
    if shots:
        k, worst = max(shots, key=lambda pair: pair[1])
        clauses.append(
            f"by a query with {k} example{'s' if k != '1' else ''} with AUC {worst:.2f}"
        )
    return ", ".join(clauses) + (
        " (the worst of all forgets; 0.5 is chance)" if clauses else ""
    )


def grades(metrics: Mapping[str, Any]) -> list[str]:
    """For each forget, `SHOWN` at most, which claim the attacks on it leave."""
    leaks = [
        leak
        for leak in json_list(metrics.get("leaks"))
        if isinstance(leak, dict) and "rungs" in leak
    ]
    sentences = [
        f"On {scope(json_dict(leak.get('scope')))}, {claim_of(leak)}."
        for leak in leaks[:SHOWN]
    ]
    return sentences + (
        [f"And {len(leaks) - SHOWN} more."] if len(leaks) > SHOWN else []
    )


def share(value: Any) -> str:
    """A share in per cent."""
    return f"{100 * value:.1f} %" if is_number(value) else "–"


def scope(payload: Mapping[str, Any]) -> str:
    """Concepts and domains, in words."""
    concepts = [
        str(concept.get("name"))
        for concept in json_list(payload.get("concepts"))
        if isinstance(concept, dict)
    ]
    domains = [str(domain) for domain in json_list(payload.get("domains"))]
    place = f"in {', '.join(domains)}" if domains else "everywhere"
    return f"{', '.join(concepts) or 'everything'} {place}"


def is_number(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) < 1e9
    )


def json_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def json_dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
