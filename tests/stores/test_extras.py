"""Kinds of stores whose library is not installed say which extra brings it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from govd.errors import Unsupported


@pytest.mark.parametrize(
    ("kind", "library", "name", "url"),
    [
        ("parquet", "pyarrow", "v.parquet", "file://{}"),
        ("lance", "lance", "v.lance", "lance://{}"),
        ("faiss", "faiss", "v.faiss", "file://{}"),
    ],
)
def test_the_extra_is_named(
    kind: str,
    library: str,
    name: str,
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / name
    path.mkdir() if kind == "lance" else path.write_bytes(b"")
    plugin = importlib.import_module(f"govd_{kind}")
    for module in list(sys.modules):
        if module.startswith(f"govd_{kind}."):
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(Unsupported) as refused:
        plugin.govd_open_store(url=url.format(path))
    assert refused.value.advice == f"pip install 'govd[{kind}]'"
    assert plugin.govd_open_store(url="other://host/things") is None
