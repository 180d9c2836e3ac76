"""What pictures show where their word does not find them, against its definition."""

import numpy as np
import pytest

from govd.edit import Basis, Ingredients, Material, Problem, build, compose, exact
from govd.edit.constants import ALIKE_RIDGE, PICTURED_RIDGE, PICTURED_STRENGTH
from govd.edit.contribution import sealed
from govd.edit.pool import PoolFit
from govd.edit.strength import auc
from govd.errors import Unsupported
from govd.methods import builtin
from govd.types import Concept, Contribution, ForgetSpec, Scope, Target, Use
from tests.benchmarks.forgetting.sets import Split, Words
from tests.benchmarks.naming.forgets import registered
from tests.geometry import simulated_texts

METHODS = builtin()
LABELS, EACH, WIDTH = 14, 40, 64
HIDDEN = 3


@pytest.fixture(scope="module")
def split() -> Split:
    draw = np.random.default_rng(4)
    texts = simulated_texts(LABELS, WIDTH)
    words = simulated_texts(40, WIDTH, seed=6)
    label = np.repeat(np.arange(LABELS), 2 * EACH)
    noise = draw.normal(size=(len(label), WIDTH)) / WIDTH**0.5
    x = exact.unit(texts[label] - texts.mean(0) + 0.3 * noise)
    given = Ingredients(
        "simulated",
        "labels",
        "image",
        tuple(f"label {i}" for i in range(LABELS)),
        texts,
        [f"anchor {i}" for i in range(20)],
        words[:20],
        pool=x[0::2],
        pool_kind="pool",
    )
    labels = Words(given.labels, texts)
    other = Words(tuple(f"other {i}" for i in range(20)), words[20:])
    return Split(
        "simulated", 0, labels, other, lambda: build(given), x[1::2], label[1::2]
    )


def without(split: Split, use: Use = "labels") -> Basis:
    return registered(split, use, without=(split.labels.names[HIDDEN],))


def stranger(split: Split, pictures: np.ndarray, basis: Basis) -> np.ndarray:
    """The word that says least of the pictures."""
    middles = [
        np.mean(basis.tensors["pool"] @ word < np.median(pictures @ word))
        for word in split.unlisted.vectors
    ]
    return split.unlisted.vectors[[int(np.argmin(middles))]]


def forget(
    basis: Basis,
    text: np.ndarray,
    pictures: np.ndarray | None,
    target: Target = "unnamed",
    name: str = "a logo",
) -> Contribution:
    spec = ForgetSpec(Scope((Concept(name),)), "fitted", target)
    material = Material([text], text, examples=pictures)
    tensors, facts = METHODS["fitted"].contribute(Problem(basis, spec, material))
    return sealed(basis.digest, spec, dict(tensors), dict(facts))


def shown(split: Split, at: int) -> np.ndarray:
    return split.x[split.label == at]


@pytest.mark.parametrize("target", ["unnamed", "level"])
def test_what_pictures_alone_show_is_found_by_no_other_word_and_labels_keep_their_scores(
    split: Split, target: Target
) -> None:
    basis = without(split)
    given, judged = shown(split, HIDDEN)[:8], shown(split, HIDDEN)[8:]
    text = stranger(split, given, basis)
    made = forget(basis, text, given, target)
    edit = compose(basis, [made], METHODS)
    names = split.labels.vectors

    def named(x: np.ndarray) -> float:
        return float(np.mean((x @ names.T).argmax(1) == HIDDEN))

    word_alone = compose(basis, [forget(basis, text, None, target)], METHODS)
    assert named(judged) > 0.9
    assert named(word_alone.move(judged)) > 0.9, "the word alone takes nothing of it"
    assert named(edit.move(judged)) < 0.1
    assert edit.facts["anchors"] == "hard"
    raw = split.x - (split.x @ edit.L) @ edit.B.T
    labels = basis.tensors["labels"]
    assert np.abs((raw - split.x) @ labels.T).max() < 1e-9
    assert "pictures" in made.facts["terms"][-1]["warning"]


@pytest.mark.parametrize("use", ["labels", "open"])
def test_it_is_its_definition(split: Split, use: Use) -> None:
    basis = without(split, use)
    given = shown(split, HIDDEN)[:5]
    made = forget(basis, stranger(split, given, basis), given)
    pool = basis.tensors["pool"]
    images = pool[~PoolFit.of(basis).held]
    centre = images.mean(0)
    covariance = np.cov(images.T, bias=True)
    covariance += np.eye(WIDTH) * ALIKE_RIDGE * np.trace(covariance) / WIDTH
    mean, rest = given.mean(0), centre
    for turn in range(3):
        points = np.stack([mean, rest])
        lifted = np.linalg.solve(covariance, points.T)
        detector = (lifted @ np.linalg.inv(points @ lifted))[:, 0]
        like = images @ detector > 0.5
        if turn < 2:
            mean = np.concatenate([given, images[like]]).mean(0)
            rest = images[~like].mean(0) if turn else centre
    tensors = made.tensors
    assert np.abs(tensors["pictured"][:, 0] - detector).max() < 1e-2
    labels, anchors = basis.tensors["labels"], basis.anchors[1]
    moment = anchors.T @ anchors / len(anchors)
    moment += np.eye(WIDTH) * PICTURED_RIDGE * np.trace(moment) / WIDTH
    difference = mean - rest
    wanted = {"soft": np.linalg.solve(moment, difference)}
    if use == "labels":
        wanted["hard"] = difference - np.linalg.pinv(labels) @ (labels @ difference)
    assert ("pictured_hard" in tensors) == ("hard" in wanted)
    for mode, direction in wanted.items():
        scaled = PICTURED_STRENGTH * direction * (difference @ difference)
        scaled /= direction @ difference
        assert np.abs(tensors[f"pictured_{mode}"][:, 0] - scaled).max() < 1e-3


