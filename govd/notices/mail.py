"""One attempt at a mail, through the mail server of `govd.toml`."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final

from govd.errors import Usage
from govd.home.settings import Settings
from govd.notices.outcome import Outcome, Verdict
from govd.notices.watch import Watch

PERMANENT: Final = 500
"""From this reply code on the same command will not succeed (RFC 5321, section 4.2.1)."""


def check_mail(settings: Settings) -> None:
    """Whether mails can be sent at all.

    Raises:
        Usage: `govd.toml` does not say how.
    """
    lacking = [
        name for name in ("smtp_host", "smtp_from") if not getattr(settings, name)
    ]
    if lacking:
        raise Usage(
            f"{' and '.join(lacking)} {'are' if len(lacking) > 1 else 'is'} not set",
            where="govd.toml",
            advice="Say there through which server mails go, and from whom (govd config); then"
            " start the daemon anew.",
        )


def send(mail: EmailMessage, settings: Settings, seconds: float) -> Outcome:
    """What came of it.

    Args:
        mail: with its From and To.
        settings: of the home.
        seconds: for all of it.
    """
    with Watch(seconds) as watch:
        try:
            check_mail(settings)
            _sent(mail, settings, seconds, watch)
        except Usage as error:
            return Outcome(Verdict.LATER, 0, error.message)
        except smtplib.SMTPRecipientsRefused as refusal:
            code = max(code for code, _ in refusal.recipients.values())
            return Outcome(Verdict.LATER, code, f"SMTP {code}: the address is refused")
        except smtplib.SMTPResponseException as refusal:
            return _refused(refusal)
        except (OSError, smtplib.SMTPException) as fault:
            if watch.is_over or isinstance(fault, TimeoutError):
                return Outcome(Verdict.LATER, 0, f"no answer within {seconds:g} s")
            return Outcome(Verdict.LATER, 0, _words(fault))
    return Outcome(Verdict.SENT, 250)


def _sent(mail: EmailMessage, settings: Settings, seconds: float, watch: Watch) -> None:
    """The dialogue.

    Raises:
        OSError, smtplib.SMTPException: it did not come to its end.
    """
    context = ssl.create_default_context()
    host = settings.smtp_host
    port = settings.smtp_port
    server: smtplib.SMTP
    if settings.smtp_tls == "tls":
        server = _WatchedTls(watch, host, port, timeout=seconds, context=context)
    else:
        server = _Watched(watch, host, port, timeout=seconds)
    try:
        if settings.smtp_tls == "starttls":
            server.starttls(context=context)
        if settings.smtp_user:
            server.login(settings.smtp_user, _password(settings))
        server.send_message(mail)
        # it is sent, whatever follows
        with contextlib.suppress(OSError, smtplib.SMTPException):
            server.quit()
    finally:
        server.close()


class _Watched(smtplib.SMTP):
    """A dialogue that ends in time."""

    def __init__(self, watch: Watch, *where: Any, **how: Any) -> None:
        self.watch = watch
        super().__init__(*where, **how)

    def _get_socket(self, *address: Any) -> socket.socket:
        stream: socket.socket = super()._get_socket(*address)  # type: ignore[misc]
        self.watch.hold(stream)
        return stream


class _WatchedTls(_Watched, smtplib.SMTP_SSL):
    """The same over TLS from its beginning."""


def _password(settings: Settings) -> str:
    """The account's password.

    Raises:
        Usage: there is no file with it.
    """
    path = Path(settings.smtp_password_file).expanduser()
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        advice = "Write the password of smtp_user, alone, into the file that it names."
        raise Usage(
            "smtp_password_file cannot be read", where="govd.toml", advice=advice
        ) from None


def _refused(refusal: smtplib.SMTPResponseException) -> Outcome:
    """What the server did not want, in our words: its own may hold anything."""
    code = refusal.smtp_code
    verdict = Verdict.LATER
    if isinstance(refusal, smtplib.SMTPAuthenticationError):
        step = "the account or its password is not accepted"
    elif isinstance(refusal, smtplib.SMTPSenderRefused):
        step = "smtp_from is not accepted"
    elif isinstance(refusal, smtplib.SMTPDataError):
        step = "the mail is not accepted"
        verdict = Verdict.REFUSED if code >= PERMANENT else Verdict.LATER
    else:
        step = "the mail server does not want to talk"
    return Outcome(verdict, code, f"SMTP {code}: {step}")


def _words(fault: Exception) -> str:
    if isinstance(fault, smtplib.SMTPNotSupportedError):
        return (
            "the mail server does not offer STARTTLS, or no login (smtp_tls, smtp_user)"
        )
    if isinstance(fault, ssl.SSLCertVerificationError):
        return f"the mail server's certificate is not trusted ({fault.verify_message})"
    if isinstance(fault, ssl.SSLError):
        return "TLS with the mail server failed"
    if isinstance(fault, socket.gaierror):
        return "the mail server's name is not known"
    if isinstance(fault, ConnectionRefusedError):
        return "no mail server listens there"
    return "the connection to the mail server broke"
