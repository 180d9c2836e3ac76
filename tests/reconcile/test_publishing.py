"""`--publish-to`: whose folders are touched, what is kept, and what is told where something is in
the way.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import govd
from govd.errors import BadFile, Conflict, MachineFault, PluginFault
from govd.home.settings import Settings
from govd.models.given import Given
from govd.reconcile.pauses import Pauses
from govd.requests import ForgetOptions
from govd.service.service import Service, open_service

COLOURS = ("red", "green", "blue", "yellow", "purple", "orange")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "served"


@pytest.fixture
def published(service: Service, given: Given, folder: Path) -> Service:
    """The model `a` is published to a folder."""
    service.add_model("a", "colours", replace(given, publish_to=str(folder)), "ann")
    return service


def forget(service: Service, *concepts: str, model: str = "a") -> str:
    request = service.forget(model, ForgetOptions(concepts=concepts), "ann")
    service.reconcile()
    return str(request["id"])


def tree(folder: Path) -> dict[str, str]:
    """Everything below a folder, with its bytes or where it leads to."""
    return {
        str(path.relative_to(folder)): (
            os.readlink(path)
            if path.is_symlink()
            else path.read_text(errors="replace")
            if path.is_file()
            else "/"
        )
        for path in sorted(folder.rglob("*"))
    }


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mark(folder: Path, **changes: Any) -> None:
    """A `revision.json` as somebody else would have it."""
    folder.mkdir(parents=True, exist_ok=True)
    said = {
        "origin": "govd/other",
        "model": "a",
        "number": 1,
        "files": {},
        "edit_digest": None,
        "model_digest": "x",
    }
    (folder / "revision.json").write_text(json.dumps({**said, **changes}))


# -- what is written


def test_there_is_no_current_before_the_first_revision(published: Service, folder: Path) -> None:
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
    assert names(folder / "current") == ["edit.safetensors", "revision.json"]
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
    [(3, ["3", "4", "5", "6"]), (0, ["6"]), (1, ["5", "6"]), (9, ["1", "2", "3", "4", "5", "6"])],
)
def test_as_many_revisions_are_kept_as_settings_say(
    published: Service, folder: Path, keep: int, left: list[str]
) -> None:
    object.__setattr__(
        published.core.home, "settings", replace(published.core.home.settings, keep_published=keep)
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
        published.core.home, "settings", replace(published.core.home.settings, keep_published=0)
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
    published.reconcile()
    assert names(folder) == ["4", "current"]


@pytest.mark.parametrize("what", ["a file of a server", "weights of somebody's"])
def test_what_govd_did_not_write_is_not_taken_away_with_an_old_revision(
    published: Service, folder: Path, what: str
) -> None:
    object.__setattr__(
        published.core.home, "settings", replace(published.core.home.settings, keep_published=0)
    )
    forget(published, "red")
    path = folder / "1" / ("engine.plan" if what == "a file of a server" else "edit.safetensors")
    path.write_text("mine")
    forget(published, "green") if what == "a file of a server" else _past(published, folder)
    forget(published, "blue")
    assert path.read_text() == "mine"
    assert "2" not in names(folder)


def _past(service: Service, folder: Path) -> None:
    """Another revision, without the mending of what is published now."""
    service.reconciler.deliveries.delivery.stands = lambda *given: {}  # type: ignore[method-assign]
    service.forget("a", ForgetOptions(concepts=("green",)), "ann")
    while service.reconciler.revisions.step("a"):
        pass
    del service.reconciler.deliveries.delivery.stands
    service.reconcile()


def test_a_revision_that_another_model_is_made_of_is_kept(
    published: Service, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    object.__setattr__(
        published.core.home, "settings", replace(published.core.home.settings, keep_published=0)
    )
    forget(published, "red")
    models = published.core.desk.views.models
    monkeypatch.setitem(models, "m", models["m"].with_(reference=str(folder / "1")))
    forget(published, "green")
    assert names(folder) == ["1", "2", "current"]


# -- what is in the way

Put = Callable[[Path], object]


def served(folder: Path, name: str, text: str = "weights") -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "model.safetensors").write_text(text)


def linked(folder: Path, name: str, to: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).symlink_to(to)


def filed(folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("mine")


IN_THE_WAY: dict[str, tuple[Put, str]] = {
    "a model server's version": (lambda f: served(f, "1"), "1 has no revision.json"),
    "a later version": (lambda f: served(f, "17"), "17 has no revision.json"),
    "a version 0": (lambda f: served(f, "0"), "0 has no revision.json"),
    "an empty folder": (lambda f: (f / "3").mkdir(parents=True), "3 has no revision.json"),
    "a file": (lambda f: filed(f, "2"), "2 has no revision.json"),
    "another home's": (
        lambda f: mark(f / "1"),
        "1 was published by another govd home (govd/other, a)",
    ),
    "nobody's": (lambda f: mark(f / "1", origin=None), "1 was published"),
    "no object": (lambda f: filed(f / "1", "revision.json"), "1 has no revision.json"),
    "a list": (
        lambda f: (f / "1").mkdir(parents=True) or (f / "1" / "revision.json").write_text("[]"),
        "1 has no revision.json",
    ),
    "a link for a version": (
        lambda f: served(f, "elsewhere") or linked(f, "1", "elsewhere"),
        "1 has no revision.json",
    ),
    "a folder called current": (lambda f: served(f, "current"), "current is no link"),
    "current that leads out": (lambda f: linked(f, "current", "/srv"), "current leads to /srv"),
    "current that leads to somebody's": (
        lambda f: served(f, "v1") or linked(f, "current", "v1"),
        "current leads to v1",
    ),
    "current that leads nowhere": (lambda f: linked(f, "current", "4"), "current leads to 4"),
    "the folder is a file": (lambda f: f.write_text("mine"), "no folder"),
}


@pytest.mark.parametrize("what", IN_THE_WAY)
def test_what_is_in_the_way_is_named_and_nothing_is_touched(
    service: Service, given: Given, tmp_path: Path, what: str
) -> None:
    folder = tmp_path / "served"
    put, told = IN_THE_WAY[what]
    put(folder)
    before, size = (
        tree(tmp_path / "served") if folder.is_dir() else folder.read_text(),
        service.core.desk.ledger.size(),
    )
    with pytest.raises(Conflict) as refused:
        service.add_model("a", "colours", replace(given, publish_to=str(folder)), "ann")
    assert told in refused.value.message
    assert str(folder) in refused.value.message
    with pytest.raises(Conflict):
        service.update_model("m", Given(publish_to=str(folder)), "ann")
    assert (tree(folder) if folder.is_dir() else folder.read_text()) == before
    assert service.core.desk.ledger.size() == size


def test_what_is_not_in_the_way_stays(service: Service, given: Given, folder: Path) -> None:
    """Other names are nobody's business: a server's configuration, other folders, links, and what
    looks like a leftover.
    """
    for name in ("v1", ".1.deadbeef", "007", "1.bak", "-1", "01"):
        served(folder, name)
    filed(folder, "config.pbtxt")
    linked(folder, ".current.deadbeef", "v1")
    linked(folder, "stable", "v1")
    linked(folder, "circle", "circle")
    before = tree(folder)
    service.add_model("a", "colours", replace(given, publish_to=str(folder)), "ann")
    for colour in COLOURS:
        forget(service, colour)
    after = tree(folder)
    assert {name: after.get(name) for name in before} == before
    assert os.readlink(folder / "current") == "6"


@pytest.mark.parametrize(
    "what",
    [
        name
        for name in IN_THE_WAY
        if name not in ("the folder is a file", "current that leads nowhere")
    ],
)
def test_what_is_put_in_the_way_later_is_a_told_fault(
    published: Service, folder: Path, what: str
) -> None:
    put, told = IN_THE_WAY[what]
    put(folder)
    before = tree(folder)
    request = published.forget("a", ForgetOptions(concepts=("red",)), "ann")
    for _ in range(2):
        with pytest.raises(MachineFault, match="delivery is tried again") as fault:
            published.reconcile()
        assert told in fault.value.message
    assert tree(folder) == before
    assert published.requests.show(request["id"])["state"] == "in_force"
    verdict = published.verification.verify()
    if "leads" not in told:
        assert any(
            "though revision 1 of a was published last" in line for line in verdict["not_proven"]
        )
    (shown,) = [m for m in published.status()["models"] if m["name"] == "a"]
    assert told in shown["undelivered"]
    shutil.rmtree(folder)
    published.reconcile()
    assert names(folder) == ["1", "current"]
    (shown,) = [m for m in published.status()["models"] if m["name"] == "a"]
    assert shown["undelivered"] is None


def test_a_link_that_leads_in_a_circle_is_no_folder(
    service: Service, given: Given, folder: Path
) -> None:
    folder.symlink_to(folder.name)
    with pytest.raises(Conflict, match="no folder"):
        service.add_model("a", "colours", replace(given, publish_to=str(folder)), "ann")


def test_a_folder_below_a_file_is_refused(service: Service, given: Given, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(Conflict, match="file: it is no folder"):
        service.add_model(
            "a", "colours", replace(given, publish_to=str(tmp_path / "file" / "served")), "ann"
        )


def test_a_folder_that_cannot_be_looked_into_is_told(
    published: Service, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget(published, "red")
    listed = os.listdir

    def refused(path: Any) -> list[str]:
        if Path(path) == folder:
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(os, "listdir", refused)
    with pytest.raises(MachineFault, match="Permission denied"):
        forget(published, "green")
    with pytest.raises(MachineFault, match="Permission denied"):
        published.update_model("a", Given(use="labels"), "ann")
    monkeypatch.undo()
    published.reconcile()
    assert names(folder) == ["1", "2", "current"]


def test_a_copy_of_a_revision_under_another_number_is_somebodys(
    published: Service, folder: Path
) -> None:
    forget(published, "red")
    shutil.copytree(folder / "1", folder / "2")
    with pytest.raises(MachineFault, match=r"another revision \(1\)"):
        forget(published, "green")
    assert json.loads((folder / "2" / "revision.json").read_text())["number"] == 1
    assert os.readlink(folder / "current") == "1"


def test_a_damaged_revision_with_something_else_in_it_is_not_replaced(
    published: Service, folder: Path
) -> None:
    forget(published, "red")
    (folder / "1" / "notes.txt").write_text("mine")
    published.reconcile()
    (folder / "1" / "edit.safetensors").write_text("damaged")
    with pytest.raises(MachineFault, match=r"notes\.txt in it, which govd did not write"):
        published.reconcile()
    assert (folder / "1" / "notes.txt").read_text() == "mine"
    (folder / "1" / "notes.txt").unlink()
    published.reconcile()
    assert (
        govd.load_edit(folder / "current" / "edit.safetensors").digest
        == published.revision("a", 1)["edit_digest"]
    )


def test_a_file_that_became_a_link_is_written_again(
    published: Service, folder: Path, tmp_path: Path
) -> None:
    forget(published, "red")
    path = folder / "1" / "edit.safetensors"
    os.replace(path, tmp_path / "moved")
    path.symlink_to(tmp_path / "moved")
    assert published.reconcile()
    assert path.is_file()
    assert not path.is_symlink()
    assert (tmp_path / "moved").exists()


def test_current_is_turned_back_where_somebody_turned_it(published: Service, folder: Path) -> None:
    forget(published, "red")
    forget(published, "green")
    (folder / "current").unlink()
    (folder / "current").symlink_to("1/")
    assert published.reconcile()
    assert os.readlink(folder / "current") == "2"
    shutil.rmtree(folder / "2")
    assert published.reconcile()
    assert names(folder) == ["1", "2", "current"]


# -- whose folder it is


def link_to(folder: Path, tmp_path: Path) -> Path:
    (tmp_path / "link").symlink_to(folder)
    return tmp_path / "link"


SAME: dict[str, Callable[[Path, Path], Path]] = {
    "the same": lambda folder, tmp_path: folder,
    "by ..": lambda folder, tmp_path: folder / ".." / folder.name,
    "by a link": link_to,
    "inside": lambda folder, tmp_path: folder / "b",
    "inside a revision": lambda folder, tmp_path: folder / "1" / "b",
    "around": lambda folder, tmp_path: folder.parent,
    "inside by a link": lambda folder, tmp_path: link_to(folder, tmp_path) / "b",
}


@pytest.mark.parametrize("written", [True, False])
@pytest.mark.parametrize("how", SAME)
def test_two_models_do_not_share_a_folder(
    service: Service, given: Given, tmp_path: Path, how: str, written: bool
) -> None:
    folder = tmp_path / "srv" / "a"
    folder.parent.mkdir()
    service.add_model("a", "colours", replace(given, publish_to=str(folder)), "ann")
    if written:
        forget(service, "red")
    where = str(SAME[how](folder, tmp_path))
    with pytest.raises(Conflict, match="a is published to"):
        service.add_model("b", "colours", replace(given, publish_to=where), "ann")
    with pytest.raises(Conflict, match="a is published to"):
        service.update_model("m", Given(publish_to=where), "ann")
    assert "b" not in service.core.desk.views.models


@pytest.mark.parametrize("how", SAME)
def test_two_homes_do_not_share_a_folder_where_it_can_be_seen(
    service: Service, given: Given, tmp_path: Path, how: str, example_plugins: None
) -> None:
    folder = tmp_path / "srv" / "a"
    folder.parent.mkdir()
    service.add_model("a", "colours", replace(given, publish_to=str(folder)), "ann")
    forget(service, "red")
    before = tree(folder)
    with open_service(tmp_path / "other") as other, pytest.raises(Conflict):
        other.add_model(
            "a", "colours", replace(given, publish_to=str(SAME[how](folder, tmp_path))), "ann"
        )
    assert tree(folder) == before


def test_a_link_that_is_turned_to_another_models_folder_is_a_told_fault(
    service: Service, given: Given, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        service.add_model(name, "colours", replace(given, publish_to=str(tmp_path / name)), "ann")
    forget(service, "red")
    (tmp_path / "b").symlink_to("a")
    before = tree(tmp_path / "a")
    with pytest.raises(MachineFault, match="a is published to this folder"):
        forget(service, "red", model="b")
    assert tree(tmp_path / "a") == before
    (shown,) = [m for m in service.status()["models"] if m["name"] == "b"]
    assert "a is published to this folder" in shown["undelivered"]


def test_status_says_what_is_not_delivered_without_having_tried(
    published: Service, folder: Path, tmp_path: Path
) -> None:
    forget(published, "red")
    (folder / "current").unlink()
    published.close()
    with open_service(tmp_path / "home") as again:
        (shown,) = [m for m in again.status()["models"] if m["name"] == "a"]
        assert (
            shown["undelivered"]
            == f"{folder}/current leads to nothing, revision 1 is published: not delivered yet"
        )
        again.reconcile()
        assert {m["undelivered"] for m in again.status()["models"]} == {None}


@pytest.mark.parametrize(
    "where", ["home", "home/served", ".", "home/artifacts", "served/../home", "link"]
)
def test_the_home_is_no_folder_to_publish_to(
    service: Service, given: Given, tmp_path: Path, where: str
) -> None:
    (tmp_path / "link").symlink_to("home")
    before = set(tree(tmp_path / "home"))
    with pytest.raises(Conflict, match="home"):
        service.add_model("a", "colours", replace(given, publish_to=str(tmp_path / where)), "ann")
    assert set(tree(tmp_path / "home")) - before == set()


# -- what a backend writes


def test_a_backend_that_says_other_digests_than_it_wrote_publishes_nothing(
    published: Service, folder: Path
) -> None:
    model = published.core.models.opened("a").model.inner  # type: ignore[attr-defined]
    write = model.write_checkpoint
    model.write_checkpoint = lambda edit, part: {**write(edit, part), "edit.safetensors": "0" * 64}  # type: ignore[method-assign]
    with pytest.raises(MachineFault, match="not what the backend said"):
        forget(published, "red")
    assert names(folder) == []


def test_a_backend_that_changes_more_than_the_projection_publishes_and_exports_nothing(
    published: Service, folder: Path, tmp_path: Path
) -> None:
    model = published.core.models.opened("a").model.inner  # type: ignore[attr-defined]
    object.__setattr__(model.facts, "files", {"config.json": "1" * 64, "weights": "2" * 64})

    def write(edit: object, part: Path) -> dict[str, str]:
        for name in ("config.json", "weights"):
            (part / name).write_text("changed")
        return {name: hashlib.sha256(b"changed").hexdigest() for name in ("config.json", "weights")}

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
    published.forget("a", ForgetOptions(concepts=("green",)), "ann")
    with pytest.raises((type(fault), PluginFault, MachineFault)):
        published.reconcile()
    assert tree(folder) == before
    model.write_checkpoint = write  # type: ignore[method-assign]
    published.reconciler.pauses = Pauses()
    published.reconcile()
    assert names(folder) == ["1", "2", "current"]


def test_two_govds_do_not_write_to_a_folder_at_once(published: Service, folder: Path) -> None:
    import fcntl

    folder.mkdir()
    handle = os.open(folder, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(MachineFault, match="another process writes to it"):
        forget(published, "red")
    os.close(handle)
    published.reconcile()
    assert names(folder) == ["1", "current"]


# -- folders of early versions


@pytest.fixture
def early(service: Service, given: Given, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A model as a version registered and published it that knew neither `publish_base` nor an
    origin in `revision.json`.
    """
    from govd.models import registry

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
    assert not early.reconcile()
    assert tree(folder) == before
    forget(early, "green")
    early.update_model("a", Given(use="labels"), "ann")
    assert names(folder) == ["0", "1", "2", "current"]
    (folder / "1" / "revision.json").write_text(
        (folder / "1" / "revision.json").read_text().replace('"number": 1', '"number": 1, "x": 1')
    )
    for colour in COLOURS[2:5]:
        forget(early, colour)
    assert names(folder) == ["0", "2", "3", "4", "5", "current"]


def test_an_early_folder_that_the_ledger_does_not_know_is_in_the_way(
    early: Service, folder: Path
) -> None:
    said = json.loads((folder / "1" / "revision.json").read_text())
    (folder / "1" / "revision.json").write_text(json.dumps({**said, "edit_digest": "0" * 64}))
    with pytest.raises(MachineFault, match="in the way"):
        early.reconcile()
