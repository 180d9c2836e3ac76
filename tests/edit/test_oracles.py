"""Every method against its definition, written once more with NumPy's own linear algebra, and the
properties that are promised.
"""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from govd.edit import Basis, Edit, compose, constants, metrics, strength, unlabelled
from govd.edit.constants import HARD_RIDGE, LABEL_WEIGHT, POOL_RIDGE, TEXT_RIDGE
from govd.edit.duals import retained_mean
from govd.methods import builtin
from tests.edit.conftest import World

METHODS = builtin()
USES = ("labels", "open")


@pytest.fixture(scope="module")
def hard(world: World) -> Basis:
    return world.basis(max_edit_norm=1e9)


@pytest.fixture(scope="module")
def soft(world: World) -> Basis:
    return world.basis("open")


def ridged(matrix: np.ndarray, share: float) -> np.ndarray:
    return matrix + share * np.trace(matrix) / len(matrix) * np.eye(len(matrix))


def dual(basis: Basis, text: np.ndarray) -> np.ndarray:
    """The removal of one text `(d,)`: by least squares under equalities, solved as one KKT
    system.
    """
    labels, words = basis.tensors["labels"], basis.tensors["vocabulary"]
    general = words.T @ words / len(words)
    if basis.hard:
        metric, kept = (
            ridged(general, HARD_RIDGE),
            labels[np.abs(labels @ text - 1) > 1e-9],
        )
    else:
        listed = labels.T @ labels / len(labels) if len(labels) else 0.0
        weight = LABEL_WEIGHT if basis.use == "labels" else 1.0
        metric, kept = (
            ridged(general + weight * listed, TEXT_RIDGE[basis.use]),
            np.zeros((0, basis.dim)),
        )
    rows = np.concatenate([text[None], kept])
    d, m = basis.dim, len(rows)
    system = np.block([[metric, rows.T], [rows, np.zeros((m, m))]])
    return np.linalg.solve(
        system, np.concatenate([np.zeros(d), [1.0], np.zeros(m - 1)])
    )[:d]


def discriminant(basis: Basis, chosen: np.ndarray, elsewhere: np.ndarray) -> np.ndarray:
    """Least `uᵀΣu` with 1 at the mean of the chosen and 0 at the other means."""
    pool = basis.tensors["pool"]
    centred = pool - pool.mean(0)
    covariance = ridged(centred.T @ centred / len(pool), POOL_RIDGE)
    points = [pool[chosen].mean(0), pool[~chosen & ~elsewhere].mean(0)]
    if elsewhere.sum() >= constants.FEWEST_PICTURES:
        points.append(pool[elsewhere].mean(0))
    rows, d = np.stack(points), basis.dim
    system = np.block([[covariance, rows.T], [rows, np.zeros((len(rows), len(rows)))]])
    return np.linalg.solve(
        system, np.concatenate([np.zeros(d), [1.0], np.zeros(len(rows) - 1)])
    )[:d]


def named(world: World, basis: Basis, name: int) -> np.ndarray:
    """Pool images of a concept, by loops over what competes for each."""
    (names, anchors), found = basis.anchors, []
    words = basis.tensors["vocabulary"] if basis.labels else np.zeros((0, basis.dim))
    for x in basis.tensors["pool"]:
        mine = x @ world.texts[name]
        best = max(
            x @ t for n, t in zip(names, anchors, strict=True) if n != world.names[name]
        )
        beyond = max(
            (
                x @ t
                for n, t in zip(basis.vocabulary, words, strict=False)
                if n != world.names[name]
            ),
            default=-1.0,
        )
        found.append((mine > best, mine > beyond, mine - best))
    wins, sure, margin = (np.array(c) for c in zip(*found, strict=True))
    chosen = wins & sure
    if basis.labels and chosen.sum() < constants.CONFIDENT:
        chosen |= (
            np.isin(
                np.arange(len(wins)),
                np.argsort(np.where(wins, -margin, np.inf))[: constants.CONFIDENT],
            )
            & wins
        )
    return chosen


