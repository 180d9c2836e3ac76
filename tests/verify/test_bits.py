"""Single bits, changed at random in everything that is stored: each is noticed, or changes nothing
that verification speaks of.
"""

import io
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from govd.errors import GovdError
from govd.home.artifacts import Artifacts
from govd.ledger.stored import Stored
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.service import open_service
from govd.verify import bundle
from govd.verify.entries import verify
from govd.verify.recompute import recompute

FLIPS = {
    "the ledger's database": 4000,
    "artifacts and their tensors": 2000,
    "log checkpoints": 1000,
    "bundles": 3000,
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, pool: Path) -> Path:
    """A closed home with forgets, a revert and a bundle of everything."""
    from tests.conftest import DOMAINS, NAMES, POINTS

    folder = tmp_path_factory.mktemp("bits") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("govd.asking.plugins.found_entry_points", lambda: POINTS)
        with open_service(folder) as service:
            service.add_model(
                "m",
                "colours",
                Given(
                    labels=NAMES,
                    anchors=("wood", "sea"),
                    domains=DOMAINS,
                    pool=str(pool),
                ),
                "ann",
            )
            for name in ("red", "blue", "green"):
                request = service.requests.forget(
                    "m", ForgetOptions(concepts=(name,), reason="a reason"), "ann"
                )
                service.reconciler.run()
                if service.requests.show(request["id"])["state"] == "waiting":
                    service.requests.decide(request["id"], "approve", "seen", "bob")
                    service.reconciler.run()
            service.requests.revert(request["id"], "back", "ann")
            service.reconciler.run()
            service.checkpoints.sign()
            service.bundles.bundle(folder / "all.zip")
            assert service.verification.verify()["holds"]
            (folder / "key.txt").write_text(service.checkpoints.key())
    return folder


def flipped(data: bytes, draw: random.Random) -> bytes:
    at, bit = draw.randrange(len(data)), 1 << draw.randrange(8)
    return data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]


def spoken(path: Path) -> object:
    """Everything in a ledger's database that verification speaks of."""
    with sqlite3.connect(path) as raw:
        found = [
            raw.execute(q).fetchall()
            for q in (
                "SELECT seq, nodes, body FROM entries ORDER BY seq",
                "SELECT size, note FROM checkpoints ORDER BY size",
            )
        ]
    raw.close()
    return found


def judges(home: Path, work: Path) -> dict[str, Callable[[random.Random], str]]:
    """For each kind of thing: change a bit of it and say `noticed`, `harmless` or `missed`."""
    from govd.ledger.signing import Key

    key = Key.parse((home / "key.txt").read_text())
    database = (home / "ledger.db").read_bytes()
    before = spoken(home / "ledger.db")
    copy = work / "copy.db"
    files = Artifacts(home / "artifacts").digests()
    evidence = (home / "all.zip").read_bytes()

    def ledger(draw: random.Random) -> str:
        copy.write_bytes(flipped(database, draw))
        if not verify(Stored(copy), key, key.name).holds:
            return "noticed"
        try:
            return "harmless" if spoken(copy) == before else "missed"
        except sqlite3.Error:
            return "missed"

    def artifact(draw: random.Random) -> str:
        digest = draw.choice(files)
        store = Artifacts(work / "artifacts")
        store.path(digest).parent.mkdir(parents=True, exist_ok=True)
        store.path(digest).write_bytes(
            flipped((home / "artifacts" / digest[:2] / digest).read_bytes(), draw)
        )
        try:
            store.get(digest)
        except GovdError:
            return "noticed"
        return "missed"

    def note(draw: random.Random) -> str:
        shutil.copy(home / "ledger.db", copy)
        with sqlite3.connect(copy) as raw:
            raw.execute("DROP TRIGGER checkpoints_no_update")
            size, text = draw.choice(
                raw.execute("SELECT size, note FROM checkpoints").fetchall()
            )
            raw.execute(
                "UPDATE checkpoints SET note = CAST(? AS TEXT) WHERE size = ?",
                (flipped(text.encode(), draw), size),
            )
        raw.close()
        return "missed" if verify(Stored(copy), key, key.name).holds else "noticed"

    def whole(draw: random.Random) -> str:
        try:
            opened = bundle.verify_bundle(io.BytesIO(flipped(evidence, draw)), key)
        except GovdError:
            return "noticed"
        return "missed" if opened.verdict.holds else "noticed"

    return dict(zip(FLIPS, (ledger, artifact, note, whole), strict=True))


@pytest.mark.slow
@pytest.mark.no_cover  # the same lines ten thousand times, which other tests count
def test_ten_thousand_bits(
    home: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    draw = random.Random(20_261_124)
    table: dict[str, Counter[str]] = {}
    for kind, judge in judges(home, tmp_path).items():
        table[kind] = Counter(judge(draw) for _ in range(FLIPS[kind]))
        record_property(kind, dict(table[kind]))
        print(f"{kind}: {dict(table[kind])}")
    assert sum(sum(counts.values()) for counts in table.values()) == 10_000
    assert all(counts["missed"] == 0 for counts in table.values()), table
    assert all(table[kind]["harmless"] == 0 for kind in list(FLIPS)[1:]), (
        "only a database file has room that means nothing"
    )


def test_a_changed_tensor_does_not_compose_to_the_same_edit(home: Path) -> None:
    """What recomputing adds: an artifact whose name was changed with it, and an entry that names
    it, still do not fit together.
    """
    opened = bundle.verify_bundle(io.BytesIO((home / "all.zip").read_bytes()))
    made = next(e for e in opened.entries() if e["kind"] == "contribution.make")
    data = opened.artifact(made["payload"]["artifact"])
    forged = data[:-3] + bytes([data[-3] ^ 4]) + data[-2:]
    found = recompute(
        opened.entries(),
        lambda d: forged if d == made["payload"]["artifact"] else opened.artifact(d),
    )
    assert any("not those of the digest in it" in f["fault"] for f in found)
    assert all(
        not f["fault"] and f["same_bytes"]
        for f in recompute(opened.entries(), opened.artifact)
    )
