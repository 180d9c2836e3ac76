"""External jobs that fail, hang, or write what cannot be used: the request says so, nothing is half
done, and it works once the job does.
"""

import fcntl
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from govd.asking import plugins
from govd.errors import BadCheckpoint, BadFile, JobFailed
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.doctor import examine
from govd.service.service import Service, open_service
from govd_delta import confined
from tests.conftest import POINTS
from tests.delta.models import JOBS, settings

FAULTS = {
    "fail": r"ended with 3: no such data set: tickets\.parquet",
    "nan": "'first' has values that are not finite",
    "infinite": "'first' has values that are not finite",
    "shape": r"'first' is of shape \(3, 4\), the tensor \(4, 3\)",
    "name": "'another' is no tensor of the model",
    "whole numbers": "'count' is of type I64",
    "zero": "its delta changes nothing",
    "half": "'first.lora_A' is no tensor of the model",
    "factors": r"factors of first of shapes \(4, 3\), \(4, 3\)",
    "much": "output_mb",
    "garbage": "no safetensors file",
    "truncated": "does not lie in the file as its header says",
    "link": "not a regular file",
    "nothing": r"wrote no delta\.safetensors",
    "base": "it changed the files of the base model",
    "memory": r"it may allocate 1024 MiB: memory_mb",
    "evaluate nan": "metrics.json is no JSON",
    "evaluate list": "no JSON object",
    "evaluate other": "it measures no cost",
    "evaluate fail": "ended with 1: the evaluation set is gone",
    "evaluate dear": "measured 7, where cost<=1 must hold",
}


@dataclass
class Place:
    """A home in a folder, its model, and the file that says what the job does."""

    folder: Path
    service: Service
    mode: Path

    def tried(self, request: str, mode: str) -> Any:
        """The request after its job was run once more."""
        self.mode.write_text(mode)
        self.service.requests.decide(request, "retry", "", "ann")
        self.service.reconciler.run()
        return self.service.requests.show(request)


def command(folder: Path) -> tuple[str, ...]:
    return (sys.executable, str(JOBS / "misbehaving.py"), str(folder / "mode"))


def written(folder: Path, **limits: object) -> None:
    """The settings of a home in this folder, and its model."""
    (folder / "home").mkdir(exist_ok=True)
    limits = {"seconds": 60, "memory_mb": 1024, "output_mb": 1, **limits}
    text = settings("job", command(folder), evaluate=list(command(folder)), **limits)
    (folder / "home" / "govd.toml").write_text(text)
    (folder / "model").mkdir(exist_ok=True)
    weights = {"first": np.ones((4, 3), np.float32), "count": np.ones(2, np.int64)}
    save_file(weights, folder / "model" / "weights.safetensors")
    (folder / "mode").write_text("fail")


