"""Text files and names as people have them: byte order marks, other forms of the same letter, names
twice, texts that are cut.
"""

import os
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from govd_example.backend import NAMES, Colours
from PIL import Image

from govd.errors import BadFile, Usage
from govd.home.regular import TEXT_BYTES
from govd.home.settings import Settings
from govd.models import phrases
from govd.models.embeddings import Encoder
from govd.models.given import Given
from govd.models.words import read_apart, twins
from govd.requests import ForgetOptions
from govd.service.service import Service
from govd.types import Floats, silent

TEXT = "red\ngreen\nblue"


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + TEXT.encode(),
        TEXT.encode("utf-16"),
        "\r\n".join(TEXT.split()).encode(),
        "\r".join(TEXT.split()).encode(),
        "\n".join(f"  {word}\u200b " for word in TEXT.split()).encode(),
        "# colours\n\nred\n  # more\n\ufeffgreen\nblue\n\n".encode(),
    ],
    ids=["bom", "utf-16", "crlf", "cr", "unseen", "comments and a mark within"],
)
def test_a_name_is_what_people_see_of_its_line(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_bytes(data)
    assert phrases.lines(tmp_path / "names.txt") == ["red", "green", "blue"]


def test_a_listing_tells_lines_and_what_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("# colours\nred\n\n#green\nblue\n")
    names = phrases.listing(tmp_path / "names.txt")
    assert names == phrases.Listing(
        ("red", "blue"), (2, 5), ((1, "# colours"), (4, "#green")), 1
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('["red", "green"]', "a list of JSON or Python"),
        ("{0: 'red',\n 1: 'green'}", "a list of JSON or Python"),
        ('"red"\n"green"\n', "in quotation marks"),
        ("'red',\n'green'\n", "in quotation marks"),
        ('"red"\n', "in quotation marks"),
        ("red,\ngreen,\nblue\n", "a comma behind every name"),
        ("id,name\n0,red\n1,green\n", "a number before every name ('0,red')"),
        ("1: red\n2: green\n", "a number before every name"),
        ("0 red\n1 green\n2 blue\n", "a number before every name ('0 red')"),
        ("1. red\n2. green\n", "a number before every name"),
        ("0\tred\n1\tgreen\n", "a number before every name"),
        ("label,id\nred,0\ngreen,1\n", "a number behind every name ('red,0')"),
        ("n01440764 red\nn01443537 green\n", "an identifier before every name"),
    ],
)
def test_names_that_are_listed_otherwise_are_no_names(
    text: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / "names.txt").write_text(text)
    with pytest.raises(BadFile) as fault:
        phrases.lines(tmp_path / "names.txt")
    assert words in fault.value.message


@pytest.mark.parametrize(
    "names",
    [
        ["0 - zero", "1 - one"],
        ["1 dog", "2 dogs", "3 dogs"],
        ["1.5 litres", "2.5 litres"],
        ["Boeing 707", "Boeing 708"],
        ["crane, bird", "crane, machine"],
        ["rock 'n' roll", '"dog"', "[dog]"],
        ["{} in the wild", "a 'good' {}"],
        ["3, 4", "9, 10"],
    ],
)
def test_names_with_numbers_and_punctuation_are_names(
    names: list[str], tmp_path: Path
) -> None:
    (tmp_path / "names.txt").write_text("\n".join(names))
    assert phrases.lines(tmp_path / "names.txt") == names


def test_a_file_that_is_no_text_is_named_with_the_line(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_bytes(b"red\ncaf\xe9\n")
    with pytest.raises(
        BadFile, match=r"names\.txt: line 2 is not UTF-8\. Save the file as UTF-8"
    ):
        phrases.lines(tmp_path / "names.txt")
    with pytest.raises(BadFile, match="cannot be read"):
        phrases.lines(tmp_path)


def test_settings_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "govd.toml").write_bytes(b"\xef\xbb\xbf" + b"max_concepts = 7\n")
    assert Settings.read(tmp_path / "govd.toml").max_concepts == 7
    # what a container makes of a file that is missing
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(BadFile, match=r"folder\.toml: not TOML: .*Is a directory"):
        Settings.read(tmp_path / "folder.toml")


def test_a_letter_in_either_form_is_one_name(
    service: Service, given: Given, pictures: Path
) -> None:
    decomposed = unicodedata.normalize("NFD", "café")
    service.add_model(
        "cafe",
        "colours",
        replace(given, labels=[*NAMES, decomposed], images=None),
        "ann",
    )
    assert "café" in service.core.models.basis(service.core.desk.model("cafe")).labels
    filed = service.requests.forget("cafe", ForgetOptions(concepts=[decomposed]), "ann")
    assert filed["concepts"] == [{"name": "café", "aliases": []}]
    with pytest.raises(Usage, match="named twice"):
        service.requests.forget(
            "cafe", ForgetOptions(concepts=["café", decomposed]), "ann"
        )


def test_repeated_labels_count_once_and_are_told(
    service: Service, given: Given
) -> None:
    labels, lines = [*NAMES, "red", "RED", "navy"], [*range(3, 15), 20, 21, 30]
    service.add_model(
        "n",
        "colours",
        replace(given, labels=labels, label_lines=lines, images=None),
        "ann",
    )
    record = service.models.show("n")
    assert record["labels"] == len(NAMES)
    assert record["labels_merged"] == [
        {"name": "red", "kept": "red", "lines": [3, 20], "why": "repeated"},
        {"name": "navy", "kept": "navy", "lines": [13, 30], "why": "repeated"},
        {"name": "RED", "kept": "red", "lines": [3, 21], "why": "read alike"},
    ]


