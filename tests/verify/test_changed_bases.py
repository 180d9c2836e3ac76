"""What was published beside the projection: the files that the model was registered with."""

from typing import Any

from govd.verify import delivered

FILES = {"model.safetensors": "a", "config.json": "b", "vocab.json": "c"}


def faults(*said: dict[str, Any]) -> list[str]:
    problems: list[str] = []
    delivered.check(said, problems.append)
    return problems


def registered(digest: str = "1", **files: str) -> dict[str, Any]:
    return {
        "subject": "m",
        "files": None,
        "folder": None,
        "digest": digest,
        "registered": FILES | files,
    }


def revision(digest: str = "1", files: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "subject": "m/1",
        "files": FILES if files is None else files,
        "digest": digest,
    }


def test_one_file_is_another_the_one_with_the_projection() -> None:
    assert faults(registered(), revision()) == []
    assert (
        faults(registered(), revision(files=FILES | {"model.safetensors": "edited"}))
        == []
    )
    both = FILES | {"model.safetensors": "edited", "vocab.json": "theirs"}
    assert faults(registered(), revision(files=both)) == [
        "revision m/1: model.safetensors, vocab.json were not published as they were registered"
    ]


def test_an_index_and_new_files_are_no_change() -> None:
    base = registered(**{"model.safetensors.index.json": "d"})
    files = FILES | {
        "model.safetensors": "edited",
        "model.safetensors.index.json": "grown",
    }
    assert faults(base, revision(files=files | {"README.md": "new"})) == []


def test_it_is_compared_with_the_checkpoint_that_it_was_made_of() -> None:
    first, second = (
        registered("1"),
        registered("2", **{"config.json": "x", "vocab.json": "y"}),
    )
    of_second = {**second["registered"], "model.safetensors": "edited"}
    assert faults(first, second, revision("2", of_second)) == []
    assert len(faults(first, second, revision("1", of_second))) == 1
    assert faults(first, second, revision("?", of_second)) == [], (
        "one of those it could be"
    )
