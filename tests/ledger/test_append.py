"""Several callers at once: each is told the truth about his own entries, and none works for the
others for ever.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from govd.errors import GovdError, MachineFault
from govd.ledger.append import Appender
from govd.ledger.entry import Draft
from govd.ledger.signing import LogCheckpoint, Signer, rotation_text
from govd.ledger.store import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger.at(
        tmp_path / "ledger.db", Signer.at(tmp_path / "key", "govd/test"), "govd/test"
    )
    yield ledger
    ledger.close()


def note(word: str = "x") -> list[Draft]:
    return [Draft("note", word, "tester")]


class Slow:
    """Stands before a commit until it is let go, so that others come meanwhile."""

    def __init__(self, appender: Appender, fault: BaseException | None = None) -> None:
        self.inside, self.go = threading.Event(), threading.Event()
        commit = appender._commit

        def slow(jobs: object) -> None:
            if not self.inside.is_set():
                self.inside.set()
                assert self.go.wait(30)
                if fault is not None:
                    raise fault
            commit(jobs)  # type: ignore[arg-type]

        appender._commit = slow  # type: ignore[method-assign]


def started(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + 30
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.001)


@pytest.mark.parametrize(
    "fault",
    [
        MemoryError("none left"),
        KeyboardInterrupt(),
        sqlite3.OperationalError("disk I/O error"),
    ],
)
def test_who_waits_is_not_told_that_what_failed_is_written(
    ledger: Ledger, fault: BaseException
) -> None:
    ledger.append(note())
    appender, found = ledger._appender, []
    first = Slow(appender)

    def call(word: str) -> None:
        try:
            found.append(ledger.append(note(word))[0]["subject"])
        except GovdError as error:
            found.append(error)
        except BaseException as error:  # noqa: BLE001 - what the one who writes gets
            found.append(error)

    threads = [started(lambda: call("first"))]
    assert first.inside.wait(30)
    # of the next round: two callers, one of whom writes for both
    second = Slow(appender, fault)
    threads += [started(lambda: call("second"))]
    until(lambda: len(appender._jobs) == 1)
    threads += [started(lambda: call("third"))]
    until(lambda: len(appender._jobs) == 2)
    first.go.set()
    assert second.inside.wait(30)
    second.go.set()
    for t in threads:
        t.join(30)
    assert found.count("first") == 1
    failed = [f for f in found if f != "first"]
    assert len(failed) == 2
    assert all(isinstance(f, BaseException) for f in failed), (
        "nobody was told that his entry is there"
    )
    assert any(isinstance(f, MachineFault) for f in failed), (
        "who waited gets an error of govd's"
    )
    assert [e["subject"] for e in ledger.entries()] == ["x", "first"]
    assert ledger.append(note("later"))[0]["seq"] == 2, "the next one writes as ever"


def test_whoever_writes_for_others_returns_to_his_own_caller(ledger: Ledger) -> None:
    """What came meanwhile is written by one of those who came: nobody is kept at it for as long as
    others keep coming.
    """
    ledger.append(note())
    slow, rounds = Slow(ledger._appender), []
    commit = ledger._appender._commit

    def counted(jobs: object) -> None:
        rounds.append(threading.get_ident())
        commit(jobs)  # type: ignore[arg-type]

    ledger._appender._commit = counted  # type: ignore[method-assign]
    mine = started(lambda: ledger.append(note("mine")))
    assert slow.inside.wait(30)
    others = [
        started(lambda: [ledger.append(note("others")) for _ in range(20)])
        for _ in range(3)
    ]
    until(lambda: len(ledger._appender._jobs) == 3)
    slow.go.set()
    for t in [*others, mine]:
        t.join(30)
    assert rounds.count(rounds[0]) == 1, "one round, in which his own entry was"
    assert len(rounds) > 1
    numbers = [e["seq"] for e in ledger.entries()]
    assert numbers == list(range(62))


def test_who_is_interrupted_while_he_waits_leaves_the_others_going(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.append(note())
    slow = Slow(ledger._appender)
    first = started(lambda: ledger.append(note("first")))
    assert slow.inside.wait(30)

    class Interrupted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("govd.ledger.append.threading.Event", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            ledger.append(note("left"))
    third = started(lambda: ledger.append(note("third")))
    until(lambda: len(ledger._appender._jobs) == 1)
    slow.go.set()
    for t in (first, third):
        t.join(30)
        assert not t.is_alive()
    assert [e["subject"] for e in ledger.entries()] == ["x", "first", "third"]


def test_one_whose_entries_cannot_be_written_does_not_hold_up_the_others(
    ledger: Ledger,
) -> None:
    ledger.append(note())
    slow, found = Slow(ledger._appender), {}

    def call(word: str, payload: object) -> None:
        try:
            found[word] = ledger.append(
                [Draft("note", word, "tester", "", {"a": payload})]
            )[0]["seq"]
        except GovdError as error:
            found[word] = type(error).__name__

    threads = [started(lambda: call("first", 1))]
    assert slow.inside.wait(30)
    threads += [
        started(lambda: call("bad", float("nan"))),
        started(lambda: call("good", 2)),
    ]
    until(lambda: len(ledger._appender._jobs) == 2)
    slow.go.set()
    for t in threads:
        t.join(30)
    assert found == {"first": 1, "bad": "Usage", "good": 2}


def test_no_checkpoint_is_signed_by_the_old_key_once_it_was_changed(
    ledger: Ledger, tmp_path: Path
) -> None:
    """While keys change, others ask for checkpoints all the time: each is signed by the key of its
    size.
    """
    from base64 import b64encode

    from govd.verify.entries import verify

    first, ending = ledger.signer, threading.Event()
    ledger.append(note())

    def ask() -> None:
        while not ending.is_set():
            ledger.checkpoint()

    askers = [started(ask) for _ in range(3)]
    try:
        for n in range(15):
            old, new = ledger.signer, Signer.at(tmp_path / f"key{n}", "govd/test")
            text = rotation_text("govd/test", old.key, new.key)
            signed = {
                f"signature_{name}": b64encode(s.raw(text)).decode()
                for name, s in (("old", old), ("new", new))
            }
            payload = {
                "old": str(old.key),
                "new": str(new.key),
                "reason": "routine",
                **signed,
            }
            (entry,) = ledger.rotate(
                [Draft("key.rotate", "k", "tester", "", payload)], new
            )
            assert ledger.signer is new
            assert (
                LogCheckpoint.open(ledger.checkpoint(), new.key).size
                == entry["seq"] + 1
            )
    finally:
        ending.set()
        for t in askers:
            t.join(30)
    verdict = verify(ledger.stored(), first.key, ledger.origin)
    assert verdict.holds, verdict.faults


def test_a_key_whose_change_was_not_written_does_not_sign(
    ledger: Ledger, tmp_path: Path
) -> None:
    old = ledger.signer
    with pytest.raises(GovdError):
        ledger.rotate(
            [Draft("key.rotate", "k", "tester", "", {"bad": float("nan")})],
            Signer.at(tmp_path / "new", "govd/test"),
        )
    assert ledger.signer is old
