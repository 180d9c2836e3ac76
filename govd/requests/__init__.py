"""Forget requests and reverts: what may be filed, who decides, what it computes and would do."""

from govd.requests.filing import Requests
from govd.requests.options import ForgetOptions, spec_of

__all__ = ["ForgetOptions", "Requests", "spec_of"]
