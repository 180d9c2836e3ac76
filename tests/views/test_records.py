"""What is asked of the ledger: filters mean what they say, alone and together, and no question
reads a table from end to end.
"""

import itertools
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govd.errors import BadFile, MachineFault, Usage
from govd.ledger.signing import Signer
from govd.ledger.store import Ledger
from govd.types import Record
from govd.views.records import Records
from govd.views.views import Views
from tests.benchmarks.ledger import scans
from tests.benchmarks.ledger_history import history
from tests.views.plans import plan

Entry = dict[str, Any]
Requests = dict[str, Record]


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> list[Entry]:
    folder = tmp_path_factory.mktemp("questions")
    ledger = Ledger.at(
        folder / "ledger.db", Signer.at(folder / "key", "govd/test"), "govd/test"
    )
    ledger.append(list(history(4000, "0" * 64)))
    found = list(ledger.entries())
    ledger.close()
    return found


@pytest.fixture(scope="module")
def views(entries: list[Entry]) -> Iterator[Views]:
    views = Views().read(entries)
    yield views
    views.records.close()


@pytest.fixture(scope="module")
def requests(entries: list[Entry], views: Views) -> Requests:
    """Each request by its id, read once: what the filters mean is asked a million times."""
    found = {e["subject"]: views.request(e["subject"]) for e in entries}
    return {key: request for key, request in found.items() if request is not None}


WORDS: dict[str, list[str]] = {
    "actor": ["ann", "govd", "nobody"],
    "kind": ["request.vote", "request", "revision", "nothing", "request.", "no.thing"],
    "subject": ["r00000000001", "m/3", "m", "x"],
    "model": ["m", "other"],
    "concept": ["dog 5", "cat 17", "nothing"],
    "domain": ["line", "colour"],
    "state": ["in_force", "denied", "reverted", "waiting", "nonsense"],
    "policy": ["bounds", "people", "other"],
    "since": ["at 1000", "at 3500", "9999-01-01T00:00:00.000000Z"],
    "until": ["at 900", "at 3900", "0001-01-01T00:00:00.000000Z"],
}
FILTERS = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(words) for name, words in WORDS.items()}
)


def placed(filters: dict[str, str], entries: list[Entry]) -> dict[str, str]:
    """Times of entries instead of their numbers."""
    return {
        k: entries[int(v[3:])]["time"] if v.startswith("at ") else v
        for k, v in filters.items()
    }


def matches(entry: Entry, filters: dict[str, str], requests: Requests) -> bool:
    """What the filters mean, said otherwise than in SQL."""
    request = requests.get(entry["subject"], {})
    kind, payload = entry["kind"], entry["payload"]
    names = {
        name for c in request.get("concepts", []) for name in (c["name"], *c["aliases"])
    }
    meaning = {
        "actor": lambda v: entry["actor"] == v,
        "kind": lambda v: v in (kind, kind.partition(".")[0]),
        "subject": lambda v: entry["subject"] == v,
        "model": lambda v: entry["model"] == v,
        "concept": lambda v: v in names,
        "domain": lambda v: v in request.get("domains", []),
        "state": lambda v: request.get("state") == v,
        "policy": lambda v: kind == "request.vote" and payload["policy"] == v,
        "since": lambda v: entry["time"] >= v,
        "until": lambda v: entry["time"] < v,
    }
    return all(meaning[name](value) for name, value in filters.items())


@pytest.mark.parametrize("few", [0, 20, 2000])
@pytest.mark.parametrize("many", [0, 10_000])
@settings(max_examples=40, deadline=None)
@given(
    filters=FILTERS, after=st.none() | st.integers(-5, 4100), limit=st.integers(0, 50)
)
def test_filters_mean_what_they_say_together(
    few: int,
    many: int,
    entries: list[Entry],
    views: Views,
    requests: Requests,
    filters: dict[str, str],
    after: int | None,
    limit: int,
) -> None:
    filters = placed(filters, entries)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("govd.views.rarity.FEW", few)
        patch.setattr("govd.views.rarity.MANY", many)
        found = views.records.seqs(after, limit, **filters)
        steps = plan(*views.records.asking(after, limit, **filters))
    start = -1 if after is None else after
    assert (
        found
        == [
            e["seq"]
            for e in entries
            if e["seq"] > start and matches(e, filters, requests)
        ][:limit]
    )
    assert not scans(steps), steps


