"""Shares, intervals, retrieval and papers' scores, each against loops and plain resampling."""

import numpy as np
import pytest

from govd.edit import Basis, Edit, compose, metrics
from govd.edit.outcomes import LEVEL, Outcomes, cell_intervals, published_scores
from govd.edit.retrieval import retrieval
from govd.methods import builtin
from govd.types import Contribution
from tests.edit.conftest import World

METHODS = builtin()


@pytest.fixture(scope="module")
def forgotten(world: World) -> tuple[Basis, Edit, list[Contribution]]:
    """A concept everywhere and one in one domain, half as strongly as would be needed, so that
    every share is between 0 and 1.
    """
    basis = world.basis()
    gone = [
        world.contribution(basis, world.names[3], method="bilateral", strength=0.55)
    ]
    gone.append(
        world.contribution(
            basis,
            world.names[5],
            method="bilateral",
            domains=("sketch",),
            strength=0.55,
        )
    )
    return basis, compose(basis, gone, METHODS), gone


def answers(basis: Basis, edit: Edit, x: np.ndarray) -> list[str]:
    names, texts = basis.anchors
    moved = edit.apply(x)
    return [
        max(zip(names, texts, strict=True), key=lambda pair: float(row @ pair[1]))[0]
        for row in moved
    ]


def test_shares_are_counts_of_pictures(
    world: World, forgotten: tuple[Basis, Edit, list[Contribution]]
) -> None:
    basis, edit, gone = forgotten
    data, shares = world.data, Outcomes.of(*forgotten, world.data).shares()
    true = [data.classes[i] for i in data.class_of]
    sketch = [d == 1 for d in data.domain_of]
    mine = [
        t == world.names[3] or (t == world.names[5] and s)
        for t, s in zip(true, sketch, strict=True)
    ]
    for when, of in (("_before", Edit.nothing(basis.dim)), ("", edit)):
        got = answers(basis, of, data.vectors)
        named = [
            g == world.names[3] or (g == world.names[5] and s)
            for g, s in zip(got, sketch, strict=True)
        ]
        right = [g == t for g, t in zip(got, true, strict=True)]
        assert shares[f"accuracy{when}"] == pytest.approx(np.mean(right))
        assert shares[f"forget_acc{when}"] == pytest.approx(
            np.mean([r for r, m in zip(right, mine, strict=True) if m])
        )
        assert shares[f"retain_acc{when}"] == pytest.approx(
            np.mean([r for r, m in zip(right, mine, strict=True) if not m])
        )
        assert shares[f"forget_named{when}"] == pytest.approx(
            np.mean([n for n, m in zip(named, mine, strict=True) if m])
        )
    assert shares["retain_agreement"] == pytest.approx(
        metrics.on_images(basis, edit, gone, data)["retain_agreement"]
    )


def test_intervals_are_those_of_pictures_drawn_again(
    world: World, forgotten: tuple[Basis, Edit, list[Contribution]]
) -> None:
    outcomes = Outcomes.of(*forgotten, world.data)
    intervals = outcomes.intervals()
    assert intervals == outcomes.intervals(), "the same each time"
    assert intervals != outcomes.intervals(seed=1)
    draw, n = np.random.default_rng(7), len(outcomes.true)
    drawn: dict[str, list[float]] = {"retain_acc": [], "forget_acc": [], "accuracy": []}
    for _ in range(4000):
        rows = draw.integers(0, n, n)
        mine, right = outcomes.mine[rows], outcomes.right[rows]
        drawn["retain_acc"].append(right[~mine].mean())
        drawn["forget_acc"].append(right[mine].mean())
        drawn["accuracy"].append(right.mean())
    for name, values in drawn.items():
        low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        assert intervals[name] == pytest.approx([low, high], abs=0.25 * (high - low))
        assert intervals[name][0] <= outcomes.shares()[name] <= intervals[name][1]


