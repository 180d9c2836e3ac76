"""The portfolio of `tests.benchmarks.forgetting`: its columns against plain counting, its store,
its tables and pictures.
"""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from govd.edit import Basis, exact
from govd_clip.training.recipes import RECIPES
from tests.benchmarks.forgetting.cases import Case, cases
from tests.benchmarks.forgetting.document import document
from tests.benchmarks.forgetting.figures import Figures, measure
from tests.benchmarks.forgetting.floors import floors
from tests.benchmarks.forgetting.maps import Cell
from tests.benchmarks.forgetting.pairs import WITHOUT, pair_split, pairs
from tests.benchmarks.forgetting.plots import draw_all
from tests.benchmarks.forgetting.results import Result, Store
from tests.benchmarks.forgetting.rows import FLOORS
from tests.benchmarks.forgetting.sets import Split, Words
from tests.benchmarks.forgetting.tables import cell, over_sets, table
from tests.benchmarks.predicted import TRUE, Judged
from tests.geometry import simulated_texts

CHEAP, DEAR = FLOORS[min(FLOORS)], FLOORS[max(FLOORS)]
"""Rows of two floors."""

LABELS, DOMAINS, EACH = 6, 2, 8


def no_basis() -> Basis:
    raise AssertionError("figures need no basis")


@pytest.fixture
def split() -> Split:
    draw = np.random.default_rng(3)
    texts = simulated_texts(LABELS, 16)
    label = np.repeat(np.arange(LABELS), DOMAINS * EACH)
    domain = np.tile(np.repeat(np.arange(DOMAINS), EACH), LABELS)
    x = exact.unit(
        texts[label] - texts.mean(0) + 0.5 * draw.normal(size=(len(label), 16)) / 4
    )
    words = Words(tuple("abcdefgh"), simulated_texts(8, 16, seed=5))
    labels = Words(
        tuple(f"label {i}" for i in range(LABELS)),
        texts,
        np.stack([texts, simulated_texts(LABELS, 16, seed=9)]),
    )
    return Split(
        "simulated", 0, labels, words, no_basis, x, label, ("photo", "sketch"), domain
    )


def shrunk(x: np.ndarray) -> np.ndarray:
    """Another map than the identity."""
    return x - 0.8 * np.outer(x @ np.eye(x.shape[1])[0], np.eye(x.shape[1])[0])


def test_figures_of_a_label_are_plain_counts(split: Split) -> None:
    figures = measure(Case(split, "labels", np.array([1, 4])), shrunk)
    texts, moved = split.labels.vectors, shrunk(split.x)
    before, after = (
        [int(np.argmax(texts @ x)) for x in split.x],
        [int(np.argmax(texts @ x)) for x in moved],
    )
    own = [i for i, label in enumerate(split.label) if label in (1, 4)]
    others = [i for i in range(len(moved)) if i not in own and before[i] not in (1, 4)]
    assert figures["named"] == np.mean([after[i] in (1, 4) for i in own])
    assert figures["named_right"] == np.mean([after[i] == split.label[i] for i in own])
    assert figures["unchanged"] == np.mean([after[i] == before[i] for i in others])
    assert figures["mistakes"] == np.mean(
        [before[i] in (1, 4) for i in range(len(moved)) if i not in own]
    )
    by_prompt = [
        np.mean([np.argmax(rows @ moved[i]) in (1, 4) for i in own])
        for rows in split.labels.prompts
    ]
    assert figures["worst_prompt"] == max(by_prompt)
    first = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    given, rest, negative = (
        first[16],
        first[17:32],
        first[[i for i in range(len(first)) if split.label[i] != 1]],
    )
    pairs_above = np.mean(
        [float(given @ p > given @ n) for p in rest for n in negative]
    )
    alone = measure(Case(split, "labels", np.array([1])), shrunk)
    assert alone["example_auc_1"] == pytest.approx(pairs_above)


def test_figures_of_a_cell_tell_the_same_class_elsewhere_apart(split: Split) -> None:
    case = Case(split, "cells", np.array([2]), np.array([1]))
    figures = measure(case, shrunk)
    after = (shrunk(split.x) @ split.labels.vectors.T).argmax(1)
    cell_of, elsewhere = (
        (split.label == 2) & (split.domain == 1),
        (split.label == 2) & (split.domain == 0),
    )
    right = elsewhere & (split.base == 2)
    assert figures["named"] == np.mean(after[cell_of] == 2)
    assert figures["elsewhere"] == np.mean(after[right] == 2)
    counted = ~cell_of & ~((split.base == 2) & (split.domain == 1))
    assert figures["measured"] == np.mean(after[counted] != split.base[counted])
    assert not (case.others & (split.label == 2)).any()


