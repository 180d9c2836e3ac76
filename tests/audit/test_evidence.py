"""Evidence as it is made and checked: bundles of times, kept checkpoints, doctored views, changed
files, keys, proofs for others.
"""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from govd.audit.bundle_questions import Question
from govd.errors import NotFound, Usage
from govd.ledger import merkle
from govd.ledger.entry import Draft
from govd.ledger.signing import LogCheckpoint, Signer
from govd.ledger.times import now
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.service import Service, open_service
from govd.verify.offline import verify_offline
from tests.audit.asking import forget
from tests.ledger.forging import listed, unzipped, zipped


def tick() -> str:
    import time

    time.sleep(0.002)
    found = now()
    time.sleep(0.002)
    return found


def entries(path: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for line in unzipped(path.read_bytes())["entries.ndjson"].splitlines()
    ]


def test_a_bundle_shows_that_it_goes_on_from_a_kept_checkpoint(
    service: Service, tmp_path: Path
) -> None:
    red = forget(service, "red")
    kept = service.checkpoints.checkpoint()
    forget(service, "blue")
    key = service.checkpoints.key()
    service.bundles.bundle(tmp_path / "plain.zip", request=red["id"])
    service.bundles.bundle(tmp_path / "since.zip", request=red["id"], since=kept)
    service.bundles.bundle(tmp_path / "all.zip")
    found = verify_offline(tmp_path / "plain.zip", key, kept=[kept])
    assert "cannot be checked" in found["faults"][0]
    for name in ("since.zip", "all.zip"):
        found = verify_offline(tmp_path / name, key, kept=[kept])
        assert found["holds"], found["faults"]
        assert any("begins with the log checkpoint" in line for line in found["proven"])
    size = LogCheckpoint.read(kept).size
    other = service.core.desk.ledger.signer.sign(
        LogCheckpoint(service.core.desk.ledger.origin, size, b"\x01" * 32).text
    )
    for name in ("since.zip", "all.zip"):
        assert (
            "is not the beginning of this log"
            in verify_offline(tmp_path / name, key, kept=[other])["faults"][0]
        )
    forget(service, "green")
    later = service.checkpoints.checkpoint()
    assert (
        "ask for a newer one"
        in verify_offline(tmp_path / "all.zip", key, kept=[later])["faults"][0]
    )
    stranger = Signer.at(tmp_path / "k", service.core.desk.ledger.origin).sign(
        LogCheckpoint.read(kept).text
    )
    assert not verify_offline(tmp_path / "all.zip", key, kept=[stranger])["holds"]
    with pytest.raises(Usage, match="another ledger"):
        service.bundles.bundle(
            tmp_path / "x.zip",
            since=service.core.desk.ledger.signer.sign(
                LogCheckpoint("x", 10**6, b"\x01" * 32).text
            ),
        )


def test_another_artifact_and_entry_signed_again_are_found_by_a_kept_checkpoint(
    service: Service, tmp_path: Path
) -> None:
    """The row of the threat table: an artifact is exchanged, its entry rewritten, everything signed
    again with the log's own key.
    """
    forget(service, "red")
    kept = service.checkpoints.checkpoint()
    service.checkpoints.sign()
    ledger = service.core.desk.ledger
    rows = [dict(e) for e in ledger.entries()]
    fresh = service.core.artifacts.put(b"another artifact")
    made = next(e for e in rows if e["kind"] == "contribution.make")
    made["payload"]["artifact"] = fresh
    from govd.ledger.store import Ledger
    from govd.verify.entries import verify
    from tests.ledger.forging import signed

    bodies, note = signed(rows, ledger.signer)
    forged = Ledger.at(tmp_path / "forged.db", ledger.signer, ledger.origin)
    forged.close()
    nodes = merkle.Growing()
    with sqlite3.connect(tmp_path / "forged.db") as raw:
        for seq, body in enumerate(bodies):
            completed = b"".join(
                value for _, _, value in nodes.add(merkle.leaf_hash(body))[1:]
            )
            raw.execute(
                "INSERT INTO entries (seq, body, nodes) VALUES (?, ?, ?)",
                (seq, body, completed),
            )
        raw.execute(
            "INSERT INTO checkpoints (size, time, note) VALUES (?, ?, ?)",
            (len(bodies), now(), note),
        )
    raw.close()
    source, key = forged.stored(), ledger.signer.key
    assert verify(source, key, key.name).holds, "alone it looks whole"
    assert not verify(source, key, key.name, kept=[kept]).holds


