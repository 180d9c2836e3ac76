"""Files that are written whole, beside what a killed process left."""

import subprocess
import sys
from pathlib import Path

import pytest

from govd.home.whole import whole

BEGUN = """
import sys, time
from pathlib import Path
from govd.home.whole import whole
with whole(Path(sys.argv[1])) as part:
    part.write_text("half")
    part.with_name(f"{part.name}.made").mkdir()
    print(part, flush=True)
    time.sleep(60)
"""


def begun(path: Path) -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen(
        [sys.executable, "-c", BEGUN, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


@pytest.mark.parametrize("name", ["report.html", "ä[x]*" + "n" * 240])
def test_what_a_killed_process_left_goes_with_the_next_of_the_same_name(
    tmp_path: Path, name: str
) -> None:
    killed, left = begun(tmp_path / name)
    killed.kill()
    killed.communicate()
    others, of_another = begun(tmp_path / "other.html")
    others.kill()
    others.communicate()
    running, held = begun(tmp_path / name)
    try:
        (tmp_path / f".{name[:200]}.part").write_text("somebody's")
        assert not left.exists(), "the second one took it away"
        with whole(tmp_path / name) as part:
            part.write_text("whole")
        assert (tmp_path / name).read_text() == "whole"
        assert held.read_text() == "half", "a process still writes it"
        kept = {tmp_path / name, held, of_another, tmp_path / f".{name[:200]}.part"}
        kept |= {path.with_name(f"{path.name}.made") for path in (held, of_another)}
        assert set(tmp_path.iterdir()) == kept
    finally:
        running.kill()
        running.communicate()


def fails_in(path: Path) -> None:
    with whole(path, 0o600) as part:
        assert part.stat().st_mode & 0o777 == 0o600
        raise RuntimeError


def test_nothing_is_there_of_what_failed(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("before")
    with pytest.raises(RuntimeError):
        fails_in(tmp_path / "x")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_text() == "before"
