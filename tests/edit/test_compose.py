"""Composed edits against their definitions, and the properties that are promised."""

import dataclasses
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govd.edit import Basis, Edit, OnArrays, compose, exact
from govd.edit.duals import retained_mean, targets_of
from govd.errors import OverCapacity, Unsupported
from govd.methods import builtin
from govd.methods.baselines import Ccup
from govd.types import Contribution
from tests.edit.conftest import World

METHODS = builtin()


@pytest.fixture(scope="module")
def hard(world: World) -> Basis:
    return world.basis(max_edit_norm=1e9)


@pytest.fixture(scope="module")
def soft(world: World) -> Basis:
    return world.basis("open")


def text_map(edit: Edit) -> np.ndarray:
    """`P` with scores `xᵀ P t`."""
    return np.eye(edit.dim) - edit.L @ edit.B.T


def test_oblique_does_to_each_text_what_it_says(world: World, hard: Basis) -> None:
    gone = world.names[:5]
    edit = compose(hard, [world.contribution(hard, name) for name in gone], METHODS)
    assert edit.facts["anchors"] == "hard"
    p, kept = text_map(edit), world.texts[5:40]
    assert np.abs(kept @ p.T - kept).max() < 1e-9
    wanted = kept.mean(0)
    assert np.abs(world.texts[:5] @ p.T - wanted).max() < 1e-8
    assert edit.rank == 5


def test_oblique_theorems(world: World, hard: Basis) -> None:
    """A forgotten label is never the best one, and the order of the retained ones stays, for any
    image.
    """
    edit = compose(
        hard, [world.contribution(hard, name) for name in world.names[:5]], METHODS
    )
    x = np.random.default_rng(0).normal(size=(500, 96))
    before, after = x @ world.texts[:40].T, edit.move(x) @ world.texts[:40].T
    assert (after.argmax(1) >= 5).all()
    assert (np.argsort(before[:, 5:], 1) == np.argsort(after[:, 5:], 1)).all()
    assert np.abs(edit.move(edit.move(x)) - edit.move(x)).max() < 1e-6, (
        "idempotent at α = 1"
    )


def test_a_concept_outside_the_label_set_leaves_the_labels_exact(
    world: World, hard: Basis
) -> None:
    edit = compose(
        hard,
        [
            world.contribution(hard, world.names[60]),
            world.contribution(hard, world.names[2]),
        ],
        METHODS,
    )
    p = text_map(edit)
    kept = np.delete(world.texts[:40], 2, 0)
    assert np.abs(kept @ p.T - kept).max() < 1e-8
    assert (
        np.abs(
            world.texts[60] @ p.T
            - retained_mean(hard, frozenset({world.names[60], world.names[2]}))
        ).max()
        < 1e-7
    )


def test_soft_removals_are_the_smallest_that_do_it(world: World, soft: Basis) -> None:
    """KKT: among all b with Tᵀb = e, bᵀAb is least at A⁻¹T(TᵀA⁻¹T)⁻¹e."""
    gone = [3, 7, 11]
    contributions = sorted(
        (world.contribution(soft, world.names[i]) for i in gone), key=lambda c: c.digest
    )
    edit = compose(soft, contributions, METHODS)
    assert edit.facts["anchors"] == "soft"
    t = np.stack([c.tensors["targets"][:, 0] for c in contributions], axis=1)
    metric = np.linalg.inv(soft.tensors["metric_inverse"])
    lifted = np.linalg.solve(metric, t)
    wanted = lifted @ np.linalg.inv(t.T @ lifted)
    assert np.abs(edit.B - wanted).max() < 1e-8
    other = wanted + 0.01 * np.linalg.svd(t.T)[2][-1][:, None]
    assert (
        np.einsum("ij,ik,kj->j", other, metric, other)
        > np.einsum("ij,ik,kj->j", wanted, metric, wanted)
    ).all()


def test_nullspace_is_the_projector(world: World, soft: Basis) -> None:
    contributions = [
        world.contribution(soft, world.names[i], method="nullspace") for i in (1, 2, 3)
    ]
    edit = compose(soft, contributions, METHODS)
    d = world.texts[[1, 2, 3]].T
    projector = np.eye(96) - d @ np.linalg.pinv(d)
    x = np.random.default_rng(0).normal(size=(20, 96))
    assert np.abs(edit.move(x) - x @ projector).max() < 1e-9
    assert np.abs(edit.move(edit.move(x)) - edit.move(x)).max() < 1e-9
    twice = world.contribution(soft, world.names[1], method="nullspace", strength=0.5)
    assert compose(soft, [*contributions, twice], METHODS).rank == 3, (
        "a direction that is there already adds no rank"
    )