def test_a_bundle_of_a_time_shows_that_nothing_else_was_published_in_between(
    service: Service, tmp_path: Path
) -> None:
    red = forget(service, "red")
    first = tick()
    forget(service, "blue")
    service.core.desk.append([Draft("note", "x", "me")])
    key = service.checkpoints.key()
    said = service.bundles.bundle(tmp_path / "then.zip", as_of=first)
    assert said["about"]["as_of"] == first
    found = verify_offline(tmp_path / "then.zip", key, again=True)
    assert found["holds"], found["faults"]
    assert any(
        "m served revision 1, by entry" in line and "none publishes another" in line
        for line in found["recorded"]
    )
    assert any(
        "are all that there are between those numbers" in line
        for line in found["proven"]
    )
    assert any(red["id"] in line for line in found["recorded"])
    service.bundles.bundle(tmp_path / "now.zip", as_of="now", model="m")
    found = verify_offline(tmp_path / "now.zip", key)
    assert any(
        "m served revision 2" in line and "the last that is signed" in line
        for line in found["recorded"]
    )
    with pytest.raises(NotFound, match="no model was registered"):
        service.bundles.bundle(tmp_path / "early.zip", as_of="2020-01-01")


def test_a_bundle_of_a_time_with_a_gap_or_a_later_time_is_refused(
    service: Service, tmp_path: Path
) -> None:
    forget(service, "red")
    first = tick()
    forget(service, "blue")
    last = tick()
    service.core.desk.append([Draft("note", "x", "me")])
    service.bundles.bundle(tmp_path / "all.zip", as_of=first)
    files = unzipped((tmp_path / "all.zip").read_bytes())
    manifest = json.loads(files["manifest.json"])
    from govd.ledger import canonical

    (start,) = (
        e["seq"]
        for e in entries(tmp_path / "all.zip")
        if e["kind"] == "revision.publish"
    )
    gap = Question(
        {"as_of": first, "from": start},
        {e["seq"] for e in entries(tmp_path / "all.zip")} - {start + 1},
    )
    service.bundles.write(tmp_path / "gap.zip", gap)
    assert (
        "about something"
        in verify_offline(tmp_path / "gap.zip", service.checkpoints.key())["faults"][0]
    )
    manifest["about"]["as_of"] = last
    path = tmp_path / "later.zip"
    path.write_bytes(
        zipped(listed(files | {"manifest.json": canonical.encode(manifest)})).getvalue()
    )
    found = verify_offline(path, service.checkpoints.key())
    assert "about something that its entries do not show" in found["faults"][0], (
        "the next publishing is not shown"
    )


def test_doctored_views_leave_nothing_out_of_a_bundle(
    service: Service, tmp_path: Path
) -> None:
    """The row of the threat table: the votes on a request are taken out of the views before its
    bundle is made.
    """
    red = forget(service, "red")
    service.bundles.bundle(tmp_path / "before.zip", request=red["id"])
    path = service.core.desk.views.records.path
    assert path is not None
    service.close()
    with sqlite3.connect(path) as raw:
        raw.execute(
            "UPDATE log SET subject = 'x', kind = 'note' WHERE kind IN ('request.vote',"
            " 'revision.evaluate', 'contribution.make')"
        )
    raw.close()
    with open_service(tmp_path / "home") as again:
        again.bundles.bundle(tmp_path / "after.zip", request=red["id"])
        assert entries(tmp_path / "after.zip") == entries(tmp_path / "before.zip")
        again.bundles.bundle(tmp_path / "revision.zip", revision=("m", 1))
        assert {"request.vote", "revision.evaluate", "contribution.make"} <= {
            e["kind"] for e in entries(tmp_path / "revision.zip")
        }
        found = again.verification.verify(recompute=True)
        assert found["holds"]
        assert [f["same_bytes"] for f in found["recomputed"]] == [True]
        assert again.verification.rebuild()["differences"] > 0


def test_composing_nothing_again_is_no_success(service: Service) -> None:
    found = service.verification.verify(recompute=True)
    assert "there is no edit here" in found["faults"][0]


def test_published_files_are_hashed_where_they_lie(
    tmp_path: Path, example_plugins: None, given: Given
) -> None:
    """The row of the threat table: something else is served than was published."""
    from dataclasses import replace

    out = tmp_path / "out"
    with open_service(tmp_path / "home") as service:
        service.add_model("m", "colours", replace(given, publish_to=str(out)), "ann")
        forget(service, "red")
        verify = service.verification.verify
        found = verify()
        assert found["holds"], found["faults"]
        assert any(
            "published files lie where they were written" in line
            for line in found["proven"]
        )
        assert any("current leads to revision 1" in line for line in found["recorded"])
        file = next(
            p for p in sorted((out / "1").iterdir()) if p.name != "revision.json"
        )
        data = file.read_bytes()
        file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        assert "what was published is not what lies there" in verify()["faults"][0]
        file.unlink()
        assert "what was published is not what lies there" in verify()["faults"][0]
        file.write_bytes(data)
        (out / "9").mkdir()
        (out / "current").unlink()
        (out / "current").symlink_to("9")
        assert "never published there" in verify()["faults"][0]
        (out / "current").unlink()
        (out / "1").rename(tmp_path / "elsewhere")
        found = verify()
        assert found["holds"]
        assert any("are not there any more" in line for line in found["not_proven"])


