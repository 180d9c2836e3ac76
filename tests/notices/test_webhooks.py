"""Webhooks, as real servers see them."""

import hashlib
import ipaddress
import json
import re
import ssl
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from govd.errors import MachineFault, VerificationFailed
from govd.ledger.entry import Draft
from govd.notices.signing import signature, verify
from govd.requests import ForgetOptions
from govd.service.service import Service
from govd.verify.sentences import sentence_of
from tests.notices.conftest import Tell
from tests.notices.receiving import add, drip, hang, happens, kinds, webhook

# the example of the specification (standardwebhooks.com) and of its libraries' tests
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE, TIMESTAMP, BODY = (
    "msg_p5jXN8AQM9LWM0D4loKWxJek",
    1614265330,
    b'{"test": 2432232314}',
)
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def given(signed: str = SIGNATURE) -> dict[str, str]:
    return {
        "webhook-id": MESSAGE,
        "webhook-timestamp": str(TIMESTAMP),
        "webhook-signature": signed,
    }


def test_a_signature_is_that_of_standard_webhooks() -> None:
    assert signature(SECRET, MESSAGE, TIMESTAMP, BODY) == SIGNATURE
    assert verify(SECRET, given(), BODY, TIMESTAMP + 300) == MESSAGE
    assert verify(SECRET, given(f"v1,bm8= {SIGNATURE}"), BODY, TIMESTAMP) == MESSAGE


@pytest.mark.parametrize(
    ("headers", "body", "now"),
    [
        (given(), BODY + b" ", TIMESTAMP),
        (given() | {"webhook-id": "msg_other"}, BODY, TIMESTAMP),
        (given() | {"webhook-timestamp": str(TIMESTAMP + 1)}, BODY, TIMESTAMP),
        (given(SIGNATURE.replace("v1,", "v2,")), BODY, TIMESTAMP),
        (given(""), BODY, TIMESTAMP),
        ({}, BODY, TIMESTAMP),
        (given(), BODY, TIMESTAMP + 301),
        (given(), BODY, TIMESTAMP - 301),
    ],
)
def test_what_is_not_signed_so_or_is_old_is_not_believed(
    headers: dict[str, str], body: bytes, now: float
) -> None:
    with pytest.raises(VerificationFailed):
        verify(SECRET, headers, body, now)


def test_an_entry_is_told_once_signed_and_noted(office: Service, tell: Tell) -> None:
    happens(office, "before")
    with webhook() as receiver:
        added = add(office, receiver.url, "token.*")
        seq = happens(office)
        tell()
        tell()
        assert receiver.checked(added["secret"]) == receiver.ids
        (body,), (headers,) = receiver.bodies, receiver.headers
    document = json.loads(body)
    assert headers["content-type"] == "application/json"
    assert document["type"] == "token.create"
    (entry,) = office.core.desk.ledger.some([seq])
    assert document["data"] == {"ledger": office.core.home.origin, "entry": entry}
    assert document["timestamp"] == entry["time"]
    (past,) = office.notices.history()
    assert (past["state"], past["status"], past["attempts"]) == ("sent", 200, 1)
    assert past["sha256"] == hashlib.sha256(body).hexdigest()
    assert (past["about_entry"], past["id"]) == (seq, headers["webhook-id"])
    assert kinds(office) == ["notice.add", "notice.send"]


def test_a_cloud_event_is_structured(office: Service, tell: Tell) -> None:
    with webhook() as receiver:
        add(office, receiver.url, "token.create", format="cloudevents")
        seq = happens(office)
        tell()
    event = json.loads(receiver.bodies[0])
    assert receiver.headers[0]["content-type"] == "application/cloudevents+json"
    assert event["specversion"] == "1.0"
    assert event["id"] == receiver.ids[0]
    assert event["source"] == "urn:" + office.core.home.origin.replace("/", ":")
    assert event["type"] == "govd.token.create"
    assert event["data"]["entry"]["seq"] == seq
    assert event["time"] == event["data"]["entry"]["time"]


def test_no_notice_of_a_private_request_says_what_is_private(service: Service) -> None:
    options = ForgetOptions(
        concepts=("red",), aliases=("crimson",), private=True, reason="Ms Example asked"
    )
    with webhook() as receiver:
        add(service, receiver.url, "*")
        forget = str(service.requests.forget("m", options, "owner")["id"])
        service.reconciler.run()
        service.requests.decide(forget, "approve", "Ms Example may", "owner")
        service.reconciler.run()
        service.requests.hold(forget, "case of Ms Example", "owner")
        service.requests.release(forget, "Ms Example lost", "owner")
        service.requests.revert(forget, "Ms Example came back", "owner")
        service.reconciler.run()
        service.notices.sending.look(datetime.now(UTC))
        assert service.notices.sending.wait(60)
        told = {json.loads(body)["type"] for body in receiver.bodies}
    assert {
        "request.file",
        "request.hold",
        "revision.publish",
        "request.revert",
    } <= told
    for body in receiver.bodies:
        assert b"crimson" not in body
        assert b"Example" not in body
        # figures of all labels, of which it is one
        if b"revision.evaluate" not in body:
            assert b'"red"' not in body


