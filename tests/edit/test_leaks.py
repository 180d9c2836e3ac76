"""What is said of attacks, of extents and of strengths, against plain loops over some thirty
pictures.
"""

import dataclasses

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from govd.edit import Basis, Edit, attacks, compose, constants, exact, strength
from govd.edit.extent import labelled_in_scope, named_share, pool_in_scope
from govd.methods import builtin
from govd.types import Contribution
from tests.edit.conftest import World
from tests.edit.oracles import Seen, area, picture
from tests.edit.thirty import FORGETS, forgets, pictures, thirty

METHODS = builtin()
cases = given(
    which=st.sampled_from(sorted(FORGETS)),
    alpha=st.floats(0.1, 1.0),
    side=st.sampled_from(["image", "text"]),
    seed=st.integers(0, 2**16),
)
few = settings(max_examples=10, deadline=None)


def edited(
    world: World, basis: Basis, which: str, alpha: float, method: str = "bilateral"
) -> tuple[list[Contribution], Edit]:
    contributions = forgets(world, basis, which, alpha, method)
    return contributions, compose(basis, contributions, METHODS)


def by_examples(
    shown: list[np.ndarray],
    learn: list[int],
    positive: list[int],
    negative: list[int],
    count: int,
) -> float:
    """How the mean of some examples ranks pictures that nobody learned from."""
    query = sum(shown[i] for i in learn[:count]) / count
    return area(
        [float(shown[i] @ query) for i in positive],
        [float(shown[i] @ query) for i in negative],
    )


def by_neighbours(
    shown: list[np.ndarray],
    own: list[int],
    others: list[int],
    positive: list[int],
    negative: list[int],
) -> float:
    """How much nearer the nearest example is than the nearest other picture."""

    def nearer(i: int) -> float:
        return max(float(shown[i] @ shown[j]) for j in own) - max(
            float(shown[i] @ shown[j]) for j in others
        )

    return area([nearer(i) for i in positive], [nearer(i) for i in negative])


def by_probe(
    shown: list[np.ndarray],
    own: list[int],
    others: list[int],
    positive: list[int],
    negative: list[int],
) -> float:
    """Fisher's discriminant with a ridge of a twentieth of the mean variance, learned on one
    half.
    """
    width = len(shown[0])
    means = [sum(shown[i] for i in group) / len(group) for group in (own, others)]
    within = np.zeros((width, width))
    for group, mean in zip((own, others), means, strict=True):
        for i in group:
            within += np.outer(shown[i] - mean, shown[i] - mean) / (
                len(own) + len(others)
            )
    variance = sum(within[k, k] for k in range(width)) / width
    direction = np.linalg.inv(within + 0.05 * variance * np.eye(width)) @ (
        means[0] - means[1]
    )
    return area(
        [float(shown[i] @ direction) for i in positive],
        [float(shown[i] @ direction) for i in negative],
    )


@example(which="a domain and a concept", alpha=1.0, side="image", seed=1)
@example(
    which="two concepts of one request, one without pictures",
    alpha=1.0,
    side="image",
    seed=2,
)
@example(which="a concept and a cell", alpha=1.0, side="text", seed=3)
@cases
@few
def test_what_examples_still_find(
    world: World,
    bases: dict[str, Basis],
    which: str,
    alpha: float,
    side: str,
    seed: int,
) -> None:
    data = pictures(world, seed)
    contributions, edit = edited(world, bases[side], which, alpha)
    seen = Seen(
        world.names[:40],
        list(world.texts[:40]),
        data,
        [c.spec.scope for c in contributions],
        edit,
    )
    half = draw_half(seed)
    records = attacks.leaks(edit, contributions, data, seed)
    assert len(records) == len(contributions)
    for record, scope in zip(records, seen.scopes, strict=True):
        mine = [seen.covers(scope, i) for i in seen.pictures]
        learn, judge = (
            [i for i in seen.pictures if mine[i] and half[i] == learned]
            for learned in (True, False)
        )
        others, rest = (
            [i for i in seen.pictures if not mine[i] and half[i] == learned]
            for learned in (True, False)
        )
        assert record["images"] == sum(mine)
        if not (learn and judge and others):
            assert set(record) == {"scope", "images"}
            continue
        for moment, edit_then in (
            ("before", Edit.nothing(96, edit.side)),
            ("after", edit),
        ):
            shown = [picture(edit_then, vector) for vector in data.vectors]
            shots = {
                str(k): pytest.approx(by_examples(shown, learn, judge, rest, k))
                for k in (1, 4, 8, 16)
                if k <= len(learn)
            }
            assert record[f"examples_{moment}"] == shots
            assert record[f"knn_{moment}"] == pytest.approx(
                by_neighbours(shown, learn, others, judge, rest)
            )
            assert record[f"probe_{moment}"] == pytest.approx(
                by_probe(shown, learn, others, judge, rest)
            )


