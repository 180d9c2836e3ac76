"""Stores of a home: what is asked of them, what the ledger says of it, and what is refused."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import govd
from govd.errors import Conflict, NotFound, Unsupported, Usage
from govd.service.backup import backup
from govd.service.restore import restore
from govd.service.service import Service, open_service
from govd.stores.finding import Query
from govd.stores.plans import PatchOptions
from govd.stores.registry import StoreSettings
from govd.verify.offline import verify_offline
from govd_npy import NpyStore
from tests.stores.shop import forget, kinds, patched, settings


def test_what_was_forgotten_is_found_no_more_and_comes_back(
    service: Service, path: Path, rows: Any
) -> None:
    service.stores.add(settings(path), "ann")
    before = service.stores.find("shop", Query("red", limit=5, whole=True))
    assert before["named"] > 0
    assert before["hits"][0]["named"]
    request = forget(service)
    store = patched(service)
    assert store["revision"] == store["published"] == 1
    assert store["last"]["patched"] == len(rows)
    assert store["last"]["skipped"] == store["last"]["lost"] == 0
    seen = store["last"]["searched"]
    assert seen[0]["named_before"] > seen[0]["named"]
    after = service.stores.find("shop", Query("red", limit=5, whole=True))
    assert after["named"] < before["named"]
    edit = service.serving("m").edit
    np.testing.assert_allclose(np.load(path), edit.apply(rows), atol=1e-6)
    assert service.stores.verify("shop", "ann")["verdict"]["well"]
    service.requests.revert(request, "a mistake", "ann")
    service.reconciler.run()
    store = patched(service)
    assert (store["revision"], store["published"], store["is_current"]) == (0, 2, True)
    assert np.array_equal(np.load(path), rows)
    assert kinds(service) == [
        "store.add",
        *("store.patch", "store.switch", "store.verify"),
        *("store.patch", "store.switch"),
    ]


def test_what_is_unstamped_is_refused_until_somebody_says_what_it_is(
    service: Service, path: Path
) -> None:
    with pytest.raises(Conflict, match="no stamp"):
        service.stores.add(settings(path, stamp_as=None), "ann")
    assert kinds(service) == []
    service.stores.add(settings(path), "ann")
    assert service.stores.show("shop")["claimed"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"origin": "govd/other"}, "stamped by govd/other"),
        ({"model": "other"}, "as other"),
        ({"revision": 7}, "which this ledger does not have"),
        ({"edit_digest": "e" * 64}, "its edit is not that revision's"),
        ({"model_digest": "e" * 64}, "another checkpoint"),
    ],
)
def test_what_is_stamped_otherwise_is_refused(
    service: Service, path: Path, change: dict[str, Any], why: str
) -> None:
    ours = service.stores.registry.stamp(service.core.desk.model("m"), 0)
    NpyStore(path).claim(replace(ours, **change))
    with pytest.raises(Conflict, match=why):
        service.stores.add(settings(path, stamp_as=None), "ann")


def test_vectors_of_another_width_are_refused(service: Service, tmp_path: Path) -> None:
    np.save(tmp_path / "w.npy", np.eye(3, dtype=np.float32))
    with pytest.raises(Conflict, match="3 wide"):
        service.stores.add(settings(tmp_path / "w.npy"), "ann")
    assert not (tmp_path / "w.npy.govd.json").exists()


def test_one_file_is_one_store_whatever_it_is_called(
    service: Service, path: Path, tmp_path: Path
) -> None:
    service.stores.add(settings(path), "ann")
    linked = tmp_path / "linked.npy"
    linked.symlink_to(path)
    again = replace(settings(linked), name="other")
    with pytest.raises(Conflict, match="the store shop is there already"):
        service.stores.add(again, "ann")
    with pytest.raises(Conflict, match="the store shop is there already"):
        service.stores.add(replace(again, url=path.as_uri() + "?column=vectors"), "ann")
    service.stores.remove("shop", "moved", "ann")
    assert service.stores.add(again, "ann")["name"] == "other"


def test_passwords_stay_out_of_the_ledger(service: Service) -> None:
    at = StoreSettings("shop", "postgresql://ann:secret@host/db", "m")
    with pytest.raises(Usage, match="password"):
        service.stores.add(at, "ann")


def test_nobody_opens_it(service: Service) -> None:
    with pytest.raises(Unsupported, match="no plugin opens"):
        service.stores.add(StoreSettings("shop", "elsewhere://x", "m"), "ann")
    with pytest.raises(NotFound, match="no store is called"):
        service.stores.show("shop")


def test_a_dry_run_writes_nothing(service: Service, path: Path, rows: Any) -> None:
    service.stores.add(settings(path), "ann")
    forget(service)
    plan = service.stores.patch("shop", PatchOptions(dry_run=True), "ann")
    assert plan["estimate"]["rows"] == len(rows)
    assert kinds(service) == ["store.add"]
    assert not (path.parent / "v.npy.govd").exists()


def test_rows_that_no_edit_can_be_made_of_are_named(
    service: Service, path: Path, rows: Any
) -> None:
    broken = rows.copy()
    broken[3], broken[5] = np.nan, 0
    np.save(path, broken)
    service.stores.add(settings(path), "ann")
    forget(service)
    store = patched(service)
    assert store["last"]["skipped"] == 2
    assert store["last"]["patched"] + store["last"]["skipped"] == len(rows)
    assert store["faults"]
    listed = service.core.artifacts.get(store["last"]["skipped_list"]).decode()
    assert "\t3\tnot finite" in listed
    assert "\t5\tall zero" in listed


def test_a_store_that_vanishes_is_a_failure_and_not_the_end(
    service: Service, path: Path
) -> None:
    service.stores.add(settings(path), "ann")
    forget(service)
    service.stores.patch("shop", PatchOptions(), "ann")
    path.rename(path.with_suffix(".away"))
    service.stores.step()
    store = service.stores.show("shop")
    assert store["state"] == "failed"
    assert "no such file" in store["faults"][0]
    path.with_suffix(".away").rename(path)
    assert patched(service)["revision"] == 1


def test_a_store_follows_what_is_published(
    service: Service, path: Path, rows: Any
) -> None:
    service.stores.add(settings(path, follow=True), "ann")
    request = forget(service)
    service.stores.step()
    assert service.stores.show("shop")["revision"] == 1
    service.requests.revert(request, "a mistake", "ann")
    service.reconciler.run()
    service.stores.step()
    assert np.array_equal(np.load(path), rows)
    forget(service, "blue")
    service.stores.step()
    assert patched(service, revision=0)["follow"] is False, "taken elsewhere by hand"


KILLED = """
import os, sys
from pathlib import Path
from importlib.metadata import EntryPoint
from tests import conftest
from govd.asking import plugins
plugins.found_entry_points = lambda: [*conftest.POINTS, EntryPoint("npy", "govd_npy", "govd")]
from govd.service.service import open_service
from govd.stores import patching, portions
patching.ROWS = 16
import govd_npy.store as npy
step, write, replace = sys.argv[2], npy.NpyStore.write, npy.NpyStore._replace
written = []
def writing(self, *a):
    write(self, *a)
    written.append(1)
    if step == "write" and len(written) == 3:
        os.kill(os.getpid(), 9)
