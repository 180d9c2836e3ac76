"""Entries and answers of a real daemon, for somebody who does not trust it."""

import json
import signal
from pathlib import Path

import httpx
import pytest

import govd
from govd.client import Follower
from govd.errors import (
    Conflict,
    NotFound,
    Usage,
    VerificationFailed,
)
from govd.ledger import canonical, merkle
from tests.web.running import Running


def test_events_resume_where_they_stopped(running: Running) -> None:
    with govd.connect(running.url, running.token) as daemon:
        for n in range(3):
            daemon.create_token("reader", f"r{n}")
    headers = {"Authorization": f"Bearer {running.token}"}

    def read(count: int, **more: str) -> list[int]:
        found: list[int] = []
        with httpx.stream(
            "GET", f"{running.url}/v1/events", headers={**headers, **more}, timeout=30
        ) as stream:
            for line in stream.iter_lines():
                if line.startswith("data: "):
                    found.append(json.loads(line[6:])["seq"])
                if len(found) == count:
                    break
        return found

    assert read(3) == [0, 1, 2]
    assert read(2, **{"Last-Event-ID": "0"}) == [1, 2]


def test_who_follows_the_entries_need_not_believe_them(running: Running) -> None:
    with govd.connect(running.url, running.token) as daemon:
        for n in range(4):
            daemon.create_token("reader", f"r{n}")
        follower = Follower(daemon.audit_key())
        for entry in daemon.events():
            follower.add(entry)
            if follower.size == 2:
                break
        with pytest.raises(VerificationFailed, match="should be next"):
            follower.add({**entry, "seq": 9})
        note = daemon.audit_checkpoint()
        with pytest.raises(VerificationFailed, match="Read on"):
            follower.check(note)
        for entry in daemon.events(after=1):
            follower.add(entry)
            if follower.size == 4:
                break
        assert follower.check(note) == 4
        liar = Follower(daemon.audit_key())
        for entry in daemon.audit_log():
            liar.add({**entry, "actor": "somebody"})
        with pytest.raises(VerificationFailed, match="not those that were signed"):
            liar.check(note)


def test_an_answer_can_be_asked_which_revision_gave_it(
    tmp_path: Path, pictures: Path, pool: Path
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "govd.toml").write_text(
        "inference_log = 1.0\n", encoding="utf-8"
    )
    running = Running(tmp_path)
    try:
        with govd.connect(running.url, running.token) as daemon:
            labels = sorted(p.name for p in (pictures / "dark").iterdir())
            daemon.add_model(
                "m",
                "colours",
                labels=labels,
                domains=["bright", "dark"],
                pool=str(pool),
            )
            headers = {"Authorization": f"Bearer {running.token}"}
            answer = httpx.post(
                f"{running.url}/v1/models/m/embeddings",
                json={"texts": ["red"]},
                headers=headers,
                timeout=60,
            )
            found = daemon.audit_answer(answer.headers["Govd-Answer"])
            assert (found["model"], found["revision"]) == ("m", 0)
            assert len(found["inputs"]) == 1
            with pytest.raises(NotFound, match="was not kept"):
                daemon.audit_answer("0" * 16)
    finally:
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(30)
        running.errors.close()


def test_a_follower_begins_at_a_checkpoint_that_was_kept(running: Running) -> None:
    with govd.connect(running.url, running.token) as daemon:
        for n in range(5):
            daemon.create_token("reader", f"r{n}")
        key, kept = daemon.audit_key(), daemon.audit_checkpoint()
        size = int(kept.splitlines()[1])
        daemon.create_token("reader", "later")
        daemon.create_token("reader", "last")

        def follow(follower: Follower) -> int:
            for entry in daemon.events(after=follower.size - 1):
                follower.add(entry)
                if follower.size == size + 2:
                    return follower.check(daemon.audit_checkpoint(size=size + 2))
            return 0

        daemon.audit_checkpoint()  # signs the log as it is
        assert follow(Follower(key, since=kept, prove=daemon.audit_proof)) == size + 2
        with pytest.raises(VerificationFailed, match="takes a proof"):
            follow(Follower(key, since=kept))

        def lies(entry: int, size: int) -> dict[str, object]:
            said = dict(daemon.audit_proof(entry, size))
            return {**said, "path": ["00" * 32, *said["path"][1:]]}

        with pytest.raises(VerificationFailed, match="does not begin"):
            follow(Follower(key, since=kept, prove=lies))
        with pytest.raises(VerificationFailed, match="is none"):
            follow(
                Follower(key, since=kept, prove=lambda entry, size: {"path": ["xyz"]})
            )
        late = Follower(key, since=kept, prove=daemon.audit_proof)
        with pytest.raises(VerificationFailed, match="should be next"):
            late.add(daemon.audit_log(limit=1)[0])
        assert late.check(kept) == size
        with pytest.raises(Conflict, match="ledger of"):
            next(daemon.events(after=1000))


def test_proofs_for_who_does_not_trust_the_daemon(running: Running) -> None:
    with govd.connect(running.url, running.token) as daemon:
        for n in range(7):
            daemon.create_token("reader", f"r{n}")
            daemon.audit_checkpoint()
        entries = daemon.audit_log()
        leaves = [merkle.leaf_hash(canonical.encode(e)) for e in entries]
        roots = {}
        tree = merkle.Growing()
        for leaf in leaves:
            tree.add(leaf)
            roots[tree.size] = tree.root()
        assert len(roots) == 7
        for size in roots:
            for entry in range(size):
                proof = [
                    bytes.fromhex(h) for h in daemon.audit_proof(entry, size)["path"]
                ]
                assert merkle.included(entry, size, leaves[entry], proof, roots[size])
            for old in range(1, size + 1):
                proof = [
                    bytes.fromhex(h)
                    for h in daemon.audit_consistency(old, size)["path"]
                ]
                assert merkle.consistent(old, size, roots[old], roots[size], proof)
        for entry, size in ((7, 7), (-1, 7), (0, 8), (0, 0)):
            with pytest.raises(NotFound):
                daemon.audit_proof(entry, size)
        for old, new in ((0, 7), (3, 2), (1, 8)):
            with pytest.raises((NotFound, Usage)):
                daemon.audit_consistency(old, new)
        assert daemon.audit_proof(3)["size"] == daemon.audit_consistency(3)["new"] == 7