def test_an_interval_of_a_cell_is_open_where_all_pictures_are_alike(
    world: World, forgotten: tuple[Basis, Edit, list[Contribution]]
) -> None:
    outcomes, data = Outcomes.of(*forgotten, world.data), world.data
    found = cell_intervals(outcomes, data)
    assert len(found) == 80
    whole = 0
    for (name, domain), (low, high) in found.items():
        inside = (data.class_of == data.classes.index(name)) & (
            data.domain_of == data.domains.index(domain)
        )
        right, n = int(outcomes.right[inside].sum()), int(inside.sum())
        assert low <= right / n <= high
        if right == n:
            whole += 1
            assert low**n == pytest.approx((1 - LEVEL) / 2), (
                "so low a share gives n of n that seldom"
            )
            assert high == 1
        elif right:
            shares = np.random.default_rng(1).binomial(n, right / n, 20_000) / n
            assert [low, high] == pytest.approx(
                np.quantile(shares, [0.05, 0.95]), abs=1.01 / n
            )
    assert whole


def test_retrieval_is_what_a_person_would_count(
    world: World, forgotten: tuple[Basis, Edit, list[Contribution]]
) -> None:
    basis, edit, gone = forgotten
    found, data = retrieval(basis, edit, gone, world.data), world.data
    names, texts = basis.anchors
    mine = (data.class_of == 3) | ((data.class_of == 5) & (data.domain_of == 1))
    for when, of in (("before", Edit.nothing(basis.dim)), ("after", edit)):
        moved = of.apply(data.vectors)
        for group, inside in (("forgotten", mine), ("retained", ~mine)):
            assert found[group]["images"] == inside.sum()
            for k in (1, 5, 10):
                hits = []
                for i in np.flatnonzero(inside):
                    best = sorted(
                        range(len(names)), key=lambda j: -float(moved[i] @ texts[j])
                    )[:k]
                    hits.append(names.index(data.classes[data.class_of[i]]) in best)
                assert found[group][when][f"i2t@{k}"] == pytest.approx(np.mean(hits))
                finds = []
                for c in sorted(set(data.class_of[inside])):
                    best = sorted(
                        range(len(moved)), key=lambda i: -float(moved[i] @ texts[c])
                    )[:k]
                    finds.append(any(inside[i] and data.class_of[i] == c for i in best))
                assert found[group][when][f"t2i@{k}"] == pytest.approx(np.mean(finds))


def test_scores_of_papers_are_their_formulas(
    world: World, forgotten: tuple[Basis, Edit, list[Contribution]]
) -> None:
    basis, edit, gone = forgotten
    outcomes, data = Outcomes.of(*forgotten, world.data), world.data
    recalls = retrieval(basis, edit, gone, data)
    found = published_scores(outcomes, data, recalls)
    m = metrics.on_images(basis, edit, gone, data)
    error, kept = 1 - m["forget_acc"], m["retain_acc"]
    assert found["adu_h"]["h"] == pytest.approx(1 / ((1 / error + 1 / kept) / 2))
    assert found["cliperase"]["forget"]["accuracy"] == pytest.approx(m["forget_acc"])
    assert (
        found["cliperase"]["retain"]["t2i@5"] == recalls["retained"]["after"]["t2i@5"]
    )
    terms = [
        1 - m["forget_acc"] / m["forget_acc_before"],
        kept / m["retain_acc_before"],
    ]
    for domain in (0, 1):
        cells = [
            c
            for c in m["cells"]
            if c["domain"] == data.domains[domain] and not c["forgotten"]
        ]
        terms.append(
            sum(c["after"] * c["images"] for c in cells)
            / sum(c["before"] * c["images"] for c in cells)
        )
    assert found["kravets_namboodiri"]["score"] == pytest.approx(np.mean(terms))
    assert list(found["kravets_namboodiri"]["terms"].values()) == pytest.approx(terms)
    base = Outcomes.of(basis, Edit.nothing(basis.dim), [], data)
    assert published_scores(base, data, {}) == {}, "nothing was to go"


def test_redirects_are_other_names_for_what_went(
    world: World, forgotten: tuple[Basis, Edit, list[Contribution]]
) -> None:
    basis, edit, _ = forgotten
    outcomes, data = Outcomes.of(*forgotten, world.data), world.data
    inside = data.class_of == 3
    got = [g for g in answers(basis, edit, data.vectors[inside]) if g != world.names[3]]
    redirects = outcomes.redirects(inside)
    assert redirects
    assert {r["label"]: r["share"] for r in redirects}.items() <= {
        g: got.count(g) / inside.sum() for g in got
    }.items()
    assert redirects[0]["share"] == max(got.count(g) for g in got) / inside.sum()