def test_a_large_entry_is_told_without_its_payload(office: Service, tell: Tell) -> None:
    with webhook() as receiver:
        add(office, receiver.url, "export.write")
        payload = {"folder": "x" * 20_000}
        office.core.desk.append([Draft("export.write", "m/1", "ann", "", payload)])
        tell()
    data = json.loads(receiver.bodies[0])["data"]
    assert len(receiver.bodies[0]) < 1000
    assert data["entry"]["payload"] == {}
    assert data["left_out"]["payload_bytes"] > 20_000


def test_what_fails_is_tried_again_with_the_same_id_and_body(
    office: Service, tell: Tell
) -> None:
    with webhook(status=500) as receiver:
        added = add(office, receiver.url, "token.*", name="shop")
        happens(office, "ann")
        happens(office, "bob")
        tell()
        tell()  # it is not time yet
        assert len(receiver.ids) == 1
        assert kinds(office) == ["notice.add"]
        (shown,) = office.notices.failing()
        assert shown["trouble"].startswith("HTTP 500; 1 attempt, again at ")
        assert shown["due"] == 2
        tell(at_once=True)
        receiver.status = 204
        tell(at_once=True)
        first, second, third, fourth = receiver.ids
        assert first == second == third != fourth
        assert receiver.bodies[0] == receiver.bodies[2]
        assert receiver.checked(added["secret"]) == receiver.ids
    assert [past["attempts"] for past in office.notices.history("shop")] == [1, 3]
    assert kinds(office) == ["notice.add", "notice.send", "notice.send"]


def test_patience_that_is_asked_for_is_had(office: Service, tell: Tell) -> None:
    with webhook(status=429, patience="7200") as receiver:
        add(office, receiver.url, "token.*", name="shop")
        happens(office)
        tell()
        head = office.notices.sending.attempts.head("shop")
        assert head is not None
        wait = datetime.fromisoformat(head["next_at"]) - datetime.now(UTC)
        assert timedelta(hours=1.9) < wait <= timedelta(hours=2)
        until = datetime.now(UTC) + timedelta(hours=5)
        receiver.patience = until.strftime("%a, %d %b %Y %H:%M:%S GMT")
        tell(at_once=True)
        head = office.notices.sending.attempts.head("shop")
        assert head is not None
        assert datetime.fromisoformat(head["next_at"]) - until < timedelta(seconds=5)
        receiver.patience = "99999999"
        tell(at_once=True)
        head = office.notices.sending.attempts.head("shop")
        assert head is not None
        assert head["pause_seconds"] == 86_400


@pytest.mark.parametrize("behaviour", [hang, drip])
def test_who_hangs_is_cut_off(office: Service, tell: Tell, behaviour: object) -> None:
    with webhook() as slow, webhook() as quick:
        behaviour(slow)  # type: ignore[operator]
        add(office, slow.url, "token.*", name="slow")
        add(office, quick.url, "token.*", name="quick")
        happens(office)
        began = time.monotonic()
        tell()
        assert time.monotonic() - began < 5
        (shown,) = office.notices.failing()
        assert (shown["name"], shown["trouble"][:22]) == (
            "slow",
            "no answer within 0.5 s",
        )
        assert len(quick.ids) == 1


def test_who_is_gone_is_told_nothing_until_somebody_says_so(
    office: Service, tell: Tell
) -> None:
    with webhook(status=410) as receiver:
        add(office, receiver.url, "token.*", name="shop")
        happens(office, "ann")
        happens(office, "bob")
        tell()
        tell(at_once=True)
        assert len(receiver.ids) == 1
        assert kinds(office) == ["notice.add", "notice.fail"]
        (shown,) = office.notices.failing()
        assert (shown["state"], shown["due"]) == ("failed", 2)
        receiver.status = 200
        shown = office.notices.retry("shop", "owner")
        assert (shown["state"], shown["due"], shown["sent"]) == ("active", 0, 2)
        assert receiver.ids[0] == receiver.ids[1]
    assert [past["state"] for past in office.notices.history()] == [
        "sent",
        "sent",
        "failed",
    ]


def test_what_is_refused_as_it_is_holds_up_nothing_else(
    office: Service, tell: Tell
) -> None:
    with webhook(status=400) as receiver:
        add(office, receiver.url, "token.*", name="shop")
        happens(office, "ann")
        for _ in range(3):
            tell(at_once=True)
        receiver.status = 200
        happens(office, "bob")
        tell()
        shown = office.notices.show("shop")
        assert (shown["state"], shown["sent"], shown["due"]) == ("active", 1, 0)
        bob, ann = office.notices.history()
        assert (ann["state"], ann["attempts"], ann["reason"]) == (
            "failed",
            3,
            "HTTP 400",
        )
        shown = office.notices.retry(ann["id"][:12], "owner")
        assert (shown["sent"], shown["due"]) == (2, 0)
        assert receiver.ids == [ann["id"], ann["id"], ann["id"], bob["id"], ann["id"]]


