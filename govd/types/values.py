"""Arrays, JSON, records and the words that several types share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Bytes = NDArray[np.uint8]
Bools = NDArray[np.bool_]
Places = NDArray[np.int64]
"""Positions in an array."""
Json = Any
"""Anything that canonical JSON can say: None, bool, int, float, str, lists and dicts with string
keys.
"""

Side = Literal["image", "text"]
Use = Literal["labels", "open", "search"]
Target = Literal["unnamed", "level", "shift"]
Decision = Literal["allow", "deny", "wait"]
Precision = Literal["float32", "bfloat16", "float16"]
"""What a model encodes in; embeddings are float32 whatever it is."""

PRIVATE = "private:"
"""How the names of concepts begin that the ledger commits to without saying them."""
KEPT_PRIVATE = "kept private"
"""What records say in the place of a reason that the ledger only commits to."""
SIDES: tuple[Side, ...] = ("image", "text")
USES: tuple[Use, ...] = ("labels", "open", "search")
TARGETS: tuple[Target, ...] = ("unnamed", "level", "shift")
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16", "float16")
SINGLE: Precision = "float32"
"""What a model encodes in where nobody says otherwise."""


class Progress(Protocol):
    """Called by long work: `done` of `total` steps of what `what` names. Must be cheap and must not
    raise.
    """

    def __call__(self, what: str, done: int, total: int) -> None: ...


def silent(what: str, done: int, total: int) -> None:
    """The progress that nobody watches."""


Record = Mapping[str, Json]
"""A request, revision, model or entry as JSON: `request["state"]`, `request["concepts"]`. Plugins
get mapping proxies and tuples, which nobody can change. Each field is documented, with an example
where it helps, as an attribute of `Request`, `Revision` and `RegisteredModel` in `govd/records`;
two are called otherwise there: `basis` of a request is `legal_basis`, `held` is `hold`.
"""


def changeable(record: Json) -> Json:
    """A copy of a record as dicts and lists, which can be changed and given to `json.dumps`."""
    if isinstance(record, Mapping):
        return {key: changeable(value) for key, value in record.items()}
    return (
        [changeable(value) for value in record]
        if isinstance(record, list | tuple)
        else record
    )