def replacing(self, *a):
    if step == "before":
        os.kill(os.getpid(), 9)
    if step == "between":
        def dying(path, value):
            if "v.npy.govd.json" in str(path):
                os.kill(os.getpid(), 9)
        npy.write_json = dying
        (self.folder / "switch.json").write_text(__import__("json").dumps(
            {"inode": a[0].stat().st_ino, "to": a[1].as_json()}))
    replace(self, *a)
    if step == "after":
        os.kill(os.getpid(), 9)
npy.NpyStore.write, npy.NpyStore._replace = writing, replacing
with open_service(Path(sys.argv[1])) as service:
    service.stores.step()
"""


@pytest.mark.parametrize("step", ["write", "before", "between", "after"])
def test_a_patch_survives_being_killed(
    tmp_path: Path, service: Service, path: Path, rows: Any, step: str
) -> None:
    service.stores.add(settings(path), "ann")
    forget(service)
    service.stores.patch("shop", PatchOptions(), "ann")
    home, edit = service.core.home.folder, service.serving("m").edit
    service.close()
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(home), step],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == -9, done.stderr
    with open_service(home) as again:
        assert again.stores.show("shop")["state"] == "patching"
        again.stores.step()
        store = again.stores.show("shop")
        assert (store["state"], store["revision"], store["faults"]) == ("ready", 1, [])
        np.testing.assert_allclose(np.load(path), edit.apply(rows), atol=1e-6)
        assert again.stores.verify("shop", "ann")["verdict"]["well"]
        again.stores.patch("shop", PatchOptions(revision=0), "ann")
        again.stores.step()
        assert np.array_equal(np.load(path), rows)


# -- queries instead of vectors


def exported(service: Service, folder: Path, **how: Any) -> Any:
    service.export("m", folder, "ann", format="edit", **how)
    return govd.load_edit(folder / "m.edit.safetensors")


def test_edited_queries_find_what_edited_vectors_would(
    service: Service, tmp_path: Path, rows: Any
) -> None:
    forget(service)
    queries, _ = service.embeddings("m", texts=["red", "blue", "green"], base=True)
    of_images = exported(service, tmp_path / "images")
    of_queries = exported(service, tmp_path / "queries", side="text", recipient="bob")
    assert (of_images.side, of_queries.side) == ("image", "text")
    pairs = of_images.move(rows) @ np.asarray(queries).T
    np.testing.assert_allclose(
        rows @ of_queries.apply_to_queries(queries).T, pairs, atol=1e-6
    )
    np.testing.assert_allclose(
        rows @ of_images.apply_to_queries(queries).T, pairs, atol=1e-6
    )
    manifest = service.audit.manifest("m")
    assert [
        copy["side"] for copy in manifest["copies"] if copy["kind"] == "export"
    ] == [
        "image",
        "text",
    ]


def test_never_both_sides_on_one_pair(
    service: Service, tmp_path: Path, path: Path
) -> None:
    service.stores.add(settings(path), "ann")
    forget(service)
    of_queries = exported(service, tmp_path / "queries", side="text", recipient="bob")
    queries, _ = service.embeddings("m", texts=["red"], base=True)
    with pytest.raises(Conflict, match="bob were given an edit of queries"):
        service.stores.patch("shop", PatchOptions(), "ann")
    service.stores.patch("shop", PatchOptions(instead_of_queries=True), "ann")
    with pytest.raises(Conflict, match="is being patched"):
        exported(service, tmp_path / "more", side="text")
    stamp = NpyStore(path).stamp()
    # in the middle of a patch: not switched yet
    of_queries.apply_to_queries(queries, stamp)
    service.stores.step()
    with pytest.raises(Conflict, match="edited twice"):
        of_queries.apply_to_queries(queries, NpyStore(path).stamp())
    with pytest.raises(Conflict, match="has vectors of revision 1"):
        exported(service, tmp_path / "more", side="text")


def test_an_exported_edit_edits_files_and_stamps_them(
    service: Service, tmp_path: Path, path: Path, rows: Any
) -> None:
    forget(service)
    edit = exported(service, tmp_path / "edit")
    with pytest.raises(Conflict, match="no stamp"):
        edit.apply_file(path)
    assert np.array_equal(np.load(path), rows)
    stamp = edit.apply_file(path, unstamped_is_base=True)
    assert (stamp.revision, stamp.rows) == (1, len(rows))
    np.testing.assert_array_equal(np.load(path), edit.apply(rows))
    assert edit.apply_file(path) == stamp, "patching twice is impossible"
    np.testing.assert_array_equal(np.load(path), edit.apply(rows))
    service.stores.add(settings(path, stamp_as=None), "ann")
    assert service.stores.verify("shop", "ann")["verdict"]["well"]
    assert patched(service, revision=0)["revision"] == 0
    assert np.array_equal(np.load(path), rows)


# -- the manifest


def test_a_manifest_names_every_copy(
    service: Service, tmp_path: Path, path: Path
) -> None:
    service.stores.add(settings(path), "ann")
    first = forget(service)
    exported(service, tmp_path / "one", recipient="bob")
    second = forget(service, "blue")
    manifest = service.audit.manifest("m")
    states = {copy["kind"]: copy["state"] for copy in manifest["copies"]}
    assert states == {"server": "forgotten", "store": "pending", "export": "unknown"}
    assert manifest["counts"] == {"forgotten": 1, "pending": 1, "unknown": 1}
    [bob] = manifest["to_tell"]
    assert (bob["recipient"], bob["has"], bob["lacks"], bob["keeps"]) == (
        "bob",
        1,
        [second],
        [],
    )
    service.requests.revert(first, "a mistake", "ann")
    service.reconciler.run()
    patched(service)
    manifest = service.audit.manifest("m")
    assert manifest["counts"]["pending"] == 0
    assert manifest["to_tell"][0]["keeps"] == [first]
    assert service.audit.why("m", 3)["manifest"] == service.audit.manifest("m", 3)
    [model] = service.status()["models"]
    assert {copy["state"] for copy in model["copies"]} == {"forgotten", "unknown"}


def test_a_bundle_tells_of_copies(service: Service, tmp_path: Path, path: Path) -> None:
    service.stores.add(settings(path), "ann")
    forget(service)
    exported(service, tmp_path / "one", recipient="bob")
    patched(service)
    service.checkpoints.sign()
    bundle = tmp_path / "evidence.zip"
    service.bundles.bundle_to(bundle, None, "m", 1)
    told = " ".join(verify_offline(bundle, None)["recorded"])
    assert "the store shop has 288 vectors of revision 1" in told.replace(",", "")
    assert "The copy shop (store" in told
    assert "export, bob" in told


def test_a_backup_has_the_secrets_of_stores(
    service: Service, path: Path, tmp_path: Path
) -> None:
    service.stores.add(settings(path, secret="s3cret"), "ann")
    home = service.core.home.folder
    service.close()
    backup(home, tmp_path / "b.govd")
    restore(tmp_path / "b.govd", tmp_path / "again")
    assert (tmp_path / "again" / "stores" / "shop" / "secret").read_text() == "s3cret"


FULL = """
import resource, sys
from pathlib import Path
from importlib.metadata import EntryPoint
from tests import conftest
from govd.asking import plugins
plugins.found_entry_points = lambda: [*conftest.POINTS, EntryPoint("npy", "govd_npy", "govd")]
from govd.service.service import open_service
from govd_npy import store as npy
made = npy.made
def filling(*given):  # from here on no file can grow
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, resource.RLIM_INFINITY))
    try:
        made(*given)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
