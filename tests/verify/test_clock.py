"""Times never go back, whatever the clock does; in a ledger where they did, a moment is found by
the greatest time so far.
"""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from govd.ledger import canonical, merkle
from govd.ledger.entry import Draft
from govd.ledger.signing import LogCheckpoint, Signer
from govd.ledger.store import Ledger
from govd.ledger.times import moment, now
from govd.requests import ForgetOptions
from govd.service.service import Service, open_service
from govd.verify.entries import verify
from govd.verify.offline import verify_offline

Clock = Callable[[float], None]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Sets the machine's clock forward by so many seconds, or back."""

    def by(seconds: float) -> None:
        def shifted() -> str:
            return str(
                moment(
                    (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(), "now"
                )
            )

        for place in ("govd.ledger.append.now", "govd.ledger.store.now"):
            monkeypatch.setattr(place, shifted)

    return by


def forget(service: Service, concept: str) -> str:
    request = service.requests.forget("m", ForgetOptions(concepts=(concept,)), "ann")
    service.reconciler.run()
    if service.requests.show(request["id"])["state"] == "waiting":
        service.requests.decide(request["id"], "approve", "seen", "bob")
        service.reconciler.run()
    return str(request["id"])


def test_entries_do_not_go_back_with_the_clock(
    service: Service, clock: Clock, tmp_path: Path
) -> None:
    red = forget(service, "red")
    before = now()
    clock(-86_400)
    blue = forget(service, "blue")
    times = [e["time"] for e in service.core.desk.ledger.entries()]
    assert times == sorted(times)
    behind = [
        e["clock_behind_seconds"]
        for e in service.core.desk.ledger.entries()
        if "clock_behind_seconds" in e
    ]
    assert behind
    assert all(86_000 < seconds < 86_500 for seconds in behind)

    def then(at: str) -> list[str]:
        (model,) = service.audit.as_of(at, "m")["models"]
        return [f["id"] for f in model["forgets"]]

    assert then("now") == [red, blue]
    yesterday = str(moment((datetime.now(UTC) - timedelta(days=1)).isoformat(), "then"))
    assert not service.audit.as_of(yesterday, "m")["models"][0]["registered"], (
        "nothing was then, though the clock said so"
    )
    assert before >= times[0]
    found = service.verification.verify()
    assert found["holds"], found["faults"]
    assert any("The clock was behind at" in note for note in found["notes"])
    service.bundles.bundle(tmp_path / "b.zip")
    found = verify_offline(tmp_path / "b.zip", service.checkpoints.key())
    assert found["holds"], found["faults"]
    assert any("The clock was behind at" in note for note in found["notes"])
    service.close()
    with open_service(tmp_path / "home") as again:
        again.core.desk.append([Draft("note", "x", "ann")])
        times = [e["time"] for e in again.core.desk.ledger.entries()]
        assert times == sorted(times), "also where the ledger was opened in between"


def test_a_clock_that_is_right_leaves_no_trace(service: Service) -> None:
    forget(service, "red")
    assert all(
        "clock_behind_seconds" not in e for e in service.core.desk.ledger.entries()
    )
    assert service.verification.verify()["notes"] == []


def test_a_log_is_signed_by_the_hour_though_the_clock_was_set_back(
    service: Service, clock: Clock
) -> None:
    clock(3 * 86_400)
    forget(service, "red")
    clock(0)
    service.core.desk.append([Draft("note", "x", "ann")])
    service.checkpoints.hourly()
    assert service.verification.verify()["unsigned"] == 0


# -- ledgers of earlier versions, in which times went back


def written(path: Path, rows: list[dict[str, Any]], signer: Signer) -> Ledger:
    """A ledger with these entries as they are, as a version without a bound on times wrote them."""
    Ledger.at(path, signer, signer.key.name).close()
    tree = merkle.Growing()
    with sqlite3.connect(path) as raw:
        for seq, row in enumerate(rows):
            body = canonical.encode({**row, "seq": seq})
            nodes = b"".join(
                value for _, _, value in tree.add(merkle.leaf_hash(body))[1:]
            )
            raw.execute(
                "INSERT INTO entries (seq, body, nodes) VALUES (?, ?, ?)",
                (seq, body, nodes),
            )
        note = signer.sign(LogCheckpoint(signer.key.name, tree.size, tree.root()).text)
        raw.execute(
            "INSERT INTO checkpoints (size, time, note) VALUES (?, ?, ?)",
            (tree.size, now(), note),
        )
    raw.close()
    return Ledger.at(path, signer, signer.key.name)


def test_as_of_takes_the_greatest_time_so_far(service: Service, tmp_path: Path) -> None:
    """Of two revisions the second bears an earlier time than the first."""
    red = forget(service, "red")
    cut = service.core.desk.ledger.size()
    blue = forget(service, "blue")
    rows = [dict(e) for e in service.core.desk.ledger.entries()]
    service.close()
    home = tmp_path / "home"

    def time(hour: int, seq: int) -> str:
        return f"2026-05-{2 if hour < 24 else 1:02}T{hour % 24:02}:00:{seq % 60:02}.000000Z"

    for row in rows:
        # a day before
        row["time"] = (
            time(12, row["seq"]) if row["seq"] < cut else time(24 + 12, row["seq"])
        )
    signer = Signer.at(home / "keys" / "signing.key", service.core.desk.ledger.origin)
    for name in ("ledger.db", "views.db"):
        for end in ("", "-wal", "-shm"):
            (home / f"{name}{end}").unlink(missing_ok=True)
    (home / "keys" / "signed.note").unlink()
    written(home / "ledger.db", rows, signer).close()
    with open_service(home) as again:

        def then(at: str) -> tuple[int | None, list[str]]:
            (model,) = again.audit.as_of(at, "m")["models"]
            return model["revision"], [f["id"] for f in model.get("forgets", [])]

        assert then("2026-05-01T18:00:00Z") == (None, []), (
            "by then nothing had happened"
        )
        assert then("2026-05-02T18:00:00Z") == (2, [red, blue])
        found = again.verification.verify()
        assert found["holds"], found["faults"]
        assert any(
            note.startswith(f"Times go back: entry {cut} is dated 86,3")
            for note in found["notes"]
        ), found["notes"]
        assert again.verification.rebuild()["same"]
        again.core.desk.append([Draft("note", "x", "ann")])
        assert list(again.core.desk.ledger.entries())[-1]["time"] > "2026-06"


def test_a_part_that_begins_before_the_one_before_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("govd.verify.parts.LEVEL", 2)  # parts of four entries
    signer = Signer.at(tmp_path / "key", "govd/test")
    blank = {"actor": "ann", "kind": "note", "subject": "x", "model": "", "payload": {}}
    times = [f"2026-05-02T12:00:0{i}.000000Z" for i in range(4)] + [
        f"2026-05-01T12:00:0{i}.000000Z" for i in range(4)
    ]
    ledger = written(
        tmp_path / "ledger.db", [blank | {"time": time} for time in times], signer
    )
    found = verify(ledger.stored(), signer.key, "govd/test")
    ledger.close()
    assert found.holds
    assert found.notes[0].startswith(
        "Times go back: entry 4 is dated 86,403 s before the one before it;"
    )
