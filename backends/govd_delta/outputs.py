"""What external jobs write, looked at before it is used: deltas that fit the model, figures that
can be recorded.
"""

from __future__ import annotations

import json
import math
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from govd.errors import JobFailed
from govd.types import ExternalJob, Floats, Json
from govd_delta.files import KINDS, Slot, slots

UP, DOWN = ".lora_B", ".lora_A"
"""Endings of low-rank factors: the delta of NAME is `NAME.lora_B` `(m, r)` times `NAME.lora_A`
`(r, n)`.
"""
METRICS_BYTES: Final = 1_000_000
BOUND: Final = re.compile(r"([^<>= ]+) *(<=|>=) *(.+)")
SHARES: Final = (
    "forget_acc",
    "forget_acc_before",
    "forget_named",
    "retain_acc",
    "retain_acc_before",
    "retain_agreement",
)
"""Figures that govd shows and gates by under these very names, where an evaluation measures them:
shares from 0 to 1.
"""
ADVICE: Final = "Correct the job, then `govd request retry ID`. Nothing was changed."


def delta_tensors(
    path: Path, base: Mapping[str, Slot], job: ExternalJob
) -> dict[str, Floats]:
    """The deltas that a job wrote, as tensors of a contribution: `full:NAME`, or `up:NAME` with
    `down:NAME`.

    Args:
        path: of the safetensors file.
        base: the model's tensors.
        job: has the largest size.

    Raises:
        JobFailed: there is none, or it does not fit the model; the tensor is named.
    """
    _check_file(path, job.output_mb << 20, job)
    try:
        written = slots(path)
        tensors = {name: _checked(name, slot) for name, slot in written.items()}
    except (ValueError, OSError) as fault:
        raise _failed(f"its {path.name} cannot be used: {fault}", job) from None
    deltas: dict[str, Floats] = {}
    for name in sorted(tensors):
        if name in base:
            _check_shape(name, tensors[name].shape, base[name], job)
            deltas[f"full:{name}"] = tensors[name]
        elif name.endswith(UP) and name.removesuffix(UP) + DOWN in tensors:
            deltas |= _factors(name.removesuffix(UP), tensors, base, job)
        elif not (name.endswith(DOWN) and name.removesuffix(DOWN) + UP in tensors):
            raise _failed(f"{name[:80]!r} is no tensor of the model", job)
    if not any(delta.any() for delta in deltas.values()):
        raise _failed("its delta changes nothing", job)
    return deltas


def _factors(
    weight: str,
    tensors: Mapping[str, Floats],
    base: Mapping[str, Slot],
    job: ExternalJob,
) -> dict[str, Floats]:
    """The low-rank factors of a weight's delta, `up:` `(m, r)` and `down:` `(r, n)`.

    Raises:
        JobFailed: they do not fit each other or the weight, or it is none of the model.
    """
    up = tensors[weight + UP]
    down = tensors[weight + DOWN]
    if up.ndim != 2 or down.ndim != 2 or up.shape[1] != down.shape[0]:
        raise _failed(f"factors of {weight} of shapes {up.shape}, {down.shape}", job)
    if weight not in base or weight in tensors:
        raise _failed(
            f"{weight[:80]!r} has factors, and is no tensor or twice there", job
        )
    _check_shape(weight, (up.shape[0], down.shape[1]), base[weight], job)
    return {f"up:{weight}": up, f"down:{weight}": down}


def _checked(name: str, slot: Slot) -> Floats:
    if slot.kind not in KINDS:
        raise ValueError(
            f"{name[:80]!r} is of type {slot.kind}: deltas are {', '.join(KINDS)}"
        )
    array = slot.read()
    if not np.isfinite(array).all():
        raise ValueError(f"{name[:80]!r} has values that are not finite")
    return array


def _check_shape(name: str, shape: Sequence[int], slot: Slot, job: ExternalJob) -> None:
    if slot.kind not in KINDS:
        raise _failed(f"{name[:80]!r} is of type {slot.kind} and cannot be edited", job)
    if tuple(shape) != slot.shape:
        problem = f"the delta of {name[:80]!r} is of shape {tuple(shape)}, the tensor {slot.shape}"
        raise _failed(problem, job)


def _check_file(path: Path, most_bytes: int, job: ExternalJob) -> None:
    """That a job wrote a file, not more than it may."""
    try:
        status = path.lstat()
    except OSError:
        raise _failed(f"it ended well and wrote no {path.name} (`out`)", job) from None
    if not stat.S_ISREG(status.st_mode):
        raise _failed(f"its {path.name} is not a regular file", job)
    if status.st_size > most_bytes:
        problem = (
            f"its {path.name} has {status.st_size:,} bytes, and may have {most_bytes:,}"
        )
        raise _failed(problem, job)


def metrics(path: Path, job: ExternalJob) -> dict[str, Json]:
    """The figures that an evaluation wrote: `external` as they are, `gates` with what each bound of
    the job comes to, and `SHARES` beside them.

    Raises:
        JobFailed: there are none, they are no JSON object, or a bound is on none of them.
    """
    _check_file(path, METRICS_BYTES, job)
    try:
        figures: Any = json.loads(
            path.read_text(encoding="utf-8"), parse_constant=_not_finite
        )
    except (ValueError, OSError, RecursionError) as fault:
        raise _failed(f"its {path.name} is no JSON ({fault})"[:300], job) from None
    if not isinstance(figures, dict):
        raise _failed(f"its {path.name} is no JSON object", job)
    on = str(figures.get("on") or f"the evaluation {job.name}")
    gates = [_judged(bound, figures, job) for bound in job.gates]
    shares = {name: figures[name] for name in SHARES if _is_share(figures.get(name))}
    return {**shares, "on": on[:200], "external": figures, "gates": gates}


def _judged(
    bound: str, figures: Mapping[str, Any], job: ExternalJob
) -> dict[str, Json]:
    """What a bound `NAME<=NUMBER` comes to."""
    parts = BOUND.fullmatch(bound)
    assert parts is not None  # the settings were checked
    name = parts[1]
    relation = parts[2]
    limit = float(parts[3])
    value = figures.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _failed(
            f"it measures no {name}, on which there is the bound {bound}", job
        )
    is_kept = value <= limit if relation == "<=" else value >= limit
    return {"bound": bound, "value": value, "kept": is_kept}


def _is_share(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= value <= 1 and math.isfinite(value)


def _not_finite(name: str) -> float:
    raise ValueError(f"{name} is no figure")


def _failed(problem: str, job: ExternalJob) -> JobFailed:
    return JobFailed(problem, where=f"[unlearning.{job.name}]", advice=ADVICE)
