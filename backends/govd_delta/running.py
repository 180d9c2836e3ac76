"""Runs the commands of an external job, each in a folder of its own and within its limits.

A command is given the path of a JSON file as its last argument:

- `task`: `forget` or `evaluate`; `version`: 1;
- `model`: a folder with the model's files. For `forget` the base, for `evaluate` the edited one;
- `base` (`evaluate`): a folder with the unedited files, to compare with;
- `request` (`forget`): `concepts` (each with `name` and `aliases`), `domains`, `strength`, `seed`;
- `requests` (`evaluate`): the same of each forget that is in force, sorted by the digests of what
  they add; `private` is true of those whose names are commitments here;
- `out`: the path to write to: a safetensors file with the deltas (`forget`), or JSON (`evaluate`);
- `limits`: `seconds`, `memory_mb`, `output_mb`.

It ends with 0, and what it prints is its log.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from govd.errors import BadCheckpoint, JobFailed, MachineFault
from govd.types import ExternalJob, Json
from govd_delta import confined
from govd_delta.files import sha256
from govd_delta.model import RESTORE, DeltaModel

log = logging.getLogger("govd")
PREFIX: Final = "govd-job-"
LOCK: Final = "lock"
SETTLED_SECONDS: Final = 60.0
"""Age of a folder from which on one without a lock was left."""
TOLD: Final = 2000
"""Characters of a log that are kept with a contribution."""
LAST: Final = 300
"""Characters of its last line that an error repeats."""
ENVIRONMENT: Final = ("PATH", "LANG", "LC_ALL", "TZ")
"""Variables that every command gets of the daemon's; never a token."""
ADVICE: Final = "Run it by hand, then `govd request retry ID`. Nothing was changed."


@dataclass(frozen=True)
class Ran:
    """What a command came to: what it wrote, in a folder that lasts as long as the `with`; what was
    enforced; seconds; the end of its log.
    """

    out: Path
    enforced: Mapping[str, str]
    seconds: float
    log: str


@contextlib.contextmanager
def ran(
    job: ExternalJob,
    command: Sequence[str],
    model: DeltaModel,
    document: Mapping[str, Json],
    write_edited: Callable[[Path], object] | None = None,
) -> Iterator[Ran]:
    """Run one command of a job.

    Args:
        job: has its limits.
        command: `job.forget` or `job.evaluate`.
        model: whose files it is given.
        document: what it is asked, without paths.
        write_edited: writes the edited model into a folder, for an evaluation.

    Raises:
        JobFailed: the command is missing, fails, takes too long, or changes the base. MachineFault:
        there is no room for its folder.
    """
    environment = {
        n: os.environ[n] for n in (*ENVIRONMENT, *job.environment) if n in os.environ
    }
    executable = shutil.which(command[0], path=environment.get("PATH"))
    place = f"[unlearning.{job.name}] {command[0]}"
    if executable is None:
        raise JobFailed(
            "the command is not there, or cannot be run", where=place, advice=ADVICE
        )
    with _folder() as work:
        paths = _laid_out(work, model, write_edited)
        limits = {
            name: getattr(job, name) for name in ("seconds", "memory_mb", "output_mb")
        }
        question = {"version": 1, **document, **paths, "limits": limits}
        (work / "request.json").write_text(
            json.dumps(question, indent=1), encoding="utf-8"
        )
        before = _signatures(model)
        ending = _run(job, [executable, *command[1:]], work, environment)
        if _signatures(model) != before:
            raise JobFailed(
                "it changed the files of the base model", where=place, advice=ADVICE
            )
        if ending.fault:
            raise JobFailed(ending.fault, where=place, advice=ADVICE)
        yield Ran(
            Path(paths["out"]), ending.enforced, ending.seconds, ending.log[-TOLD:]
        )


def _laid_out(
    work: Path, model: DeltaModel, write_edited: Callable[[Path], object] | None
) -> dict[str, str]:
    """The model's files laid into a folder, and the paths that its command is given."""
    base = work / "base"
    base.mkdir()
    for name in model.facts.files:
        (base / name).symlink_to(model.folder / name)
    if write_edited is None:
        return {"model": str(base), "out": str(work / "delta.safetensors")}
    edited = work / "edited"
    edited.mkdir()
    write_edited(edited)
    return {
        "model": str(edited),
        "base": str(base),
        "out": str(work / "metrics.json"),
    }


