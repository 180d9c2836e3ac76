"""What every record is: what the entries say of one thing, typed, and as JSON beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

compact: Final = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), check_circular=False
).encode
"""A value as JSON without spaces. One encoder for all: `json.dumps` would make one each time. It
does not look for circles, which take a sixth of its time: what it is given came out of JSON.
"""

if TYPE_CHECKING:  # NumPy comes with it, and help and tables need none
    from govd.types import Json


@dataclass(frozen=True, eq=False)
class StoredRecord(Mapping[str, Any]):
    """A record, which nobody can change: attributes for code, and a mapping over its JSON for what
    leaves govd (HTTP, the command line, plugins). A field that an older ledger does not have is
    absent from the mapping, and its attribute says what that meant then.

        >>> request = Request.from_json({"id": "5d0c", "kind": "forget", "state": "in_force"})
        >>> request.state is RequestState.IN_FORCE, request["state"]
        (True, 'in_force')
    """

    _json: Mapping[str, Json]

    @classmethod
    def from_json(cls, record: Mapping[str, Json]) -> Self:
        """The record whose JSON this is; a record as it is."""
        return record if isinstance(record, cls) else cls(record)

    def as_json(self) -> dict[str, Json]:
        """A copy for `json.dumps`; changing it changes no record."""
        return dict(self._json)

    def as_text(self) -> str:
        """The JSON as the views keep it."""
        fields = self._json
        return compact(fields if type(fields) is dict else dict(fields))

    def with_(self, **fields: Json) -> Self:
        """The same record with some of its JSON fields changed."""
        return type(self)({**self._json, **fields})

    def __getitem__(self, field: str) -> Json:
        return self._json[field]

    def __iter__(self) -> Iterator[str]:
        return iter(self._json)

    def __len__(self) -> int:
        return len(self._json)

    def __contains__(self, field: object) -> bool:
        return field in self._json

    def get(self, field: str, default: Any = None) -> Json:
        """A field's JSON, `default` where the record has no such field."""
        return self._json.get(field, default)


def plain(value: Any) -> Json:
    """What `json.dumps` asks its `default` for: records as dicts, NumPy's numbers as floats.

    Raises:
        TypeError: it is neither.
    """
    return dict(value) if isinstance(value, Mapping) else float(value)
