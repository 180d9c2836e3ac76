"""Batch work on a Ray cluster: in `govd.toml` `[batch] runner = "ray"`, `address = "HOST:PORT"` (or
`auto`, for the cluster that this machine belongs to).

Ray ends the process that is connected where the head of a cluster is lost, and waits for minutes
for one that is not there. So the connection lies in a process of its own (`driver.py`), which this
one asks and can end.
"""

from __future__ import annotations

from importlib.util import find_spec

from govd.errors import Unsupported
from govd.hookspecs import hookimpl
from govd.types import BatchRunner
from govd_ray.runner import RayRunner

__all__ = ["RayRunner", "govd_batch_runner"]


@hookimpl
def govd_batch_runner(name: str, address: str) -> BatchRunner | None:
    """`ray`.

    Raises:
        Unsupported: Ray is not installed. Unreachable: no cluster answers there.
    """
    if name != "ray":
        return None
    if find_spec("ray") is None:
        raise Unsupported("Ray is not installed here", advice="pip install 'govd[ray]'")
    return RayRunner(address or "auto")