npy.made = filling
with open_service(Path(sys.argv[1])) as service:
    service.stores.step()
"""


def test_no_room_for_what_is_written_leaves_everything_as_it_was(
    service: Service, path: Path, rows: Any
) -> None:
    service.stores.add(settings(path), "ann")
    forget(service)
    service.stores.patch("shop", PatchOptions(), "ann")
    home = service.core.home.folder
    service.close()
    subprocess.run(
        [sys.executable, "-c", FULL, str(home)],
        cwd=Path(__file__).parents[2],
        timeout=120,
        check=True,
    )
    with open_service(home) as again:
        store = again.stores.show("shop")
        assert store["state"] == "failed"
        assert "it cannot be written" in store["faults"][0]
        assert np.array_equal(np.load(path), rows)
        assert patched(again)["revision"] == 1


def test_a_path_is_the_address_of_its_file_wherever_it_is_read_again(
    service: Service, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    service.stores.add(replace(settings(path), url=path.name), "ann")
    monkeypatch.chdir("/")
    assert service.stores.show("shop")["url"] == path.as_uri()
    assert service.stores.verify("shop", "ann")["verdict"]["well"]


def test_an_address_that_nobody_opens_is_told_all_kinds(service: Service) -> None:
    """Those of the table of stores."""
    with pytest.raises(Unsupported) as refused:
        service.stores.add(StoreSettings("shop", "nosuch://x", "m"), "ann")
    readme = Path("plugins/README.md").read_text()
    table = readme.partition("## Stores")[2].partition("\n## ")[0]
    rows = [line.split("|")[2] for line in table.splitlines() if "| `govd_" in line]
    spelled = [text for row in rows for text in re.findall(r"`([^`]*)`", row)]
    paths = [text.partition("?")[0] for text in spelled]
    kinds = {
        Path(path).suffix or path
        if path.startswith(("file:", "."))
        else path.partition("://")[0]
        for path in paths
        if path.startswith(".") or "://" in path
    }
    assert {".npy", ".index", "lancedb", "qdrant+file"} <= kinds
    assert [kind for kind in kinds if kind not in refused.value.advice] == []
