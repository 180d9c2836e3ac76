"""A set of forgets that was in force before is not composed again, also by a process that has just
begun.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from govd.contributions import composing
from govd.edit import Basis, Edit, Method, compose
from govd.errors import BadFile
from govd.hookspecs import hookimpl
from govd.models.given import Given
from govd.service.service import Service, open_service
from govd.types import Contribution
from tests.service.test_service import forget
from tests.verify.test_recompute import again


def digest(service: Service) -> str:
    published = service.core.desk.views.published("m")
    assert published is not None
    return str(published["edit_digest"])


@pytest.fixture
def home(tmp_path: Path, example_plugins: None, given: Given) -> Path:
    """A home with one forget in force and a second one that was in force beside it: revision 1 is
    of the first alone.
    """
    with open_service(tmp_path / "home") as service:
        service.add_model("m", "colours", given, "ann")
        forget(service, "red")
        forget(service, "navy")
    return tmp_path / "home"


def reverted(home: Path) -> str:
    with open_service(home) as service:
        first = service.core.desk.revision("m", 1)
        (second,) = [
            r for r in service.requests.all() if r["concepts"][0]["name"] == "navy"
        ]
        service.requests.revert(str(second["id"]), "enough", "ann")
        service.reconciler.run()
        assert service.core.desk.views.heads["m"]["published"] == 3
        assert digest(service) == first["edit_digest"]
        assert service.core.desk.revision("m", 3)["edit"] == first["edit"]
        assert all(row["same_bytes"] for row in again(service)["recomputed"])
        return str(first["edit"])


def test_a_set_seen_before_is_not_composed_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed = []

    def counted(*given: object) -> object:
        composed.append(len(given[1]))  # type: ignore[arg-type]
        return compose(*given)  # type: ignore[arg-type]

    compose = composing.composed
    monkeypatch.setattr(composing, "composed", counted)
    reverted(home)
    assert composed == []


def test_its_digests_alone_name_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_service(home) as service:
        monkeypatch.setattr(service.core.models, "opened", None)
        monkeypatch.setattr(service.contributions.stored, "load", None)
        model, first = (
            service.core.desk.model("m"),
            service.core.desk.revision("m", 1),
        )
        composing = service.contributions.composing
        edit = composing.seen_for_revision(model, list(first.contributions))
        assert edit is not None
        assert edit.digest == first.edit_digest
        assert composing.seen_for_revision(model, ["0" * 64]) is None
        settings = replace(service.core.home.settings, compose_on="device")
        monkeypatch.setattr(service.core.home, "settings", settings)
        assert composing.seen_for_revision(model, list(first.contributions)) is None


def test_a_damaged_contribution_of_it_is_found_before_it_is_served(home: Path) -> None:
    with open_service(home) as service:
        views = service.core.desk.views
        (digest,) = service.core.desk.revision("m", 1).contributions
        reference = views.contribution(digest)
        assert reference is not None
        path = service.core.artifacts.path(reference.artifact)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(BadFile):
        reverted(home)
    with open_service(home) as service:
        assert service.core.desk.views.heads["m"]["published"] == 2


@pytest.mark.parametrize("harm", ["gone", "cut"])
def test_it_is_composed_where_the_artifact_is_damaged(home: Path, harm: str) -> None:
    with open_service(home) as service:
        artifact = str(service.core.desk.revision("m", 1)["edit"])
        path = service.core.artifacts.path(artifact)
    path.chmod(0o600)
    path.unlink() if harm == "gone" else path.write_bytes(path.read_bytes()[:-9])
    assert reverted(home) == artifact


def test_other_software_composes_anew(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed = []
    compose = composing.composed
    monkeypatch.setattr(
        composing, "composed", lambda *given: composed.append(1) or compose(*given)
    )
    monkeypatch.setattr(
        composing,
        "computed_with",
        lambda: {"software": {"govd": "0.0.1"}, "machine": "pdp11"},
    )
    reverted(home)
    assert composed


class Device:
    """A backend that composes: the host's own bytes, in the name of a device."""

    @hookimpl(tryfirst=True)
    def govd_compose_edit(
        self,
        basis: Basis,
        contributions: Sequence[Contribution],
        methods: Mapping[str, Method],
    ) -> Edit:
        edit = compose(basis, contributions, methods)
        return replace(edit, facts={**edit.facts, "composed_by": "device"})


def test_what_a_device_composed_is_composed_anew_on_the_host(
    tmp_path: Path, example_plugins: None, given: Given
) -> None:
    with open_service(tmp_path / "home") as service:
        service.core.plugins.manager.register(Device(), "device")
        service.add_model("m", "colours", given, "ann")
        forget(service, "red")
        second = forget(service, "navy")
        assert service.revision("m", 1)["facts"]["composed_by"] == "device"
    with open_service(tmp_path / "home") as service:
        service.requests.revert(second["id"], "enough", "ann")
        service.reconciler.run()
        before, now = (service.revision("m", number) for number in (1, 3))
        assert now["contributions"] == before["contributions"]
        assert now["facts"]["composed_by"] == "host"
