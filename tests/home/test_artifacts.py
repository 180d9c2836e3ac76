import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govd.errors import BadFile, MachineFault, NotFound
from govd.home.artifacts import Artifacts


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_what_is_put_is_got_and_named_by_its_digest(
    tmp_path_factory: pytest.TempPathFactory, blobs: list[bytes]
) -> None:
    store = Artifacts(tmp_path_factory.mktemp("store"))
    digests = [store.put(b) for b in blobs + blobs]
    assert [store.get(d) for d in digests] == blobs + blobs
    assert store.digests() == sorted({hashlib.sha256(b).hexdigest() for b in blobs})


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    store = Artifacts(tmp_path)
    digest = store.put(b"as it was")
    store.path(digest).write_bytes(b"as it is!")
    with pytest.raises(BadFile, match="do not match its name"):
        store.get(digest)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "0" * 63])
def test_a_name_that_is_no_digest_never_touches_a_file(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(NotFound, match="no SHA-256"):
        Artifacts(tmp_path).get(name)


def test_an_absent_artifact_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="not in the store"):
        Artifacts(tmp_path).get("0" * 64)


def test_a_full_disk_leaves_nothing_half_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    store = Artifacts(tmp_path)
    with pytest.raises(MachineFault, match="Free some space"):
        store.put(b"too much")
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


def test_a_folder_that_is_a_file_is_the_machines_fault(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("in the way")
    with pytest.raises(MachineFault) as told:
        Artifacts(tmp_path / "store").put(b"x")
    assert told.value.exit_code == 4