@pytest.mark.parametrize("transposed", [True, False])
def test_ccup_is_its_formula(world: World, hard: Basis, transposed: bool) -> None:
    method = Ccup(transposed=transposed)
    contributions = [
        world.contribution(hard, world.names[i], method="ccup") for i in (1, 2)
    ]
    edit = compose(hard, contributions, {"ccup": method})
    forget, keep = world.texts[[1, 2]].T, np.delete(world.texts[:40], [1, 2], 0).T
    eye = np.eye(96)
    w = (eye + keep @ keep.T) @ np.linalg.inv(
        eye + 10 * forget @ forget.T + keep @ keep.T
    )
    x = np.random.default_rng(0).normal(size=(20, 96))
    assert np.abs(edit.move(x) - (x @ w if transposed else x @ w.T)).max() < 1e-9


def mixed(world: World, basis: Basis) -> list[Contribution]:
    return [
        world.contribution(basis, world.names[0], method="bilateral"),
        world.contribution(
            basis, world.names[1], method="bilateral", domains=("sketch",)
        ),
        world.contribution(basis, world.names[2], world.names[3], method="oblique"),
        world.contribution(basis, method="bilateral", domains=("photo",)),
        world.contribution(basis, world.names[4], method="fitted"),
        world.contribution(basis, world.names[5], method="fitted", domains=("sketch",)),
        world.contribution(basis, world.names[6], method="fitted", target="level"),
    ]


@pytest.fixture(scope="module")
def contributions(world: World, hard: Basis) -> list[Contribution]:
    return mixed(world, hard)


@given(order=st.permutations(range(7)), gone=st.integers(0, 6))
@settings(max_examples=12, deadline=None)
def test_order_and_history_change_no_bit(
    order: list[int], gone: int, hard: Basis, contributions: list[Contribution]
) -> None:
    everything = compose(hard, [contributions[i] for i in order], METHODS)
    assert everything.digest == compose(hard, contributions, METHODS).digest
    kept = [contributions[i] for i in order if i != gone]
    again = compose(
        hard, [c for i, c in enumerate(contributions) if i != gone], METHODS
    )
    assert compose(hard, kept, METHODS).to_bytes() == again.to_bytes()
    assert everything.rank <= len(contributions) + 1, "one of them is of two concepts"


def test_nothing_forgotten_is_no_edit(hard: Basis) -> None:
    edit = compose(hard, [], METHODS)
    assert edit.rank == 0
    x = np.random.default_rng(0).normal(size=(3, 96))
    assert (edit.move(x) == x).all()


def test_one_detector_is_one_rank(world: World, hard: Basis) -> None:
    """All concepts of one domain told by the same selector share a rank."""
    basis = world.basis(pool=False)
    contribution = world.contribution(basis, *world.names[:4], domains=("sketch",))
    assert contribution.tensors["detectors"].shape[1] == 4
    assert compose(basis, [contribution], METHODS).rank == 1


def test_over_the_norm_labels_are_soft_and_it_says_so(world: World) -> None:
    basis = world.basis(max_edit_norm=0.5)
    edit = compose(basis, [world.contribution(basis, world.names[0])], METHODS)
    assert edit.facts["anchors"] == "soft"
    assert "max_edit_norm" in edit.facts["soft_because"]


def test_families_are_not_mixed(world: World, soft: Basis) -> None:
    both = [
        world.contribution(soft, world.names[0]),
        world.contribution(soft, world.names[1], method="nullspace"),
    ]
    with pytest.raises(Unsupported, match="cannot be solved as one system"):
        compose(soft, both, METHODS)


def test_something_must_be_kept(world: World, hard: Basis) -> None:
    everything = [world.contribution(hard, name) for name in world.names[:39]]
    assert compose(hard, everything, METHODS).rank == 39
    last = dataclasses.replace(everything[0], facts={**everything[0].facts})
    with pytest.raises(OverCapacity, match="no anchor"):
        compose(hard, [_forced(world, hard, last, i) for i in range(40)], METHODS)


