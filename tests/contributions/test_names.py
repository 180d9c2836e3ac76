"""A typing mistake waits for a person: names that are neither known nor near to what is, by meaning
and by spelling.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from govd_example.backend import NAMES

from govd.contributions import naming
from govd.contributions.spelling import distance, is_turned_or_doubled, is_variant
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.service import Service
from govd.types import Json, Record


def filed(service: Service, *concepts: str, **options: object) -> Record:
    request = service.requests.forget(
        str(options.pop("model", "m")),
        ForgetOptions(concepts=concepts, **options),
        "ann",
    )  # type: ignore[arg-type]
    service.reconciler.run()
    return service.requests.show(request["id"])


def votes(request: Record) -> list[Json]:
    return [vote for vote in request["votes"] if vote["policy"] == "govd-names"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("rde", "red"),
        ("yelow", "yellow"),
        ("purpel", "purple"),
        ("reds", "red"),
        ("cyna", "cyan"),
        ("unicorn", ""),
        ("democracy", ""),
    ],
)
def test_a_name_that_is_no_label_waits_and_says_what_was_meant(
    name: str, meant: str, service: Service
) -> None:
    request = filed(service, name)
    assert request["state"] == "waiting"
    assert f"{name!r} is neither a label nor near one" in request["state_reason"]
    assert ("did you mean" in request["state_reason"]) == bool(meant)
    assert f"did you mean {meant}?" in request["state_reason"] or not meant
    assert [vote["decision"] for vote in votes(request)] == ["wait"]
    service.requests.decide(request["id"], "approve", "that is what is meant", "bob")
    service.reconciler.run()
    assert service.requests.show(request["id"])["state"] == "in_force"


@pytest.mark.parametrize("name", ["red", "RED", "Red ", "\ufeffred"])
def test_a_label_goes_however_it_is_spelled(name: str, service: Service) -> None:
    assert [vote["decision"] for vote in votes(filed(service, name))] == ["allow"]


def test_another_word_that_the_model_reads_nearly_like_a_label_goes(
    service: Service,
) -> None:
    assert filed(service, "red thing")["state"] == "in_force"


def test_aliases_and_cells_count_too(service: Service) -> None:
    alias = filed(service, "green", aliases=["gren"])
    assert alias["state"] == "waiting"
    assert "'gren' is neither a label nor near one" in alias["state_reason"]
    cell = filed(service, "bleu", domains=["dark"])
    assert "did you mean blue?" in cell["state_reason"]


def test_what_pictures_show_needs_no_known_name(
    service: Service, pictures: Path
) -> None:
    examples = [
        path.read_bytes() for path in sorted((pictures / "bright" / "red").iterdir())
    ]
    request = filed(service, "rde", examples=examples)
    assert votes(request) == []
    assert "govd-names" not in request["state_reason"]


def test_whole_domains_name_nothing(service: Service) -> None:
    assert votes(filed(service, all_concepts=True, domains=["dark"])) == []


def test_what_was_let_pass_once_is_known_while_it_stands(service: Service) -> None:
    first = filed(service, "red", aliases=["ruby"])
    assert first["state"] == "waiting"
    service.requests.decide(first["id"], "approve", "a word of the trade", "bob")
    service.reconciler.run()
    assert filed(service, "ruby", domains=["dark"])["state"] == "subsumed"


def test_preview_says_that_it_would_wait(service: Service) -> None:
    doubted = service.requests.preview("m", ForgetOptions(concepts=["rde"]))[
        "predicted"
    ]["doubted_names"]
    assert [(doubt["phrase"], doubt["meant"]) for doubt in doubted] == [("rde", "red")]
    assert (
        service.requests.preview("m", ForgetOptions(concepts=["red"]))["predicted"][
            "doubted_names"
        ]
        == []
    )


def test_a_private_name_is_judged_and_not_told(service: Service) -> None:
    request = filed(service, "rde", private=True)
    assert request["state"] == "waiting"
    assert "a name in this private request" in request["state_reason"]
    entries = str(list(service.core.desk.ledger.some(request["entries"])))
    assert "rde" not in entries
    assert "did you mean" not in entries
    assert filed(service, "red", private=True)["state"] == "in_force"


def test_in_open_use_words_are_known_by_the_vocabulary(
    service: Service, given: Given
) -> None:
    words = [
        "harbour",
        "lantern",
        "pebble",
        "saddle",
        "thistle",
        "walnut",
        "anvil",
        "barn",
        "red harbour",
        "red lantern",
        "old red anvil",
    ]
    options = replace(
        given, labels=[], anchors=[*NAMES, *words], use="open", images=None
    )
    service.add_model("open", "colours", options, "ann")
    costly = replace(
        service.core.home.settings,
        max_predicted_disagreement=1.0,
        max_total_disagreement=1.0,
    )
    # names alone are judged here
    object.__setattr__(service.core.home, "settings", costly)
    assert filed(service, "walnut", model="open")["state"] == "in_force"
    assert filed(service, "red saddle", model="open")["state"] == "in_force"
    mistyped = filed(service, "lantren", model="open")
    assert mistyped["state"] == "waiting"
    assert "did you mean lantern?" in mistyped["state_reason"]


def _measure(
    near: float, what: str = "label", names: tuple[str, ...] = ("dog", "cat")
) -> naming.Yardstick:
    return naming.Yardstick(
        names, np.eye(len(names), 3), np.zeros(3), (*names, "cart", "hound"), near, what
    )


def _at(cosine: float) -> np.ndarray:
    return np.array([cosine, 0.0, np.sqrt(1 - cosine**2)])


@pytest.mark.parametrize(
    ("name", "cosine", "doubted"),
    [
        ("canine", 0.9, False),
        ("canine", 0.7, True),
        ("dgo", 0.9, True),
        ("dgo", 1.0, False),
        ("dogs", 0.9, False),
        ("hound", 0.7, True),
    ],
)
def test_spelling_is_a_reason_to_doubt_what_is_near(
    name: str, cosine: float, doubted: bool
) -> None:
    assert (
        bool(
            naming.doubts(
                [name], _measure(0.8), lambda text: _at(cosine if text == name else 0.1)
            )
        )
        == doubted
    )


def test_a_word_of_the_vocabulary_is_not_suggested_for_itself() -> None:
    (doubt,) = naming.doubts(["Hound"], _measure(0.8), lambda _: _at(0.5))
    assert doubt.meant == ""
    assert doubt.reason.startswith("'Hound' is neither a label nor near one")
    (doubt,) = naming.doubts(["hounds"], _measure(0.8), lambda _: _at(0.5))
    assert doubt.meant == "hound"


def test_a_phrase_that_is_cut_to_a_label_is_doubted() -> None:
    def read(text: str) -> np.ndarray:
        return np.eye(3)[["dog in a", "cat in a"].index(text[:8])]

    names = ("dog in a hat", "cat in a hat")
    (doubt,) = naming.doubts(["dog in a car"], _measure(0.8, names=names), read)
    assert (
        doubt.reason
        == "the model's tokenizer cuts 'dog in a car': to the model it is the same as 'dog in a"
        " hat'"
    )
    assert (
        naming.doubts(
            ["Dog in a hat"],
            _measure(0.8, names=names),
            lambda text: read(text.lower()),
        )
        == []
    )


def test_a_yardstick_is_measured_on_the_models_own_words(service: Service) -> None:
    basis = service.core.models.opened("m").basis
    every = np.concatenate([basis.tensors["labels"], basis.tensors["vocabulary"]])
    every = every - sum(every) / len(every)
    every = np.stack([row / np.sqrt(row @ row) for row in every])
    pairs = range(len(every))
    nearest = [max(every[i] @ every[j] for j in pairs if j != i) for i in pairs]
    assert naming.yardstick(basis).near == pytest.approx(max(0.5, np.median(nearest)))
    assert naming.yardstick(replace(basis, use="open")).near == pytest.approx(
        np.quantile(nearest, 0.05)
    )


@pytest.mark.parametrize(
    ("first", "second", "letters"),
    [
        ("dog", "dog", 0),
        ("dgo", "dog", 1),
        ("dg", "dog", 1),
        ("dig", "dog", 1),
        ("doog", "dog", 1),
        ("umbrela", "umbrella", 1),
        ("ca", "abc", 3),
    ],
)
def test_letters_between_words(first: str, second: str, letters: int) -> None:
    assert distance(first, second, 3) == letters
    assert distance(second, first, 3) == letters
    assert distance(first, second, 0) == min(letters, 1)


def test_what_is_another_form_of_a_word_and_what_is_a_slip() -> None:
    assert all(
        is_variant(*pair)
        for pair in [
            ("Dogs", "dog"),
            ("box", "boxes"),
            ("puppies", "puppy"),
            ("polar-bear", "polar bear"),
            ("polarbear", "polar bear"),
        ]
    )
    assert not any(is_variant(*pair) for pair in [("dgo", "dog"), ("cat", "cart")])
    assert all(
        is_turned_or_doubled(*pair)
        for pair in [("dgo", "dog"), ("dogg", "dog"), ("doog", "dog")]
    )
    assert not any(
        is_turned_or_doubled(*pair)
        for pair in [("bat", "cat"), ("cart", "cat"), ("dog", "dog")]
    )


def test_more_letters_apart_than_are_looked_for_is_one_more() -> None:
    assert distance("a", "abcdef", 2) == 3
    assert distance("", "ab", 5) == distance("ab", "", 5) == 2
    assert distance("abcdef", "a", 1) == 2
    assert distance("abcd", "wxyz", 2) == 3
    assert distance("abcd", "abdc", 1) == 1
    assert distance("abc", "ca", 3) == 3, "no pair is turned and changed"


@pytest.mark.parametrize(
    ("typed", "known", "doubted"),
    [
        ("hprse", "horse", True),
        ("bexn", "bean", False),
        ("baen", "bean", True),
        ("beaan", "bean", True),
        ("cbt", "cat", False),
    ],
)
def test_among_words_a_short_one_with_another_letter_is_another_word(
    typed: str, known: str, doubted: bool
) -> None:
    measure = _measure(0.8, "word", (known, "xylophone"))
    found = naming.doubts(
        [typed], measure, lambda text: _at(0.9 if text == typed else 0.1)
    )
    assert bool(found) is doubted
