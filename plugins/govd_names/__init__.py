"""The policy that comes with govd against typing mistakes: a name that is neither known nor near to
what is waits for a person, and so does one that is not known in a domain that the request names.
"""

from collections.abc import Mapping

from govd.hookspecs import hookimpl
from govd.types import Json, Record, Vote

POLICY = "govd-names"


@hookimpl
def govd_vote(
    moment: str, request: Record, predicted: Mapping[str, Json]
) -> Vote | None:
    """Wait where a name is doubted. Nothing to say when a person approves it, nor of what is shown
    by pictures or names no concept.
    """
    if moment != "filed" or "doubted_names" not in predicted:
        return None
    doubted = predicted["doubted_names"]
    if not doubted:
        return Vote("allow", POLICY, "every name is known, or near to what is")
    reasons = "; ".join(str(doubt["reason"]) for doubt in doubted)
    end = " A" if reasons.endswith("?") else ": a"
    return Vote(
        "wait", POLICY, f"{reasons}{end} person must approve it", {"doubted": doubted}
    )
