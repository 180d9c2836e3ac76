"""The policy that comes with govd: a request that would disturb too much of what is kept waits for a person."""

from collections.abc import Mapping

from govd.hookspecs import hookimpl
from govd.types import Json, Record, Vote

MAX_PREDICTED_DISAGREEMENT = 0.05
"""Share of what is kept that a request may have answered differently; one above it waits (the home's own setting goes first)."""

MAX_TOTAL_DISAGREEMENT = 0.2
"""The same of all forgets together: many small ones add up."""


@hookimpl
def govd_vote(moment: str, request: Record, predicted: Mapping[str, Json]) -> Vote | None:
    """Wait where the predicted disagreement exceeds the bound. Nothing to say when a person approves it, nor on reverts, which restore."""
    if moment != "filed" or "disagreement" not in predicted:
        return None
    found, total = float(predicted["disagreement"]), float(predicted.get("total_disagreement", 0.0))
    bound = float(predicted.get("max_predicted_disagreement", MAX_PREDICTED_DISAGREEMENT))
    most = float(predicted.get("max_total_disagreement", MAX_TOTAL_DISAGREEMENT))
    inputs = {"disagreement": found, "max_predicted_disagreement": bound, "total_disagreement": total, "max_total_disagreement": most}
    if found > bound:
        reason = f"predicted disagreement {found:.3f} of what is kept is over the bound of {bound:.3f}: a person must approve it"
        return Vote("wait", "bounds", reason, inputs)
    if found > 0 and total > most:
        reason = f"with all that is in force {total:.3f} of what is kept would be answered differently, over the bound of {most:.3f}"
        return Vote("wait", "bounds", f"{reason}: a person must approve it", inputs)
    return Vote("allow", "bounds", f"predicted disagreement {found:.3f} is within the bound of {bound:.3f}", inputs)
