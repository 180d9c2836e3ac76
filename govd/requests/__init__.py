"""Forget requests and reverts: what may be filed, and what people decide. What follows from their
entries is `reconcile`'s: the two meet in the ledger alone.
"""

from govd.requests.filing import Requests
from govd.requests.options import ForgetOptions

__all__ = ["ForgetOptions", "Requests"]
