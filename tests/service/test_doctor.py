import json
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from govd.asking import plugins
from govd.home.home import Home
from govd.ledger.entry import Draft
from govd.service.doctor import examine
from govd.service.service import Service


def test_doctor_lists_plugins_and_says_that_all_is_well() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "govd", "doctor", "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert {"bounds"} <= {p["name"] for p in found["plugins"]}
    assert found["versions"]["numpy"]


def test_doctor_names_a_plugin_that_cannot_be_imported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        plugins,
        "found_entry_points",
        lambda: [EntryPoint("gone", "no_such_module_at_all", "govd")],
    )
    (fault,) = examine()["faults"]
    assert "plugin gone (no_such_module_at_all)" in fault
    assert "ModuleNotFoundError" in fault


def test_wrong_usage_ends_with_two() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "govd", "frobnicate"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "frobnicate" in done.stderr


def test_doctor_looks_at_keys_settings_and_ledger_of_a_home(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    assert not examine(folder)["home"]["exists"]
    assert not folder.exists()
    with Home(folder) as home:
        home.ledger.append([Draft("note", "x", "me")])
        home.token()
    found = examine(folder)
    assert found["home"]["size"] == 1
    assert found["home"]["key"].startswith("govd/")
    assert found["faults"] == []
    (folder / "token").chmod(0o644)
    (folder / "govd.toml").write_text("approval = 3\n")
    said = " ".join(examine(folder)["faults"])
    assert "chmod 600" in said
    assert "approval" in said
    (folder / "govd.toml").unlink()
    (folder / "token").chmod(0o600)
    with (folder / "ledger.db").open("r+b") as file:
        file.write(b"not a database at all")
    assert "damaged" in " ".join(examine(folder)["faults"])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("inference_log = 7", "a share"),
        ("max_predicted_disagreement = nan", "a share"),
        ("max_total_disagreement = 5", "0.05 is 5 %"),
        ("deadline_days = 0", "at least 1"),
        ('witnesses = ["http://127.0.0.1:1 nokey"]', "has no key"),
        ('compose_on = "moon"', "host or device"),
    ],
)
def test_settings_out_of_their_range_are_told(
    tmp_path: Path, line: str, said: str
) -> None:
    (tmp_path / "govd.toml").write_text(line + "\n")
    assert any(said in fault for fault in examine(tmp_path)["faults"])


def test_a_missing_key_is_told_and_none_is_made(
    service: Service, tmp_path: Path
) -> None:
    service.close()
    key = tmp_path / "home" / "keys" / "signing.key"
    key.unlink()
    assert any(
        "signs this ledger is missing" in fault
        for fault in examine(tmp_path / "home")["faults"]
    )
    assert not key.exists()
