"""Phrases that a model reads alike: they are one to it, and a label is called by its name."""

from pathlib import Path

import numpy as np
import pytest

from govd.contributions.stored import Stored
from govd.errors import Conflict, Usage
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.service import Service, open_service

DIM = 16


def concepts(service: Service, *names: str, **options: object) -> object:
    asked = ForgetOptions(concepts=names, **options)  # type: ignore[arg-type]
    request = service.requests.forget("m", asked, "ann")
    service.reconciler.run()
    filed = service.requests.show(request.id)
    assert filed["state"] == "in_force", filed["state_reason"]
    return filed["concepts"]


def test_a_label_in_another_case_is_that_label(service: Service) -> None:
    """Its labelled pictures, its prediction and its edit are the label's."""
    named = ForgetOptions(concepts=("red",))
    cased = ForgetOptions(concepts=("Red",))
    first, second = (
        service.requests.preview("m", options) for options in (named, cased)
    )
    assert first["predicted"] == second["predicted"]
    assert concepts(service, "Red") == [{"name": "red", "aliases": []}]
    with pytest.raises(Conflict, match="the same scope"):
        service.requests.forget("m", named, "ann")


@pytest.mark.parametrize("alias", ["Red", "RED", "red"])
def test_an_alias_that_is_read_as_the_name_adds_nothing(
    alias: str, service: Service
) -> None:
    filed = concepts(service, "red", aliases=(alias, "purple"))
    assert filed == [{"name": "red", "aliases": ["purple"]}]


def test_one_concept_in_two_spellings_is_refused_before_it_is_filed(
    service: Service,
) -> None:
    size = service.core.desk.ledger.size()
    with pytest.raises(Usage, match="a concept is named twice: BLUE"):
        service.requests.forget("m", ForgetOptions(concepts=("blue", "BLUE")), "ann")
    assert service.core.desk.ledger.size() == size


def test_a_name_that_is_read_otherwise_stays(service: Service) -> None:
    """A phrase that differs in case from no name is left as it was typed."""
    filed = service.requests.forget("m", ForgetOptions(concepts=("Crimson",)), "ann")
    assert filed["concepts"] == [{"name": "Crimson", "aliases": []}]


@pytest.fixture
def twins(tmp_path: Path) -> Path:
    """A file of vectors in which `motorbike` and `motorcycle` have the same."""
    draw = np.random.default_rng(3)
    names = ["motorcycle", "boat", "tree", "lamp", "house", "motorbike", "river"]
    rows = draw.normal(size=(len(names), DIM))
    rows[names.index("motorbike")] = rows[names.index("motorcycle")]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    path = tmp_path / "twins.npz"
    np.savez(
        path,
        text_names=np.array(names),
        text_vectors=rows,
        labels=np.array(5),
        image_vectors=rows[draw.integers(0, 5, 200)]
        + 0.2 * draw.normal(size=(200, DIM)),
    )
    return path


@pytest.mark.parametrize(
    ("name", "alias"), [("motorbike", "motorcycle"), ("motorcycle", "motorbike")]
)
@pytest.mark.parametrize("method", ["auto", "oblique", "ccup"])
def test_an_alias_with_the_same_vector_goes_along(
    twins: Path, tmp_path: Path, name: str, alias: str, method: str
) -> None:
    with open_service(tmp_path / "home") as service:
        service.add_model("m", str(twins), Given(), "ann")
        options = ForgetOptions(concepts=(name,), aliases=(alias,), method=method)
        request = service.requests.forget("m", options, "ann")
        service.reconciler.run()
        if service.requests.show(request.id)["state"] == "waiting":
            service.requests.decide(request.id, "approve", "so be it", "bob")
            service.reconciler.run()
        filed = service.requests.show(request.id)
        assert filed["state"] == "in_force", filed["state_reason"]
        assert filed["concepts"] == [{"name": name, "aliases": [alias]}]
        (contribution,) = service.core.desk.views.published("m")["contributions"]
        kept = Stored(service.core).load(contribution)
        assert kept.facts["targets"] == ["motorcycle"]
        assert service.verification.rebuild()["same"]
