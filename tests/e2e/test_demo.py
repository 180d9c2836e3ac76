"""`govd demo`, really run once: what it prints, what it writes, and what it says when it cannot."""

import json
import os
import re
import resource
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jax")
# one worker: the story is told once for all of them
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("demo")]

SECONDS = 60
"""What the demo may take on two cores; counted as seconds of a processor, so that it does not
depend on what else runs.
"""


def demo(
    folder: Path, *words: str, columns: str = "80", cache: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """`govd demo` in `folder`, with nothing compiled before, or what is in a cache, and a home of
    nobody's.
    """
    given = {
        **os.environ,
        "COLUMNS": columns,
        "XDG_CACHE_HOME": str(cache or folder / "cache"),
        "GOVD_HOME": str(folder / "untouched"),
    }
    command = [sys.executable, "-m", "govd", "demo", *words]
    return subprocess.run(
        command,
        cwd=folder,
        env=given,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


class Told:
    """One run of the demo in a home that stays."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "home"
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.done = demo(folder, "--home", str(self.home))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.seconds = (
            after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        )
        self.report = folder / "govd-demo.html"

    def govd(self, *words: str) -> Any:
        command = [
            sys.executable,
            "-m",
            "govd",
            *words,
            "--home",
            str(self.home),
            "--json",
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    found = Told(tmp_path_factory.mktemp("demo"))
    assert found.done.returncode == 0, found.done.stderr
    return found


def squeezed(text: str) -> str:
    """Without the line breaks of a narrow terminal."""
    return " ".join(text.split())


def test_the_story_is_told_within_its_time_and_width(told: Told) -> None:
    text = squeezed(told.done.stdout)
    for act in (
        "knows too much",
        "must go",
        "What went, what stayed",
        "a stranger can still do",
        "Taking one back",
        "Stored vectors",
        "ledger",
    ):
        assert act in text, act
    assert re.search(r"\(\d+ s in all\)", text)
    assert told.seconds <= SECONDS
    long = [row for row in told.done.stdout.splitlines() if len(row) > 80]
    # commands and paths are copied: they are not broken
    assert all(row.startswith("  govd ") or "/" in row for row in long), long
    assert "Traceback" not in told.done.stderr
    assert not (told.folder / "untouched").exists()


def test_it_shows_what_went_and_what_stayed_beside_the_other_ways(told: Told) -> None:
    text = told.done.stdout
    for scope in (
        "dog everywhere",
        "umbrella in line",
        "everything in colour",
        "all three together",
    ):
        assert scope in text
    for way in (
        "plain nullspace",
        "ccup, Wᵀ on images",
        "ccup, W on images",
        "deleting the label",
    ):
        assert way in text
    row = next(
        line
        for line in text.splitlines()
        if line.strip().startswith("govd ") and "→" in line
    )
    before, after = (float(v) for v in re.findall(r"([\d.]+) → ([\d.]+) %", row)[0])
    assert after < before / 2, row
    assert "figures are those of mini" in squeezed(text)
    for attack in (
        "registered labels",
        "another word",
        "searches with one",
        "nearest",
        "linear probe",
        "inverts the edit",
    ):
        assert attack in squeezed(text)
    assert re.search(
        r"dog everywhere, grade [12] of 6: not named any more by any registered prompt",
        squeezed(text),
    )


def test_it_says_who_computed_what(told: Told) -> None:
    rows = {line.strip().split("  ")[0]: line for line in told.done.stdout.splitlines()}
    for work, plugin in (
        ("opened the model", "clip"),
        ("composed the edits", "govd"),
        ("evaluated them", "govd"),
    ):
        assert re.search(rf"{plugin} \d+\.\d+", rows[work]), rows[work]
    assert "clip" in next(
        line for work, line in rows.items() if work.startswith("encoded")
    )
    assert "methods" in next(
        line for work, line in rows.items() if work.startswith("made the contributions")
    )


def test_the_reverts_leave_nothing(told: Told) -> None:
    text = told.done.stdout
    first, second, weights = re.findall(r"^  ([0-9a-f]{64})$", text, re.MULTILINE)
    assert first == second
    assert "the same, to the last bit" in text
    assert weights == next(
        d
        for n, d in told.govd("model", "show", "mini")["files"].items()
        if n.endswith(".safetensors")
    )
    assert re.search(r"second ledger.*opposite order", squeezed(text))
    table = [
        line.split()[-3:]
        for line in text.splitlines()
        if re.match(r" (before|all reverted) +\d", line)
    ]
    assert len(table) == 2
    assert table[0] == table[1], "searches find what they found before"
    requests = told.govd("request", "list")
    assert [r["state"] for r in requests if r["kind"] == "forget"] == ["reverted"] * 3


def test_its_bundle_command_can_be_typed(told: Told) -> None:
    typed = [
        line.strip()
        for line in told.done.stdout.splitlines()
        if line.startswith("  govd audit")
    ]
    assert typed[0].startswith("govd audit bundle evidence.zip --home ")
    for words in typed[:2]:
        command = [sys.executable, "-m", *words.split()]
        done = subprocess.run(
            command,
            cwd=told.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert "holds" in done.stdout


class Page(HTMLParser):
    """What a report shows: texts, pictures, headings, and whatever it would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.images: list[dict[str, str]] = []
        self.fetched: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {k: v or "" for k, v in attrs}
        if tag == "img":
            self.images.append(found)
        self.fetched += [
            v
            for k, v in found.items()
            if k in ("src", "href", "srcset") and not v.startswith("data:")
        ]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_report_needs_nothing_else_and_can_be_read_by_everybody(told: Told) -> None:
    text = told.report.read_text(encoding="utf-8")
    page = Page(text)
    assert page.fetched == []
    assert "http" not in re.sub(r'http-equiv="[^"]*"', "", text)
    assert len(page.images) > 30
    assert all(
        i["alt"] and i["src"].startswith("data:image/png;base64,") for i in page.images
    )
    for sign in ("prefers-color-scheme: dark", "@media print", 'lang="en"', "viewport"):
        assert sign in text
    assert len(text) < 2**20


def test_the_report_shows_prototypes_of_what_was_forgotten(told: Told) -> None:
    page = Page(told.report.read_text(encoding="utf-8"))
    drawn = [
        i["alt"]
        for i in page.images
        if i["alt"].startswith("What the model itself draws")
    ]
    assert any("a picture of a dog" in alt for alt in drawn)
    assert any("a line of a umbrella" in alt for alt in drawn)
    assert sum("a colour of a " in alt for alt in drawn) >= 4
    words = squeezed(" ".join(page.words))
    for part in (
        "outlined: was to go",
        "search AUC",
        "searches with one picture",
        "dog everywhere (9 pictures): grade",
        "Who computed what",
        "govd audit verify evidence.zip",
    ):
        assert part in words, part


def test_a_home_that_has_mini_already_is_told_so_and_left_alone(told: Told) -> None:
    before = told.govd("status")["ledger"]["size"]
    written = told.report.stat().st_mtime_ns
    done = demo(told.folder, "--home", str(told.home))
    assert done.returncode == 1
    assert "has a model called mini already" in done.stderr
    assert "--home" in done.stderr
    assert told.govd("status")["ledger"]["size"] == before
    assert told.report.stat().st_mtime_ns == written
    assert (
        sorted(p.name for p in told.folder.iterdir() if p.name.endswith(".part")) == []
    )


def test_a_home_where_persons_approve_on_a_wide_terminal(
    told: Told, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "govd.toml").write_text('approval = "person"\n')
    words = ("--home", str(home), "--report", "r.html")
    done = demo(tmp_path, *words, columns="140", cache=told.folder / "cache")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("approved as a person would: govd request approve") == 3
    assert "the same, to the last bit" in done.stdout
    assert max(len(row) for row in done.stdout.splitlines() if "/" not in row) <= 140
    assert "decided by" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_without_the_backend_it_says_what_to_install(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "govd.toml").write_text('disabled_plugins = ["clip"]\n')
    done = demo(tmp_path, "--home", str(home))
    assert done.returncode == 1
    assert "pip install 'govd[clip]'" in done.stderr
    assert not list(tmp_path.glob("*.html"))


@pytest.mark.parametrize(
    "report", ["missing/r.html", "file/r.html", "/proc/r.html", "."]
)
def test_a_report_that_cannot_be_written_is_told_before_the_run(
    tmp_path: Path, report: str
) -> None:
    (tmp_path / "file").write_text("")
    done = demo(tmp_path, "--report", report, "--home", str(tmp_path / "home"))
    assert done.returncode == 4, done.stderr
    assert "the report cannot be written" in done.stderr
    assert "--report FILE" in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "home").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only to root")
def test_a_read_only_folder_is_told_before_the_run(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    done = demo(tmp_path, "--report", str(folder / "r.html"))
    assert done.returncode == 4, done.stderr
    assert "Permission denied" in done.stderr
    assert done.stdout == ""
