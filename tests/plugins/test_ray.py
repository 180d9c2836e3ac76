"""Batch work on a cluster of two nodes: the same bytes as in one process, whoever is killed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from govd_example.backend import NAMES

from govd.asking import plugins
from govd.asking.batches import Guided, batch_runner
from govd.asking.guarded import Guarded
from govd.errors import BadFile, MachineFault, Unreachable
from govd.home.settings import IN_PROCESS, Settings
from govd.models import embeddings
from govd.models.embeddings import Encoder
from govd.models.encoding import ahead_of
from govd.models.evaluation_set import read_images
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.service import Service, open_service
from govd.stores import patching
from govd.stores.plans import PatchOptions
from govd.stores.registry import StoreSettings
from govd.types import silent
from govd_ray import RayRunner
from tests import conftest

pytestmark = [
    pytest.mark.xdist_group("ray"),  # one cluster
    # its processes are begun by a fork, which libraries of other tests warn of
    pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore:lance is not fork-safe:UserWarning"),
]
TOP = Path(__file__).parents[2]
POINTS = [
    *conftest.POINTS,
    EntryPoint("npy", "govd_npy", "govd"),
    EntryPoint("ray", "govd_ray", "govd"),
    EntryPoint("dying", "tests.plugins.dying", "govd"),
]
ROWS, WIDTH = 16, 36
LENIENT = "max_scope_share = 1.0\n"
MEMORY_BYTES = 80 * 2**20


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The head of a cluster of two nodes, with one processor each."""
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    node = {
        "num_cpus": 1,
        "object_store_memory": MEMORY_BYTES,
        "include_dashboard": False,
    }
    with (
        # sockets below it have short paths
        tempfile.TemporaryDirectory(
            prefix="ray", dir="/tmp", ignore_cleanup_errors=True
        ) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv(
            "PYTHONPATH",
            os.pathsep.join([str(TOP), str(TOP / "tests/plugins/example")]),
        )
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_TMPDIR", folder)
        cluster = cluster_utils.Cluster(initialize_head=True, head_node_args=node)
        try:
            cluster.add_node(**node)
            yield cluster.address
        finally:
            cluster.shutdown()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, pictures: Path, pool: Path) -> Path:
    """A home with a model `m` that has forgotten red."""
    folder = tmp_path_factory.mktemp("ray") / "home"
    given = Given(
        labels=NAMES, domains=conftest.DOMAINS, images=str(pictures), pool=str(pool)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plugins, "found_entry_points", lambda: POINTS)
        folder.mkdir()
        (folder / "govd.toml").write_text(LENIENT)
        with open_service(folder) as service:
            service.add_model("m", "colours", given, "ann")
            service.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")
            service.reconciler.run()
    return folder


Opens = Callable[[str], Service]


