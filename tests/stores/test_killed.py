"""Patches that are killed (`kill -9`) at each step go on, and nothing is patched twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from govd.asking import plugins
from govd.requests import ForgetOptions
from govd.service.service import Service, open_service
from govd.stores import patching
from govd.stores.plans import PatchOptions
from govd.stores.registry import StoreSettings
from tests import conftest
from tests.processes import Forks
from tests.stores import killed
from tests.stores.postgres import postgres

pytestmark = pytest.mark.xdist_group("postgres")  # one server


STEPS = ["write", "middle", "after"]
CASES = [
    (kind, step)
    for kind in sorted(killed.STORES)
    for step in STEPS
    if kind != "qdrant-alias" or step == "middle"  # else it is as in place
]


@pytest.fixture
def example_plugins(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    point = killed.plugin(kind)
    monkeypatch.setattr(
        plugins, "found_entry_points", lambda: [*conftest.POINTS, point]
    )
    monkeypatch.setattr(patching, "ROWS", killed.ROWS)


@pytest.fixture
def rows(rows: Any) -> Any:
    """A third of the vectors: still more portions than are written before the end."""
    return rows[::3]


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    """Begins the processes that are killed."""
    with Forks("tests.stores.killed") as forks:
        yield forks


@pytest.fixture(scope="module")
def server() -> Iterator[Callable[[], str]]:
    """Starts a server, once, where one is wanted."""
    pytest.importorskip("psycopg")
    started: list[str] = []
    holding = postgres()

    def start() -> str:
        if not started:
            started.append(holding.__enter__())
        return started[0]

    yield start
    if started:
        holding.__exit__(None, None, None)


@pytest.fixture
def url(
    kind: str, rows: Any, tmp_path: Path, server: Callable[[], str]
) -> Iterator[str]:
    """A store of these vectors."""
    if kind == "pgvector":
        psycopg = pytest.importorskip("psycopg")
        with psycopg.connect(server(), autocommit=True) as users:
            users.execute("CREATE EXTENSION IF NOT EXISTS vector")
            users.execute("DROP TABLE IF EXISTS items, govd_stores, govd_late")
            users.execute(
                f"CREATE TABLE items (id int PRIMARY KEY, v vector({rows.shape[1]}))"
            )
            users.execute("CREATE INDEX ON items USING hnsw (v vector_cosine_ops)")
            for number, row in enumerate(rows.tolist()):
                users.execute("INSERT INTO items VALUES (%s, %s)", [number, str(row)])
        yield f"{server()}&table=items&index=drop"
        return
    if kind.startswith("qdrant"):
        yield qdrant_of(tmp_path, rows, is_alias=kind == "qdrant-alias")
    elif kind == "chroma":
        yield chroma_of(tmp_path, rows)
    else:
        yield file_of(kind, tmp_path, rows)


def qdrant_of(folder: Path, rows: Any, is_alias: bool) -> str:
    """A collection of Qdrant's local mode; its address."""
    library = pytest.importorskip("qdrant_client")
    models = library.models
    client = library.QdrantClient(path=str(folder / "qdrant"))
    config = models.VectorParams(size=rows.shape[1], distance=models.Distance.DOT)
    client.create_collection("items", vectors_config=config)
    client.upload_collection("items", rows, ids=range(len(rows)))
    if is_alias:
        alias = models.CreateAlias(collection_name="items", alias_name="shop")
        operation = models.CreateAliasOperation(create_alias=alias)
        client.update_collection_aliases([operation])
    client.close()
    name = "shop" if is_alias else "items"
    return f"qdrant+file://{folder / 'qdrant'}?collection={name}"


def chroma_of(folder: Path, rows: Any) -> str:
    """A collection of Chroma; its address."""
    library = pytest.importorskip("chromadb")
    settings = library.Settings(anonymized_telemetry=False)
    client = library.PersistentClient(str(folder / "chroma"), settings=settings)
    items = client.create_collection("items", embedding_function=None)
    items.add(ids=[f"{place:04}" for place in range(len(rows))], embeddings=rows)
    return f"chroma+file://{folder / 'chroma'}?collection=items"


def file_of(kind: str, folder: Path, rows: Any) -> str:
    """A file or folder of a kind; its address."""
    library = pytest.importorskip({"parquet": "pyarrow.parquet"}.get(kind, kind))
    path = folder / f"v.{kind}"
    if kind == "faiss":
        index = library.IndexFlatIP(rows.shape[1])
        index.add(rows)
        library.write_index(index, str(path))
        return path.as_uri()
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"v": pa.array(list(rows), pa.list_(pa.float32(), rows.shape[1]))})
    if kind == "parquet":
        library.write_table(table, path)
        return path.as_uri()
    library.write_dataset(table, str(path))
    return f"lance://{path}"


def searched(kind: str, url: str) -> Any:
    """The vectors `(n, d)` that are searched, in the order of the store."""
    opening = import_module(killed.plugin(kind).value).govd_open_store
    secret = {"secret": ""} if kind.startswith(("pgvector", "qdrant")) else {}
    store = opening(url=url, **secret)
    parts = [
        store.read("searched", part).vectors for part in store.portions("searched", 64)
    ]
    store.close()
    return np.concatenate(parts)


@pytest.mark.parametrize(("kind", "step"), CASES)
def test_a_patch_goes_on_after_it_was_killed(
    kind: str,
    step: str,
    url: str,
    rows: Any,
    service: Service,
    forks: Forks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service.stores.add(StoreSettings("shop", url, "m", stamp_as="base"), "ann")
    service.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")
    service.reconciler.run()
    service.stores.patch("shop", PatchOptions(), "ann")
    home, edit = service.core.home.folder, service.serving("m").edit
    service.close()
    code = "from tests.stores.killed import main; main()"
    done = forks.run(code, str(home), kind, step)
    assert done.status == -9, done.said
    journal = (home / "stores" / "shop" / "patch.ndjson").read_text().splitlines()
    noted = {json.loads(line)["name"] for line in journal[1:]}
    assert noted
    if step == "write":
        assert np.array_equal(searched(kind, url), rows)

    written: list[str] = []
    store = getattr(*killed.attribute(killed.STORES[kind]))
    write = store.write

    def writing(self: Any, portion: Any, *given: Any) -> None:
        written.append(portion.name)
        write(self, portion, *given)

    monkeypatch.setattr(store, "write", writing)
    with open_service(home) as again:
        assert again.stores.show("shop")["state"] == "patching"
        again.stores.step()
        after = again.stores.show("shop")
        assert (after["state"], after["revision"], after["faults"]) == ("ready", 1, [])
        assert not noted & set(written), "nothing is patched twice"
        np.testing.assert_allclose(searched(kind, url), edit.apply(rows), atol=1e-6)
        assert again.stores.verify("shop", "ann")["verdict"]["well"]
        again.stores.patch("shop", PatchOptions(revision=0), "ann")
        again.stores.step()
        assert np.array_equal(searched(kind, url), rows)