def test_what_is_delivered_during_a_verification_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file and a folder that are being replaced, a revision that `current` leads to before its
    entry is there, and one that vanishes.
    """
    from hashlib import sha256

    from govd.verify import delivered

    def put(number: str, data: bytes) -> dict[str, Any]:
        (tmp_path / number).mkdir(exist_ok=True)
        (tmp_path / number / "w").write_bytes(data)
        return {
            "subject": f"m/{number}",
            "files": {"w": sha256(data).hexdigest()},
            "folder": None,
        }

    said = [
        {"subject": "m", "files": None, "folder": str(tmp_path)},
        *(put(n, n.encode()) for n in ("1", "2", "3")),
    ]
    faults: list[str] = []
    (tmp_path / "1" / "w").unlink()
    (tmp_path / "2" / "w").unlink()
    (tmp_path / "3").rename(tmp_path / ".3.00000000")
    (tmp_path / "current").symlink_to("4")
    later = [put("4", b"4")]

    def meanwhile(seconds: float) -> None:
        put("1", b"another base")
        later.append(put("1", b"another base"))
        (tmp_path / "2").rmdir()
        (tmp_path / ".3.00000000").rename(tmp_path / "3")

    monkeypatch.setattr("govd.verify.delivered.time.sleep", meanwhile)
    found = delivered.check(said, faults.append, lambda: later)
    assert faults == []
    assert found.files == 3
    assert found.gone == [str(tmp_path / "2")]
    assert found.serves == [f"{tmp_path / 'current'} leads to revision 4"]
    (tmp_path / "1" / "w").write_bytes(b"something else")
    monkeypatch.setattr("govd.verify.delivered.time.sleep", lambda seconds: None)
    delivered.check(said, faults.append, lambda: later)
    assert len(faults) == 1
    assert "other bytes" in faults[0]


def test_entries_of_deliveries_that_came_meanwhile_are_read(
    tmp_path: Path, example_plugins: None, given: Given
) -> None:
    from dataclasses import replace

    with open_service(tmp_path / "home") as service:
        service.add_model(
            "m", "colours", replace(given, publish_to=str(tmp_path / "out")), "ann"
        )
        size = service.core.desk.ledger.size()
        forget(service, "red")
        (said,) = service.verification.delivered_since(size)
        assert said["subject"] == "m/1"
        assert said["files"]


def test_filing_and_a_new_key_do_not_wait_for_a_bundle(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is appended while artifacts are read is not in the bundle, which is whole all the
    same.
    """
    import threading

    red, old = forget(service, "red"), service.checkpoints.key()
    contents, done = service.bundles.contents, list[Any]()
    read = contents._artifact

    colours = iter(("blue", "green"))

    def work() -> None:
        done.append(
            service.requests.forget(
                "m", ForgetOptions(concepts=(next(colours),)), "ann"
            )
        )
        done.append(service.checkpoints.rotate_key("routine", "ann"))

    def slowly(digest: str) -> Any:
        if not done:
            working = threading.Thread(target=work)
            working.start()
            working.join(20)
            assert len(done) == 2, "filing waits for a bundle"
        return read(digest)

    for name, request in (("all", None), ("one", red["id"])):
        done.clear()
        monkeypatch.setattr(contents, "_artifact", slowly)
        key, size = service.checkpoints.key(), service.core.desk.ledger.size()
        said = service.bundles.bundle(tmp_path / f"{name}.zip", request=request)
        assert said["key"] == key
        found = verify_offline(tmp_path / f"{name}.zip", key, again=True)
        assert found["holds"], found["faults"]
        assert all(e["seq"] < size for e in entries(tmp_path / f"{name}.zip"))
    assert service.checkpoints.key() != old


def test_two_bundles_at_once_do_not_mix(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    red = forget(service, "red")
    contents = service.bundles.contents
    read = contents._artifact

    def first_the_other(digest: str) -> Any:
        monkeypatch.setattr(contents, "_artifact", read)
        service.bundles.bundle(tmp_path / "b.zip", request=red["id"])
        return read(digest)

    monkeypatch.setattr(contents, "_artifact", first_the_other)
    with pytest.raises(Usage, match="in the meantime"):
        service.bundles.bundle(tmp_path / "b.zip")
    assert verify_offline(tmp_path / "b.zip", service.checkpoints.key())["holds"]
    assert sorted(p.name for p in tmp_path.glob("*.zip*")) + sorted(
        p.name for p in tmp_path.glob(".*")
    ) == ["b.zip"]
