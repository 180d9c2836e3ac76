"""Figures that were computed before: one JSON object a line, so that a run that was cut off goes on
where it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import govd
from tests.benchmarks.forgetting.cases import Case
from tests.benchmarks.forgetting.figures import Figures

CODE = ("edit", "methods")
"""Folders of the product whose code the figures of its methods depend on."""


@cache
def source() -> str:
    """A digest of that code."""
    root = Path(govd.__file__).parent
    files = [path for folder in CODE for path in sorted((root / folder).glob("*.py"))]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()[
        :12
    ]


@dataclass(frozen=True)
class Result:
    """A row on a case of a set."""

    set: str
    kind: str
    row: str
    count: int
    seed: int
    draw: int
    figures: Figures


@dataclass
class Store:
    """Results by what they are of, kept in `results.jsonl` of a folder; without a folder in memory
    alone. `frozen`: nothing new is computed.
    """

    folder: Path | None = None
    frozen: bool = False
    known: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.path.is_file():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                kept = json.loads(line)
                self.known[kept["key"]] = kept["value"]

    @property
    def path(self) -> Path:
        """The file."""
        assert self.folder is not None
        return self.folder / "results.jsonl"

    def get(
        self, key: list[str | int], compute: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """The value of a key, computed where it is not known; empty where nothing new is
        computed.
        """
        name = json.dumps(key)
        if self.frozen:
            return self.known.get(name, {})
        if name not in self.known:
            self.known[name] = compute()
            if self.folder is not None:
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(
                        json.dumps({"key": name, "value": self.known[name]}) + "\n"
                    )
        return self.known[name]

    def result(
        self, case: Case, row: str, depends: str, compute: Callable[[], Figures]
    ) -> Result | None:
        """A row's figures on a case; `depends`: the state of what the row runs. None where nothing
        new is computed, and it is not known.
        """
        key: list[str | int] = [
            case.split.name,
            case.kind,
            row,
            case.count,
            case.split.seed,
            case.draw,
            depends,
        ]
        known = self.get(key, lambda: asdict(compute()))
        return (
            Result(
                case.split.name,
                case.kind,
                row,
                case.count,
                case.split.seed,
                case.draw,
                Figures(**known),
            )
            if known
            else None
        )