def basis_of(use: str, hard: Basis, soft: Basis) -> Basis:
    return hard if use == "labels" else soft


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("target", ["unnamed", "level"])
def test_bilateral_is_its_definition(
    world: World, hard: Basis, soft: Basis, use: str, target: str
) -> None:
    basis = basis_of(use, hard, soft)
    contribution = world.contribution(
        basis, world.names[5], method="bilateral", target=target
    )
    edit = compose(basis, [contribution], METHODS)
    u, b = (
        discriminant(
            basis, named(world, basis, 5), np.zeros(len(basis.tensors["pool"]), bool)
        ),
        dual(basis, world.texts[5]),
    )
    assert np.abs(edit.L[:, 0] - u).max() < 1e-7
    alpha = contribution.tensors["strength_hard" if basis.hard else "strength_soft"][0]
    assert alpha > 0
    assert np.abs(edit.B[:, 0] - alpha * b).max() < 1e-6
    half = world.contribution(
        basis, world.names[5], method="bilateral", target=target, strength=0.5
    )
    assert np.abs(compose(basis, [half], METHODS).B - edit.B / 2).max() < 1e-12


def test_bilateral_of_a_cell_is_its_definition(world: World, hard: Basis) -> None:
    contribution = world.contribution(
        hard, world.names[5], method="bilateral", domains=("sketch",)
    )
    edit, mine, inside = (
        compose(hard, [contribution], METHODS),
        named(world, hard, 5),
        hard.tensors["pool_domains"] == 1,
    )
    u = discriminant(hard, mine & inside, mine & ~inside)
    assert np.abs(edit.L[:, 0] - u).max() < 1e-7
    assert (
        np.abs(
            edit.B[:, 0] / contribution.tensors["strength_hard"][0]
            - dual(hard, world.texts[5])
        ).max()
        < 1e-6
    )


def test_shift_is_its_definition(world: World, soft: Basis) -> None:
    edit = compose(
        soft,
        [world.contribution(soft, world.names[5], method="bilateral", target="shift")],
        METHODS,
    )
    mine, pool = named(world, soft, 5), soft.tensors["pool"]
    assert (
        np.abs(edit.B[:, 0] - (pool[mine].mean(0) - pool[~mine].mean(0))).max() < 1e-9
    )
    assert np.abs(edit.move(pool[mine]).mean(0) - pool[~mine].mean(0)).max() < 1e-9, (
        "the mean is moved onto the rest's"
    )
    assert np.abs(edit.move(edit.move(pool)) - edit.move(pool)).max() < 1e-9, (
        "idempotent"
    )


def test_a_whole_domain_is_its_definition(world: World, hard: Basis) -> None:
    contribution = world.contribution(hard, method="bilateral", domains=("sketch",))
    edit, selector = (
        compose(hard, [contribution], METHODS),
        hard.tensors["selectors"][1],
    )
    sinks = [world.names.index(n) for n in contribution.facts["terms"][0]["sinks"]]
    metric = np.linalg.inv(hard.tensors["metric_inverse"])
    pull = np.linalg.solve(metric, world.texts[sinks].sum(0))
    pull = -pull / (world.texts[sinks] @ pull).mean()
    assert np.abs(edit.L[:, 0] - selector).max() < 1e-9
    assert (
        np.abs(edit.B[:, 0] / contribution.tensors["strength_hard"][0] - pull).max()
        < 1e-7
    )
    means = np.stack(
        [
            hard.tensors["pool"][hard.tensors["pool_domains"] == s].mean(0)
            for s in (0, 1)
        ]
    )
    assert np.abs(means @ hard.tensors["selectors"].T - np.eye(2)).max() < 0.05, (
        "1 on the domain's mean, 0 on the other's"
    )


