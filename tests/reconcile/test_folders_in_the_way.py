"""`--publish-to`: what is told where something is in the way, and whose folder it is."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import govd
from govd.errors import Conflict, MachineFault, Usage
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.service import Service, open_service
from tests.reconcile.published_folders import (
    COLOURS,
    filed,
    forget,
    linked,
    mark,
    names,
    served,
    tree,
)

# -- what is in the way

Put = Callable[[Path], object]


IN_THE_WAY: dict[str, tuple[Put, str]] = {
    "a model server's version": (lambda f: served(f, "1"), "1 has no revision.json"),
    "a later version": (lambda f: served(f, "17"), "17 has no revision.json"),
    "a version 0": (lambda f: served(f, "0"), "0 has no revision.json"),
    "an empty folder": (
        lambda f: (f / "3").mkdir(parents=True),
        "3 has no revision.json",
    ),
    "a file": (lambda f: filed(f, "2"), "2 has no revision.json"),
    "another home's": (
        lambda f: mark(f / "1"),
        "1 was published by another govd home (govd/other, a)",
    ),
    "nobody's": (lambda f: mark(f / "1", origin=None), "1 was published"),
    "no object": (lambda f: filed(f / "1", "revision.json"), "1 has no revision.json"),
    "a list": (
        lambda f: (
            (f / "1").mkdir(parents=True)
            or (f / "1" / "revision.json").write_text("[]")
        ),
        "1 has no revision.json",
    ),
    "a link for a version": (
        lambda f: served(f, "elsewhere") or linked(f, "1", "elsewhere"),
        "1 has no revision.json",
    ),
    "a folder called current": (lambda f: served(f, "current"), "current is no link"),
    "current that leads out": (
        lambda f: linked(f, "current", "/srv"),
        "current leads to /srv",
    ),
    "current that leads to somebody's": (
        lambda f: served(f, "v1") or linked(f, "current", "v1"),
        "current leads to v1",
    ),
    "current that leads nowhere": (
        lambda f: linked(f, "current", "4"),
        "current leads to 4",
    ),
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


def test_what_is_not_in_the_way_stays(
    service: Service, given: Given, folder: Path
) -> None:
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
    request = published.requests.forget("a", ForgetOptions(concepts=("red",)), "ann")
    for _ in range(2):
        with pytest.raises(MachineFault, match="delivery is tried again") as fault:
            published.reconciler.run()
        assert told in fault.value.message
    assert tree(folder) == before
    assert published.requests.show(request["id"])["state"] == "in_force"
    verdict = published.verification.verify()
    if "leads" not in told:
        assert any(
            "though revision 1 of a was published last" in line
            for line in verdict["not_proven"]
        )
    (shown,) = [m for m in published.status()["models"] if m["name"] == "a"]
    assert told in shown["undelivered"]
    shutil.rmtree(folder)
    published.reconciler.run()
    assert names(folder) == ["1", "current"]
    (shown,) = [m for m in published.status()["models"] if m["name"] == "a"]
    assert shown["undelivered"] is None


def test_a_link_that_leads_in_a_circle_is_no_folder(
    service: Service, given: Given, folder: Path
) -> None:
    folder.symlink_to(folder.name)
    with pytest.raises(Usage, match="symbolic links"):
        service.add_model("a", "colours", replace(given, publish_to=str(folder)), "ann")


def test_a_folder_below_a_file_is_refused(
    service: Service, given: Given, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(Conflict, match="file: it is no folder"):
        service.add_model(
            "a",
            "colours",
            replace(given, publish_to=str(tmp_path / "file" / "served")),
            "ann",
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
    published.reconciler.run()
    assert names(folder) == ["1", "2", "current"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux's /proc")
def test_a_folder_that_cannot_be_made_is_told_before_anything_is_changed(
    published: Service,
) -> None:
    before = published.core.desk.views.models["a"]["publish_to"]
    with pytest.raises(
        MachineFault, match=r"\(/proc/\d+ cannot\).*Nothing was changed"
    ):
        published.update_model("a", Given(publish_to="/proc/self/served"), "ann")
    assert published.core.desk.views.models["a"]["publish_to"] == before


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
    published.reconciler.run()
    (folder / "1" / "edit.safetensors").write_text("damaged")
    with pytest.raises(
        MachineFault, match=r"notes\.txt in it, which govd did not write"
    ):
        published.reconciler.run()
    assert (folder / "1" / "notes.txt").read_text() == "mine"
    (folder / "1" / "notes.txt").unlink()
    published.reconciler.run()
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
    assert published.reconciler.run()
    assert path.is_file()
    assert not path.is_symlink()
    assert (tmp_path / "moved").exists()


def test_current_is_turned_back_where_somebody_turned_it(
    published: Service, folder: Path
) -> None:
    forget(published, "red")
    forget(published, "green")
    (folder / "current").unlink()
    (folder / "current").symlink_to("1/")
    assert published.reconciler.run()
    assert os.readlink(folder / "current") == "2"
    shutil.rmtree(folder / "2")
    assert published.reconciler.run()
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
            "a",
            "colours",
            replace(given, publish_to=str(SAME[how](folder, tmp_path))),
            "ann",
        )
    assert tree(folder) == before


def test_a_link_that_is_turned_to_another_models_folder_is_a_told_fault(
    service: Service, given: Given, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        service.add_model(
            name, "colours", replace(given, publish_to=str(tmp_path / name)), "ann"
        )
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
        again.reconciler.run()
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
        service.add_model(
            "a", "colours", replace(given, publish_to=str(tmp_path / where)), "ann"
        )
    assert set(tree(tmp_path / "home")) - before == set()
