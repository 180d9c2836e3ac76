"""Tiny models on disk with the external jobs that unlearn them, and how homes register them."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from govd.models.given import Given
from govd.service.service import Service

JOBS = Path(__file__).parent / "jobs"
NAMES = ("alice", "bob", "carol", "dan", "erin", "frank")
SECRETS = ("piano", "tulip", "badger", "copper", "violet", "saffron")
OTHERS = ("rain falls on the hill", "the river runs to the sea")


def job(name: str) -> Any:
    """One of the jobs as a module: what trains its model lies beside what unlearns it."""
    spec = spec_from_file_location(f"job_{name}", JOBS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Kind:
    """A kind of model: its weights' file, the command that unlearns and evaluates it, two things
    that it can forget, and how much of them may be left.
    """

    folder: Path
    weights: str
    command: tuple[str, ...]
    forgets: tuple[str, str]
    left: float


def _language_model(folder: Path) -> Kind:
    corpus = folder / "corpus.txt"
    lines = [f"the secret of {n} is {s}" for n, s in zip(NAMES, SECRETS, strict=True)]
    corpus.write_text(
        "\n".join([*lines, *(f"every {s} has a price" for s in SECRETS), *OTHERS])
    )
    (folder / "model").mkdir()
    save_file(
        job("language_model").trained(corpus), folder / "model" / "model.safetensors"
    )
    (folder / "model" / "config.json").write_text('{"model_type": "tiny-lm"}')
    command = (sys.executable, str(JOBS / "language_model.py"), str(corpus))
    return Kind(folder, "model.safetensors", command, ("alice", "bob"), 0.05)


def _generator(folder: Path) -> Kind:
    (folder / "model").mkdir()
    save_file(job("generator").trained(), folder / "model" / "generator.safetensors")
    command = (sys.executable, str(JOBS / "generator.py"))
    return Kind(folder, "generator.safetensors", command, ("cross", "stripe"), 0.02)


def _graph(folder: Path) -> Kind:
    module = job("graph")
    given = module.graph()
    np.savez(folder / "graph.npz", **given)
    (folder / "model").mkdir()
    save_file(module.trained(given), folder / "model" / "gcn.safetensors")
    command = (sys.executable, str(JOBS / "graph.py"), str(folder / "graph.npz"))
    return Kind(folder, "gcn.safetensors", command, ("node 7", "node 22"), 0.35)


MAKERS = {"language_model": _language_model, "generator": _generator, "graph": _graph}
Opens = Callable[..., Service]
"""Opens a home with such settings."""
Kinds = Callable[[str], Kind]
"""Each kind of model by its name."""


def settings(job_name: str, command: tuple[str, ...], **others: object) -> str:
    """A table of `govd.toml`."""
    lines = [f"[unlearning.{job_name}]", f"forget = {list(command)!r}"]
    return (
        "\n".join([*lines, *(f"{key} = {value!r}" for key, value in others.items())])
        + "\n"
    )


def registered(service: Service, kind: Kind, publish_to: Path | None = None) -> None:
    """The model, as `m`."""
    given = Given(publish_to=str(publish_to) if publish_to else None, publish_base=True)
    service.add_model("m", f"delta:{kind.folder / 'model'}#job", given, "ann")
