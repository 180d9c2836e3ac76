"""A bundle that is forged in its parts."""

from pathlib import Path
from typing import Any, NamedTuple

from govd.ledger.signing import Signer
from govd.verify.offline import verify_offline
from tests.ledger.forging import Files, zipped

Rows = list[dict[str, Any]]


class Made(NamedTuple):
    files: Files
    rows: Rows
    artifacts: dict[str, bytes]
    signer: Signer


def judged(
    files: Files, tmp_path: Path, made: Made, again: bool = False
) -> dict[str, Any]:
    path = tmp_path / "x.zip"
    path.write_bytes(zipped(files).getvalue())
    return dict(verify_offline(path, str(made.signer.key), again=again))


def of(rows: Rows, kind: str, at: int = 0) -> dict[str, Any]:
    return [row for row in rows if row["kind"] == kind][at]
