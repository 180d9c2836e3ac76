"""What is offered in the place of a name that is not there: one sentence for all refusals."""

import numpy as np
import pytest

from govd.errors import Unsupported, instead
from govd.models.meaning import nearest_in_meaning

COLOURS = ("red", "dark red", "green")
MANY = [f"name {i}" for i in range(100)]


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("gren", "Did you mean green? There are: red, dark red, green."),
        ("GREEN", "Did you mean green? There are: red, dark red, green."),
        ("a red car", "Did you mean red or dark red? There are: red, dark red, green."),
        ("xyz", "There are: red, dark red, green."),
    ],
)
def test_what_is_alike_is_asked_about_and_what_there_is_is_listed(
    name: str, advice: str
) -> None:
    assert instead(name, COLOURS) == advice


def test_of_many_names_it_is_said_how_to_list_them() -> None:
    assert instead("xyz", MANY, how="`govd x list` shows them.") == (
        "None of 100 is spelled like it. `govd x list` shows them."
    )
    assert "None of" not in instead("name 7", MANY, how="`govd x list` shows them.")
    assert "None of" not in instead("xyz", MANY, near=["name 7"])
    assert instead("xyz", MANY).endswith("name 4 and 95 more.")
    assert instead("xyz", [], "Stores") == "Stores: none."
    assert instead("xyz", [], how="no", none="Add one.") == "Add one."


def test_what_is_near_in_meaning_is_named() -> None:
    assert instead("xyz", MANY, near=["name 7", "name 9"]).startswith(
        "Nearest in meaning: name 7, name 9. "
    )
    assert instead("gren", COLOURS, near=["red"]).startswith(
        "Did you mean green? Nearest in meaning: red. "
    )


class Texts:
    """An encoder of four texts."""

    def __init__(self) -> None:
        self.rows = {"cat": (1, 0), "dog": (0.9, 0.1), "car": (0, 1)}
        self.rows["kitten"] = (1, 0.02)

    def averaged(
        self, phrases: list[str], templates: object, keep: bool = True
    ) -> np.ndarray:
        if not set(phrases) <= set(self.rows):
            raise Unsupported("no such text")
        return np.array([self.rows[phrase] for phrase in phrases], float)


def test_nearest_in_meaning_is_what_the_model_reads_so() -> None:
    names = ["car", "dog", "cat"]
    found = nearest_in_meaning(Texts(), "kitten", names, ("{}",))  # type: ignore[arg-type]
    assert sorted(found[:2]) == ["cat", "dog"]
    assert found[2] == "car"
    assert nearest_in_meaning(Texts(), "xyz", names, ("{}",)) == []  # type: ignore[arg-type]
