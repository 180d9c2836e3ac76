"""What is installed and what is wrong with it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from govd.asking.failures import FILE
from govd.asking.failures import read as read_failures
from govd.asking.plugins import load
from govd.errors import BadFile, GovdError
from govd.home.home import announced, default_home
from govd.home.private import MARKS, Boxes, Private
from govd.home.settings import Settings
from govd.ledger.database import marked, peek
from govd.ledger.signing import Signer
from govd.notices.examining import faults_of_receivers
from govd.service.signed_log import check_signed, last_signed
from govd.types import Json

PACKAGES = (
    "govd",
    "numpy",
    "pluggy",
    "sqlalchemy",
    "jax",
    "flax",
    "transformers",
    "torch",
)


LITTLE = 2**30
"""Free bytes on the home's disk below which `doctor` warns."""


def examine(folder: Path | None = None) -> dict[str, Json]:
    """Versions, devices, plugins, the home at `folder` with its keys and ledger, and faults, as
    JSON. Never raises for what it is there to find, and makes nothing.
    """
    versions: dict[str, Json] = {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
    plugins = load()[1]
    faults = [
        f"plugin {p.name} ({p.source}) is not in use: {p.fault}. Update or uninstall the"
        " distribution that brings it."
        for p in plugins
        if p.fault
    ]
    failures = read_failures((folder or default_home()) / FILE)
    faults += [_failing(failure) for failure in failures if not failure["answered"]]
    devices, wrong = _devices()
    home, broken = _home(folder or default_home())
    faults += [*wrong, *broken]
    plugin_rows = [
        asdict(p) | {"failures": [f for f in failures if f["plugin"] == p.name]}
        for p in plugins
    ]
    return {
        "versions": versions,
        "devices": devices,
        "home": home,
        "plugins": plugin_rows,
        "faults": faults,
    }


def _texts(folder: Path) -> list[str]:
    """Private texts that no entry names, and those that are named, not destroyed and not here."""
    private = Private(folder / "private")
    here = set(private.names())
    whole = {name for name in here if private.is_whole(name)}
    boxes = Boxes.of(marked(folder / "ledger.db", MARKS))
    faults = []
    if unnamed := sorted(here - boxes.living - boxes.destroyed):
        faults.append(
            f"no entry names these private texts, and nothing destroys them: {_few(unnamed)}. Where"
            " ledger.db is older than they are, put the newer one back; what a filing left that"
            f" was cut off can be deleted in {private.folder}."
        )
    if lost := sorted(boxes.living - whole):
        faults.append(
            f"these private texts are lost, though no entry destroys them: {_few(lost)}. Restore"
            " them from a backup."
        )
    return faults


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (
        f" and {len(names) - 5} more" if len(names) > 5 else ""
    )


def _failing(failure: dict[str, Json]) -> str:
    """A plugin that failed and has not answered since, in words."""
    often = "once" if failure["times"] == 1 else f"{failure['times']} times"
    when = f"{str(failure['at'])[:19]}Z"
    advice = "Update it, or list it under disabled_plugins in govd.toml"
    return (
        f"plugin {failure['plugin']} failed {often} in {failure['hook']}, last at {when}:"
        f" {failure['what']}. {advice}."
    )


def _devices() -> tuple[list[str], list[str]]:
    """What JAX would compute on, asked of another process: a device that is broken may hang or end
    who asks.
    """
    script = (
        "import jax; print('\\n'.join(f'{d.platform}: "
        "{d.device_kind}' for d in jax.devices()))"
    )
    if find_spec("jax") is None:
        return [], []
    try:
        process = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return [], [
            "JAX does not find its devices within 60 s. Set JAX_PLATFORMS=cpu, or check the driver."
        ]
    if process.returncode:
        last = (process.stderr.strip().splitlines() or ["no message"])[-1]
        return [], [
            f"JAX finds no device ({last}). Set JAX_PLATFORMS=cpu, or check the driver."
        ]
    return process.stdout.split("\n")[:-1], []


def _ledger(folder: Path) -> dict[str, Json]:
    """Origin, key, size and schema of a home's ledger.

    Raises:
        BadFile: it cannot be read, is not the one that was signed, or the key that signs it is
        missing.
    """
    origin = (folder / "origin").read_text(encoding="ascii").strip()
    key = folder / "keys" / "signing.key"
    if not key.exists():
        raise BadFile(
            "the key that signs this ledger is missing",
            where=str(key),
            advice="Restore it from a backup.",
        )
    signed = last_signed(folder)
    facts = peek(folder / "ledger.db")
    check_signed(signed, origin, int(facts["size"]), folder / "ledger.db")
    return {"origin": origin, "key": str(Signer.at(key, origin).key), **facts}


def _missing_jobs(settings: Settings) -> list[str]:
    """Commands of external jobs that are not there."""
    return [
        f"[unlearning.{job.name}] in govd.toml: {command[0]} is not there, or cannot be run."
        for job in settings.unlearning
        for command in (job.forget, job.evaluate)
        if command and shutil.which(command[0]) is None
    ]


def _home(folder: Path) -> tuple[dict[str, Json], list[str]]:
    """The home: whether it can be written, who may read its keys, whether its ledger can be read
    and is of a schema known here.
    """
    home: dict[str, Json] = {
        "folder": str(folder),
        "exists": False,
        "daemon": None,
        "settings": None,
        "free_bytes": 0,
    }
    faults: list[str] = []
    try:
        home["exists"] = (folder / "ledger.db").exists()
        at = next(p for p in (folder, *folder.parents) if p.exists())
    except OSError as fault:
        return home, [
            f"{folder} cannot be looked into ({fault.strerror}). Work as its owner, or choose"
            " another home (--home DIR)."
        ]
    if not os.access(at, os.W_OK):
        faults.append(
            f"{at} cannot be written. Choose another home (--home DIR or GOVD_HOME), or correct its"
            " permissions."
        )
    home["free_bytes"] = shutil.disk_usage(at).free
    if home["free_bytes"] < LITTLE:
        faults.append(
            f"the disk of {at} has only {home['free_bytes'] >> 20} MiB left. Free some space."
        )
    for name in ("keys/signing.key", "token"):
        path = folder / name
        if path.exists() and path.stat().st_mode & 0o077:
            faults.append(f"{path} can be read by others. Run: chmod 600 {path}")
    running = announced(folder)
    home["daemon"] = running[0] if running else None
    try:
        settings = Settings.read(folder / "govd.toml")
        home["settings"] = asdict(settings)
        faults += _missing_jobs(settings)
        if home["exists"]:
            home |= _ledger(folder)
            faults += _texts(folder)
            faults += faults_of_receivers(folder)
    except GovdError as error:
        faults.append(error.message)
    except OSError as fault:
        faults.append(f"{fault.filename}: {fault.strerror}. Restore it from a backup.")
    return home, faults