def test_a_whole_domain_has_no_forgotten_label(split: Split) -> None:
    photo, sketch = cases(split, "domains", 1)
    figures = measure(sketch, lambda x: np.where(split.domain[:, None] == 1, -x, x))
    assert (photo.domains, sketch.domains) == (np.array([0]), np.array([1]))
    assert figures["unchanged"] == 1
    assert figures["named_right"] < 0.5
    assert "named" not in figures


def test_draws_are_the_same_for_a_seed_and_at_most_half(split: Split) -> None:
    singles = [int(case.forgotten[0]) for case in cases(split, "labels", 1)]
    assert singles == [int(case.forgotten[0]) for case in cases(split, "labels", 1)]
    assert list(cases(split, "labels", LABELS // 2 + 1)) == []


def test_a_store_goes_on_where_it_was(tmp_path: Path, split: Split) -> None:
    case = next(cases(split, "labels", 1))
    kept = Store(tmp_path).result(case, "base", "", lambda: Figures(named=0.25))
    again = Store(tmp_path).result(
        case, "base", "", lambda: pytest.fail("computed twice")
    )
    assert kept is not None
    assert again is not None
    assert again.figures.named == kept.figures.named == 0.25
    assert (
        Store(tmp_path, frozen=True).result(
            case, "oblique", "", lambda: pytest.fail("computed")
        )
        is None
    )
    other = Store(tmp_path).result(
        case, "base", "another state of the code", lambda: Figures(named=0.5)
    )
    assert other is not None
    assert other.figures.named == 0.5


def results() -> list[Result]:
    rows = [
        ("first", CHEAP, 0.2),
        ("first", DEAR, 0.0),
        ("second", CHEAP, 0.0),
        ("second", DEAR, 0.0),
    ]
    listed = []
    for name, row, named in rows:
        for count in (1, 10):
            figures = Figures(
                named=named, mistakes=0.02, unchanged=0.9, unlisted=0.8, neighbours=0.7
            )
            listed.append(Result(name, "labels", row, count, 0, 0, figures))
    return listed


def test_a_floor_is_chosen_on_the_other_sets() -> None:
    lines = floors(results()).splitlines()
    # the second set has no need of a floor
    assert any(line.startswith(f"| first | {CHEAP} | 1 | 0.200 |") for line in lines)
    assert not any(line.startswith(f"| second | {CHEAP} |") for line in lines)


def test_tables_leave_out_empty_columns_and_give_intervals() -> None:
    # t(0.975, 1) = 12.706
    assert cell([Figures(named=0.1), Figures(named=0.3)], "named") == "0.200 ± 1.271"
    head = table(results()).splitlines()[0]
    assert "named" in head
    assert "text auc" not in head
    assert len(over_sets(results())) == 8


def test_documented_predictions_stand_beside_what_was_measured_on_the_same_draws() -> (
    None
):
    draws = [
        Figures(named=0.0, predicted=0.2, predicted_high=0.3, measured=0.1),
        Figures(named=0.5, measured=0.9),
    ]
    results = [
        Result("set: explained", "labels", "fitted", 1, 0, i, figures)
        for i, figures in enumerate(draws)
    ]
    text = document(results, [])
    assert "| set | fitted | 1 | 1 | 0.200 | 0.300 | 0.100 |" in text
    assert "| set | fitted | 1 | 2 | 0.250 |" in text


def test_pictures_are_drawn_of_what_there_is(tmp_path: Path) -> None:
    judged = [
        Judged("concepts", figure, 0.02 * i, 0.0, 0.02 * i + 0.03, 0.03 * i, 100)
        for figure in ("all", TRUE["all"])
        for i in range(4)
    ]
    cells = [
        Cell(f"class {i}", domain, 5, 0.8, 0.8 - 0.1 * i, i == 2)
        for i in range(4)
        for domain in ("photo", "sketch")
    ]
    paths = draw_all(tmp_path, results(), {"first": judged}, {"first: fitted": cells})
    assert {path.name for path in paths} == {
        "capacity.svg",
        "prediction.svg",
        "map-first-fitted.svg",
    }
    assert all(ElementTree.parse(path).getroot().tag.endswith("svg") for path in paths)


def test_small_models_are_read_without_being_named() -> None:
    for name, files in pairs().items():
        model = pair_split(name, *files)
        assert model.x.shape[1] == RECIPES[name].shape.projection
        assert model.domain is not None
        assert model.labels.prompts is not None
        assert len(model.unlisted.names) > 500
    assert RECIPES["mini-without"].without == WITHOUT
