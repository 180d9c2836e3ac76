import json
import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from govd import plugins
from govd.doctor import examine


def test_doctor_lists_plugins_and_says_that_all_is_well() -> None:
    done = subprocess.run([sys.executable, "-m", "govd", "doctor", "--json"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert {"bounds"} <= {p["name"] for p in found["plugins"]}
    assert found["versions"]["numpy"]


def test_doctor_names_a_plugin_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "found_entry_points", lambda: [EntryPoint("gone", "no_such_module_at_all", "govd")])
    (fault,) = examine()["faults"]
    assert "plugin gone (no_such_module_at_all)" in fault
    assert "ModuleNotFoundError" in fault


def test_wrong_usage_ends_with_two() -> None:
    done = subprocess.run([sys.executable, "-m", "govd", "frobnicate"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "frobnicate" in done.stderr
