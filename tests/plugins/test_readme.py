"""What the pages show is what works: the plugin, installed as it says; the unit, as systemd reads
it.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
PAGES = "\n".join(
    (TOP / name).read_text(encoding="utf-8")
    for name in ("README.md", "plugins/README.md", "govd/OPERATIONS.md")
)


def block(language: str, beginning: str) -> str:
    found = [
        text
        for text in re.findall(rf"```{language}\n(.*?)```", PAGES, re.S)
        if text.startswith(beginning)
    ]
    assert len(found) == 1, beginning
    return str(found[0])


def test_the_plugin_of_the_readme_works_as_it_stands(tmp_path: Path) -> None:
    source, site = tmp_path / "source", tmp_path / "site"
    source.mkdir()
    for language, name in (("python", "govd_protected.py"), ("toml", "pyproject.toml")):
        (source / name).write_text(block(language, f"# {name}"), encoding="utf-8")
    pip = [
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        "--no-build-isolation",
        "--target",
        str(site),
    ]
    for what in (source, Path(__file__).parent / "example"):
        subprocess.run(
            [sys.executable, *pip, "--upgrade", str(what)],
            capture_output=True,
            timeout=120,
            check=True,
        )
    labels = tmp_path / "labels.txt"
    labels.write_text("red\ngreen\nblue\nyellow\nambulance\n", encoding="utf-8")

    def govd(*words: str) -> str:
        environment = {
            **os.environ,
            "PYTHONPATH": str(site),
            "GOVD_HOME": str(tmp_path / "home"),
        }
        command = [sys.executable, "-m", "govd", *words]
        done = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert [
        p["fault"]
        for p in json.loads(govd("doctor", "--json"))["plugins"]
        if p["name"] == "protected"
    ] == [""]
    assert govd("protected").split("\n")[:2] == ["ambulance", "fire engine"]
    govd("model", "add", "m", "colours", "--labels", str(labels))
    request = json.loads(govd("forget", "ambulance", "--model", "m", "--json"))
    assert request["state"] == "waiting"
    assert any(
        v["policy"] == "protected"
        and v["decision"] == "wait"
        and v["inputs"]["version"] == "1"
        for v in request["votes"]
    )
    others = json.loads(govd("forget", "red", "--model", "m", "--json"))["votes"]
    assert "protected" not in {v["policy"] for v in others}


def test_the_unit_of_the_readme_is_one(tmp_path: Path) -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd is not installed")
    unit = tmp_path / "govd.service"
    text = block("ini", "[Unit]")
    assert "/opt/govd/.venv/bin/govd serve" in text
    unit.write_text(
        text.replace("/opt/govd/.venv/bin/govd", shutil.which("true") or "/bin/true"),
        encoding="utf-8",
    )
    done = subprocess.run(
        [tool, "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    about = [line for line in done.stderr.splitlines() if "govd.service" in line]
    assert done.returncode == 0, done.stderr
    assert not about, about