@pytest.mark.parametrize("few", [0, 20, 2000])
def test_each_pair_of_filters_of_requests(
    few: int,
    entries: list[Entry],
    views: Views,
    requests: Requests,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("govd.views.rarity.FEW", few)
    filed = {e["subject"]: e for e in entries if e["kind"] == "request.file"}
    asked = {
        name: WORDS[name]
        for name in ("state", "concept", "domain", "policy", "since", "until", "model")
    }
    asked |= {"filed_by": WORDS["actor"]}
    for one, other in itertools.combinations(asked, 2):
        for a, b in itertools.product(asked[one], asked[other]):
            filters = placed({one: a, other: b}, entries)
            wanted = []
            for key, entry in filed.items():
                renamed = {
                    ("actor" if k == "filed_by" else k): v
                    for k, v in filters.items()
                    if k != "policy"
                }
                voted = "policy" not in filters or filters["policy"] in {
                    v["policy"] for v in requests[key]["votes"]
                }
                if voted and matches(entry, renamed, requests):
                    wanted.append(key)
            assert [
                r["id"] for r in views.records.find("request", **filters)
            ] == wanted, filters
            assert [
                r["id"]
                for r in views.records.find("request", newest=True, limit=3, **filters)
            ] == wanted[::-1][:3], filters
            steps = plan(*views.records.finding("request", **filters))
            assert not scans(steps), (filters, steps)


def test_a_cursor_goes_through_everything_once(
    entries: list[Entry], views: Views, requests: Requests
) -> None:
    for filters in (
        {},
        {"domain": "line"},
        {"policy": "bounds"},
        {"state": "in_force", "actor": "govd"},
    ):
        pages: list[int] = []
        after = None
        while page := views.records.seqs(after, 7, **filters):
            pages += page
            after = page[-1]
        assert pages == [e["seq"] for e in entries if matches(e, filters, requests)]


def test_an_unknown_filter_is_wrong_usage(views: Views) -> None:
    with pytest.raises(Usage, match="unknown filter 'colour'"):
        views.records.seqs(colour="red")
    with pytest.raises(Usage, match="unknown filter"):
        views.records.find("request", **{"a = 1 OR b": "x"})


def test_other_questions_read_along_an_index(views: Views) -> None:
    steps = plan(
        "SELECT seq FROM log WHERE subject = ? AND kind = ? AND seq <= ? ORDER BY seq DESC LIMIT 1",
        ("m", "x", 1),
    )
    assert not scans(steps)
    assert views.records.last("model.add", "m", 4000) == 0
    assert views.records.last("model.add", "m", -1) is None


@pytest.mark.parametrize(
    "damage",
    [
        "DROP TABLE log",
        "DROP TABLE position",
        "ALTER TABLE records RENAME COLUMN live TO dead",
    ],
)
def test_damaged_views_are_told_as_such(tmp_path: Path, damage: str) -> None:
    Records(tmp_path / "views.db").close()
    with sqlite3.connect(tmp_path / "views.db") as raw:
        raw.execute(damage)
    raw.close()
    with pytest.raises(BadFile, match="damaged"):
        use(tmp_path / "views.db")


def use(path: Path) -> None:
    records = Records(path)
    try:
        records.position()
        records.live("request")
        records.seqs(kind="note")
    finally:
        records.close()


def test_what_went_wrong_is_told_even_where_it_cannot_be_taken_back(
    tmp_path: Path,
) -> None:
    records = Records(tmp_path / "views.db")

    def taken_back() -> None:
        with records.writing():
            records._db.execute("ROLLBACK")  # as a full disk does it
            raise ZeroDivisionError

    def written(*seqs: int) -> None:
        with records.writing():
            records.add_spans([("m", 1, 1)])
            records.add_log(
                [(n, "t" * 1000, "a", "k", "k", "s", "m", None) for n in seqs]
            )

    with pytest.raises(ZeroDivisionError):
        taken_back()
    with pytest.raises(BadFile, match="UNIQUE"):
        written(1, 1)
    assert records.published("m", 9) is None, "all or nothing"
    records._db.execute("PRAGMA max_page_count = 1")
    with pytest.raises(MachineFault, match="full"):
        written(*range(1000))
    records.close()
    with pytest.raises(MachineFault, match="closed"):
        records.position()
