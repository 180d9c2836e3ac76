"""Mail, as a real server gets it."""

import email
import email.policy
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest

from govd.errors import Usage
from govd.ledger.entry import Draft
from govd.requests import ForgetOptions
from govd.service.service import Service, open_service
from tests.notices.receiving import MailServer, add, happens, kinds, mail_server

Start = Callable[..., tuple[Service, MailServer]]


@pytest.fixture
def start(folder: Path, example_plugins: None) -> Iterator[Start]:
    """A home beside a mail server that replies so."""
    with ExitStack() as stack:

        def starting(settings: str = "", **replies: str) -> tuple[Service, MailServer]:
            server = stack.enter_context(mail_server(**replies))
            (folder / "govd.toml").write_text(
                f'smtp_host = "127.0.0.1"\nsmtp_port = {server.port}\nsmtp_tls = "none"\n'
                f'smtp_from = "govd@example.org"\nnotice_seconds = 2.0\n{settings}'
            )
            return stack.enter_context(open_service(folder)), server

        yield starting


def parsed(mail: str) -> EmailMessage:
    message = email.message_from_string(mail, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


@contextmanager
def sent(service: Service) -> Iterator[None]:
    """What happens meanwhile is sent at the end."""
    yield
    service.notices.sending.look(datetime.now(UTC), fresh=True)
    assert service.notices.sending.wait(10)


def test_a_person_can_read_it(start: Start) -> None:
    service, server = start()
    add(service, "mailto:legal@example.org", "token.*", name="legal")
    with sent(service):
        seq = happens(service)
    (past,) = service.notices.history()
    mail = parsed(server.mails[0])
    assert mail["To"] == "legal@example.org"
    assert mail["From"] == "govd@example.org"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"].startswith(f"<{past['id']}@")
    text = mail.get_content().replace("\r\n", "\n")
    assert f"entry:  {seq}\n" in text
    assert "by:     owner\n" in text
    assert "More: govd audit log --kind token.create\n" in text
    assert (past["state"], past["status"]) == ("sent", 250)
    assert kinds(service) == ["notice.add", "notice.send"]


def test_a_request_that_waits_says_so_in_the_subject(service: Service) -> None:
    with mail_server() as server:
        (service.core.home.folder / "govd.toml").write_text(
            f'smtp_host = "127.0.0.1"\nsmtp_port = {server.port}\nsmtp_tls = "none"\n'
            'smtp_from = "govd@example.org"\napproval = "person"\n'
        )
        service.close()
        with open_service(service.core.home.folder) as again:
            add(again, "mailto:legal@example.org", "request.*", name="legal")
            options = ForgetOptions(
                concepts=("red",), private=True, reason="Ms Example\nasked"
            )
            with sent(again):
                forget = again.requests.forget("m", options, "owner")["id"]
                again.reconciler.run()
            texts = [parsed(mail) for mail in server.mails]
    subjects = [text["Subject"] for text in texts]
    assert any(
        s.startswith(f"govd: request {forget} waits: a person must") for s in subjects
    )
    whole = "".join(f"{text['Subject']} {text.get_content()}" for text in texts)
    assert "Example" not in whole
    assert "red" not in whole.replace("request", "").split()
    assert f"More: govd request show {forget}" in whole


def test_no_header_can_be_smuggled_in(start: Start) -> None:
    service, server = start()
    add(service, "mailto:legal@example.org", "model.*", name="legal")
    payload = {"reason": "x\r\nBcc: evil@example.org\r\n\r\nhello"}
    with sent(service):
        service.core.desk.append(
            [Draft("model.add", "m", "ann\r\nX-Evil: 1", "m", payload)]
        )
    mail = parsed(server.mails[0])
    assert mail["Bcc"] is None
    assert mail["X-Evil"] is None
    assert [line for line in server.commands if line.startswith("rcpt")] == [
        "rcpt TO:<legal@example.org>"
    ]


@pytest.mark.parametrize(
    ("replies", "trouble"),
    [
        ({"rcpt": "550 who is that"}, "SMTP 550: the address is refused"),
        ({"rcpt": "451 later"}, "SMTP 451: the address is refused"),
        ({"mail": "530 no"}, "SMTP 530: smtp_from is not accepted"),
        ({"data": "452 full"}, "SMTP 452: the mail is not accepted"),
        ({"mailed": "554 spam"}, "SMTP 554: the mail is not accepted"),
    ],
)
def test_what_the_server_does_not_take_is_told_in_our_words(
    start: Start, replies: dict[str, str], trouble: str
) -> None:
    service, _ = start(**replies)
    add(service, "mailto:legal@example.org", "token.*", name="legal")
    with sent(service):
        happens(service)
    (shown,) = service.notices.failing()
    assert shown["trouble"].startswith(f"{trouble}; 1 attempt, again at ")
    assert kinds(service) == ["notice.add"]


def test_encryption_that_is_not_offered_is_missed(start: Start) -> None:
    service, server = start("notice_attempts = 1\n")
    service.close()
    folder = service.core.home.folder
    toml = (folder / "govd.toml").read_text().replace('"none"', '"starttls"')
    (folder / "govd.toml").write_text(toml)
    with open_service(folder) as again:
        add(again, "mailto:legal@example.org", "token.*", name="legal")
        with sent(again):
            happens(again)
        (shown,) = again.notices.failing()
        assert shown["state"] == "failed"
        assert "does not offer STARTTLS" in shown["trouble"]
    assert not server.mails


def test_mail_needs_a_server_and_has_no_secret(office: Service, start: Start) -> None:
    with pytest.raises(Usage, match="smtp_host and smtp_from are not set"):
        add(office, "mailto:legal@example.org", "token.*")
    office.close()
    service, _ = start()
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    for options in ({"secret": secret}, {"format": "cloudevents"}):
        with pytest.raises(Usage, match="for people"):
            add(service, "mailto:legal@example.org", "token.*", **options)
    assert "secret" not in add(
        service, "mailto:legal@example.org", "token.*", name="legal"
    )
    with pytest.raises(Usage, match="not signed"):
        service.notices.renew_secret("legal", "owner")