def opened(folder: Path) -> Any:
    return open_service(folder / "home")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A home with one forget, which failed."""
    folder = tmp_path_factory.mktemp("faults")
    written(folder, gates=["cost<=1"])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(plugins, "found_entry_points", lambda: POINTS)
        with opened(folder) as service:
            served = Given(publish_to=str(folder / "served"), publish_base=True)
            service.add_model("m", f"delta:{folder / 'model'}#job", served, "ann")
            service.requests.forget("m", ForgetOptions(concepts=("ticket",)), "ann")
            service.reconciler.run()
            yield Place(folder, service, folder / "mode")


@pytest.fixture
def request_id(place: Place) -> str:
    (request,) = place.service.requests.all()
    return str(request.id)


@pytest.mark.parametrize("mode", FAULTS)
def test_a_fault_is_the_requests_reason_and_nothing_is_half_done(
    mode: str, place: Place, request_id: str
) -> None:
    request = place.tried(request_id, mode)
    assert request["state"] == "failed"
    assert re.search(FAULTS[mode], request["state_reason"]), request["state_reason"]
    assert "govd request retry" in request["state_reason"] or "cost<=1" in FAULTS[mode]
    last = place.service.audit.log(kind="request.fail")[-1]
    assert last["payload"]["reason"] == request["state_reason"]
    assert place.service.core.desk.views.published("m") is None
    assert (place.folder / "served" / "current").resolve().name == "0"


def test_a_retry_works_once_the_job_does(tmp_path: Path, example_plugins: None) -> None:
    written(tmp_path)
    with opened(tmp_path) as service:
        service.add_model("m", f"delta:{tmp_path / 'model'}#job", Given(), "ann")
        request = service.requests.forget(
            "m", ForgetOptions(concepts=("ticket",)), "ann"
        )
        service.reconciler.run()
        place = Place(tmp_path, service, tmp_path / "mode")
        assert service.requests.show(request.id)["state"] == "failed"
        assert place.tried(request.id, "low rank")["state"] == "in_force"
        service.export("m", tmp_path / "out", "ann", None)
        first = load_file(tmp_path / "out" / "weights.safetensors")["first"]
        assert np.array_equal(first, np.full((4, 3), 1 + 2 * 0.25 * 0.25, np.float32))


def test_what_hangs_is_ended_with_all_that_it_began(
    tmp_path: Path, example_plugins: None
) -> None:
    written(tmp_path, seconds=1.5)
    with opened(tmp_path) as service:
        service.add_model("m", f"delta:{tmp_path / 'model'}#job", Given(), "ann")
        request = service.requests.forget(
            "m", ForgetOptions(concepts=("ticket",)), "ann"
        )
        (tmp_path / "mode").write_text("hang 3599.125")
        service.reconciler.run()
        reason = service.requests.show(request.id)["state_reason"]
    assert "did not end within 1.5 s" in reason
    if is_confined():
        lines = [path.read_bytes() for path in command_lines()]
        assert not any(b"3599.125" in line for line in lines)


def command_lines() -> Iterator[Path]:
    return (path for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists())


def is_confined() -> bool:
    """Whether this machine lets a command have namespaces of its own."""
    return subprocess.run(["unshare", "-rnpf", "true"], check=False).returncode == 0


@pytest.mark.skipif(not is_confined(), reason="no user namespaces here")
def test_a_job_reaches_no_network(tmp_path: Path, example_plugins: None) -> None:
    written(tmp_path, network="closed")
    with socket.create_server(("127.0.0.1", 0)) as server, opened(tmp_path) as service:
        (tmp_path / "mode").write_text(f"reach {server.getsockname()[1]}")
        service.add_model("m", f"delta:{tmp_path / 'model'}#job", Given(), "ann")
        request = service.requests.forget(
            "m", ForgetOptions(concepts=("ticket",)), "ann"
        )
        service.reconciler.run()
        reason = service.requests.show(request.id)["state_reason"]
    assert "Network is unreachable" in reason


@pytest.mark.skipif(not is_confined(), reason="no user namespaces here")
def test_where_it_cannot_be_kept_from_the_network_that_is_recorded_or_it_is_not_run(
    tmp_path: Path,
) -> None:
    none = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"'
    for network, code in (("closed", confined.REFUSED), ("try", 0)):
        limits = {"memory_bytes": 1 << 30, "file_bytes": 1 << 20, "network": network}
        limits["report"] = str(tmp_path / "report.json")
        launcher = [
            sys.executable,
            "-I",
            str(confined.__file__),
            json.dumps(limits),
            "true",
        ]
        ended = subprocess.run(
            ["unshare", "-rU", "sh", "-c", none, "sh", *launcher], check=False
        )
        assert ended.returncode == code
        report = json.loads((tmp_path / "report.json").read_text())
        assert report["network"].startswith("open: no namespaces here")


def test_a_revert_waits_for_an_evaluation_that_fails_and_is_done_once_it_works(
    tmp_path: Path, example_plugins: None
) -> None:
    written(tmp_path)
    (tmp_path / "mode").write_text("ok")
    with opened(tmp_path) as service:
        service.add_model("m", f"delta:{tmp_path / 'model'}#job", Given(), "ann")
        request = service.requests.forget(
            "m", ForgetOptions(concepts=("ticket",)), "ann"
        )
        service.reconciler.run()
        (tmp_path / "mode").write_text("evaluate fail")
        revert = service.requests.revert(request.id, "back", "ann")
        with pytest.raises(JobFailed, match="the evaluation set is gone"):
            service.reconciler.run()
        assert service.requests.show(request.id)["state"] == "in_force"
        assert service.requests.show(revert.id)["state"] == "approved"
        service.reconciler.run()  # it is not run again at every look
    (tmp_path / "mode").write_text("ok")
    with opened(tmp_path) as service:
        service.reconciler.run()
        assert service.requests.show(request.id)["state"] == "reverted"


@pytest.mark.parametrize(
    ("table", "advice"),
    [
        ('[unlearning.a]\nforget = "x"', "forget is a list of texts"),
        ("[unlearning.a]", "It needs a command"),
        ('[unlearning.a]\nforget = ["x"]\nseconds = 0', "seconds is a number over 0"),
        (
            '[unlearning.a]\nforget = ["x"]\nnetwork = "maybe"',
            "network is closed, try, open",
        ),
        ('[unlearning.a]\nforget = ["x"]\ngates = ["cost"]', "'cost' is no bound"),
        (
            '[unlearning.a]\nforget = ["x"]\nfolder = "y"',
            "folder is no setting of a job",
        ),
        ('[unlearning]\nforget = ["x"]', "tables"),
    ],
)
def test_a_job_that_is_written_wrongly_is_refused_by_name(
    table: str, advice: str, tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "govd.toml").write_text(table)
    with pytest.raises(BadFile, match=advice), opened(tmp_path):
        pass


def test_folders_that_hold_no_such_model_are_refused(
    tmp_path: Path, example_plugins: None
) -> None:
    written(tmp_path)
    with opened(tmp_path) as service:
        (tmp_path / "empty").mkdir()
        for folder, words in (
            ("empty", r"no \.safetensors file"),
            ("gone", "no such folder"),
        ):
            with pytest.raises(BadCheckpoint, match=words):
                service.add_model("m", f"delta:{tmp_path / folder}#job", Given(), "ann")
        save_file(
            {"first": np.ones((4, 3), np.float32)},
            tmp_path / "model" / "copy.safetensors",
        )
        with pytest.raises(BadCheckpoint, match="first is in this file and in copy"):
            service.add_model("m", f"delta:{tmp_path / 'model'}#job", Given(), "ann")


def test_a_model_that_is_rebased_has_its_forgets_computed_anew(
    tmp_path: Path, example_plugins: None
) -> None:
    written(tmp_path)
    (tmp_path / "mode").write_text("ok")
    (tmp_path / "next").mkdir()
    base = np.full((4, 3), 5, np.float32)
    save_file({"first": base}, tmp_path / "next" / "weights.safetensors")
    with opened(tmp_path) as service:
        service.add_model("m", f"delta:{tmp_path / 'model'}#job", Given(), "ann")
        request = service.requests.forget(
            "m", ForgetOptions(concepts=("ticket",)), "ann"
        )
        service.reconciler.run()
        service.update_model("m", Given(), "ann", f"delta:{tmp_path / 'next'}#job")
        service.reconciler.run()
        assert service.requests.show(request.id)["state"] == "in_force"
        service.export("m", tmp_path / "out", "ann", None)
        first = load_file(tmp_path / "out" / "weights.safetensors")["first"]
        assert np.array_equal(first, base + 0.25)


def test_files_that_were_replaced_are_neither_edited_nor_published(
    tmp_path: Path, example_plugins: None
) -> None:
    written(tmp_path)
    (tmp_path / "mode").write_text("ok")
    with opened(tmp_path) as service:
        service.add_model("m", f"delta:{tmp_path / 'model'}#job", Given(), "ann")
        service.requests.forget("m", ForgetOptions(concepts=("ticket",)), "ann")
        service.reconciler.run()
        weights = {"first": np.zeros((4, 3), np.float32), "count": np.ones(2, np.int64)}
        save_file(weights, tmp_path / "model" / "weights.safetensors")
        with pytest.raises(BadCheckpoint, match="not the one that was registered"):
            service.export("m", tmp_path / "out", "ann", None)
    assert not (tmp_path / "out").exists()


def test_doctor_names_a_job_whose_command_is_not_there(
    tmp_path: Path, example_plugins: None
) -> None:
    (tmp_path / "home").mkdir()
    text = settings("job", ("/nowhere/unlearn",))
    (tmp_path / "home" / "govd.toml").write_text(text)
    faults = examine(tmp_path / "home")["faults"]
    assert any(
        "[unlearning.job]" in fault and "/nowhere/unlearn" in fault for fault in faults
    )


def test_what_a_private_forget_is_about_is_told_to_its_job_alone(
    tmp_path: Path, example_plugins: None
) -> None:
    written(tmp_path)
    (tmp_path / "mode").write_text("ok")
    with opened(tmp_path) as service:
        service.add_model("m", f"delta:{tmp_path / 'model'}#job", Given(), "ann")
        options = ForgetOptions(concepts=("Jane Doe",), private=True)
        request = service.requests.forget("m", options, "ann")
        service.reconciler.run()
        assert service.requests.show(request.id)["state"] == "in_force"
        entries = json.dumps(service.audit.log())
        (made,) = service.audit.log(kind="contribution.make")
    assert "Jane Doe" not in entries
    assert "log" not in made["payload"]["facts"]
    kept = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert not any(b"Jane Doe" in path.read_bytes() for path in kept)


def test_what_a_run_left_that_was_cut_off_is_taken_away_and_no_other(
    tmp_path: Path, example_plugins: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    for name in ("left", "held", "begun"):
        (tmp_path / "temporary" / f"govd-job-{name}").mkdir(parents=True)
    (tmp_path / "temporary" / "govd-job-left" / "lock").touch()
    os.utime(tmp_path / "temporary" / "govd-job-left", (0, 0))
    written(tmp_path)
    (tmp_path / "mode").write_text("ok")
    with (tmp_path / "temporary" / "govd-job-held" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with opened(tmp_path) as service:
            service.add_model("m", f"delta:{tmp_path / 'model'}#job", Given(), "ann")
            service.requests.forget("m", ForgetOptions(concepts=("ticket",)), "ann")
            service.reconciler.run()
    left = sorted(path.name for path in (tmp_path / "temporary").iterdir())
    assert left == ["govd-job-begun", "govd-job-held"]
