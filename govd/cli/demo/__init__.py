"""`govd demo`: the whole story on the model that comes with govd, in pictures and numbers that are computed as they are shown."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from govd.errors import MachineFault


def run(home: Path | None, report: Path, from_scratch: bool) -> None:
    """Tell the story on the terminal, and write the report beside it.

    Raises:
        MachineFault: the report could not be written; told before anything is done.
        Conflict: the home has a model called `mini` already. Unsupported: the CLIP backend is not installed. Denied: a policy said no.
        VerificationFailed: something that govd promises did not hold: a bug.
    """
    from govd.cli.demo.acts import tell
    from govd.cli.demo.report import page
    from govd.cli.demo.tables import print_end

    with tempfile.TemporaryDirectory(prefix="govd-demo-") as temporary:
        with _place(report) as part:
            story = tell(home, Path(temporary), from_scratch)
            part.write_text(page(story), encoding="utf-8")
        print_end(report.absolute(), story.seconds)


@contextmanager
def _place(report: Path) -> Iterator[Path]:
    """A file beside the report that takes its place in the end: whether that can be written is known before the story begins."""
    part = report.with_name(f".{report.name}.part") if report.name else report
    advice = "Name a file in a folder that exists and can be written: --report FILE."
    try:
        if report.is_dir():
            raise MachineFault("the report cannot be written: this is a folder", where=str(report), advice=advice)
        part.write_bytes(b"")
    except OSError as fault:
        raise MachineFault(f"the report cannot be written ({fault.strerror}); nothing was done", where=str(report), advice=advice) from None
    try:
        yield part
        os.replace(part, report)
    except OSError as fault:
        raise MachineFault(f"the report cannot be written ({fault.strerror})", where=str(report), advice="Free some space.") from fault
    finally:
        part.unlink(missing_ok=True)