def _forced(world: World, basis: Basis, like: Contribution, i: int) -> Contribution:
    """A label's contribution, as a ledger of concurrent requests could contain it."""
    from govd.types import Concept, Scope

    spec = dataclasses.replace(like.spec, scope=Scope((Concept(world.names[i]),)))
    text = basis.tensors["labels"][[i]].T
    tensors = {
        **like.tensors,
        "targets": text,
        "lifted": basis.tensors["metric_inverse"] @ text,
        "detectors": text,
    }
    return Contribution(
        spec, tensors, {**like.facts, "targets": [world.names[i]]}, f"{i:064x}"
    )


def test_numpy_and_jax_compose_the_same_to_a_millionth(
    hard: Basis, contributions: list[Contribution]
) -> None:
    host = compose(hard, contributions, METHODS)
    plain = compose(hard, contributions, METHODS, OnArrays(np))
    assert np.abs(text_map(host) - text_map(plain)).max() < 1e-6
    jax = pytest.importorskip("jax")

    with jax.enable_x64(True):
        device = compose(hard, contributions, METHODS, OnArrays(jax.numpy, "jax"))
    assert device.facts["composed_by"] == "jax"
    assert np.abs(text_map(host) - text_map(device)).max() < 1e-6


SCRIPT = """
import sys, numpy as np
from threadpoolctl import threadpool_limits, threadpool_info
from tests.edit import conftest
from govd.edit import compose
from tests.edit.test_compose import METHODS, mixed
threads = int(sys.argv[1])
with threadpool_limits(threads, "blas"):
    world = conftest.world.__wrapped__() if hasattr(conftest.world, "__wrapped__") else conftest.world._get_wrapped_function()()
    basis = world.basis(max_edit_norm=1e9)
    edit = compose(basis, mixed(world, basis), METHODS)
    info = [i for i in threadpool_info() if i["user_api"] == "blas"][0]
a = np.random.default_rng(0).normal(size=(300, 300))
import hashlib
plain = hashlib.sha256((a @ a.T @ a).tobytes()).hexdigest()[:8]
print(basis.digest, edit.digest, info.get("architecture"), info["num_threads"], plain)
"""


def test_the_same_bytes_on_any_kernel_and_thread_count(tmp_path: Any) -> None:
    """Basis, strengths and edit under several BLAS kernels and thread counts of this machine: one
    digest.
    """
    import os
    from pathlib import Path

    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    needs = {
        "Prescott": "pni",
        "Sandybridge": "avx",
        "Haswell": "avx2",
        "SkylakeX": "avx512f",
    }
    kernels = [kernel for kernel, flag in needs.items() if flag in flags.split()]
    lines = []
    for kernel, threads in [*((k, 1) for k in kernels), ("", 2), ("", 4)]:
        environment = (
            {**os.environ, "OPENBLAS_CORETYPE": kernel} if kernel else dict(os.environ)
        )
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(threads)],
            env=environment,
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        lines.append(done.stdout.split())
    if sys.platform == "linux" and "Haswell" in {line[2] for line in lines}:
        assert len({line[2] for line in lines}) > 1, "the kernels did not take effect"
    assert len({(line[0], line[1]) for line in lines}) == 1, lines


def test_removals_are_exact_algebra(world: World, hard: Basis) -> None:
    duals, labels = hard.tensors["duals"], hard.tensors["labels"]
    assert np.abs(exact.matmul(labels, duals) - np.eye(40)).max() < 1e-9


def test_targets_that_differ_by_rounding_are_one(world: World, soft: Basis) -> None:
    first, other = (world.contribution(soft, name) for name in world.names[3:5])
    rough = first.tensors["targets"] + np.random.default_rng(0).normal(
        0, 1e-8, first.tensors["targets"].shape
    )
    second = dataclasses.replace(first, tensors={**first.tensors, "targets": rough})
    targets, own = targets_of(soft, [first, other, second])
    assert (targets.vectors.shape[1], own) == (2, [[0], [1], [0]])
    assert np.linalg.norm(
        compose(soft, [first, second], METHODS).B
    ) < 3 * np.linalg.norm(compose(soft, [first], METHODS).B)