@pytest.mark.parametrize("seed", range(4))
def test_a_probe_of_what_cannot_be_told_apart(
    world: World, bases: dict[str, Basis], seed: int
) -> None:
    """Pictures of nothing: their order along the discriminant hangs on everything that it is made
    of.
    """
    data, draw = pictures(world, seed), np.random.default_rng(seed)
    noise = dataclasses.replace(
        data, vectors=exact.unit(draw.normal(size=data.vectors.shape))
    )
    contributions, edit = edited(world, bases["image"], "a whole domain", 1.0)
    (record,) = attacks.leaks(edit, contributions, noise, seed)
    half, own = draw_half(seed), data.domain_of == 1
    groups = [
        np.flatnonzero(mask).tolist()
        for mask in (own & half, ~own & half, own & ~half, ~own & ~half)
    ]
    assert record["probe_before"] == pytest.approx(
        by_probe(list(noise.vectors), *groups)
    )
    assert record["probe_after"] == pytest.approx(
        by_probe([picture(edit, x) for x in noise.vectors], *groups)
    )


def draw_half(seed: int) -> np.ndarray:
    """Which of thirty pictures are learned from."""
    return np.random.default_rng(seed).permutation(30) < 15


@example(which="a domain and a concept", alpha=1.0, side="image", seed=1)
@cases
@few
def test_nearest_pictures_and_the_difference_to_the_base(
    world: World,
    bases: dict[str, Basis],
    which: str,
    alpha: float,
    side: str,
    seed: int,
) -> None:
    data, basis = pictures(world, seed), bases[side]
    _, edit = edited(world, basis, which, alpha)

    def neighbours(shown: list[np.ndarray]) -> list[int]:
        return [
            max(
                (j for j in range(30) if j != i),
                key=lambda j: float(shown[i] @ shown[j]),
            )
            for i in range(30)
        ]

    before, after = (
        neighbours(list(data.vectors)),
        neighbours([picture(edit, vector) for vector in data.vectors]),
    )
    assert attacks.neighbour_agreement(edit, data.vectors) == pytest.approx(
        sum(a == b for a, b in zip(before, after, strict=True)) / 30
    )
    lost = {
        name: max(abs(float(np.sum(text * edit.B[:, r]))) for r in range(edit.rank))
        for name, text in zip(
            (*basis.labels, *basis.vocabulary),
            [*basis.tensors["labels"], *basis.tensors["vocabulary"]],
            strict=True,
        )
    }
    told = attacks.base_diff(basis, edit)
    assert [g["weight"] for g in told] == pytest.approx(
        sorted(lost.values(), reverse=True)[:5]
    )
    assert all(g["weight"] == pytest.approx(lost[g["word"]]) for g in told)


@pytest.mark.parametrize("which", sorted(FORGETS))
def test_what_a_request_is_about(
    world: World, bases: dict[str, Basis], which: str
) -> None:
    data, pool = pictures(world, 1), thirty(world, "image", 1)
    contributions, edit = edited(world, bases["image"], which, 1.0)
    seen = Seen(
        world.names[:40],
        list(world.texts[:40]),
        data,
        [c.spec.scope for c in contributions],
        edit,
    )
    for contribution, scope in zip(contributions, seen.scopes, strict=True):
        assert labelled_in_scope(pool, contribution, data).tolist() == [
            seen.covers(scope, i) for i in seen.pictures
        ]
        phrases = {p for c in scope.concepts for p in c.phrases}
        inside = []
        for i, x in enumerate(pool.tensors["pool"]):
            name = pool.labels[
                max(range(40), key=lambda k: float(x @ pool.tensors["labels"][k]))
            ]
            domain = pool.domains[int(pool.tensors["pool_domains"][i])]
            inside.append(
                (not phrases or name in phrases)
                and (not scope.domains or domain in scope.domains)
            )
        told = pool_in_scope(pool, contribution)
        assert told is not None
        assert told.tolist() == inside
        cells = [(n, d) for n in pool.labels for d in pool.domains]
        mine = [
            (n, d)
            for n, d in cells
            if (not phrases or n in phrases)
            and (not scope.domains or d in scope.domains)
        ]
        assert named_share(pool, contribution) == pytest.approx(len(mine) / len(cells))


