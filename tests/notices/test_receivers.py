"""Who may be told, and what of him is kept where."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from govd.errors import Conflict, GovdError, NotFound, Usage
from govd.notices.addresses import address_of
from govd.requests import ForgetOptions
from govd.service.backup import backup
from govd.service.doctor import examine
from govd.service.restore import restore
from govd.service.service import Service, open_service
from tests.notices.conftest import Tell
from tests.notices.receiving import add, happens, kinds, webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nonsense",
        "ftp://example.org/x",
        "https://",
        "https:///path",
        "https://example.org:0/",
        "https://example.org:99999/",
        "https://[::1/",
        "https://ann:pass@example.org/",
        "https://ann@example.org/",
        "https://example.org/#part",
        "https://example.org/a b",
        "https://example.org/\r\nX-Evil: 1",
        "https://exämple.org/",
        "http://example.org/",
        "http://127.0.0.1.example.org/",
        "https://example.org/" + "x" * 3000,
        "mailto:",
        "mailto:ann",
        "mailto:ann@",
        "mailto:ann@example.org,bob@example.org",
        "mailto:ann@example.org?cc=bob@example.org",
        "mailto:ann%0d%0aBcc:bob@example.org",
        "mailto:a..b@example.org",
        "mailto:änn@example.org",
    ],
)
def test_a_bad_address_is_refused(address: str) -> None:
    with pytest.raises(Usage):
        address_of(address)


@pytest.mark.parametrize(
    ("address", "shown", "name"),
    [
        (
            "https://Hooks.Example.org/a?b=c",
            "https://hooks.example.org",
            "hooks.example.org",
        ),
        ("https://example.org:8443/", "https://example.org:8443", "example.org"),
        ("http://localhost:80/x", "http://localhost:80", "localhost"),
        ("http://[::1]:80/x", "http://[::1]:80", "1"),
        ("http://127.8.8.8/x", "http://127.8.8.8", "127.8.8.8"),
        ("MAILTO:ann+x@example.org", "mailto:ann+x@example.org", "ann-x-example.org"),
    ],
)
def test_an_address_shows_no_path_and_makes_a_name(
    address: str, shown: str, name: str
) -> None:
    parsed = address_of(address)
    assert (parsed.shown, parsed.name) == (shown, name)


def test_plain_http_is_said(office: Service) -> None:
    with pytest.raises(Usage, match="--plain-http"):
        add(office, "http://example.org/x", "token.*")
    add(office, "http://example.org/x", "token.*", plain_http=True)


@pytest.mark.parametrize(
    ("on", "advice"),
    [
        ((), "Say --on"),
        (("request.wate",), "request.wait"),
        (("reqest.*",), "request"),
        (("notice.*",), "one more"),
        (("notice.send",), "one more"),
        (("deadlines",), "deadline"),
        (("token.*", "x" * 300), "too long"),
    ],
)
def test_a_kind_that_nothing_has_is_refused(
    office: Service, on: tuple[str, ...], advice: str
) -> None:
    with pytest.raises(Usage, match=advice):
        add(office, "https://example.org/x", *on)
    assert kinds(office) == []


@pytest.mark.parametrize(
    "options",
    [
        {"name": "../evil"},
        {"name": "Shop"},
        {"name": ".shop"},
        {"name": "x" * 64},
        {"secret": "whsec_short"},
        {"secret": "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
        {"secret": "whsec_" + "!" * 32},
        {"format": "xml"},
        {"days": (3,)},
    ],
)
def test_an_option_that_cannot_be_meant_is_refused(
    office: Service, options: dict[str, object]
) -> None:
    with pytest.raises(Usage) as refusal:
        add(office, "https://example.org/x", "token.*", **options)
    assert "MfKQ" not in str(refusal.value)
    assert kinds(office) == []
    assert not (office.core.home.folder / "notices").exists()


def test_names_are_made_and_the_same_is_not_told_twice(office: Service) -> None:
    assert add(office, "https://example.org/x", "token.*")["name"] == "example.org"
    assert add(office, "https://example.org/y", "token.*")["name"] == "example.org-2"
    assert add(office, "https://example.org/x", "model.*")["name"] == "example.org-3"
    with pytest.raises(Conflict, match="org is told of the same"):
        add(office, "https://example.org/x", "token.*")
    with pytest.raises(Conflict, match="org already"):
        add(office, "https://other.example.org/", "token.*", name="example.org")
    assert (
        add(office, "https://example.org/x", "token.*", name="twice")["name"] == "twice"
    )
    assert [one["name"] for one in office.notices.all()] == [
        "example.org",
        "example.org-2",
        "example.org-3",
        "twice",
    ]


def test_neither_secret_nor_path_is_in_the_ledger(
    office: Service, folder: Path
) -> None:
    """A path is often a secret itself: who knows it may post there."""
    made = add(office, "https://example.org/T00/B00/private?token=private", "token.*")
    given = add(office, "https://example.org/y", "token.*", secret=SECRET, name="given")
    renewed = office.notices.renew_secret("given", "owner")
    assert "secret" not in given
    ledger = json.dumps([dict(entry) for entry in office.core.desk.ledger.entries()])
    for secret in (made["secret"], SECRET, renewed["secret"], "private", "T00/B00"):
        assert secret not in ledger
        assert secret not in json.dumps(office.notices.all())
    for file in (folder / "notices").iterdir():
        assert file.stat().st_mode & 0o077 == 0
    assert (folder / "notices").stat().st_mode & 0o077 == 0


def test_what_is_removed_is_told_nothing_and_may_come_again(
    office: Service, folder: Path, tell: Tell
) -> None:
    with webhook() as receiver:
        add(office, receiver.url, "token.*", name="shop")
        happens(office)
        removed = office.notices.remove("shop", "owner")
        assert removed["state"] == "removed"
        tell()
        assert receiver.ids == []
        assert not (folder / "notices" / "shop.key").exists()
        assert office.notices.all() == []
        with pytest.raises(NotFound):
            office.notices.test("shop", "owner")
        with pytest.raises(NotFound):
            office.notices.show("shop")
        with pytest.raises(NotFound):
            office.notices.remove("shop", "owner")
        again = add(office, receiver.url, "token.*", name="shop")
        happens(office, "bob")
        tell()
        assert receiver.checked(again["secret"]) == receiver.ids
        assert len(receiver.ids) == 1


def test_a_home_that_is_opened_anew_knows_its_receivers(folder: Path) -> None:
    with webhook() as receiver:
        with open_service(folder) as service:
            add(service, receiver.url, "token.*", name="shop")
            add(service, receiver.url, "model.*", name="gone")
            service.notices.remove("gone", "owner")
            happens(service)
        # a crash before it was forgotten
        (folder / "notices" / "gone.key").write_text("{}")
        with open_service(folder) as service:
            assert not (folder / "notices" / "gone.key").exists()
            done, left = service.notices.send_due(datetime.now(UTC))
            assert (done, left) == (["1 notice to shop was sent"], [])
            assert service.verification.verify()["holds"]
            assert service.verification.rebuild()["same"]
    assert len(receiver.ids) == 1


def test_a_backup_has_the_secrets(folder: Path, tmp_path: Path) -> None:
    with webhook() as receiver:
        with open_service(folder) as service:
            secret = add(service, receiver.url, "token.*", name="shop")["secret"]
            receiver.status = 500
            happens(service)
            service.notices.send_due(datetime.now(UTC))
        backed_up = backup(folder, tmp_path / "b.tar")
        assert "was tried" in backed_up["left_out"]["notices/attempts.json"]
        restored = restore(tmp_path / "b.tar", tmp_path / "again")
        assert "govd notice remove" in restored["warnings"][-1]
        receiver.status = 200
        with open_service(tmp_path / "again") as service:
            assert service.notices.test("shop", "owner")["sent"]
        assert receiver.checked(secret) == receiver.ids
    assert (tmp_path / "again" / "notices" / "shop.key").stat().st_mode & 0o077 == 0


def test_doctor_and_status_say_who_is_not_told(
    office: Service, folder: Path, tell: Tell
) -> None:
    with webhook(status=410) as receiver:
        add(office, receiver.url, "token.*", name="shop")
        add(office, receiver.url, "model.*", name="open")
        add(office, receiver.url, "export.*", name="lost")
        assert examine(folder)["faults"] == []
        happens(office)
        tell()
    (folder / "notices" / "open.key").chmod(0o644)
    (folder / "notices" / "lost.key").unlink()
    lost, opened, shop = examine(folder)["faults"]
    assert "is missing" in lost
    assert "can be read by others" in opened
    assert "govd notice retry shop" in shop
    (told,) = office.status()["notices"]
    assert (told["name"], told["state"], told["due"]) == ("shop", "failed", 1)
    happens(office)
    assert "missing" in str(office.notices.test("lost", "owner")["reason"])


def test_nothing_is_retried_that_has_not_failed(office: Service, tell: Tell) -> None:
    with webhook() as receiver:
        add(office, receiver.url, "token.*", name="shop")
        happens(office)
        tell()
        (past,) = office.notices.history()
        for notice in ("shop", past["id"], "nobody", "msg_0"):
            with pytest.raises(GovdError) as refusal:
                office.notices.retry(notice, "owner")
            assert isinstance(refusal.value, Conflict | NotFound)
    assert kinds(office) == ["notice.add", "notice.send"]


def test_history_is_paged_from_the_newest(office: Service, tell: Tell) -> None:
    with webhook() as receiver:
        for name in ("shop", "desk"):
            add(office, receiver.url, "token.*", name=name)
        for name in "abc":
            happens(office, name)
        tell()
    past = office.notices.history()
    assert len(past) == 6
    assert [one["entry"] for one in past] == sorted(
        (one["entry"] for one in past), reverse=True
    )
    assert (
        office.notices.history("shop", 2)
        == [p for p in past if p["receiver"] == "shop"][:2]
    )
    assert office.notices.history(limit=100, after=past[2]["entry"]) == past[3:]
    with pytest.raises(NotFound):
        office.notices.history("nobody")


def test_the_trail_of_a_request_says_who_was_told_of_it(service: Service) -> None:
    with webhook() as receiver:
        add(service, receiver.url, "request.file", "revision.publish", name="shop")
        red, blue = (
            service.requests.forget("m", ForgetOptions(concepts=(name,)), "ann")
            for name in ("red", "blue")
        )
        service.reconciler.run()
        service.notices.send_due(datetime.now(UTC))
        receiver.status = 410
        service.requests.revert(str(red["id"]), "back", "ann")
        service.reconciler.run()
        service.notices.send_due(datetime.now(UTC))
    trail = service.audit.trail(str(blue["id"]))
    told = [
        line["what"] for line in trail["timeline"] if line["kind"].startswith("notice.")
    ]
    filed = f"request.file of {blue['id']} (entry {blue['seq']})"
    assert told[0] == f"shop was told of {filed}"
    assert all(str(red["id"]) not in what for what in told)
    assert any("was told of revision.publish of m/1" in what for what in told)
    (failed,) = (
        entry
        for entry in service.audit.trail(str(red["id"]))["entries"]
        if entry["kind"] == "notice.fail"
    )
    assert failed["payload"]["about"]["kind"] == "request.file", "of the revert"
