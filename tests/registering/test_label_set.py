"""`govd model labels`: what can be asked for, and what is forgotten of it."""

from govd.service.service import Service
from tests.audit.asking import forget
from tests.conftest import NAMES


def test_labels_are_listed_with_what_the_pool_shows_and_what_stands(
    service: Service,
) -> None:
    red = forget(service, "red")
    cell = forget(service, "red", domains=("dark",))
    rows = service.models.labels("m")
    assert [row["label"] for row in rows] == list(NAMES)
    basis = service.core.models.basis(service.core.desk.model("m"))
    names, anchors = basis.anchors
    images, _ = basis.thinned_pool()
    best = [names[i] for i in (images @ anchors.T).argmax(1)]
    assert {row["label"]: row["pictures"] for row in rows} == {
        name: best.count(name) for name in NAMES
    }
    (own,) = (row for row in rows if row["label"] == "red")
    assert set(own["forgets"]) == {red["id"], cell["id"]}
    assert all(not row["forgets"] for row in rows if row is not own)


def test_a_private_forget_is_not_told_by_the_label_set(service: Service) -> None:
    request = forget(service, "blue", private=True)
    assert request["state"] == "in_force"
    assert all(not row["forgets"] for row in service.models.labels("m"))