def test_a_shift_moves_their_mean_onto_the_rest_and_leaves_the_word_alone(
    split: Split,
) -> None:
    basis = without(split, "open")
    given, judged = shown(split, HIDDEN)[:8], shown(split, HIDDEN)[8:]
    made = forget(basis, stranger(split, given, basis), given, "shift")
    edit = compose(basis, [made], METHODS)
    assert edit.L.shape == (WIDTH, 1)
    pool = basis.tensors["pool"]
    images = pool[~PoolFit.of(basis).held]
    like = images @ edit.L[:, 0] > 0.5
    rest, mean = images[~like].mean(0), np.concatenate([given, images[like]]).mean(0)
    away, detector = edit.B[:, 0], edit.L[:, 0]
    assert away @ detector == pytest.approx(1.0)  # 1 at the mean, 0 at the rest
    assert away @ (mean - rest) > 0.99 * np.linalg.norm(away) * np.linalg.norm(
        mean - rest
    )
    names = split.labels.vectors
    assert np.mean((judged @ names.T).argmax(1) == HIDDEN) > 0.9
    assert np.mean((edit.move(judged) @ names.T).argmax(1) == HIDDEN) < 0.2
    assert "moved onto the rest" in made.facts["terms"][0]["warning"]


def test_a_shift_by_pictures_is_for_open_use(split: Split) -> None:
    basis = without(split)
    given = shown(split, HIDDEN)[:4]
    with pytest.raises(Unsupported, match="keeps no label exactly"):
        forget(basis, stranger(split, given, basis), given, "shift")


def test_pictures_beside_a_name_correct_what_it_guesses_of_its_level(
    split: Split,
) -> None:
    """Where the name's own guesses lie too high, the more pictures the nearer to 0.5."""
    basis, own = split.basis, split.labels.vectors[[HIDDEN]]
    label = split.labels.names[HIDDEN]
    pool = PoolFit.of(basis)
    scores = pool.images @ own[0]
    lowest = exact.unit(shown(split, HIDDEN) - 0.2 * own)
    given, judged = lowest[0::2], lowest[1::2]
    off = []
    for count in (0, 4, 40):
        pictures = given[:count] if count else None
        made = forget(basis, own, pictures, "level", label)
        assert made.tensors["detectors"].shape == (WIDTH, 1)
        edit = compose(basis, [made], METHODS)
        text = own[0]
        area = auc(
            edit.move(judged) @ text, edit.move(split.x[split.label != HIDDEN]) @ text
        )
        off.append(abs(area - 0.5))
    assert scores.max() > (given @ own[0]).max()
    assert off[0] > off[1] > off[2]
    assert off[2] < 0.1


def test_where_the_word_finds_the_pictures_they_are_taken_as_its_own(
    split: Split,
) -> None:
    basis = split.basis
    made = forget(basis, split.labels.vectors[[HIDDEN]], shown(split, HIDDEN)[:4])
    assert "pictured" not in made.tensors
    assert made.tensors["examples"].shape == (WIDTH, 4)


def test_a_label_is_taken_at_its_word_whatever_the_pictures_show(split: Split) -> None:
    basis = split.basis
    text = split.labels.vectors[[1]]
    pictures = shown(split, HIDDEN)[:4]
    assert "pictured" not in forget(basis, text, pictures, name="label 1").tensors
    assert "pictured" in forget(basis, text, pictures).tensors


def test_taking_it_back_leaves_what_the_others_alone_are(split: Split) -> None:
    basis = without(split)
    given = shown(split, HIDDEN)[:4]
    made = forget(basis, stranger(split, given, basis), given)
    spec = ForgetSpec(Scope((Concept("label 1"),)), "fitted", "unnamed")
    text = split.labels.vectors[[1]]
    tensors, facts = METHODS["fitted"].contribute(
        Problem(basis, spec, Material([text], text))
    )
    other = sealed(basis.digest, spec, dict(tensors), dict(facts))
    both = compose(basis, [made, other], METHODS)
    assert both.digest == compose(basis, [other, made], METHODS).digest
    assert both.digest != compose(basis, [other], METHODS).digest
    judged = both.move(split.x)
    answers = (judged @ basis.tensors["labels"].T).argmax(1)
    assert np.mean(answers[split.label == 1] == basis.labels.index("label 1")) < 0.05


def test_few_pictures_are_told_to_tell_little(split: Split) -> None:
    basis = without(split)
    given = shown(split, HIDDEN)[:1]
    made = forget(basis, stranger(split, given, basis), given)
    assert "give 4 or more" in made.facts["terms"][-1]["warning"]


def test_a_name_that_the_model_has_for_the_pictures_is_told(split: Split) -> None:
    given = shown(split, HIDDEN)[:4]
    made = forget(split.basis, stranger(split, given, split.basis), given)
    assert "called label 3" in made.facts["terms"][-1]["warning"]
