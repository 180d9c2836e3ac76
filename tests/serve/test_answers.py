"""The sample of answers: which revision said this; an answer is never lost because the sample
is.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from govd.errors import BadFile, NotFound
from govd.serve.answers import Answers, digest


@pytest.fixture
def answers(tmp_path: Path) -> Iterator[Answers]:
    answers = Answers(tmp_path / "answers.db", 1.0)
    yield answers
    answers.close()


def test_what_was_kept_names_its_revision_and_inputs(answers: Answers) -> None:
    key = answers.note("m", 3, [b"picture"], ["dog"])
    found = answers.show(key)
    assert (found["model"], found["revision"], found["inputs"], found["answer"]) == (
        "m",
        3,
        [digest(b"picture")],
        ["dog"],
    )
    with pytest.raises(NotFound, match="not kept"):
        answers.show("0")


def test_a_damaged_sample_is_told_and_holds_no_answer_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "answers.db").write_bytes(b"no database" * 1000)
    answers = Answers(tmp_path / "answers.db", 1.0)
    with caplog.at_level(logging.WARNING, "govd"):
        key = answers.note("m", 3, [b"picture"], ["dog"])
    assert "an answer was not kept" in caplog.text
    with pytest.raises(BadFile, match="sample of answers is damaged"):
        answers.show(key)
    answers.close()
