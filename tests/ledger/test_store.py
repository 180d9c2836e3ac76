"""The ledger in its database: what was appended stays, and whatever else happened to it is
noticed.
"""

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from govd.errors import BadFile, MachineFault, Usage
from govd.ledger import merkle
from govd.ledger.database import copy_database, fault_of, migrations_folder
from govd.ledger.entry import Draft
from govd.ledger.signing import LogCheckpoint, Signer
from govd.ledger.store import Ledger
from govd.ledger.stored import Stored
from govd.ledger.tables import REVISION
from govd.verify.entries import verify
from govd.verify.verdict import Verdict


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger.at(
        tmp_path / "ledger.db", Signer.at(tmp_path / "key", "govd/test"), "govd/test"
    )
    yield ledger
    ledger.close()


def drafts(n: int, word: str = "note") -> list[Draft]:
    return [
        Draft("model.add", f"{word}-{i}", "tester", "m", {"n": i, "text": "Übung"})
        for i in range(n)
    ]


def judged(ledger: Ledger) -> Verdict:
    return verify(ledger.stored(), ledger.signer.key, ledger.origin)


def test_entries_come_back_in_order_and_prove_themselves(ledger: Ledger) -> None:
    for n in (1, 2, 5, 1200):
        ledger.append(drafts(n))
    size = ledger.size()
    assert size == 1208
    assert [e["seq"] for e in ledger.entries()] == list(range(size))
    assert [e["seq"] for e in ledger.entries(1000, 1003)] == [1000, 1001, 1002]
    bodies = [body for _, body in ledger.bodies()]
    root = ledger.root()
    for seq in (0, 7, 1023, 1207):
        assert merkle.included(
            seq, size, merkle.leaf_hash(bodies[seq]), ledger.inclusion(seq, size), root
        )
    assert merkle.consistent(8, size, ledger.root(8), root, ledger.consistency(8, size))


def test_all_or_none(ledger: Ledger) -> None:
    with pytest.raises(Usage):
        ledger.append([*drafts(2), Draft("x.y", "s", "a", "", {"bad": float("nan")})])
    assert ledger.size() == 0
    ledger.append(drafts(1))
    assert ledger.size() == 1


def test_many_writers_lose_nothing(ledger: Ledger) -> None:
    def write(n: int) -> None:
        for _ in range(20):
            ledger.append(drafts(2, f"writer-{n}"))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    ledger.checkpoint()
    assert ledger.size() == 160
    assert judged(ledger).holds


def test_a_checkpoint_speaks_of_the_ledger_as_it_is(ledger: Ledger) -> None:
    ledger.append(drafts(3))
    first = ledger.checkpoint()
    assert first == ledger.checkpoint(), "the same size is signed once"
    ledger.append(drafts(4))
    second = ledger.checkpoint()
    a, b = (LogCheckpoint.open(note, ledger.signer.key) for note in (first, second))
    assert (a.size, b.size) == (3, 7)
    assert merkle.consistent(3, 7, a.root, b.root, ledger.consistency(3, 7))
    assert judged(ledger).checkpoints == 2


