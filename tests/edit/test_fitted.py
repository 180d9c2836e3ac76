"""`fitted` against its definition, and what it promises."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govd.edit import Basis, Host, compose
from govd.edit.constants import ALONE, FIT_RIDGE, GROWTH, LEAN, LEVELS, MANY_JUDGES
from govd.edit.contribution import sealed
from govd.edit.judging import Answers, enough
from govd.edit.levelled import Levelled
from govd.edit.metrics import on_images
from govd.edit.pool import PoolFit, on_grid, weighted_moment
from govd.edit.reweighting import reweighted
from govd.edit.steps import STEPS, WEIGHTED_STEPS, Step
from govd.edit.strength import soft_auc
from govd.edit.system import System
from govd.methods import builtin
from govd.types import Contribution
from tests.edit.conftest import World

METHODS = builtin()


@pytest.fixture(scope="module")
def hard(world: World) -> Basis:
    return world.basis(max_edit_norm=1e9)


@pytest.fixture(scope="module")
def made(world: World, hard: Basis) -> list[Contribution]:
    return [
        world.contribution(hard, name, method="fitted") for name in world.names[:12]
    ]


def own_rows(basis: Basis, at: int, seen: np.ndarray) -> np.ndarray:
    pool = basis.tensors["pool"]
    return pool[seen & ((pool @ basis.tensors["labels"].T).argmax(1) == at)]


def brute_force(
    basis: Basis,
    gone: list[int],
    steps: list[Step],
    powers: list[np.ndarray] | None = None,
) -> np.ndarray:
    """The columns of the docstring's formula, each class's moment on its own. `powers`: for each
    class those of its pictures and, last, of its guess; None: all count alike.
    """
    pool, labels = basis.tensors["pool"], basis.tensors["labels"]
    seen = ~PoolFit.of(basis).held
    best = pool @ labels.T
    closeness = (best.max(1) ** 2).mean()
    mean = np.delete(labels, gone, 0).mean(0)
    forgotten, own = np.zeros((basis.dim, basis.dim)), np.zeros((basis.dim, basis.dim))
    for i, at in enumerate(gone):
        rows = own_rows(basis, at, seen)
        guess = (LEAN * closeness) ** 0.5 * labels[[at]]
        counts = np.ones(len(rows) + 1) if powers is None else GROWTH ** powers[i]
        fitted = np.concatenate([rows, guess])
        forgotten += (fitted * counts[:, None]).T @ fitted / (len(rows) + LEAN)
        own += rows.T @ rows / seen.sum()
    everything = pool[seen].T @ pool[seen] / seen.sum()
    columns = []
    for at, (beta, w, margin) in zip(gone, steps, strict=True):
        aim = labels[at] - mean
        system = (
            forgotten
            + w * everything
            + FIT_RIDGE * (1 + w) / basis.dim * np.eye(basis.dim)
        )
        levelled = forgotten if margin >= 0 else forgotten + w * own
        columns.append(
            (1 - beta) * np.linalg.solve(system, levelled @ aim) + beta * aim
        )
    return np.stack(columns, axis=1)


def places(world: World, contributions: list[Contribution]) -> list[int]:
    """The labels of single forgets."""
    return [world.names.index(c.spec.scope.concepts[0].name) for c in contributions]


def step_of(contribution: Contribution, extra: int) -> Step:
    """The step of a single forget, so many steps down the list."""
    tensors = contribution.tensors
    own = WEIGHTED_STEPS.index(
        Step(
            float(tensors["beta"][0]),
            float(tensors["w"][0]),
            int(tensors["margin"][0]) - 1,
        )
    )
    return WEIGHTED_STEPS[min(max(own + extra, 0), len(WEIGHTED_STEPS) - 1)]


def expected(
    world: World, basis: Basis, chosen: list[Contribution], extra: int
) -> np.ndarray:
    steps = [step_of(c, extra) for c in chosen]
    powers = [
        c.tensors["powers"].reshape(-1, len(LEVELS))[:, step.margin].astype(float)
        * (step.margin >= 0)
        for c, step in zip(chosen, steps, strict=True)
    ]
    return brute_force(basis, places(world, chosen), steps, powers)


def test_it_is_its_definition(
    world: World, hard: Basis, made: list[Contribution]
) -> None:
    chosen = sorted(made[:4], key=lambda c: c.digest)
    edit = compose(hard, chosen, METHODS)
    wanted = expected(world, hard, chosen, edit.facts["step"])
    assert np.abs(edit.L - wanted).max() < 5e-3 * np.abs(wanted).max(), (
        "the grid is all that differs"
    )
    texts = hard.tensors["labels"]
    gone = places(world, chosen)
    assert np.abs(texts[gone] @ edit.B - np.eye(4)).max() < 1e-9


def test_contributions_without_powers_are_composed_as_they_were(
    world: World, hard: Basis, made: list[Contribution]
) -> None:
    """Alone and beside one whose pictures are weighted one by one."""
    before = ("powers", "powers_of", "concept_of", "margin")
    old = [
        sealed(
            "test",
            c.spec,
            {name: t for name, t in c.tensors.items() if name not in before}
            | {"beta": np.array([0.25]), "w": np.array([0.3])},
            dict(c.facts),
        )
        for c in made[:4]
    ]
    chosen = sorted(old, key=lambda c: c.digest)
    edit = compose(hard, chosen, METHODS)
    place = STEPS.index(Step(0.25, 0.3)) + edit.facts["step"]
    wanted = brute_force(hard, places(world, chosen), [STEPS[place]] * 4)
    assert np.abs(edit.L - wanted).max() < 2e-3 * np.abs(wanted).max()
    both = compose(hard, [*old, made[4]], METHODS)
    assert both.rank == 5
    shuffled = [old[2], made[4], old[0], old[3], old[1]]
    assert compose(hard, shuffled, METHODS).digest == both.digest


@pytest.mark.parametrize("extra", [-ALONE, -1, 0, 1, len(WEIGHTED_STEPS)])
def test_all_go_up_and_down_the_list_together(
    world: World, hard: Basis, made: list[Contribution], extra: int
) -> None:
    chosen = sorted(made, key=lambda c: c.digest)
    fits = System.of(hard, chosen, Host()).fits
    assert fits is not None
    wanted = expected(world, hard, chosen, extra)
    assert np.abs(fits.columns(extra) - wanted).max() < 5e-3 * np.abs(wanted).max()


@pytest.mark.parametrize(
    ("kept", "beta", "w"),
    [(0, 0.75, 0.3), (2, 0.75, 0.3), (4, 0.25, 1.0), (9, 0.25, 1.0), (12, 0.0, 3.0)],
)
def test_the_fewer_pictures_there_are_the_surer_is_the_first_step(
    world: World, hard: Basis, kept: int, beta: float, w: float
) -> None:
    own = np.flatnonzero((world.pool @ hard.tensors["labels"].T).argmax(1) == 3)
    fewer = replace(world, pool=np.delete(world.pool, own[kept:], 0))
    basis = fewer.basis(max_edit_norm=1e9)
    (term,) = fewer.contribution(basis, world.names[3], method="fitted").facts["terms"]
    assert term["images"] == kept
    assert term["tried"][0]["beta"] == beta


def test_few_pictures_do_not_take_certainty_back(
    world: World, hard: Basis, made: list[Contribution]
) -> None:
    few, many = (compose(hard, made[:count], METHODS).facts for count in (2, 12))
    assert few["held_out"] < MANY_JUDGES <= many["held_out"]
    assert few["step"] == 0
    assert many["step"] == -ALONE, "together they leave few enough named as it is"
    assert enough(many["held_out_named"], many["held_out"])


def test_where_too_many_stay_named_all_go_to_the_end_of_the_list(world: World) -> None:
    """Prompts that disagree, one of which no step satisfies."""
    draw = np.random.default_rng(0)
    prompts = np.stack(
        [world.texts[:40] + 0.03 * draw.normal(size=(40, 96)) for _ in range(3)]
    )
    basis = world.basis(max_edit_norm=1e9, label_prompts=prompts)
    chosen = [
        world.contribution(basis, name, method="fitted") for name in world.names[:12]
    ]
    edit = compose(basis, chosen, METHODS)
    assert not enough(edit.facts["held_out_named"], edit.facts["held_out"])
    assert all(step_of(c, edit.facts["step"]).beta == 1.0 for c in chosen)


def test_what_is_forgotten_is_unnamed_and_the_rest_stays(
    world: World, hard: Basis, made: list[Contribution]
) -> None:
    edit = compose(hard, made, METHODS)
    told = on_images(hard, edit, made, world.data)
    assert told["forget_acc"] <= 0.02
    assert told["retain_agreement"] == 1.0
    labels = hard.tensors["labels"]
    moved = edit.apply(world.data.vectors) @ labels.T
    own = np.isin(world.data.class_of, range(12))
    assert (moved[own].argmax(1) < 12).mean() <= 0.03, (
        "nor are they named with another forgotten label"
    )


def test_every_step_that_was_tried_is_a_fact_and_the_last_is_taken(
    made: list[Contribution],
) -> None:
    for contribution in made:
        (term,) = contribution.facts["terms"]
        tried = term["tried"]
        assert [(row["beta"], row["w"]) for row in tried] == [
            (step.beta, step.w) for step in WEIGHTED_STEPS[ALONE : ALONE + len(tried)]
        ]
        assert (tried[-1]["beta"], tried[-1]["w"]) == (term["beta"], term["w"])
        assert not any(enough(row["named"], row["of"]) for row in tried[:-1])
        assert (
            enough(tried[-1]["named"], tried[-1]["of"])
            or len(tried) == len(WEIGHTED_STEPS) - ALONE
        )
        assert all(row["others_moved"] > 0 for row in tried)


@given(
    gone=st.sets(st.integers(0, 11), min_size=1, max_size=6),
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=10, deadline=None)
def test_a_revert_is_as_if_it_had_never_been(
    gone: set[int], order: object, hard: Basis, made: list[Contribution]
) -> None:
    kept = [contribution for i, contribution in enumerate(made) if i not in gone]
    shuffled = list(kept)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    compose(hard, made, METHODS)
    assert (
        compose(hard, shuffled, METHODS).digest
        == compose(Basis.from_bytes(hard.to_bytes()), kept, METHODS).digest
    )


def test_moments_are_the_same_in_any_order(hard: Basis) -> None:
    rows = on_grid(hard.tensors["pool"])
    weights = np.rint(np.random.default_rng(0).uniform(1, 4000, len(rows)))
    shuffled = np.random.default_rng(1).permutation(len(rows))
    whole = weighted_moment(rows, weights)
    assert (whole == weighted_moment(rows[shuffled], weights[shuffled])).all()
    parts = weighted_moment(rows[:100], weights[:100]) + weighted_moment(
        rows[100:], weights[100:]
    )
    assert (whole == parts).all()
    assert (
        whole - weighted_moment(rows[:100], weights[:100])
        == weighted_moment(rows[100:], weights[100:])
    ).all()


@pytest.mark.parametrize("place", [0, 3, 7])
def test_named_falls_with_strength(world: World, hard: Basis, place: int) -> None:
    labels, own = hard.tensors["labels"], world.data.class_of == place
    counts = []
    for strength in (0.1, 0.3, 0.5, 0.7, 0.85, 1.0, 1.3, 1.7, 2.0):
        contribution = world.contribution(
            hard, world.names[place], method="fitted", strength=strength
        )
        moved = compose(hard, [contribution], METHODS).apply(world.data.vectors)
        counts.append(int(((moved @ labels.T).argmax(1)[own] == place).sum()))
    assert all(after <= before + 1 for before, after in pairwise(counts)), counts
    oblique = compose(hard, [world.contribution(hard, world.names[place])], METHODS)
    assert np.abs(compose(hard, [contribution], METHODS).L - oblique.L).max() < 1e-12, (
        "2 is oblique"
    )


def test_what_is_weaker_costs_less_with_all_that_is_in_force(
    world: World, hard: Basis, made: list[Contribution]
) -> None:
    """A weaker forget leaves more named, and is not made up for by steps that cost more."""
    vectors, words = world.data.vectors, hard.tensors["vocabulary"]
    own = np.isin(world.data.class_of, range(12))
    named, moved = [], []
    for strength in (0.25, 0.5, 0.75, 1.0, 1.5, 2.0):
        weaker = [
            world.contribution(hard, name, method="fitted", strength=strength)
            for name in world.names[:12]
        ]
        edit = compose(hard, weaker, METHODS)
        assert edit.facts["step"] == compose(hard, made, METHODS).facts["step"]
        after = edit.apply(vectors)
        named.append(((after @ hard.tensors["labels"].T).argmax(1)[own] < 12).sum())
        moved.append(np.abs(((after - vectors) @ words.T)[~own]).mean())
        judged = System.of(hard, weaker, Host()).judges(np.asarray(edit.B))
        count, _ = judged.named(np.asarray(edit.L), last=True)
        assert edit.facts["held_out_named"] == count, "of the edit as it is"
    assert all(after <= before + 1 for before, after in pairwise(named)), named
    assert moved == sorted(moved)


def test_strength_does_not_decide_whether_labels_are_hard(
    world: World, hard: Basis, made: list[Contribution]
) -> None:
    """The norm of a weaker edit is smaller; its labels are not kept another way for that."""
    full = compose(hard, made, METHODS)
    norm = Host().norm(full.L, full.B)
    basis = world.basis(max_edit_norm=0.9 * norm)
    weaker = [
        world.contribution(basis, name, method="fitted", strength=0.5)
        for name in world.names[:12]
    ]
    edit = compose(basis, weaker, METHODS)
    assert edit.facts["anchors"] == "soft"
    assert Host().norm(edit.L, edit.B) < 0.9 * norm


def test_a_cell_goes_and_the_class_elsewhere_stays(world: World, hard: Basis) -> None:
    before, inside, elsewhere = [], [], []
    for place in range(6):
        edit = compose(
            hard,
            [
                world.contribution(
                    hard, world.names[place], method="fitted", domains=("sketch",)
                )
            ],
            METHODS,
        )
        moved = edit.apply(world.data.vectors) @ hard.tensors["labels"].T
        right, was = (
            moved.argmax(1) == place,
            (world.data.vectors @ hard.tensors["labels"].T).argmax(1) == place,
        )
        cell = (world.data.class_of == place) & (world.data.domain_of == 1)
        other = (world.data.class_of == place) & (world.data.domain_of == 0)
        before.append(was[other].mean())
        inside.append(right[cell].mean())
        elsewhere.append(right[other].mean())
    assert np.mean(inside) <= 0.1
    assert np.mean(elsewhere) >= 0.8 * np.mean(before)


def test_level_ranks_pictures_like_any_others(world: World, hard: Basis) -> None:
    areas = []
    for name in world.names[:6]:
        contribution = world.contribution(hard, name, method="fitted", target="level")
        told = on_images(
            hard, compose(hard, [contribution], METHODS), [contribution], world.data
        )
        areas.append(told["concepts"][0]["text_auc"])
    assert abs(np.mean(areas) - 0.5) < 0.06
    assert np.mean(np.abs(np.array(areas) - 0.5)) < 0.15


def test_without_a_pool_it_is_oblique(world: World) -> None:
    basis = world.basis(pool=False)
    ours = compose(
        basis, [world.contribution(basis, world.names[3], method="fitted")], METHODS
    )
    assert (
        ours.digest
        == compose(basis, [world.contribution(basis, world.names[3])], METHODS).digest
    )


def test_a_concept_that_no_picture_shows_leans_on_its_text(
    world: World, hard: Basis
) -> None:
    contribution = world.contribution(hard, world.names[60], method="fitted")
    assert len(contribution.tensors["rows"]) < 3
    assert "leans on texts" in contribution.facts["terms"][0]["warning"]
    edit = compose(hard, [contribution], METHODS)
    assert edit.rank == 1
    kept = np.abs(hard.tensors["labels"] @ edit.B).max()
    assert kept < 1e-8


def test_level_of_a_concept_that_no_picture_shows_takes_it_to_the_average(
    world: World, hard: Basis
) -> None:
    levelled = world.contribution(
        hard, world.names[60], method="fitted", target="level"
    )
    (told,) = levelled.facts["terms"]
    assert told["images"] < 3
    assert "what an average label" in told["warning"]
    edit = compose(hard, [levelled], METHODS)
    text = world.texts[60]
    texts = hard.tensors["labels"]
    after = (world.data.vectors @ text) - (world.data.vectors @ edit.L) @ (
        edit.B.T @ text
    )
    average = world.data.vectors @ texts.mean(0)
    assert (
        np.abs(after - average).mean()
        < 0.2 * np.abs(world.data.vectors @ text - average).mean()
    )


def test_the_worst_prompt_decides(world: World) -> None:
    draw = np.random.default_rng(0)
    prompts = np.stack(
        [world.texts[:40] + 0.02 * draw.normal(size=(40, 96)) for _ in range(3)]
    )
    basis = world.basis(max_edit_norm=1e9, label_prompts=prompts)
    assert basis.tensors["label_prompts"].shape == (3, 40, 96)
    plain = world.basis(max_edit_norm=1e9)
    for name in world.names[:6]:
        several, one = (
            world.contribution(b, name, method="fitted").facts["terms"][0]["tried"]
            for b in (basis, plain)
        )
        assert several[0]["named"] >= one[0]["named"]
        assert len(several) >= len(one)


def test_soft_auc_is_auc_where_nothing_is_in_doubt() -> None:
    draw = np.random.default_rng(0)
    scores, own = draw.normal(size=200), draw.uniform(size=200) < 0.3
    pairs = (scores[own][:, None] > scores[~own][None, :]).mean()
    assert abs(soft_auc(scores, own.astype(float)) - pairs) < 1e-12


def test_a_forget_fitted_alone_is_the_group_of_itself(
    world: World, hard: Basis, made: list[Contribution]
) -> None:
    """By its pictures' kernel, as it was chosen, or by the whole system, as it is composed."""
    for contribution in made[:3]:
        fits = System.of(hard, [contribution], Host()).fits
        assert fits is not None
        pool, text = PoolFit.of(hard), contribution.tensors["targets"]
        levelled = Levelled.of(hard, contribution, (0,))
        place = world.names.index(contribution.spec.scope.concepts[0].name)
        mean = np.delete(hard.tensors["labels"], place, 0).mean(0)
        removal = contribution.tensors["lifted"]
        chosen = reweighted(
            pool,
            levelled,
            text - mean[:, None],
            Answers.of(hard, text),
            removal / (text * removal).sum(),
        )
        assert (chosen.powers.ravel() == contribution.tensors["powers"]).all()
        for margin, fitted in enumerate(chosen.columns):
            composed = fits.columns(margin - ALONE)
            assert np.abs(composed - fitted).max() < 1e-6 * np.abs(fitted).max()


def test_what_is_kept_for_other_strengths_is_what_each_computes(world: World) -> None:
    """Of the same basis, in whatever order, and of no other forget."""
    basis = world.basis(max_edit_norm=1e9)
    first, second = world.names[:2]
    asked = [(first, 2.0), (second, 2.0), (first, 0.5), (first, 1.0), (second, 1.0)]
    for name, strength in asked:
        kept = world.contribution(basis, name, method="fitted", strength=strength)
        fresh = world.contribution(
            world.basis(max_edit_norm=1e9), name, method="fitted", strength=strength
        )
        assert kept.digest == fresh.digest
        assert kept.facts == fresh.facts
        kept.facts["terms"][0]["tried"].clear()
    assert not any(name in repr(vars(vars(basis)["fits"])) for name in (first, second))
