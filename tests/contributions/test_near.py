"""What is near to what was asked for: to pictures where they alone tell what is meant."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from govd.errors import Usage
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.service import Service

MADE_UP = "zorblax thing"


@pytest.fixture
def reds(pictures: Path) -> list[bytes]:
    """Four pictures of red, two of each domain."""
    files = [
        path
        for domain in ("bright", "dark")
        for path in sorted((pictures / domain / "red").iterdir())[:2]
    ]
    return [path.read_bytes() for path in files]


def near(service: Service, name: str, model: str = "m", **options: Any) -> Any:
    return service.requests.preview(
        model, ForgetOptions(concepts=(name,), **options), "ann"
    )["near"]


@pytest.mark.parametrize("target", ["unnamed", "level", "shift"])
def test_what_pictures_alone_tell_is_near_to_them(
    service: Service, given: Given, reds: list[bytes], target: str
) -> None:
    model = "m"
    if target == "shift":  # no label is kept exactly: not where a label set is used
        model = "open"
        service.add_model(model, "colours", replace(given, use="open"), "ann")
    by_name = near(service, MADE_UP, model)
    rows = near(service, MADE_UP, model, examples=reds, target=target)
    assert (rows[0]["name"], rows[0]["called"], rows[0]["given"]) == ("red", 4, 4)
    assert rows[0]["involved"] > 0.5, "pictures of red are what is taken away"
    assert rows[0]["cosine"] == max(row["cosine"] for row in rows)
    assert "called" not in by_name[0]
    assert [row["name"] for row in by_name] != [row["name"] for row in rows]


def test_beside_a_phrase_what_is_near_to_either_is_told(
    service: Service, reds: list[bytes]
) -> None:
    to_phrase = near(service, "blue")
    rows = near(service, "blue", examples=reds)
    names = [row["name"] for row in rows]
    assert "red" in names
    assert max(to_phrase, key=lambda row: row["cosine"])["name"] in names
    assert next(row for row in rows if row["name"] == "red")["called"] == 4
    assert "blue" not in names


def test_pictures_without_a_name_are_told_what_the_model_calls_them(
    service: Service, reds: list[bytes]
) -> None:
    with pytest.raises(Usage, match=r"need a name .* To m they are likeliest red, "):
        service.requests.preview("m", ForgetOptions(examples=reds))