@pytest.fixture
def at(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opens]:
    """Opens a copy of the home whose batch work runs on the cluster of an address."""
    monkeypatch.setattr(plugins, "found_entry_points", lambda: POINTS)
    monkeypatch.setattr(patching, "ROWS", ROWS)
    shutil.copytree(home, tmp_path / "home")
    opened: list[Any] = []

    def opens(address: str) -> Service:
        settings = f'{LENIENT}[batch]\nrunner = "ray"\naddress = "{address}"\n'
        (tmp_path / "home" / "govd.toml").write_text(settings)
        opened.append(open_service(tmp_path / "home"))
        service: Service = opened[0].__enter__()
        return service

    yield opens
    for context in opened:
        context.__exit__(None, None, None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """240 unit vectors."""
    rows = np.random.default_rng(7).normal(size=(240, WIDTH))
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    np.save(tmp_path / "v.npy", unit.astype(np.float16))
    return tmp_path / "v.npy"


def patched(service: Service, name: str, url: str) -> Any:
    service.stores.add(StoreSettings(name, url, "m", stamp_as="base"), "ann")
    service.stores.patch(name, PatchOptions(), "ann")
    service.stores.step()
    return service.stores.show(name)


def reason_of(service: Service) -> str:
    """Why the last patch failed, as the ledger says it."""
    (*_, entry) = service.audit.log(kind="store")
    assert entry["kind"] == "store.fail"
    return str(entry["payload"]["reason"])


def in_process(service: Service, path: Path) -> bytes:
    """The bytes that a copy of a file has after a patch in this process."""
    copy = path.with_name("copy.npy")
    shutil.copy(path, copy)
    plugins_in_use = service.core.plugins
    settings = plugins_in_use.settings
    plugins_in_use.settings = replace(settings, batch_runner=IN_PROCESS)
    assert patched(service, "copy", copy.as_uri())["revision"] == 1
    plugins_in_use.settings = settings
    return copy.read_bytes()


def test_a_worker_that_is_killed_loses_nothing_and_patches_nothing_twice(
    address: str, at: Opens, path: Path
) -> None:
    service = at(address)
    expected = in_process(service, path)
    store = patched(service, "shop", f"dying://{path}")
    assert store["revision"] == 1
    assert (store["last"]["patched"], store["last"]["faults"]) == (240, [])
    assert path.read_bytes() == expected
    dead, killed = path.with_suffix(".died").read_text().split()
    written = [
        line.split() for line in path.with_suffix(".written").read_text().splitlines()
    ]
    assert {worker for worker, _ in written} - {dead}, "another one went on"
    portions = [portion for _, portion in written]
    assert len(portions) == len(set(portions)) == 240 / ROWS
    assert killed in portions


def test_what_a_worker_finds_wrong_is_the_stores_fault(
    address: str, at: Opens, path: Path
) -> None:
    rows = np.load(path)
    rows[100] *= 2
    np.save(path, rows)
    before = path.read_bytes()
    service = at(address)
    store = patched(service, "shop", path.as_uri())
    assert (store["state"], store["revision"]) == ("failed", 0)
    assert "not of unit length: row 100" in reason_of(service)
    assert path.read_bytes() == before


def test_a_cluster_that_is_not_there_leaves_the_store_as_it_is(
    at: Opens, path: Path
) -> None:
    before = path.read_bytes()
    service = at("127.0.0.1:9")
    store = patched(service, "shop", path.as_uri())
    assert (store["state"], store["revision"]) == ("failed", 0)
    assert "the Ray cluster at 127.0.0.1:9" in reason_of(service)
    assert path.read_bytes() == before
    assert not list(path.parent.glob("v.npy.govd/next*")), "nothing was begun"


def test_a_folder_is_encoded_by_workers_as_here(
    address: str,
    at: Opens,
    tmp_path: Path,
    pictures: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(embeddings, "MANY", 16)
    folder = tmp_path / "images"
    shutil.copytree(pictures, folder)
    broken = next(folder.glob("*/red/*.png"))
    broken.write_bytes(b"no picture")
    service = at(address)
    model = service.core.models.opened("m").model
    here, there = (
        Encoder(model),
        Encoder(model, None, ahead_of(service.core.plugins, model)),
    )
    expected, left_out = read_images(folder, here, conftest.DOMAINS, silent)
    data, left_out_there = read_images(folder, there, conftest.DOMAINS, silent)
    assert np.array_equal(data.vectors, expected.vectors)
    assert np.array_equal(data.class_of, expected.class_of)
    assert (left_out_there, data.skipped) == (left_out, 1)
    assert (here.encoded, there.encoded) == (len(expected.vectors), 0)


def test_a_model_that_workers_do_not_have_is_asked_here(
    address: str,
    at: Opens,
    pictures: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(embeddings, "MANY", 16)
    service = at(address)
    model = service.core.models.opened("m").model
    assert isinstance(model, Guarded)
    assert model.abroad is not None
    model.abroad = replace(model.abroad, digest="e" * 64)
    encoder = Encoder(model, None, ahead_of(service.core.plugins, model))
    data, _ = read_images(pictures, encoder, conftest.DOMAINS, silent)
    assert encoder.encoded == len(data.vectors)
    assert "another one" in caplog.text


def test_workers_that_die_again_and_again_are_a_fault(address: str, at: Opens) -> None:
    with (
        batch_runner(at(address).core.plugins) as runner,
        pytest.raises(
            MachineFault, match="3 workers were lost with the same piece of work"
        ),
    ):
        list(runner.map_batches(os._exit, [1]))


def test_a_cluster_that_goes_away_in_the_middle_is_told(
    address: str, at: Opens
) -> None:
    with batch_runner(at(address).core.plugins) as runner:
        assert isinstance(runner, Guided)
        answers = iter(runner.map_batches(abs, [-1, -2, -3]))
        assert next(answers) in (1, 2, 3)
        assert isinstance(runner.inner, RayRunner)
        runner.inner.driver.kill()
        with pytest.raises(Unreachable, match="the connection ended"):
            list(answers)


def test_a_table_of_settings_is_read_as_it_is_documented(tmp_path: Path) -> None:
    file = tmp_path / "govd.toml"
    for wrong, why in (
        ('[batch]\nrunners = "ray"', "unknown setting batch_runners"),
        ('batch = "ray"', r"It must be a table: \[batch\]"),
        ("[batch]\naddress = 1", "It must be a text"),
    ):
        file.write_text(wrong)
        with pytest.raises(BadFile, match=why):
            Settings.read(file)
    assert Settings().batch_runner == IN_PROCESS
