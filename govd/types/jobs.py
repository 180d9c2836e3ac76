"""External jobs: commands of the home's owner that unlearn and evaluate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Network = Literal["closed", "try", "open"]
NETWORKS: Final[tuple[Network, ...]] = ("closed", "try", "open")


@dataclass(frozen=True)
class ExternalJob:
    """How a kind of model unlearns, as the owner of the home says it (`[unlearning.NAME]` in
    `govd.toml`).

    `forget`, `evaluate`: command lines, as lists; each is given the path of a JSON file as its last
    argument. `evaluate` may be empty: then nothing is measured. `gates`: bounds on what it
    measures, as `perplexity<=40`. `seconds` is how long a command may run, `memory_mb` (MiB) how
    much it may allocate, `output_mb` how large any file of it may be. `network`: `closed` refuses
    to run where the command cannot be kept from the network, `try` runs all the same and records
    it, `open` lets it. `environment`: names of variables that it gets of the daemon's. `logs`: a
    folder in which what the commands print is kept; empty: nowhere.
    """

    name: str
    forget: tuple[str, ...]
    evaluate: tuple[str, ...] = ()
    gates: tuple[str, ...] = ()
    seconds: float = 3600.0
    memory_mb: int = 8192
    output_mb: int = 2048
    network: Network = "try"
    environment: tuple[str, ...] = ()
    logs: str = ""