def test_a_redirect_is_not_followed(office: Service, tell: Tell) -> None:
    with webhook(status=302) as receiver:
        add(office, receiver.url, "token.*")
        happens(office)
        tell()
        assert len(receiver.ids) == 1
        assert "redirects are not followed" in office.notices.failing()[0]["trouble"]


def test_nothing_listens_there(office: Service, tell: Tell) -> None:
    with webhook() as receiver:
        add(office, receiver.url, "token.*", name="shop")
    happens(office)
    tell()
    assert office.notices.failing()[0]["trouble"].startswith(
        "nothing listens there; 1 attempt"
    )


def test_a_test_is_sent_at_once_and_tells_of_nothing(office: Service) -> None:
    with webhook() as receiver:
        added = add(office, receiver.url, "token.*", name="shop")
        assert office.notices.test("shop", "owner")["sent"]
        assert receiver.checked(added["secret"]) == receiver.ids
        receiver.status = 503
        outcome = office.notices.test("shop", "owner")
        assert (outcome["sent"], outcome["status"], outcome["reason"]) == (
            False,
            503,
            "HTTP 503",
        )
    assert json.loads(receiver.bodies[0])["type"] == "test"
    assert kinds(office) == ["notice.add", "notice.send"]
    assert office.notices.show("shop")["trouble"] == ""


def test_a_secret_that_is_renewed_signs_beside_the_one_before(
    office: Service, tell: Tell
) -> None:
    with webhook() as receiver:
        old = add(office, receiver.url, "token.*", name="shop")["secret"]
        new = office.notices.renew_secret("shop", "owner")["secret"]
        happens(office)
        tell()
        assert receiver.checked(old) == receiver.checked(new) == receiver.ids
        newest = office.notices.renew_secret("shop", "owner", SECRET)
        assert "secret" not in newest
        office.notices.test("shop", "owner")
        verify(SECRET, receiver.headers[1], receiver.bodies[1], time.time())
        with pytest.raises(VerificationFailed):
            verify(old, receiver.headers[1], receiver.bodies[1], time.time())
        kept = office.notices.kept.read("shop")
        assert kept.signing(datetime.now(UTC) + timedelta(hours=25)) == [SECRET]


def test_the_function_of_the_manual_checks_what_is_sent(
    office: Service, tell: Tell
) -> None:
    page = (Path(__file__).parents[2] / "govd" / "OPERATIONS.md").read_text(
        encoding="utf-8"
    )
    (code,) = re.findall(r"```python\n(# check_webhook\.py\n.*?)```", page, re.S)
    manual: dict[str, Any] = {}
    exec(code, manual)
    check, seen = manual["check_webhook"], set[str]()
    with webhook() as receiver:
        secret = add(office, receiver.url, "token.*")["secret"]
        happens(office)
        tell()
    (headers,), (body,) = receiver.headers, receiver.bodies
    assert check(secret, headers, body, seen) is True
    assert check(secret, headers, body, seen) is False
    for other in (
        (SECRET, headers, body),
        (secret, headers, body + b" "),
        (secret, headers | {"webhook-timestamp": "1700000000"}, body),
    ):
        with pytest.raises(ValueError, match=r"signed|old"):
            check(*other, seen)


def certified(folder: Path) -> ssl.SSLContext:
    """A server's side of TLS for 127.0.0.1; who shall trust it gets `folder/ca.pem`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            ),
            False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context


def test_tls_wants_a_certificate_that_is_trusted(
    office: Service, tell: Tell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with webhook(certified(tmp_path)) as receiver:
        added = add(office, receiver.url, "token.*", name="shop")
        happens(office)
        tell()
        assert (
            "its certificate is not trusted" in office.notices.failing()[0]["trouble"]
        )
        assert receiver.ids == []
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        tell(at_once=True)
        assert receiver.checked(added["secret"]) == receiver.ids
        assert len(receiver.ids) == 1
    assert office.notices.show("shop")["sent"] == 1


def test_what_cannot_be_noted_is_not_sent_again_at_once(
    office: Service, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full for a while: what was sent is sent again, later."""
    with webhook() as receiver:
        add(office, receiver.url, "token.*", name="shop")
        happens(office)

        def full(*_: object) -> None:
            raise MachineFault("No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(office.core.desk, "append", full)
            tell()
            tell()
        assert len(receiver.ids) == 1
        assert "could not be noted" in office.notices.failing()[0]["trouble"]
        tell(at_once=True)
        assert receiver.ids[0] == receiver.ids[1]
        assert office.notices.failing() == []


def test_what_was_told_is_said_in_the_log_in_words(office: Service, tell: Tell) -> None:
    with webhook() as receiver:
        add(office, receiver.url, "token.*", name="shop")
        seq = happens(office)
        tell()
        receiver.status = 410
        happens(office, "bob")
        tell()
    sentences = [sentence_of(entry) for entry in office.core.desk.ledger.entries()]
    about = office.notices.history()[1]["subject"]
    assert f"shop was told of token.create of {about} (entry {seq})" in sentences
    assert sentences[-1].endswith(
        "wants no notices any more, and is no longer notified"
    )
    assert any(
        s.startswith("shop is told of token.* from now on, at http://")
        for s in sentences
    )
