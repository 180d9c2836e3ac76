"""What the methods do to simulated images around real text embeddings, and what the metrics say of
it.
"""

from typing import Any

import numpy as np
import pytest

from govd.edit import Basis, Edit, attacks, compose, exact, metrics, norms, unlabelled
from govd.edit.strength import auc, smallest
from govd.errors import Unsupported, Usage
from govd.ledger import canonical
from govd.methods import builtin
from govd.reconcile.measuring import plain
from govd.types import Contribution
from tests.edit.conftest import World

METHODS = builtin()


@pytest.fixture(scope="module")
def basis(world: World) -> Basis:
    return world.basis()


def measured(
    world: World, basis: Basis, *contributions: Contribution
) -> tuple[Edit, dict[str, Any]]:
    edit = compose(basis, contributions, METHODS)
    return edit, metrics.on_images(basis, edit, contributions, world.data)


def test_the_world_is_one_that_zero_shot_works_in(world: World, basis: Basis) -> None:
    _, found = measured(world, basis)
    assert found["accuracy"] > 0.8
    assert found["retain_agreement"] == 1
    assert (
        basis.tensors["pool_domains"] == np.tile(np.repeat([0, 1], 15), 40)
    ).mean() > 0.9, "domains without a label"


@pytest.mark.parametrize("method", ["bilateral", "oblique"])
def test_concepts_go_and_the_rest_stays(
    world: World, basis: Basis, method: str
) -> None:
    gone = [
        world.contribution(basis, name, method=method) for name in world.names[3:33:6]
    ]
    _, found = measured(world, basis, *gone)
    assert found["forget_acc_before"] > 0.7
    assert found["forget_acc"] <= 0.1
    assert found["retain_agreement"] > 0.93
    assert found["retain_acc"] >= found["retain_acc_before"] - 0.03


def test_the_plain_projection_costs_more(world: World, basis: Basis) -> None:
    names = world.names[3:33:6]
    ours = measured(
        world, basis, *(world.contribution(basis, n, method="bilateral") for n in names)
    )[1]
    plain = measured(
        world, basis, *(world.contribution(basis, n, method="nullspace") for n in names)
    )[1]
    assert ours["retain_agreement"] > plain["retain_agreement"]


def test_a_cell_goes_and_the_concept_elsewhere_stays(
    world: World, basis: Basis
) -> None:
    lost = {True: 0.0, False: 0.0}
    for name in world.names[1:25:4]:
        _, found = measured(
            world,
            basis,
            world.contribution(basis, name, method="bilateral", domains=("sketch",)),
        )
        for cell in found["cells"]:
            if cell["class"] == name:
                lost[cell["domain"] == "sketch"] += cell["before"] - cell["after"]
    assert lost[True] > 3
    assert lost[False] < lost[True] / 3


def test_a_whole_domain_goes_and_the_other_stays(world: World, basis: Basis) -> None:
    edit, found = measured(
        world, basis, world.contribution(basis, method="bilateral", domains=("sketch",))
    )
    assert edit.rank == 1
    assert found["forget_acc"] < 0.4 * found["forget_acc_before"]
    assert found["retain_acc"] > 0.9 * found["retain_acc_before"]
    assert max(r["share"] for r in found["redirects"]) < 0.8, (
        "not one answer for everything"
    )


def test_level_brings_the_text_to_the_rest(world: World) -> None:
    basis = world.basis("open", pool=True)
    name = world.names[5]
    contribution = world.contribution(basis, name, method="bilateral", target="level")
    data = world.data
    edit = compose(basis, [contribution], METHODS)
    own = data.class_of == 5
    text = world.texts[5]
    before, after = data.vectors @ text, edit.apply(data.vectors) @ text
    assert auc(before[own], before[~own]) > 0.9
    assert 0.3 < auc(after[own], after[~own]) < 0.75


def test_shift_moves_the_mean_and_is_refused_beside_labels(
    world: World, basis: Basis
) -> None:
    with pytest.raises(Unsupported, match="keeps no label exactly"):
        world.contribution(basis, world.names[5], method="bilateral", target="shift")
    open_ = world.basis("open")
    edit = compose(
        open_,
        [world.contribution(open_, world.names[5], method="bilateral", target="shift")],
        METHODS,
    )
    own = world.data.class_of == 5
    gap = np.linalg.norm(
        world.data.vectors[own].mean(0) - world.data.vectors[~own].mean(0)
    )
    moved = edit.move(world.data.vectors)
    assert np.linalg.norm(moved[own].mean(0) - moved[~own].mean(0)) < 0.6 * gap


def test_prototypes_change_the_plain_projection(world: World, basis: Basis) -> None:
    proto = exact.unit(world.data.vectors[world.data.class_of == 3].mean(0)[None])
    without = world.contribution(basis, world.names[3], method="nullspace")
    with_ = world.contribution(
        basis, world.names[3], method="nullspace", prototypes=proto, prototype_of=[0]
    )
    assert without.digest != with_.digest
    a, b = (compose(basis, [c], METHODS) for c in (without, with_))
    assert (a.rank, b.rank) == (1, 2)
    assert a.digest != b.digest