@example(seed=0)
@given(seed=st.integers(0, 2**16))
@settings(max_examples=10, deadline=None)
def test_a_domains_strength_scatters_its_pictures_and_spares_the_others(
    world: World, seed: int
) -> None:
    draw = np.random.default_rng(seed)
    data = pictures(world, seed)
    images, labels = data.vectors, world.texts[:40]
    inside, hit = draw.random(30) < 0.5, draw.random((30, 1)) + 0.2
    inside[:2] = [True, False]
    removal = labels.T @ draw.normal(size=(40, 1))
    alpha, told = strength.scattered(images, inside, hit, removal, labels, sinks=3)

    def kept(at: float, where: np.ndarray) -> float:
        same = []
        for i in np.flatnonzero(where):
            before = [float(images[i] @ t) for t in labels]
            after = [
                float((images[i] - at * hit[i, 0] * removal[:, 0]) @ t) for t in labels
            ]
            same.append(int(np.argmax(before)) == int(np.argmax(after)))
        return sum(same) / len(same)

    assert told["kept_inside"] == pytest.approx(kept(alpha, inside))
    assert told["kept_elsewhere"] == pytest.approx(kept(alpha, ~inside))
    if told["target_reached"]:
        assert kept(alpha / constants.SAFETY, inside) <= (3 + constants.CHANCE) / 40
        assert (
            kept(0.98 * alpha / constants.SAFETY, inside) > (3 + constants.CHANCE) / 40
        )
    else:
        assert kept(alpha, ~inside) >= constants.ELSEWHERE > kept(1.02 * alpha, ~inside)


@pytest.mark.parametrize("seed", range(4))
def test_an_area_over_likelihoods_counts_every_pair_as_likely_as_it_is(
    seed: int,
) -> None:
    draw = np.random.default_rng(seed)
    scores, likely = draw.normal(size=30), draw.random(30) ** 2
    wins = pairs = 0.0
    for i in range(30):
        for j in range(30):
            weight = likely[i] * (1 - likely[j])  # that i shows it and j does not
            pairs += weight
            wins += weight * (0.5 if i == j else float(scores[i] > scores[j]))
    assert strength.soft_auc(scores, likely) == pytest.approx(wins / pairs)
    assert (
        strength.soft_auc(scores, np.ones(30))
        == strength.soft_auc(scores, np.zeros(30))
        == 0.5
    )


@pytest.mark.parametrize("seed", range(3))
def test_level_by_likelihoods_is_the_smallest_strength_that_levels_drawn_to_one(
    world: World, seed: int
) -> None:
    data, draw = pictures(world, seed), np.random.default_rng(seed)
    text, removal = (
        world.texts[5],
        world.texts[[5]].T - world.texts[:40].mean(0)[:, None],
    )
    detector = draw.normal(size=96) / 96**0.5 + 2 * text
    score = data.vectors @ text
    hit, likely = (
        data.vectors @ detector,
        1 / (1 + np.exp(-2 * (score - score.mean()) / score.std())),
    )
    alpha, told = strength.softly_level(data.vectors, hit, likely, removal, text)

    def level(at: float) -> float:
        shown = Edit(detector[:, None], at * removal).apply(data.vectors)
        return strength.soft_auc(shown @ text, likely)

    assert 0 < alpha < constants.MOST_STRENGTH
    assert told["auc"] == pytest.approx(level(alpha))
    solved = alpha + (alpha - 1.0) * (constants.AVERAGE / likely.sum()) ** 2
    assert level(solved) <= 0.5 < level(0.97 * solved)


def test_a_strength_of_level_that_no_picture_tells_is_one(world: World) -> None:
    data = pictures(world, 0)
    text = world.texts[5]
    hit = data.vectors @ text
    none = np.zeros(len(hit))

    alpha, _ = strength.softly_level(data.vectors, hit, none, text[:, None], text)

    assert alpha == 1.0
