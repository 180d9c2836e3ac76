"""The cosignatures and time stamps of a bundle."""

from __future__ import annotations

from collections.abc import Mapping

from govd.errors import BadFile, GovdError
from govd.ledger.signing import LONGEST as NOTE
from govd.ledger.signing import LogCheckpoint, split
from govd.verify import bounds, stamps
from govd.verify.bounds import Bounds, Trust, Vouched
from govd.verify.bundle_entries import Scan
from govd.verify.open_bundle import OpenBundle


def check_vouchers(
    opened: OpenBundle,
    notes: Mapping[int, tuple[str, LogCheckpoint]],
    scan: Scan,
    trust: Trust,
) -> Bounds:
    """Cosignatures and time stamps: those of entries, on the log checkpoints `notes`, and the lines
    and tokens that lie beside them for other tools.
    """
    verdict = opened.verdict
    files = opened.files

    def token(seq: int) -> bytes:
        return files.read(f"stamps/{seq}.tsr", stamps.LARGEST)

    def note_of(size: int) -> str | None:
        return notes[size][0] if size in notes else None

    _check_stamp_files(opened, scan)
    vouchers = [voucher for voucher in scan.vouchers if _is_there(voucher, opened)]
    left_out = len(scan.vouchers) - len(vouchers)
    if left_out and not opened.whole:
        verdict.fault(
            f"{left_out} time stamps that entries record are not in the bundle as files"
        )
    checked = bounds.check(
        vouchers, note_of, token, trust, verdict.fault, not opened.whole
    )
    checked.without += left_out
    for name in files.members:
        if name.startswith("cosigned/"):
            try:
                checked.found += _cosigned(name, opened, notes, trust)
            except (GovdError, UnicodeDecodeError) as error:
                verdict.fault(f"{name}: {getattr(error, 'what', error)}")
    bounds.idle(checked.found, trust, verdict.fault)
    return checked


def _check_stamp_files(opened: OpenBundle, scan: Scan) -> None:
    """That every file that is a time stamp is that of an entry."""
    stamped = {
        voucher.entry: voucher
        for voucher in scan.vouchers
        if voucher.kind == "stamp" and not voucher.fault
    }
    for name, member in opened.files.members.items():
        if not name.startswith("stamps/"):
            continue
        voucher = stamped.get(int(name.removeprefix("stamps/").removesuffix(".tsr")))
        if (
            voucher is None
            or member.size > stamps.LARGEST
            or voucher.digest != member.sha256
        ):
            opened.verdict.fault(
                f"{name} is not the time stamp of an entry that is shown"
            )


def _is_there(voucher: Vouched, opened: OpenBundle) -> bool:
    """Whether all of a voucher is in the bundle: a time stamp is a file of its own."""
    is_stamp = voucher.kind == "stamp" and not voucher.fault
    return not is_stamp or f"stamps/{voucher.entry}.tsr" in opened.files.members


def _cosigned(
    name: str,
    opened: OpenBundle,
    notes: Mapping[int, tuple[str, LogCheckpoint]],
    trust: Trust,
) -> list[bounds.Bound]:
    """What the cosignatures of a file say."""
    size = int(name.removeprefix("cosigned/").removesuffix(".note"))
    text, lines = split(opened.files.read(name, NOTE).decode())
    if size not in notes or text != notes[size][1].text:
        raise BadFile("it is not the log checkpoint of that size with more signatures")
    return bounds.lines_bounds(size, text, lines, trust)
