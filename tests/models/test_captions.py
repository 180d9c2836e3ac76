"""Retrieval on pictures with captions: files are read as people lay them out, and recall is counted
as people count it.
"""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from govd.errors import BadFile
from tests.benchmarks.captions import Groups, Pair, main, read, recalls, without


def laid_out(folder: Path, file: str, text: str) -> Path:
    folder.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (folder / name).write_bytes(b"")
    (folder / file).write_text(text, encoding="utf-8")
    return folder


ROWS = [("a.jpg", "A dog runs, fast."), ("a.jpg", "Two dogs"), ("b.jpg", "The sea")]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (
            "captions.txt",
            "image,caption\n"
            + "".join(f'{name},"{caption}"\n' for name, caption in ROWS),
        ),
        (
            "captions.txt",
            "image,caption\n"
            + "".join(f"{name},{caption}\n" for name, caption in ROWS),
        ),
        (
            "captions.txt",
            "".join(
                f"{name}#{i}\t{caption}\n" for i, (name, caption) in enumerate(ROWS)
            ),
        ),
        (
            "metadata.csv",
            "file_name,text\n"
            + "".join(f'{name},"{caption}"\n' for name, caption in ROWS),
        ),
        (
            "metadata.csv",
            "\ufeffcaption,file_name\n"
            + "".join(f'"{caption}",{name}\n' for name, caption in ROWS),
        ),
        (
            "metadata.jsonl",
            "".join(
                json.dumps({"file_name": name, "text": caption}) + "\n"
                for name, caption in ROWS
            ),
        ),
        (
            "metadata.jsonl",
            json.dumps({"file_name": "a.jpg", "captions": [c for _, c in ROWS[:2]]})
            + '\n{"file_name": "b.jpg", "text": "The sea"}',
        ),
    ],
)
def test_captions_are_read_as_they_are_laid_out(
    tmp_path: Path, file: str, text: str
) -> None:
    captioned = read(laid_out(tmp_path / "f", file, text))
    assert [p.name for p in captioned.paths] == ["a.jpg", "b.jpg"]
    assert [
        (captioned.paths[p.picture].name, p.caption) for p in captioned.pairs
    ] == ROWS


def test_files_that_are_not_there_are_counted(tmp_path: Path) -> None:
    captioned = read(laid_out(tmp_path / "f", "captions.txt", "a.jpg,one\nz.jpg,two\n"))
    assert captioned.missing == 1
    assert len(captioned.pairs) == 1


def test_what_is_no_folder_of_captions_says_how_to_lay_it_out(tmp_path: Path) -> None:
    for folder in (
        laid_out(tmp_path / "none", "readme.txt", ""),
        laid_out(tmp_path / "other", "captions.txt", "z.jpg,two\n"),
    ):
        with pytest.raises(BadFile) as fault:
            read(folder)
        assert "captions.txt" in str(fault.value.advice)
    with pytest.raises(BadFile, match="without a caption"):
        read(laid_out(tmp_path / "half", "metadata.csv", "file_name,title\na.jpg,x\n"))


@pytest.mark.parametrize(
    ("caption", "left"),
    [
        ("A dog runs, fast.", "A runs, fast."),
        ("Two Dogs.", "Two."),
        ("the hotdog of a dog", "the hotdog of"),
        ("dog", ""),
        ("A boy and his dog", "A boy and his"),
    ],
)
def test_the_reference_is_the_caption_without_the_word(caption: str, left: str) -> None:
    assert without(caption, ["dog"]) == left


def test_groups_need_both_kinds(tmp_path: Path) -> None:
    captioned = read(
        laid_out(
            tmp_path / "f",
            "captions.txt",
            "a.jpg,A dog runs\na.jpg,A dog\nb.jpg,The sea\n",
        )
    )
    groups = Groups.of(captioned, ["dog"])
    assert [
        len(groups.pairs[name]) for name in ("forgotten", "reference", "others")
    ] == [2, 1, 1]
    for word in ("cat", "the|a"):
        with pytest.raises(BadFile, match="no caption has"):
            Groups.of(captioned, [word])


def test_recall_is_counted_in_plain_loops() -> None:
    draw = np.random.default_rng(3)
    shows, beside_shows = draw.random((12, 20)) < 0.1, draw.random((12, 15)) < 0.1
    shows[draw.integers(0, 12, 20), np.arange(20)] = True
    scored, beside = draw.normal(size=(12, 20)), draw.normal(size=(12, 15))
    shares = recalls(scored, shows, beside, beside_shows)
    for k in (1, 5, 10):
        found = [
            any(shows[i, c] for i in np.argsort(-scored[:, c])[:k]) for c in range(20)
        ]
        assert shares[f"t2i@{k}"] == pytest.approx(np.mean(found))
        hits = []
        for i in range(12):
            if shows[i].any():
                both = [(scored[i, c], shows[i, c]) for c in range(20)] + [
                    (beside[i, c], beside_shows[i, c]) for c in range(15)
                ]
                hits.append(any(is_its for _, is_its in sorted(both, reverse=True)[:k]))
        assert shares[f"i2t@{k}"] == pytest.approx(np.mean(hits))


def test_a_caption_of_several_pictures_is_asked_once() -> None:
    groups = Groups({"forgotten": (Pair(0, "a"), Pair(1, "a"), Pair(1, "b"))})
    assert groups.captions("forgotten") == ["a", "b"]
    assert groups.shows("forgotten", 3).tolist() == [
        [True, False],
        [True, True],
        [False, False],
    ]


def test_a_table_before_and_after(
    pictures: Path,
    pool: Path,
    example_plugins: None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "captioned"
    folder.mkdir()
    lines = []
    for domain in ("bright", "dark"):
        for name in ("red", "blue", "green"):
            for i, path in enumerate(
                sorted((pictures / domain / name).glob("*.png"))[:3]
            ):
                shutil.copy(path, folder / f"{domain}-{name}-{i}.png")
                lines.append(f"{domain}-{name}-{i}.png,{name}\n")
    (folder / "captions.txt").write_text("".join(lines), encoding="utf-8")
    main(
        [
            str(folder),
            "--model",
            "colours",
            "--pool",
            str(pool),
            "--forget",
            "red",
            "--targets",
            "unnamed",
            "--methods",
            "auto",
        ]
    )
    printed = capsys.readouterr().out
    assert "18 pictures; captions: 6 forgotten, 0 reference, 12 others" in printed
    rows = {
        tuple(c.strip() for c in line.split("|")[1:3]): line
        for line in printed.splitlines()
        if line.startswith("|")
    }
    before, after = (
        float(v)
        for v in re.findall(
            r"([\d.]+) → ([\d.]+) %", rows["with the word", "image → text"]
        )[0]
    )
    assert before == 100
    assert after < before
    before, after = (
        float(v)
        for v in re.findall(
            r"([\d.]+) → ([\d.]+) %", rows["all others", "image → text"]
        )[0]
    )
    assert after == before
