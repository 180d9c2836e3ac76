"""A disk that is really full: a small file system of its own, filled to the last block. Each
command says so, and nothing is half done.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_faults import (  # noqa: F401 - fixtures
    Shell,
    govd,
    registered_by_command,
    site,
)

SIZE = 16 * 2**20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Fill it to the last block."""
    path = disk / "ballast"
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
    return path


def told(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 4, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "space" in done.stderr or "full" in done.stderr


def test_a_home_on_a_full_disk_goes_on_where_it_stopped(
    site: Path,  # noqa: F811
    disk: Path,
    tmp_path: Path,
) -> None:
    shell = Shell(site, disk / "home")
    labels = tmp_path / "labels.txt"
    # one is less than a fifth
    labels.write_text("red\ngreen\nblue\nyellow\nnavy\npink\n")
    assert (
        shell("model", "add", "m", "colours", "--labels", str(labels)).returncode == 0
    )
    before = shell.entries()
    ballast = fill(disk)
    told(shell("forget", "red", "--model", "m"))
    assert shell.entries() in (before, before + 1)  # filed or not, but whole
    ballast.unlink()
    done = shell("audit", "verify", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    shell("forget", "red", "--model", "m")  # told that it is there, where it was filed
    shell("status")
    listed = shell("request", "list", "--state", "in_force")
    assert "red" in listed.stdout, listed.stdout + listed.stderr
    assert shell("audit", "rebuild").returncode == 0


@pytest.mark.parametrize("what", ["export", "backup", "bundle"])
def test_what_is_written_to_a_full_disk_leaves_nothing_there(
    govd: Shell,  # noqa: F811
    disk: Path,
    what: str,
) -> None:
    assert govd("forget", "red", "--model", "m").returncode == 0
    entries = govd.entries()
    ballast = fill(disk)
    words = {
        "export": ("export", "m", str(disk / "out"), "--format", "edit"),
        "backup": ("backup", str(disk / "home.tar")),
        "bundle": ("audit", "bundle", str(disk / "evidence.zip")),
    }[what]
    refused = govd(*words)
    told(refused)
    assert str(disk) in refused.stderr, "which disk is full"
    assert [p.name for p in disk.iterdir()] == ["ballast"]
    # an entry says who was to get what, and did not
    failed = 1 if what == "export" else 0
    assert govd.entries() == entries + failed
    ballast.unlink()
    assert govd(*words).returncode == 0


def test_publishing_to_a_full_disk_is_tried_again(
    site: Path,  # noqa: F811
    disk: Path,
    tmp_path: Path,
) -> None:
    shell = Shell(site, tmp_path / "home")
    (tmp_path / "home").mkdir()
    # half of the labels are forgotten
    (tmp_path / "home" / "govd.toml").write_text("max_scope_share = 1.0\n")
    labels = tmp_path / "labels.txt"
    labels.write_text("red\ngreen\nblue\nyellow\nnavy\npink\n")
    assert (
        shell(
            "model",
            "add",
            "m",
            "colours",
            "--labels",
            str(labels),
            "--publish-to",
            str(disk / "served"),
        ).returncode
        == 0
    )
    shell("forget", "green", "--model", "m")
    ballast = fill(disk)
    told(shell("forget", "red", "--model", "m"))
    assert "in_force" in shell("request", "list").stdout
    assert sorted(p.name for p in (disk / "served").iterdir()) == ["1", "current"]
    ballast.unlink()
    shell("forget", "blue", "--model", "m")
    assert (disk / "served" / "current").resolve().name == "3"
