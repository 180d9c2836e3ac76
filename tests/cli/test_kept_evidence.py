"""Evidence that was kept as people keep it: copied from letters, saved by other editors."""

import codecs
from collections.abc import Callable
from pathlib import Path

import pytest

from govd.errors import BadFile
from tests.cli.conftest import Shell

KEPT: dict[str, Callable[[str], bytes]] = {
    "as it was printed": str.encode,
    "without its last line's end": lambda note: note.rstrip("\n").encode(),
    "with blank lines around": lambda note: f"\n{note}\n \n".encode(),
    "by an editor of Windows": lambda note: (
        codecs.BOM_UTF8 + note.replace("\n", "\r\n").encode()
    ),
    "by a shell of Windows": lambda note: note.replace("\n", "\r\n").encode("utf-16"),
}


@pytest.mark.parametrize("how", KEPT)
def test_a_log_checkpoint_that_was_kept_is_the_same_one(
    govd: Shell, tmp_path: Path, how: str
) -> None:
    note = govd("audit", "checkpoint").stdout
    (tmp_path / "kept").write_bytes(KEPT[how](note))
    done = govd("audit", "verify", "--since", str(tmp_path / "kept"))
    assert (done.exit_code, "The ledger holds." in done.stdout) == (0, True)


def test_a_log_checkpoint_with_another_text_is_another(
    govd: Shell, tmp_path: Path
) -> None:
    note = govd("audit", "checkpoint").stdout
    (tmp_path / "kept").write_text(note.replace("\n", "\n\n", 1))
    assert govd("audit", "verify", "--since", str(tmp_path / "kept")).exit_code == 1
    done = govd("audit", "verify", "--since", "-", input=note.rstrip("\n"))
    assert done.exit_code == 0


def test_a_file_that_is_no_log_checkpoint_says_nothing_of_the_ledger(
    govd: Shell, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    kept.write_text(govd("audit", "checkpoint", "--json").stdout)
    done = govd("audit", "verify", "--since", str(kept))
    assert isinstance(done.exception, BadFile)
    assert done.exception.where == str(kept)
    assert done.stdout == ""
