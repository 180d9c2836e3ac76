"""How a feed is set: names, addresses, models; disabled and set anew."""

from pathlib import Path

import pytest

from govd.automatic.feed_settings import FeedSettings
from govd.errors import Conflict, NotFound, Unsupported, Usage
from govd.service.service import Service
from tests.automatic.conftest import NOW, Nightly


def test_a_path_is_the_address_of_its_folder(
    nightly: Nightly, service: Service
) -> None:
    settings = FeedSettings("plain", str(nightly.folder), "m")
    assert service.feeds.add(settings, "ann", NOW)["url"] == nightly.folder.as_uri()


@pytest.mark.parametrize("name", ["", "Up", "a/b", "..", "a" * 64, "a b"])
def test_a_name_that_is_none_is_refused(
    service: Service, tmp_path: Path, name: str
) -> None:
    with pytest.raises(Usage):
        service.feeds.add(FeedSettings(name, tmp_path.as_uri()), "ann", NOW)


def test_an_address_that_nothing_reads_is_refused(
    service: Service, tmp_path: Path
) -> None:
    for url, error in (
        ("gopher://x", Unsupported),
        ((tmp_path / "none").as_uri(), NotFound),
        ("http://example.org/names.csv", Usage),
        ("https://ann:secret@example.org/names.csv", Usage),
    ):
        with pytest.raises(error):
            service.feeds.add(FeedSettings("x", url), "ann", NOW)
    assert service.feeds.all() == []


def test_a_feed_is_disabled_enabled_and_set_anew(
    nightly: Nightly, service: Service
) -> None:
    nightly.add()
    with pytest.raises(Conflict, match="there is a feed"):
        nightly.add()
    service.feeds.disable("nightly", "ann")
    nightly.write("red\n", "a.txt")
    with pytest.raises(Conflict, match="disabled"):
        nightly.look()
    assert not service.automatic.step(NOW)
    with pytest.raises(Conflict):
        service.feeds.disable("nightly", "ann")
    service.feeds.enable("nightly", "ann")
    assert len(nightly.look()) == 1
    service.feeds.disable("nightly", "ann")
    again = nightly.add("revert")
    assert (again["state"], again["missing"], again["runs"]) == ("enabled", "revert", 1)


def test_a_model_is_the_feeds_or_the_rows(nightly: Nightly, service: Service) -> None:
    nightly.add(model=None)
    run = nightly.run("concept,model\nred,m\nblue,\npink,other\n")
    assert [row["answer"] for row in run["rows"]] == ["filed", "refused", "refused"]
    service.feeds.disable("nightly", "ann")
    nightly.add(model="m")
    run = nightly.run("concept,model\npink,m\nblue,\nred,other\n", "b.csv")
    assert [row["answer"] for row in run["rows"]] == ["filed", "filed", "refused"]
    with pytest.raises(NotFound):
        service.feeds.add(
            FeedSettings("x", nightly.folder.as_uri(), "none"), "ann", NOW
        )
