"""RFC 3161 time stamps: what a token says, whether it is of a message, and whether an authority
signed it that a reader trusts.

What a token says is read here (DER, X.690; RFC 3161 section 2.4.2, RFC 5652 section 5.1). Signature
and certificates are checked by `rfc3161-client`, and only where a reader gives a root certificate:
the extra `timestamp` brings it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from govd.errors import BadFile, Unsupported, VerificationFailed

LARGEST: Final = 64 * 1024
"""Bytes of a token; real ones have four to eight thousand."""
SEQUENCE = 0x30
INTEGER = 0x02
OCTETS = 0x04
OID = 0x06
TIME = 0x18
EXPLICIT = 0xA0
SET = 0x31
SIGNED_DATA: Final = bytes.fromhex("2a864886f70d010702")  # 1.2.840.113549.1.7.2
TST_INFO: Final = bytes.fromhex("2a864886f70d0109100104")  # 1.2.840.113549.1.9.16.1.4
HASHES: Final = {
    bytes.fromhex("608648016503040201"): "sha256",
    bytes.fromhex("608648016503040202"): "sha384",
    bytes.fromhex("608648016503040203"): "sha512",
}


@dataclass(frozen=True)
class Stamp:
    """What a token says, whoever signed it: a digest, its algorithm, and a time (UTC, ISO 8601, to
    the microsecond).
    """

    algorithm: str
    imprint: bytes
    at: str

    def of(self, message: bytes) -> bool:
        """Whether the digest is this message's."""
        return hashlib.new(self.algorithm, message).digest() == self.imprint


def read(token: bytes) -> Stamp:
    """What a TimeStampResp says.

    Raises:
        VerificationFailed: it is none, or one without a granted token.
    """
    try:
        if len(token) > LARGEST:
            raise ValueError("too large")
        status, content = _sequence(_only(token, SEQUENCE), SEQUENCE, SEQUENCE)
        if _items(status)[0] != (INTEGER, b"\x00"):
            raise ValueError("it was not granted")
        kind, inner = _sequence(content, OID, EXPLICIT)
        signed = _items(_only(inner, SEQUENCE))
        if kind != SIGNED_DATA or [tag for tag, _ in signed[:3]] != [
            INTEGER,
            SET,
            SEQUENCE,
        ]:
            raise ValueError("no signed data")
        kind, inner = _sequence(signed[2][1], OID, EXPLICIT)
        if kind != TST_INFO:
            raise ValueError("no time stamp")
        _, _, imprint, _, time = _sequence(
            _only(_only(inner, OCTETS), SEQUENCE), INTEGER, OID, SEQUENCE, INTEGER, TIME
        )
        algorithm, digest = _sequence(imprint, SEQUENCE, OCTETS)
        return Stamp(HASHES[_sequence(algorithm, OID)[0]], digest, _time(time))
    except (ValueError, IndexError, KeyError) as error:
        raise VerificationFailed(
            f"this is not an RFC 3161 time stamp ({error})"
        ) from None


def trusted(
    token: bytes, message: bytes, roots: Sequence[bytes]
) -> tuple[str, str] | None:
    """Time and name of the authority that signed a token on `message`, where a root (PEM) of
    `roots` vouches for it; None where none does.

    Raises:
        BadFile: a root is no certificate. Unsupported: `rfc3161-client` is not installed.
    """
    try:
        from rfc3161_client import (
            VerificationError,
            VerifierBuilder,
            decode_timestamp_response,
        )
    except ImportError:
        raise Unsupported(
            "checking who signed a time stamp needs rfc3161-client",
            advice="pip install 'govd[timestamp]'",
        ) from None
    for root in certificates(roots):
        try:
            answer = decode_timestamp_response(token)
            VerifierBuilder(roots=[root]).build().verify_message(answer, message)
            info = answer.tst_info
            return info.gen_time.astimezone(UTC).strftime(
                "%Y-%m-%dT%H:%M:%S.%fZ"
            ), _signer(answer)
        except (VerificationError, ValueError):
            continue
    return None


def certificates(roots: Sequence[bytes]) -> list[Any]:
    """Root certificates from PEM.

    Raises:
        BadFile: one is none.
    """
    from cryptography.x509 import load_pem_x509_certificate

    try:
        return [load_pem_x509_certificate(root) for root in roots]
    except ValueError as fault:
        raise BadFile(
            f"this is no certificate ({fault})",
            advice="Give the authority's root certificate as PEM.",
        ) from None


def _signer(answer: Any) -> str:
    """The subject of the certificate that signed; the verifier has found that it is there."""
    from cryptography.x509 import load_der_x509_certificate

    (info,) = answer.signed_data.signer_infos
    certificates = [
        load_der_x509_certificate(data) for data in answer.signed_data.certificates
    ]
    return next(
        str(c.subject.rfc4514_string())
        for c in certificates
        if (c.issuer, c.serial_number) == (info.issuer, info.serial_number)
    )


def _items(data: bytes) -> list[tuple[int, bytes]]:
    """Tags and contents, one after the other (definite lengths, one byte of tag)."""
    items = []
    at = 0
    while at < len(data):
        tag = data[at]
        size = data[at + 1]
        at += 2
        if size & 0x80:
            count = size & 0x7F
            if not 0 < count <= 4 or at + count > len(data):
                raise ValueError("a length that DER does not have")
            size, at = int.from_bytes(data[at : at + count], "big"), at + count
        if tag & 0x1F == 0x1F or at + size > len(data):
            raise ValueError("truncated")
        items.append((tag, data[at : at + size]))
        at += size
    return items


def _only(data: bytes, tag: int) -> bytes:
    ((only_tag, content),) = _items(data)
    if only_tag != tag:
        raise ValueError("another type than expected")
    return content


def _sequence(data: bytes, *tags: int) -> list[bytes]:
    """The first contents of a sequence, of these types; more may follow."""
    items = _items(data)[: len(tags)]
    if [tag for tag, _ in items] != list(tags):
        raise ValueError("another type than expected")
    return [content for _, content in items]


def _time(said: bytes) -> str:
    text, _, fraction = said.decode("ascii").removesuffix("Z").partition(".")
    if fraction and not fraction.isdigit():
        raise ValueError("no time")
    parsed = datetime.strptime(text, "%Y%m%d%H%M%S")
    return f"{parsed.isoformat()}.{fraction[:6].ljust(6, '0')}Z"