def test_a_cell_without_images_is_solved_on_the_concept_elsewhere(
    world: World, hard: Basis
) -> None:
    """The strength is that at which the concept's images, seen as the domain's are, lose their
    name: on images' scale, not on texts'.
    """
    import dataclasses

    mine = named(world, hard, 5)
    domain = np.where(mine, 0, hard.tensors["pool_domains"]).astype(np.int32)
    basis = dataclasses.replace(hard, tensors={**hard.tensors, "pool_domains": domain})
    contribution = world.contribution(
        basis, world.names[5], method="bilateral", domains=("sketch",)
    )
    (term,) = contribution.facts["terms"]
    assert term["detector"] == "domain selector"
    pool, texts, b = (
        basis.tensors["pool"],
        world.texts[:40],
        dual(basis, world.texts[5]),
    )
    hits = np.sort(pool[domain == 1] @ basis.tensors["selectors"][1])
    reach = max(hits[int(constants.UNSEEN_CELL * len(hits))], constants.FAINT)
    lost = [
        (x @ world.texts[5] - np.delete(texts, 5, 0) @ x).min()
        / reach
        / (b @ world.texts[5])
        for x in pool[mine]
    ]
    wanted = constants.SAFETY * np.sort(lost)[-1 - int(constants.UNNAMED * len(lost))]
    assert abs(contribution.tensors["strength_hard"][0] - wanted) < 1e-4 * wanted


def test_unnamed_is_the_smallest_strength_that_reaches_it(
    world: World, hard: Basis
) -> None:
    mine = named(world, hard, 7)
    images, own, rest = (
        hard.tensors["pool"][mine],
        world.texts[[7]],
        np.delete(world.texts[:40], 7, 0),
    )
    b, hit = dual(hard, world.texts[7]), np.linspace(0.1, 1.5, mine.sum())

    def share(alpha: float) -> float:
        moved = images - alpha * np.maximum(hit, constants.FAINT)[:, None] * b
        return float(np.mean(moved @ own[0] > (moved @ rest.T).max(1)))

    alpha, said = strength.unnamed(images, hit, b[:, None], own, rest)
    solved = alpha / constants.SAFETY
    assert share(solved + 1e-5) <= constants.UNNAMED < share(solved * 0.99)
    assert said["named"] == share(alpha)


def test_level_is_where_the_text_ranks_its_images_like_any(
    world: World, soft: Basis
) -> None:
    mine, pool, text = named(world, soft, 5), soft.tensors["pool"], world.texts[5]
    b, u = dual(soft, text), discriminant(soft, mine, np.zeros(len(pool), bool))
    alpha, said = strength.level(pool, pool @ u, mine, ~mine, b[:, None], text)
    after = Edit(u[:, None], alpha * b[:, None]).apply(pool)
    apart = np.subtract.outer(after[mine] @ text, after[~mine] @ text)
    area = np.mean((apart > constants.TIE) + 0.5 * (np.abs(apart) <= constants.TIE))
    assert abs(area - 0.5) < 0.01
    assert abs(area - said["auc"]) < 1e-6
    barely = Edit(u[:, None], 0.97 * alpha * b[:, None]).apply(pool)
    assert (
        np.mean(np.subtract.outer(barely[mine] @ text, barely[~mine] @ text) > 0) > 0.5
    ), "the smallest strength that does it"


def test_nullspace_projects_prototypes_and_texts_away(
    world: World, soft: Basis
) -> None:
    made = world.pool[30:33]
    contribution = world.contribution(
        soft,
        world.names[3],
        method="nullspace",
        prototypes=made,
        prototype_of=[0, 0, -1],
    )
    edit = compose(soft, [contribution], METHODS)
    directions = np.concatenate([world.texts[[3]], made[:2]]).T
    x = np.random.default_rng(0).normal(size=(20, 96))
    assert (
        np.abs(
            edit.move(x) - x @ (np.eye(96) - directions @ np.linalg.pinv(directions))
        ).max()
        < 1e-9
    )
    part = world.contribution(soft, world.names[3], method="nullspace", strength=0.25)
    text = world.texts[3]
    assert (
        np.abs(
            compose(soft, [part], METHODS).move(x)
            - (x - 0.25 * np.outer(x @ text, text) / (text @ text))
        ).max()
        < 1e-9
    )


@example(places={0, 7, 39}, alpha=1.0, seed=0)
@given(
    places=st.sets(st.integers(0, 39), min_size=1, max_size=12),
    alpha=st.floats(0.2, 1.0),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=20, deadline=None)
