"""`--publish-to`: whose folders are touched, what is kept, and what is told where something is in
the way.
"""

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

import govd
from govd.errors import BadFile, MachineFault, PluginFault
from govd.home.settings import Settings
from govd.models.given import Given
from govd.reconcile.pauses import Pauses
from govd.requests import ForgetOptions
from govd.service.service import Service
from govd.verify.signed_folder import verify_folder
from tests.reconcile.published_folders import (
    COLOURS,
    forget,
    names,
    tree,
)

# -- what is written


def test_there_is_no_current_before_the_first_revision(
    published: Service, folder: Path
) -> None:
    assert not folder.exists()
    forget(published, "red")
    assert names(folder) == ["1", "current"]
    said = json.loads((folder / "current" / "revision.json").read_text())
    assert said["origin"] == published.core.desk.ledger.origin
    assert (said["model"], said["number"]) == ("a", 1)


def test_the_base_is_published_only_where_it_is_asked_for(
    service: Service, given: Given, folder: Path
) -> None:
    service.add_model(
        "a", "colours", replace(given, publish_to=str(folder), publish_base=True), "ann"
    )
    assert names(folder) == ["0", "current"]
    for colour in COLOURS[:5]:
        forget(service, colour)
    assert names(folder) == ["0", "2", "3", "4", "5", "current"]
    service.update_model("a", Given(publish_base=False), "ann")
    assert names(folder) == ["2", "3", "4", "5", "current"]
    service.update_model("a", Given(use="labels"), "ann")
    assert not service.models.show("a")["publish_base"]


def test_the_base_goes_with_its_link_where_it_is_not_wanted_any_more(
    service: Service, given: Given, folder: Path
) -> None:
    service.add_model(
        "a", "colours", replace(given, publish_to=str(folder), publish_base=True), "ann"
    )
    service.update_model("a", Given(publish_base=False), "ann")
    assert names(folder) == []


def test_what_a_model_without_weights_publishes_is_its_edit(
    service: Service, given: Given, folder: Path
) -> None:
    service.add_model("a", "colours", replace(given, publish_to=str(folder)), "ann")
    model = service.core.models.opened("a").model.inner  # type: ignore[attr-defined]
    model.write_checkpoint = _no_weights  # type: ignore[method-assign]
    forget(service, "red")
    assert names(folder / "current") == [
        "edit.safetensors",
        "model.sig",
        "revision.json",
        "statement.dsse.json",
    ]
    assert verify_folder((folder / "current").resolve(), None)["holds"]
    edit = govd.load_edit(folder / "current" / "edit.safetensors")
    assert edit.digest == service.revision("a", 1)["edit_digest"]
    assert edit.facts["origin"] == service.core.desk.ledger.origin
    assert edit.facts["revision"] == 1


def _no_weights(edit: object, folder: Path) -> dict[str, str]:
    from govd.errors import NoWeights

    raise NoWeights("it is made of vectors")


# -- what is kept


@pytest.mark.parametrize(
    ("keep", "left"),
    [
        (3, ["3", "4", "5", "6"]),
        (0, ["6"]),
        (1, ["5", "6"]),
        (9, ["1", "2", "3", "4", "5", "6"]),
    ],
)
def test_as_many_revisions_are_kept_as_settings_say(
    published: Service, folder: Path, keep: int, left: list[str]
) -> None:
    object.__setattr__(
        published.core.home,
        "settings",
        replace(published.core.home.settings, keep_published=keep),
    )
    for colour in COLOURS:
        forget(published, colour)
    assert names(folder) == [*left, "current"]
    verdict = published.verification.verify()
    assert verdict["holds"], verdict["faults"]


def test_settings_say_how_many_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "govd.toml"
    path.write_text("keep_published = 0\n")
    assert Settings.read(path).keep_published == 0
    path.write_text("keep_published = -1\n")
    with pytest.raises(BadFile, match="at least 0"):
        Settings.read(path)


@pytest.mark.parametrize(
    "to", ["1", "1/", "./1", "1/edit.safetensors", "stage", "{folder}/1", "../served/1"]
)
def test_what_a_link_there_leads_to_is_never_taken_away(
    published: Service, folder: Path, to: str
) -> None:
    object.__setattr__(
        published.core.home,
        "settings",
        replace(published.core.home.settings, keep_published=0),
    )
    forget(published, "red")
    (folder / "stage").symlink_to("1")
    (folder / "stable").symlink_to(to.format(folder=folder))
    if to != "stage":
        (folder / "stage").unlink()
    before = (folder / "1" / "edit.safetensors").read_bytes()
    for colour in COLOURS[1:4]:
        forget(published, colour)
    assert (folder / "1" / "edit.safetensors").read_bytes() == before
    assert not (folder / "2").exists()
    (folder / "stable").unlink()
    (folder / "stage").unlink(missing_ok=True)
    published.reconciler.run()
    assert names(folder) == ["4", "current"]


@pytest.mark.parametrize("what", ["a file of a server", "weights of somebody's"])
def test_what_govd_did_not_write_is_not_taken_away_with_an_old_revision(
    published: Service, folder: Path, what: str
) -> None:
    object.__setattr__(
        published.core.home,
        "settings",
        replace(published.core.home.settings, keep_published=0),
    )
    forget(published, "red")
    path = (
        folder
        / "1"
        / ("engine.plan" if what == "a file of a server" else "edit.safetensors")
    )
    path.write_text("mine")
    forget(published, "green") if what == "a file of a server" else _past(
        published, folder
    )
    forget(published, "blue")
    assert path.read_text() == "mine"
    assert "2" not in names(folder)


