"""Files that would hold or fell whoever parses them are parsed in a process that is ended, and
named.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from govd.errors import BadCheckpoint, MachineFault
from govd.models.given import Given
from govd.service.service import open_service
from govd.types import ModelReference
from govd_clip import trial
from govd_clip.plugin import ClipModel, govd_open_model

CONFIG, WHOLE, PICTURES = "config.json", "tokenizer.json", "preprocessor_config.json"


def change(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def whole(folder: Path, **changes: Any) -> None:
    """The same tokenizer as one file, as any tokenizer of that form, with these parts changed."""
    from transformers import CLIPTokenizer

    CLIPTokenizer.from_pretrained(folder).save_pretrained(folder)
    for name in ("vocab.json", "merges.txt"):
        (folder / name).unlink(missing_ok=True)
    change(folder / WHOLE, **changes)
    change(folder / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast")


def splitting(pattern: str) -> dict[str, Any]:
    return {
        "type": "Split",
        "pattern": {"Regex": pattern},
        "behavior": "Isolated",
        "invert": False,
    }


def growing(letter: str, factor: int, times: int) -> dict[str, Any]:
    step = {
        "type": "Replace",
        "pattern": {"String": letter},
        "content": letter * factor,
    }
    return {"type": "Sequence", "normalizers": [step] * times}


def label_alone(folder: Path) -> None:
    """No common text holds this character; the checkpoint's own labels do."""
    whole(folder, normalizer=growing("ʘ", 1000, 6))
    (folder / "labels.txt").write_text("cat\nkiss ʘ\n")


def nested(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(
        '{"size": [' + "[]," * 12_000_000 + "1]}"
    )


PATHOLOGICAL: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "a search that begins anew at each letter": (
        lambda f: whole(
            f, pre_tokenizer=splitting(r"a{0,60}a{0,60}a{0,60}(?!a)(?<=b)")
        ),
        WHOLE,
        "more than 2 s of processor time",
    ),
    "a search that takes two to the power of a text": (
        lambda f: whole(f, pre_tokenizer=splitting("(a+)+$")),
        WHOLE,
        "does not work",
    ),
    "a text twice as long, forty times": (
        lambda f: whole(f, normalizer=growing("a", 2, 40)),
        WHOLE,
        "memory|processor time",
    ),
    "a text a thousand times as long, six times": (
        lambda f: whole(f, normalizer=growing("e", 1000, 6)),
        WHOLE,
        "memory",
    ),
    "a rule for a label alone": (label_alone, WHOLE, "memory"),
    "as many labels as there are integers": (
        lambda f: change(f / CONFIG, num_labels=10**9),
        CONFIG,
        "memory|processor time",
    ),
    "in a tower": (
        lambda f: change(
            f / CONFIG,
            text_config={
                **json.loads((f / CONFIG).read_text())["text_config"],
                "num_labels": 10**9,
            },
        ),
        CONFIG,
        "memory|processor time",
    ),
    "lists of nothing for the tokenizer": (
        nested("vocab.json"),
        "vocab.json",
        "memory|processor time",
    ),
    "lists of nothing for the pictures": (
        nested(PICTURES),
        PICTURES,
        "more than 16,777,216",
    ),
    "lists of nothing beside the tokenizer": (
        nested("added_tokens.json"),
        "added_tokens.json",
        "more than 16,777,216",
    ),
}


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "FILE_SECONDS", 2)
    monkeypatch.setattr(trial, "MEMORY_BYTES", 2**29)


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny, tmp_path / "foreign"))


@pytest.mark.parametrize("fault", PATHOLOGICAL)
@pytest.mark.usefixtures("limits")
def test_what_would_hold_or_fell_us_is_refused_by_name(
    fault: str, folder: Path
) -> None:
    breaks, name, message = PATHOLOGICAL[fault]
    breaks(folder)
    with pytest.raises(BadCheckpoint, match=message) as raised:
        govd_open_model(ModelReference(str(folder)))
    assert raised.value.where == str(folder / name)
    assert raised.value.advice
    assert not children()


