"""Where batch work runs: what a plugin implements to bring machines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class BatchRunner(Protocol):
    """Machines that are reached, for one piece of work: patching a store, encoding pictures."""

    def map_batches(
        self,
        function: Callable[[Any], Any],
        items: Iterable[Any],
        *,
        wants_gpu: bool = False,
    ) -> Iterable[Any]:
        """What a function makes of each item, in any order, each as soon as it is there.

        Args:
            function: can be pickled. Each worker unpickles it once, before its first item: it opens
                what it needs then, and keeps it. It is called with one item at a time, and may be
                called again with an item whose worker was lost.
            items: can be pickled, and are drawn as workers become free; whoever wants to stop ends
                them, and what is under way is still answered.
            wants_gpu: a worker is given a GPU, where there are any.

        Raises:
            GovdError: what the function raised, as it is. Unreachable: the machines are gone.
            MachineFault: workers were lost again and again.
        """
        ...

    def close(self) -> None:
        """Let go of the machines; what is still under way there is given up."""
        ...