def code_of(command: Sequence[str]) -> dict[str, str]:
    """The SHA-256 of each file that a command line names: its program, its script."""
    paths = [Path(shutil.which(command[0]) or command[0]), *map(Path, command[1:])]
    return {
        str(path): sha256(path)
        for path in paths
        if path.is_absolute() and path.is_file()
    }


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A folder for one run, locked while it lasts; what runs left that were cut off, with names of
    private forgets in it perhaps, is taken away first.
    """
    try:
        _sweep(Path(tempfile.gettempdir()))
        with (
            tempfile.TemporaryDirectory(
                prefix=PREFIX, ignore_cleanup_errors=True
            ) as name,
            (Path(name) / LOCK).open("w") as lock,
        ):
            fcntl.flock(lock, fcntl.LOCK_EX)
            (Path(name) / "tmp").mkdir()
            yield Path(name)
    except OSError as fault:
        advice = "Free some space in the folder for temporary files (TMPDIR). Nothing was changed."
        raise MachineFault(
            f"an external job has no room ({fault.strerror})",
            where=str(fault.filename or ""),
            advice=advice,
        ) from None


def _sweep(place: Path) -> None:
    """Take away folders of this account whose lock nobody holds."""
    for folder in place.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            status = folder.lstat()
            # it may be locked in a moment
            is_new = time.time() - status.st_mtime < SETTLED_SECONDS
            if is_new or status.st_uid != os.getuid() or folder.is_symlink():
                continue
            with (folder / LOCK).open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class _Ending:
    fault: str
    enforced: Mapping[str, str]
    seconds: float
    log: str


def _run(
    job: ExternalJob, command: Sequence[str], work: Path, environment: Mapping[str, str]
) -> _Ending:
    """Run a command in a folder, and say how it ended."""
    limits = {
        "memory_bytes": job.memory_mb << 20,
        "file_bytes": job.output_mb << 20,
        "network": job.network,
        "report": str(work / "enforced.json"),
    }
    launcher = [sys.executable, "-I", str(confined.__file__), json.dumps(limits)]
    begun = time.monotonic()
    with (work / "log").open("wb") as printed:
        process = subprocess.Popen(
            [*launcher, *command, str(work / "request.json")],
            cwd=work,
            env={**environment, "HOME": str(work), "TMPDIR": str(work / "tmp")},
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code: int | None = process.wait(job.seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    seconds = time.monotonic() - begun
    text = _text(work / "log")
    _keep(job, work / "log")
    enforced = _enforced(work / "enforced.json")
    return _Ending(_fault(job, code, enforced, text), enforced, seconds, text)


def _fault(
    job: ExternalJob, code: int | None, enforced: Mapping[str, str], text: str
) -> str:
    """What went wrong, in a sentence; empty where nothing did."""
    if code == 0:
        return ""
    if code is None:
        return f"it did not end within {job.seconds:g} s (seconds), and was ended"
    if code == confined.REFUSED and enforced.get("network", "").startswith("open"):
        return f"it was not run, as it cannot be kept from the network ({enforced['network']})"
    lines = text.strip().splitlines() or ["it printed nothing"]
    hint = ""
    if "MemoryError" in lines[-1] or code in (-signal.SIGKILL, 128 + signal.SIGKILL):
        hint = f" (it may allocate {job.memory_mb} MiB: memory_mb)"
    if code in (-signal.SIGXFSZ, 128 + signal.SIGXFSZ) or "File too large" in lines[-1]:
        hint = f" (a file of it may have {job.output_mb} MiB: output_mb)"
    return f"it ended with {code}{hint}: {lines[-1][:LAST]}"


def _signatures(model: DeltaModel) -> list[tuple[int, int, int]]:
    """What changes with the files of the base.

    Raises:
        BadCheckpoint: one is gone.
    """
    try:
        stats = [(model.folder / name).stat() for name in model.facts.files]
    except OSError as fault:
        problem = f"a file of the model is gone ({fault.strerror})"
        raise BadCheckpoint(
            problem, where=str(fault.filename), advice=RESTORE
        ) from None
    return [(status.st_ino, status.st_size, status.st_mtime_ns) for status in stats]


def _text(path: Path) -> str:
    """The end of a log as text, without what a terminal would obey."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 16 * TOLD))
        text = file.read().decode("utf-8", "replace")
    return "".join(c for c in text if c.isprintable() or c in "\n\t")


def _keep(job: ExternalJob, printed: Path) -> None:
    """Keep a log where the owner wants it; that it cannot be kept is no fault of the job."""
    if not job.logs:
        return
    name = f"{job.name}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}.log"
    try:
        folder = Path(job.logs).expanduser()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copyfile(printed, folder / name)
        (folder / name).chmod(0o600)
    except OSError as fault:
        log.warning("the log of %s is not kept: %s", job.name, fault)


def _enforced(path: Path) -> dict[str, str]:
    try:
        report: Any = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): str(value) for name, value in report.items()}
    except (OSError, ValueError, AttributeError):
        return {}