@pytest.mark.usefixtures("limits")
def test_what_was_tried_is_not_tried_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trial in no memory cannot even start: who opens a checkpoint then has not tried it."""
    # like no other checkpoint of these tests
    change(folder / PICTURES, image_mean=[0.1, 0.2, 0.3])
    files = opened(folder).facts.files
    monkeypatch.setattr(trial, "MEMORY_BYTES", 2**20)
    opened(folder)
    monkeypatch.setattr(trial, "_fine", set())
    with pytest.raises(MachineFault, match="does not start"):
        opened(folder)
    opened(folder, files)
    opened("mini")
    change(folder / PICTURES, image_mean=[0.1, 0.2, 0.4])
    with pytest.raises(MachineFault, match="does not start"):
        opened(folder, files)
    (folder / "special_tokens_map.json").write_text("{}")
    with pytest.raises(MachineFault, match="does not start"):
        opened(folder, files)


@pytest.mark.usefixtures("limits")
def test_a_registered_checkpoint_is_opened_again_and_changed_without_a_trial(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = Given(labels=("cat", "dog", "red"), anchors=("do", "re"))
    with open_service(tmp_path / "home") as service:
        service.add_model("m", str(folder), given, "ann")
    monkeypatch.setattr(trial, "MEMORY_BYTES", 2**20)
    monkeypatch.setattr(trial, "_fine", set())
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    with open_service(tmp_path / "home") as service:
        service.update_model("m", Given(labels=("cat", "dog")), "ann")
    with open_service(tmp_path / "home") as service:
        service.classify("m", [("a picture", tmp_path / "a.png")])
        with pytest.raises(MachineFault, match="does not start"):
            service.add_model("n", str(folder), given, "ann")


def test_a_text_that_fells_the_tokenizer_later_is_the_checkpoints_fault(
    folder: Path,
) -> None:
    whole(folder, pre_tokenizer=splitting("(ʘ+)+$"))
    model = opened(folder)
    with pytest.raises(BadCheckpoint, match="does not work on a text") as raised:
        model.encode_texts(["ʘ" * 60 + "!"])
    assert raised.value.where == str(folder / WHOLE)


def test_a_file_that_is_changed_while_it_is_tried_is_refused(folder: Path) -> None:
    with trial.Trial(folder, {}) as begun:
        begun.wait()
    begun.check({**begun.files, "model.safetensors": "0" * 64})
    with pytest.raises(
        BadCheckpoint, match="was changed while the checkpoint was opened"
    ) as raised:
        begun.check({**begun.files, "vocab.json": "0" * 64})
    assert raised.value.where == str(folder / "vocab.json")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whoever_ends_us_ends_the_trial(number: signal.Signals, folder: Path) -> None:
    whole(folder, pre_tokenizer=splitting(r"a{0,60}a{0,60}a{0,60}(?!a)(?<=b)"))
    code = (
        "import sys; from govd_clip.plugin import govd_open_model as o; from govd.types import"
        " ModelReference as R; o(R(sys.argv[1]))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stderr=subprocess.DEVNULL
    ) as process:
        until = time.monotonic() + 60
        while (
            not (begun := children(process.pid))
            and process.poll() is None
            and time.monotonic() < until
        ):
            time.sleep(0.1)
        assert len(begun) == 1
        # Python drops a KeyboardInterrupt that comes where nothing can be raised: pressed again
        for _ in range(6):
            process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
                break
        assert process.returncode is not None
    while time.monotonic() < until and is_there(begun[0]):
        time.sleep(0.1)
    assert not is_there(begun[0])


def opened(reference: Path | str, files: Mapping[str, str] | None = None) -> ClipModel:
    model = govd_open_model(ModelReference(str(reference), files=files or {}))
    assert isinstance(model, ClipModel)
    return model


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def children(parent: int | None = None) -> list[int]:
    """Processes that try a checkpoint for this process, or for another."""
    listed = subprocess.run(
        ["ps", "-ww", "-eo", "pid=,ppid=,stat=,args="],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = [line.split(None, 3) for line in listed.splitlines()]
    return [
        int(pid)
        for pid, of, _, command in rows
        if int(of) == (parent or os.getpid()) and trial.MODULE in command
    ]