def test_prototypes_stand_in_for_a_pool(world: World) -> None:
    basis = world.basis(pool=False)
    with pytest.raises(Unsupported, match="no pool"):
        world.contribution(basis, world.names[3], method="bilateral")
    rows = [
        exact.unit(world.data.vectors[world.data.class_of == c][:6]) for c in range(12)
    ]
    of = [0 if c == 3 else -1 for c in range(12) for _ in range(6)]
    contribution = world.contribution(
        basis,
        world.names[3],
        method="bilateral",
        prototypes=np.concatenate(rows),
        prototype_of=of,
    )
    assert contribution.facts["terms"][0]["images"] == 6
    _, found = measured(world, basis, contribution)
    assert found["forget_acc"] < found["forget_acc_before"]


def test_domains_by_prompts_alone_warn(world: World) -> None:
    basis = world.basis(pool=False)
    for concepts in ((world.names[3],), ()):
        contribution = world.contribution(basis, *concepts, domains=("sketch",))
        assert "prompts alone" in contribution.facts["terms"][0]["warning"]


def test_a_contribution_is_a_pure_function(world: World, basis: Basis) -> None:
    for options in (
        {"method": "bilateral"},
        {"method": "bilateral", "domains": ("photo",)},
        {"method": "oblique", "strength": 0.5},
    ):
        assert (
            world.contribution(basis, world.names[3], **options).digest
            == world.contribution(basis, world.names[3], **options).digest
        )


def test_strength_multiplies(world: World, basis: Basis) -> None:
    one, half = (
        world.contribution(basis, world.names[3], method="bilateral", strength=s)
        for s in (1.0, 0.5)
    )
    assert np.allclose(one.tensors["strength_soft"], 2 * half.tensors["strength_soft"])


def test_metrics_are_shares_and_canonical(world: World, basis: Basis) -> None:
    contributions = [
        world.contribution(basis, world.names[3], method="bilateral"),
        world.contribution(basis, method="bilateral", domains=("photo",)),
    ]
    edit, found = measured(world, basis, *contributions)
    free = unlabelled.data_free(basis, edit, contributions)
    canonical.encode(plain({"images": found, "free": free}))
    shares = (
        "forget_acc",
        "retain_acc",
        "retain_agreement",
        "accuracy",
        "h_mean",
        "pairwise_leak",
        "image_rank_overlap@10",
    )
    assert all(0 <= found[name] <= 1 for name in shares)
    assert all(
        0 <= free[name] <= 1
        for name in ("retain_agreement", "predicted_disagreement", "unlisted_agreement")
    )
    for leak in attacks.leaks(edit, contributions, world.data):
        assert 0 <= leak["probe_after"] <= 1
        assert leak["probe_before"] > 0.9
    assert 0 < attacks.neighbour_agreement(edit, world.data.vectors) < 1
    assert (
        attacks.neighbour_agreement(Edit(edit.L, edit.B, "text"), world.data.vectors)
        == 1
    )
    assert attacks.base_diff(basis, Edit.nothing(96)) == []
    assert np.isclose(norms.norm(edit), np.linalg.norm(edit.B @ edit.L.T, 2))


def test_the_difference_to_the_base_names_what_was_forgotten(
    world: World, basis: Basis
) -> None:
    edit, _ = measured(
        world, basis, world.contribution(basis, world.names[7], method="bilateral")
    )
    assert world.names[7] in [g["word"] for g in attacks.base_diff(basis, edit)]


def test_the_text_side_leaves_images_alone(world: World) -> None:
    basis = world.basis(side="text")
    contribution = world.contribution(basis, world.names[3], method="bilateral")
    edit, found = measured(world, basis, contribution)
    assert edit.side == "text"
    assert found["forget_acc"] <= 0.1
    assert found["retain_agreement"] > 0.95


def test_auc_and_smallest_against_brute_force() -> None:
    random = np.random.default_rng(0)
    a, b = (
        random.integers(0, 5, 30).astype(float),
        random.integers(0, 5, 40).astype(float),
    )
    brute = np.mean([(x > y) + 0.5 * (x == y) for x in a for y in b])
    assert np.isclose(auc(a, b), brute)
    assert auc(a[:0], b) == 0.5
    rounding = random.normal(0, 1e-16, 70)
    assert auc(rounding[:30], rounding[30:]) == 0.5, (
        "what is left in the last bits says nothing"
    )
    assert auc(1e6 + 1e-5 * rounding[:30], np.full(40, 1e6 + 1e-4)) == 0.5, (
        "relatively, where scores are large"
    )
    assert auc(np.array([1e-8]), np.array([0.0])) == 1.0
    alpha, value = smallest(lambda x: 1 / (1 + x), 0.25)
    assert abs(alpha - 3) < 1e-3
    assert value <= 0.25
    assert smallest(lambda x: 0.0, 0.5) == (0.0, 0.0)
    assert smallest(lambda x: 1.0, 0.5)[1] == 1.0


def test_what_cannot_be_a_basis(world: World) -> None:
    with pytest.raises(Usage, match="labels"):
        world.basis(labels=1)
    broken = World(
        world.names,
        np.where(np.arange(80)[:, None] == 2, np.nan, world.texts),
        world.prompts,
        world.pool,
        world.data,
    )
    with pytest.raises(Usage, match="not finite"):
        broken.basis()


def test_a_basis_comes_back_as_it_was_written(basis: Basis) -> None:
    again = Basis.from_bytes(basis.to_bytes())
    assert again.digest == basis.digest
    assert again.labels == basis.labels
