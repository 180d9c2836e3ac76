"""A third party's distribution, installed as one installs it, found by its entry points and working
through the hooks alone.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent / "example"
TOP = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example installed into a folder of its own."""
    target = tmp_path_factory.mktemp("site")
    command = [
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        "--no-build-isolation",
        "--target",
        str(target),
        str(EXAMPLE),
    ]
    done = subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return target


def govd(site: Path, home: Path, *words: str, code: int = 0) -> str:
    environment = {**os.environ, "PYTHONPATH": str(site), "GOVD_HOME": str(home)}
    command = [sys.executable, "-m", "govd", *words]
    done = subprocess.run(
        command,
        cwd=home.parent,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


def test_backend_method_and_policy_of_a_third_party(
    site: Path, tmp_path: Path, pictures: Path, pool: Path
) -> None:
    home = tmp_path / "home"
    found = json.loads(govd(site, home, "doctor", "--json"))
    assert {"example-backend", "example-method", "example-policy"} <= {
        p["name"] for p in found["plugins"] if not p["fault"]
    }
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(sorted(p.name for p in (pictures / "dark").iterdir())))
    add = [
        "model",
        "add",
        "m",
        "colours",
        "--labels",
        str(labels),
        "--domains",
        "bright,dark",
        "--pool",
        str(pool),
    ]
    govd(site, home, *add, "--images", str(pictures))
    request = json.loads(
        govd(site, home, "forget", "red", "--model", "m", "--method", "swap", "--json")
    )
    assert (request["state"], request["method"]) == ("in_force", "swap")
    govd(site, home, "forget", "grey", "--model", "m", "--method", "swap", code=1)
    denied = json.loads(
        govd(site, home, "request", "list", "--state", "denied", "--json")
    )
    (grey,) = denied
    votes = {v["policy"]: v for v in grey["votes"]}
    assert (
        votes["example-policy"]["decision"],
        votes["example-policy"]["version"],
    ) == (
        "deny",
        "1.0",
    )
    assert votes["bounds"]["decision"] == "allow", "one deny is enough"
    assert grey["state_reason"] == "example-policy: grey stays"
    govd(site, home, "revert", request["id"], "--reason", "back")
    assert json.loads(govd(site, home, "audit", "verify", "--json"))["holds"] is True


def test_two_plugins_that_claim_one_method_are_both_named(
    site: Path, tmp_path: Path
) -> None:
    second = tmp_path / "second"
    second.mkdir()
    (second / "other_swap.py").write_text(
        "from govd_example.method import govd_methods\n"
    )
    info = second / "other-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[govd]\nother = other_swap\n")
    path = os.pathsep.join([str(second), str(site)])
    environment = {
        **os.environ,
        "PYTHONPATH": path,
        "GOVD_HOME": str(tmp_path / "home"),
    }
    command = [sys.executable, "-m", "govd", "model", "add", "m", "colours"]
    done = subprocess.run(
        command,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 4
    assert "swap" in done.stderr
    assert "other" in done.stderr
    assert "example-method" in done.stderr