def test_an_anchor_that_reads_like_a_label_is_that_label(
    service: Service, given: Given
) -> None:
    service.add_model(
        "n",
        "colours",
        replace(given, anchors=["wood", "Red", "sea"], images=None),
        "ann",
    )
    assert service.core.models.basis(service.core.desk.model("n")).vocabulary == (
        "wood",
        "sea",
    )


def test_long_lists_and_lines_that_no_file_has(service: Service, given: Given) -> None:
    words = [f"word{at:04}" for at in range(1500)]
    service.add_model(
        "n",
        "colours",
        replace(given, anchors=words, anchor_lines=range(1, 1501), images=None),
        "ann",
    )
    assert service.models.show("n")["anchors"] == 1500
    for lines in ([1], [0, 2], [1, 2**70]):
        with pytest.raises(Usage, match="line"):
            service.add_model(
                "o",
                "colours",
                replace(
                    given, anchors=["wood", "sea"], anchor_lines=lines, images=None
                ),
                "ann",
            )


@pytest.mark.parametrize("empty", ["labels", "anchors"])
def test_a_model_without_labels_or_without_anchors(
    empty: str, service: Service, given: Given
) -> None:
    options = replace(
        given,
        images=None,
        labels=[] if empty == "labels" else NAMES,
        anchors=[] if empty == "anchors" else ["wood", "sea"],
    )
    service.add_model("n", "colours", options, "ann")
    assert service.models.show("n")[empty] == 0


def test_pictures_are_found_under_every_spelling_of_their_class(
    service: Service, given: Given, tmp_path: Path
) -> None:
    for folder, colour in (
        ("red", (220, 30, 30)),
        ("RED", (220, 30, 30)),
        ("blue", (30, 60, 220)),
    ):
        (tmp_path / folder).mkdir()
        Image.fromarray(np.full((8, 8, 3), colour, np.uint8)).save(
            tmp_path / folder / "1.png"
        )
    service.add_model(
        "n",
        "colours",
        replace(given, labels=[*NAMES, "RED"], images=str(tmp_path)),
        "ann",
    )
    assert service.models.show("n")["labels_merged"][0]["kept"] == "red"
    assert service.evaluate("n", str(tmp_path))["metrics"]["on"] == "3 labelled images"
    changed = service.update_model("n", Given(anchors=["wood", "sea", "sand"]), "ann")
    assert [row["name"] for row in changed["labels_merged"]] == ["RED"]
    assert service.evaluate("n", str(tmp_path))["metrics"]["on"] == "3 labelled images"


class Short(Colours):
    """The colours, read to the twelfth letter of a prompt."""

    def encode_texts(self, texts, progress=silent) -> Floats:  # type: ignore[no-untyped-def]
        return super().encode_texts([text[:24] for text in texts], progress)


def test_texts_that_are_cut_to_the_same_are_refused_with_both() -> None:
    encoder = Encoder(Short("colours"))
    names = [
        "red",
        "blue and rather long, with a hat",
        "green",
        "blue and rather long, with a dog",
    ]
    with pytest.raises(Usage) as error:
        read_apart(encoder, names, [1, 4, 5, 9], phrases.TEMPLATES, None, silent)
    assert "with a hat' (line 4)" in str(error.value)
    assert "with a dog' (line 9)" in str(error.value)
    assert "cuts" in str(error.value)


def test_twins_are_found_wherever_they_stand() -> None:
    rows = np.random.default_rng(0).normal(size=(60, 5))
    rows[40], rows[3], rows[55] = rows[7] + 4e-6, rows[7] + 2e-6, rows[1]
    rows[20, 0] = rows[1, 0]  # equal in one coordinate alone
    assert twins(rows) == {7: 3, 40: 3, 55: 1}


@pytest.mark.parametrize(
    "typed",
    ["hot\u200bdog", "\u200ehotdog\u200f", "hot\u00addog", "\u200dhot\ufeffdog"],
)
def test_what_cannot_be_seen_makes_no_other_name(typed: str) -> None:
    assert phrases.spelled(typed) == "hotdog"


def test_joiners_within_a_phrase_belong_to_it() -> None:
    assert phrases.spelled("می\u200cخواهم") == "می\u200cخواهم"


@pytest.mark.parametrize(
    "typed", ["\u200b", " \u00ad\ufeff", "\u200d\u200e", "\u00a0", "\u0301"]
)
def test_a_name_of_nothing_that_can_be_seen_is_none(
    typed: str, service: Service
) -> None:
    for options in (ForgetOptions([typed]), ForgetOptions(["red"], aliases=[typed])):
        with pytest.raises(Usage, match=r"an empty (concept|alias)"):
            service.requests.forget("m", options, "ann")


def test_what_need_not_end_is_not_read_as_a_text(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (Path("/dev/zero"), tmp_path / "pipe"):
        with pytest.raises(
            BadFile, match=r"cannot be read \(it is not a regular file\)"
        ):
            phrases.lines(path)
    with (tmp_path / "large").open("wb") as file:
        file.truncate(TEXT_BYTES + 1)
    with pytest.raises(BadFile, match=r"more than 67,108,864 bytes"):
        phrases.lines(tmp_path / "large")


def test_what_a_shell_hands_over_is_read() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"red\nblue\n")
    os.close(writing)
    assert phrases.lines(Path(f"/dev/fd/{reading}")) == ["red", "blue"]
    os.close(reading)


@pytest.mark.parametrize(
    ("phrase", "reason"),
    [
        ("x" * 201, f"a label '{'x' * 40}'… has 201 characters"),
        ("tab\there", r"a label 'tab\\there' has a control character at character 4"),
    ],
)
def test_what_is_wrong_with_a_phrase_is_told(phrase: str, reason: str) -> None:
    with pytest.raises(Usage, match=reason):
        phrases.check_phrase(phrase, "a label")