@pytest.mark.parametrize("table", ["entries", "checkpoints"])
@pytest.mark.parametrize("change", ["DELETE FROM {}", "UPDATE {} SET {}"])
def test_the_database_itself_refuses_changes(
    ledger: Ledger, tmp_path: Path, table: str, change: str
) -> None:
    ledger.append(drafts(3))
    ledger.checkpoint()
    column = {"entries": "body = x'00'", "checkpoints": "note = 'x'"}[table]
    with (
        sqlite3.connect(tmp_path / "ledger.db") as raw,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        raw.execute(change.format(table, column))
    raw.close()
    assert judged(ledger).holds


def without_triggers(path: Path, *statements: str) -> None:
    with sqlite3.connect(path) as raw:
        for (name,) in raw.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            raw.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            raw.execute(statement)
    raw.close()


ATTACKS: dict[str, tuple[str, ...]] = {
    "an entry put in": (
        "INSERT INTO entries SELECT 11, x'', body FROM entries WHERE seq = 4",
    ),
    "an entry of its own before the first": (
        "INSERT INTO entries SELECT -1, x'', body FROM entries WHERE seq = 4",
    ),
    "a node that is nobody's": (
        "UPDATE entries SET nodes = CAST(nodes || zeroblob(32) AS BLOB) WHERE seq = 7",
    ),
    "a body": (
        """UPDATE entries SET body = CAST(replace(CAST(body AS TEXT), 'tester', 'nobody') AS BLOB) WHERE seq = 4""",
    ),
    "an entry dropped": ("DELETE FROM entries WHERE seq = 4",),
    "entries cut off": ("DELETE FROM entries WHERE seq >= 8",),
    "two swapped": (
        "UPDATE entries SET seq = -1 WHERE seq = 2",
        "UPDATE entries SET seq = 2 WHERE seq = 3",
        "UPDATE entries SET seq = 3 WHERE seq = -1",
    ),
    "a node": ("UPDATE entries SET nodes = zeroblob(32) WHERE seq = 5",),
    "a node taken away": ("UPDATE entries SET nodes = x'' WHERE seq = 5",),
    "nodes that are no bytes": ("UPDATE entries SET nodes = 7 WHERE seq = 5",),
    "two entries with their nodes swapped": (
        "UPDATE entries SET seq = -1 WHERE seq = 4",
        "UPDATE entries SET seq = 4 WHERE seq = 6",
        "UPDATE entries SET seq = 6 WHERE seq = -1",
    ),
    "a signature": (
        "UPDATE checkpoints SET note = replace(note, 'govd/test', 'govd/tesu')",
    ),
    "no checkpoint": ("DELETE FROM checkpoints",),
    "a kept checkpoint of another size": ("UPDATE checkpoints SET size = 9",),
}


@pytest.mark.parametrize("attack", sorted(ATTACKS))
def test_an_operator_with_the_database_in_his_hands_is_noticed(
    ledger: Ledger, tmp_path: Path, attack: str
) -> None:
    ledger.append(drafts(11))
    ledger.checkpoint()
    assert judged(ledger).holds
    without_triggers(tmp_path / "ledger.db", *ATTACKS[attack])
    assert not judged(ledger).holds


def test_a_ledger_of_a_newer_govd_is_left_alone(ledger: Ledger, tmp_path: Path) -> None:
    ledger.append(drafts(1))
    ledger.close()
    without_triggers(
        tmp_path / "ledger.db", "UPDATE alembic_version SET version_num = '9999'"
    )
    before = (tmp_path / "ledger.db").read_bytes()
    with pytest.raises(MachineFault, match="newer govd"):
        Ledger.at(tmp_path / "ledger.db", ledger.signer, ledger.origin)
    assert (tmp_path / "ledger.db").read_bytes() == before


def test_no_database_at_all(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "other.db").write_bytes(
        b"this is not a database, whatever its name says" * 100
    )
    with pytest.raises(BadFile, match=r"other\.db"):
        Ledger.at(tmp_path / "other.db", ledger.signer, ledger.origin)


def test_a_full_disk_changes_nothing(ledger: Ledger) -> None:
    ledger.append(drafts(3))
    # what there is and no page more
    ledger._appender._writer().execute("PRAGMA max_page_count = 1")
    with pytest.raises(MachineFault, match="full"):
        ledger.append(drafts(5000))
    assert ledger.size() == 3


def test_a_copy_is_a_ledger(ledger: Ledger, tmp_path: Path) -> None:
    ledger.append(drafts(5))
    ledger.checkpoint()
    copy_database(tmp_path / "ledger.db", tmp_path / "copy.db")
    copy = Ledger.at(tmp_path / "copy.db", ledger.signer, ledger.origin)
    assert judged(copy).holds
    assert copy.root() == ledger.root()
    copy.close()


def test_the_newest_migration_is_the_one_that_is_asked_for() -> None:
    assert (
        max(
            p.stem.split("_")[0]
            for p in (migrations_folder() / "versions").glob("*.py")
        )
        == REVISION
    )


def test_two_that_share_a_file_do_not_lose_each_others_entries(
    ledger: Ledger, tmp_path: Path
) -> None:
    other = Ledger.at(tmp_path / "ledger.db", ledger.signer, ledger.origin)
    for n in range(4):
        (ledger if n % 2 else other).append(drafts(3, f"turn-{n}"))
    other.append(drafts(1))
    other.checkpoint()
    other.close()
    assert [e["seq"] for e in ledger.entries()] == list(range(13))
    assert judged(ledger).holds


def test_a_ledger_that_grows_while_it_is_verified_holds(ledger: Ledger) -> None:
    ledger.append(drafts(40))
    ledger.checkpoint()
    ending = threading.Event()

    def grow() -> None:
        while not ending.is_set():
            ledger.append(drafts(3))
            ledger.checkpoint()

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        for _ in range(30):
            verdict = judged(ledger)
            assert verdict.holds, verdict.faults
    finally:
        ending.set()
        thread.join(30)


def test_the_upper_levels_of_a_large_tree_are_verified_too(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("govd.verify.parts.LEVEL", 2)  # parts of four entries
    ledger.append(drafts(21))
    ledger.checkpoint()
    assert judged(ledger).holds
    with sqlite3.connect(tmp_path / "ledger.db") as raw:
        assert raw.execute(
            "SELECT length(nodes) FROM entries WHERE seq = 15"
        ).fetchone() == (4 * 32,)
    raw.close()
    without_triggers(
        tmp_path / "ledger.db",
        "UPDATE entries SET nodes = CAST(substr(nodes, 1, 96) || zeroblob(32) AS BLOB) WHERE seq"
        " = 15",
    )
    assert any("upper Merkle nodes" in fault for fault in judged(ledger).faults)


def test_a_proof_without_its_nodes_is_told(ledger: Ledger, tmp_path: Path) -> None:
    ledger.append(drafts(8))
    without_triggers(
        tmp_path / "ledger.db", "UPDATE entries SET nodes = x'' WHERE seq = 3"
    )
    with pytest.raises(BadFile, match="Merkle node 2/0 is missing"):
        ledger.inclusion(6, 8)


def test_a_verdict_names_the_damage_once(ledger: Ledger, tmp_path: Path) -> None:
    for i in range(60):
        ledger.append([Draft("note", str(i), "ann")])
        ledger.checkpoint()
    key, origin = ledger.signer.key, ledger.origin
    path = Path(ledger.url.removeprefix("sqlite:///"))
    copy = tmp_path / "changed.db"
    ledger.close()
    shutil.copy(path, copy)
    with sqlite3.connect(copy) as raw:
        for (name,) in raw.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            raw.execute(f"DROP TRIGGER {name}")
        body = raw.execute("SELECT body FROM entries WHERE seq = 30").fetchone()[0]
        raw.execute(
            "UPDATE entries SET body = ? WHERE seq = 30",
            (body.replace(b'"ann"', b'"bob"'),),
        )
    raw.close()
    verdict = verify(Stored(copy), key, origin)
    assert any(
        "the first 31 entries are not those that were signed, nor those of 29 more" in f
        for f in verdict.faults
    )
    assert any(
        "the first 30 are: what was changed is entry 30" in f for f in verdict.faults
    )
    assert len(verdict.faults) <= 3
    with sqlite3.connect(copy) as raw:
        raw.execute("UPDATE entries SET body = ? WHERE seq = 30", (body,))
        raw.execute("DELETE FROM entries WHERE seq = 40")
    raw.close()
    verdict = verify(Stored(copy), key, origin)
    assert any("entry 40 is missing" in f for f in verdict.faults)
    assert not any("cut off" in f for f in verdict.faults)
    assert (verdict.size, len(verdict.faults)) == (40, 1)


def test_a_kept_checkpoint_of_another_log_or_key_is_not_taken_for_entries_cut_off(
    ledger: Ledger, tmp_path: Path
) -> None:
    ledger.append([Draft("note", "x", "ann")])
    ledger.checkpoint()
    key, source = ledger.signer.key, ledger.stored()
    other = Signer.at(tmp_path / "other.key", "govd/another")
    note = other.sign(LogCheckpoint("govd/another", 999, b"\x00" * 32).text)
    assert any(
        "belongs to another log" in f
        for f in verify(source, key, ledger.origin, kept=[note]).faults
    )
    stranger = Signer.at(tmp_path / "stranger.key", ledger.origin)
    note = stranger.sign(LogCheckpoint(ledger.origin, 999, b"\x00" * 32).text)
    assert any(
        "not signed by any key known here" in f
        for f in verify(source, key, ledger.origin, kept=[note]).faults
    )
    note = ledger.signer.sign(LogCheckpoint(ledger.origin, 999, b"\x00" * 32).text)
    assert any(
        "entries were cut off" in f
        for f in verify(source, key, ledger.origin, kept=[note]).faults
    )


def test_a_ledger_that_another_program_has_open_says_so() -> None:
    fault = fault_of(sqlite3.OperationalError("database is locked"), "ledger.db")
    assert isinstance(fault, MachineFault)
    assert "Another program has it open" in fault.message
