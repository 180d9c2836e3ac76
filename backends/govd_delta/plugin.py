"""The hooks of the backend for models that external jobs edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from govd.edit import Basis, TensorEdit
from govd.edit.contribution import sealed
from govd.errors import JobFailed
from govd.hookspecs import hookimpl
from govd.types import (
    PRIVATE,
    Contribution,
    ForgetSpec,
    Gate,
    Json,
    Model,
    ModelReference,
    Progress,
    Record,
)
from govd_delta.model import SCHEME, DeltaModel, opened
from govd_delta.outputs import delta_tensors, metrics
from govd_delta.running import Ran, code_of, ran


@hookimpl
def govd_open_model(reference: ModelReference) -> Model | None:
    """`delta:FOLDER#JOB`; None for anything else."""
    if not reference.reference.startswith(SCHEME):
        return None
    model: Any = opened(reference)
    return model  # type: ignore[no-any-return]


@hookimpl
def govd_compute_contribution(
    model: Model, basis: Basis, spec: ForgetSpec, progress: Progress
) -> Contribution | None:
    """What the job's `forget` command computes for one request."""
    if not isinstance(model, DeltaModel):
        return None
    if model.job is None:
        raise JobFailed(
            "the job that the model was registered with is configured no more",
            where=model.facts.reference,
            advice="Put its table [unlearning.NAME] back into govd.toml.",
        )
    progress(f"external job {model.job.name}", 0, 1)
    document = {"task": "forget", "request": _asked(spec)}
    with ran(model.job, model.job.forget, model, document) as result:
        tensors = delta_tensors(result.out, model.slots, model.job)
    progress(f"external job {model.job.name}", 1, 1)
    facts = _facts(model, model.job.forget, result) | {"log": result.log}
    return sealed(basis.digest, spec, tensors, facts)


@hookimpl
def govd_evaluate(
    model: Model, edit: Any, contributions: Sequence[Contribution]
) -> Mapping[str, Json] | None:
    """What the job's `evaluate` command measures of the edited model; None where it has none."""
    if not isinstance(model, DeltaModel) or not isinstance(edit, TensorEdit):
        return None
    model.check_fits(edit)
    if model.job is None or not model.job.evaluate:
        return None
    requests = [_asked(contribution.spec) for contribution in contributions]
    document = {"task": "evaluate", "requests": requests}
    write = partial(model.write_checkpoint, edit)
    with ran(model.job, model.job.evaluate, model, document, write) as result:
        figures = metrics(result.out, model.job)
    return figures | {"job": _facts(model, model.job.evaluate, result)}


@hookimpl
def govd_gate(revision: Record) -> Gate | None:
    """No, where a bound of the job is not kept."""
    gates = (revision.get("metrics") or {}).get("gates") or ()
    broken = [gate for gate in gates if not gate["kept"]]
    if not broken:
        return None
    words = ", ".join(
        f"{gate['value']:g}, where {gate['bound']} must hold" for gate in broken
    )
    return Gate(
        "deny", "unlearning", f"its evaluation, with all in force, measured {words}"
    )


@hookimpl
def govd_export(
    model: Model, edit: Any, format: str, folder: Path
) -> Mapping[str, str] | None:
    """The model's own files with the edit in its weights: `hf`, or `safetensors`."""
    if not isinstance(model, DeltaModel) or format not in ("hf", "safetensors"):
        return None
    return model.write_checkpoint(edit, folder)


def _asked(spec: ForgetSpec) -> dict[str, Json]:
    """A forget as a job is asked for it. To an evaluation the names of a private one are
    commitments, and `private` says so.
    """
    is_private = any(
        concept.name.startswith(PRIVATE) for concept in spec.scope.concepts
    )
    question: dict[str, Json] = {**spec.scope.as_json(), "strength": spec.strength}
    return question | {"seed": spec.seed, "private": is_private}


def _facts(model: DeltaModel, command: Sequence[str], result: Ran) -> dict[str, Json]:
    """What is recorded of a run: which command and code, within which limits, how long it took."""
    return {
        "job": model.job.name if model.job else "",
        "command": list(command),
        "code": code_of(command),
        "enforced": dict(result.enforced),
        "seconds": round(result.seconds, 1),
    }