def _past(service: Service, folder: Path) -> None:
    """Another revision, without the mending of what is published now."""
    service.reconciler.deliveries.delivery.stands = lambda *given: {}  # type: ignore[method-assign]
    service.requests.forget("a", ForgetOptions(concepts=("green",)), "ann")
    while service.reconciler.revisions.step("a"):
        pass
    del service.reconciler.deliveries.delivery.stands
    service.reconciler.run()


def test_a_revision_that_another_model_is_made_of_is_kept(
    published: Service, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    object.__setattr__(
        published.core.home,
        "settings",
        replace(published.core.home.settings, keep_published=0),
    )
    forget(published, "red")
    models = published.core.desk.views.models
    monkeypatch.setitem(models, "m", models["m"].with_(reference=str(folder / "1")))
    forget(published, "green")
    assert names(folder) == ["1", "2", "current"]


# -- what a backend writes


def test_a_backend_that_says_other_digests_than_it_wrote_publishes_nothing(
    published: Service, folder: Path
) -> None:
    model = published.core.models.opened("a").model.inner  # type: ignore[attr-defined]
    write = model.write_checkpoint
    model.write_checkpoint = lambda edit, part: {
        **write(edit, part),
        "edit.safetensors": "0" * 64,
    }  # type: ignore[method-assign]
    with pytest.raises(MachineFault, match="not those that the backend reported"):
        forget(published, "red")
    assert names(folder) == []


def test_a_backend_that_changes_more_than_the_projection_publishes_and_exports_nothing(
    published: Service, folder: Path, tmp_path: Path
) -> None:
    model = published.core.models.opened("a").model.inner  # type: ignore[attr-defined]
    object.__setattr__(
        model.facts, "files", {"config.json": "1" * 64, "weights": "2" * 64}
    )

    def write(edit: object, part: Path) -> dict[str, str]:
        for name in ("config.json", "weights"):
            (part / name).write_text("changed")
        return {
            name: hashlib.sha256(b"changed").hexdigest()
            for name in ("config.json", "weights")
        }

    model.write_checkpoint = write  # type: ignore[method-assign]
    with pytest.raises(PluginFault, match=r"config.json, weights differ"):
        forget(published, "red")
    assert names(folder) == []


@pytest.mark.parametrize(
    "fault",
    [
        KeyboardInterrupt(),
        SystemExit(3),
        ValueError("nonsense"),
        OSError(28, "No space left on device"),
    ],
)
def test_whatever_ends_a_delivery_leaves_nothing_half_written(
    published: Service, folder: Path, fault: BaseException
) -> None:
    forget(published, "red")
    before = tree(folder)

    def half(edit: object, part: Path) -> dict[str, str]:
        (part / "half").write_text("x")
        raise fault

    model = published.core.models.opened("a").model.inner  # type: ignore[attr-defined]
    write, model.write_checkpoint = model.write_checkpoint, half  # type: ignore[method-assign]
    published.requests.forget("a", ForgetOptions(concepts=("green",)), "ann")
    with pytest.raises((type(fault), PluginFault, MachineFault)):
        published.reconciler.run()
    assert tree(folder) == before
    model.write_checkpoint = write  # type: ignore[method-assign]
    published.reconciler.pauses = Pauses()
    published.reconciler.run()
    assert names(folder) == ["1", "2", "current"]


def test_two_govds_do_not_write_to_a_folder_at_once(
    published: Service, folder: Path
) -> None:
    import fcntl

    folder.mkdir()
    handle = os.open(folder, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(MachineFault, match="another process is writing to it"):
        forget(published, "red")
    os.close(handle)
    published.reconciler.run()
    assert names(folder) == ["1", "current"]


# -- folders of early versions


@pytest.fixture
def early(
    service: Service, given: Given, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Service:
    """A model as a version registered and published it that knew neither `publish_base` nor an
    origin in `revision.json`.
    """
    from govd.registering import registry

    prepared = registry.prepared
    monkeypatch.setattr(
        registry,
        "prepared",
        lambda core, reference, given, *more: prepared(
            core, reference, replace(given, publish_base=None), *more
        ),
    )
    service.add_model("a", "colours", replace(given, publish_to=str(folder)), "ann")
    monkeypatch.undo()
    forget(service, "red")
    for number in ("0", "1"):
        path = folder / number / "revision.json"
        said = json.loads(path.read_text())
        del said["origin"]
        path.write_text(json.dumps(said))
    return service


def test_folders_of_early_versions_go_on(early: Service, folder: Path) -> None:
    before = tree(folder)
    assert not early.reconciler.run()
    assert tree(folder) == before
    forget(early, "green")
    early.update_model("a", Given(use="labels"), "ann")
    assert names(folder) == ["0", "1", "2", "current"]
    (folder / "1" / "revision.json").write_text(
        (folder / "1" / "revision.json")
        .read_text()
        .replace('"number": 1', '"number": 1, "x": 1')
    )
    for colour in COLOURS[2:5]:
        forget(early, colour)
    assert names(folder) == ["0", "2", "3", "4", "5", "current"]


def test_an_early_folder_that_the_ledger_does_not_know_is_in_the_way(
    early: Service, folder: Path
) -> None:
    said = json.loads((folder / "1" / "revision.json").read_text())
    (folder / "1" / "revision.json").write_text(
        json.dumps({**said, "edit_digest": "0" * 64})
    )
    with pytest.raises(MachineFault, match="in the way"):
        early.reconciler.run()