def test_oblique_keeps_its_promises(
    world: World, hard: Basis, places: set[int], alpha: float, seed: int
) -> None:
    """Rank, hard anchors untouched, the score that is promised, never above the mean at α = 1,
    idempotent there, no bit by order.
    """
    made = [
        world.contribution(hard, world.names[i], strength=alpha) for i in sorted(places)
    ]
    edit, gone = compose(hard, made, METHODS), sorted(places)
    assert edit.rank == len(gone)
    x = np.random.default_rng(seed).normal(size=(50, 96))
    before, after = x @ world.texts[:40].T, edit.move(x) @ world.texts[:40].T
    kept = np.delete(np.arange(40), gone)
    assert np.abs(before[:, kept] - after[:, kept]).max() < 1e-8
    mean = before[:, kept].mean(1, keepdims=True)
    assert (
        np.abs(after[:, gone] - (1 - alpha) * before[:, gone] - alpha * mean).max()
        < 1e-7
    )
    if alpha == 1:
        assert (after.argmax(1)[:, None] != np.array(gone)).all()
        assert np.abs(edit.move(edit.move(x)) - edit.move(x)).max() < 1e-6
    assert compose(hard, made[::-1], METHODS).digest == edit.digest
    assert (
        compose(hard, [*made[1:]], METHODS).digest
        == compose(hard, made[:0:-1], METHODS).digest
    )


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_nullspace_is_a_projector_of_the_stated_rank(
    world: World, soft: Basis, seed: int
) -> None:
    draw = np.random.default_rng(seed)
    gone = draw.choice(80, int(draw.integers(1, 20)), replace=False)
    edit = compose(
        soft,
        [world.contribution(soft, world.names[i], method="nullspace") for i in gone],
        METHODS,
    )
    assert edit.rank <= len(gone)
    p = np.eye(96) - edit.L @ edit.B.T
    assert np.abs(p @ p - p).max() < 1e-8
    assert np.abs(p - p.T).max() < 1e-8
    assert np.abs(world.texts[gone] @ p).max() < 1e-8


def test_what_a_pool_shows_beside_the_labels_misleads_nobody(world: World) -> None:
    """A pool is mostly of things that no label names: they must make no detector, and no
    prediction.
    """
    import dataclasses

    draw = np.random.default_rng(5)
    other = np.repeat(world.texts[40:], 12, axis=0) - world.texts.mean(0)
    mean = world.pool.mean(0)
    strange = mean + 1.6 * other + 0.5 * draw.normal(size=other.shape) / 96**0.5
    crowded = dataclasses.replace(
        world,
        pool=np.concatenate(
            [world.pool, strange / np.linalg.norm(strange, axis=1, keepdims=True)]
        ),
    )
    basis = crowded.basis()
    contribution = crowded.contribution(basis, world.names[5], method="bilateral")
    text = basis.tensors["pool"] @ world.texts[:40].T
    labelled = int((text.argmax(1) == 5).sum())
    assert contribution.facts["terms"][0]["images"] < labelled, (
        "what another word of the vocabulary fits better is left out"
    )
    gone = [
        crowded.contribution(basis, n, method="bilateral") for n in world.names[3:33:6]
    ]
    edit = compose(basis, gone, METHODS)
    found = metrics.on_images(basis, edit, gone, world.data)
    assert found["forget_acc"] <= 0.1
    predicted = unlabelled.data_free(basis, edit, gone)["predicted_disagreement"]
    after = metrics.scores(edit, basis.tensors["pool"], world.texts[:40]).argmax(1)
    others = [i for i in range(len(text)) if text[i].argmax() not in range(3, 33, 6)]
    assert predicted == pytest.approx(
        np.mean([text[i].argmax() != after[i] for i in others])
    ), "pictures count as they come"


def test_the_mean_of_the_retained_is_over_what_nobody_forgets(
    world: World, hard: Basis
) -> None:
    for gone in (range(3), range(30)):
        kept = np.delete(world.texts[:40], list(gone), 0)
        assert (
            np.abs(
                retained_mean(hard, frozenset(world.names[i] for i in gone))
                - kept.mean(0)
            ).max()
            < 1e-12
        )
