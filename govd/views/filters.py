"""What records and entries are found by, as conditions in SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypedDict

from govd.errors import Usage, instead

#: What records are found by besides their state and model, as `terms` has it.
WORDS: Final = (
    "concept",
    "domain",
    "policy",
    "filed_by",
    "ticket",
    "private",
    "key",
    "reverts",
    "feed",
    "export_of",
)
#: What entries are found by, besides what the request that they are about is found by.
OF_ENTRIES: Final = ("since", "until", "actor", "kind", "subject", "model", "policy")
OF_REQUESTS: Final = ("state", "concept", "domain", "filed_by")


class RequestFilters(TypedDict, total=False):
    """Filters for requests; None means no filter."""

    state: str | None
    model: str | None
    concept: str | None
    """A name of what is forgotten, in lower case."""
    domain: str | None
    policy: str | None
    """That voted on it."""
    filed_by: str | None
    ticket: str | None
    """In lower case."""
    private: str | None
    """`yes`: private ones alone."""
    since: str | None
    """Filed from this time on."""
    until: str | None
    """Filed before this time."""


@dataclass(frozen=True)
class Condition:
    """That a record is in a state, or has a word: a row of `table` with these columns says so."""

    table: str
    columns: tuple[str, ...]
    values: tuple[str, ...]

    def keys(self) -> str:
        """The query for all records that meet it."""
        return (
            f"SELECT {self.table}.key FROM {self.table} WHERE {self._where(self.table)}"
        )

    def holds(self, key: str) -> str:
        """That the record with a key meets it."""
        # the table itself has the records' texts in its way
        small = ""
        if self.table == "records":
            small = " INDEXED BY records_by_key"
        return (
            f"EXISTS (SELECT 1 FROM {self.table} AS other{small} WHERE {self._where('other')} AND"
            f" other.key = {key})"
        )

    def _where(self, name: str) -> str:
        return " AND ".join(f"{name}.{column} = ?" for column in self.columns)


def conditions(noun: str, terms: Mapping[str, str]) -> list[Condition]:
    """A state and words as conditions on records of a noun; a model is none."""
    every = []
    for term, word in terms.items():
        if term == "state":
            every.append(Condition("records", ("noun", "state"), (noun, word)))
        elif term != "model":
            every.append(
                Condition("terms", ("term", "word", "noun"), (term, word, noun))
            )
    return every


def given_filters(
    filters: Mapping[str, str | None], names: Iterable[str]
) -> dict[str, str]:
    """The filters that are given.

    Raises:
        Usage: there is no filter of that name.
    """
    names = tuple(dict.fromkeys(names))
    for name in filters:
        if name not in names:
            raise Usage(
                f"unknown filter {name!r}", advice=instead(name, names, "Filters")
            )
    return {name: value for name, value in filters.items() if value is not None}
