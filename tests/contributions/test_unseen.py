"""What is not known in a domain waits for a person, as a name does that is not known at all."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from govd.contributions.unseen import unseen
from govd.requests import ForgetOptions
from govd.service.service import Service
from govd.types import Concept, Contribution, ForgetSpec, Record, Scope
from tests.contributions.test_names import filed, votes

LABELS = np.eye(3)
PICTURES = np.array([0, 0, 0, 1, 1, 1, 1])
"""The label that each picture of the pool gets; the third label is nowhere."""
DOMAINS = np.array([0, 0, 0, 0, 1, 1, 1])


def cells(*names: str, domains: tuple[str, ...], held: tuple[int, ...]) -> list[Any]:
    """What is not known, on a pool of seven pictures; `held`: those that a prediction counts."""
    concepts = tuple(Concept(name) for name in names)
    basis: Any = SimpleNamespace(
        has_pool=True,
        pool_kind="pool",
        domains=("photo", "sketch"),
        labels=("dog", "cat", "bird"),
        anchors=(("dog", "cat", "bird"), LABELS),
        anchor_names={
            row.tobytes(): name
            for row, name in zip(LABELS, ("dog", "cat", "bird"), strict=True)
        },
        base_answers=PICTURES,
        tensors={"pool_domains": DOMAINS},
        thinned_pool=lambda: (LABELS[PICTURES], np.arange(7)),
    )
    spec = ForgetSpec(Scope(concepts, domains), "fitted", "unnamed")
    watch: Any = SimpleNamespace(at=np.array(held))
    texts = dict(zip(("dog", "cat", "bird"), LABELS, strict=True))
    contribution = Contribution(spec, {}, {}, "")
    return unseen(basis, contribution, concepts, texts.__getitem__, watch)


@pytest.mark.parametrize(
    ("names", "domains", "held", "found"),
    [
        (("dog",), ("sketch",), (0, 4), [("dog", "sketch", 7, 0)]),
        (("cat",), ("sketch",), (0, 4), []),
        (("cat", "dog"), ("sketch",), (0, 4), [("dog", "sketch", 7, 0)]),
        (("cat",), ("photo",), (0, 4), [("cat", "photo", 2, 1)]),
        (("cat",), ("photo", "sketch"), (0, 4), []),
        (("bird",), (), (0, 4), []),
    ],
)
def test_no_picture_there_looks_like_it(
    names: tuple[str, ...],
    domains: tuple[str, ...],
    held: tuple[int, ...],
    found: list[tuple[str, str, int, int]],
) -> None:
    told = cells(*names, domains=domains, held=held)
    assert [(c.phrase, c.domain, c.pictures, c.fitted) for c in told] == found


@pytest.fixture
def lacking(service: Service) -> Service:
    """A model whose pool has no red in the dark."""
    basis = service.core.models.opened("m").basis
    assert basis.digest  # of what it was registered with
    domain = np.array(basis.tensors["pool_domains"])
    domain[basis.base_answers == basis.labels.index("red")] = basis.domains.index(
        "bright"
    )
    vars(basis)["tensors"] = {**basis.tensors, "pool_domains": domain}
    return service


def test_it_waits_until_somebody_lets_it_pass(lacking: Service) -> None:
    request = filed(lacking, "red", domains=["dark"])
    none = "none looks like it to the model: a person must approve it"
    assert request["state"] == "waiting"
    assert "'red' in dark is not known: of 288 pool embeddings " in str(
        request["state_reason"]
    )
    assert none in str(request["state_reason"])
    (said,) = votes(request)
    assert said["inputs"]["doubted"][0]["domain"] == "dark"
    seen = lacking.requests.preview("m", _cell("red"))
    assert seen["decision"]["reason"] == request["state_reason"]
    lacking.requests.decide(request["id"], "approve", "that is what is meant", "bob")
    lacking.reconciler.run()
    assert lacking.requests.show(request["id"])["state"] == "in_force"
    assert _doubted(lacking, "red", "blue") == [], "it was let pass"
    assert [
        vote["decision"] for vote in votes(filed(lacking, "blue", domains=["bright"]))
    ] == ["allow"]


def test_what_is_private_is_judged_and_not_told(lacking: Service) -> None:
    request = filed(lacking, "red", domains=["dark"], private=True)
    assert request["state"] == "waiting"
    assert "is not known in a domain that it names" in str(request["state_reason"])
    entries = str(list(lacking.core.desk.ledger.some(request["entries"])))
    assert "'red'" not in entries


def _cell(*names: str) -> ForgetOptions:
    return ForgetOptions(concepts=names, domains=["dark"])


def _doubted(service: Service, *names: str) -> list[Record]:
    return list(
        service.requests.preview("m", _cell(*names))["predicted"]["doubted_names"]
    )
