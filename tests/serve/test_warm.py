"""What a daemon warms: all numbers of pictures before it is ready, and a revision before it is
published.
"""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from govd.requests import ForgetOptions
from govd.serve.queues import BATCH
from govd.service.service import Service

SIZES = [1, 2, 4, 8, 16, BATCH]


@pytest.fixture
def sizes(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many pictures the model is given at once."""
    inner: Any = service.core.models.opened("m").model.inner  # type: ignore[attr-defined]
    seen, encode = list[int](), inner.encode_images

    def counted(images: Sequence[Any], *more: Any) -> Any:
        seen.append(len(images))
        return encode(images, *more)

    monkeypatch.setattr(inner, "encode_images", counted)
    return seen


def forget(service: Service) -> None:
    service.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")
    service.reconciler.run()
    assert service.models.show("m")["revision"] == 1


def test_every_number_of_pictures_is_encoded_once(
    service: Service, sizes: list[int]
) -> None:
    service.warm.model("m", lambda: False)
    assert sizes == SIZES
    service.warm.model("m", lambda: False)
    assert sizes == SIZES


def test_what_ends_meanwhile_is_not_warm(service: Service, sizes: list[int]) -> None:
    service.warm.model("m", lambda: len(sizes) == 2)
    assert sizes == SIZES[:2]
    service.warm.model("m", lambda: False)
    assert sizes == [*SIZES[:2], *SIZES]


def test_a_revision_is_warm_before_it_is_published(
    service: Service, sizes: list[int], pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.warm.is_wanted = True
    forget(service)
    assert sizes == SIZES

    def late(*_: Any) -> None:
        raise AssertionError("calibrated when somebody waits for it")

    monkeypatch.setattr("govd.serve.serving.calibrated", late)
    (answer,) = service.classify("m", [("a", pictures / "dark" / "blue" / "0.png")])
    assert answer["revision"] == 1
    assert "abstain" in answer


def test_a_command_warms_nothing(service: Service, sizes: list[int]) -> None:
    forget(service)
    assert sizes == []


def test_what_cannot_be_warmed_is_published_all_the_same(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("out of order")

    inner: Any = service.core.models.opened("m").model.inner  # type: ignore[attr-defined]
    monkeypatch.setattr(inner, "encode_images", broken)
    service.warm.is_wanted = True
    with caplog.at_level(logging.WARNING, "govd"):
        forget(service)
    assert "is published cold" in caplog.text
