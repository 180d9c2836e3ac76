"""`govd demo`: the whole story on the model that comes with govd, in pictures and numbers that are
computed as they are shown.
"""

from __future__ import annotations

import tempfile
from pathlib import Path


def run(home: Path | None, report: Path, from_scratch: bool) -> None:
    """Tell the story on the terminal, and write the report beside it.

    Raises:
        MachineFault: the report could not be written; told before anything is done. Conflict: the
        home has a model called `mini` already. Unsupported: the CLIP backend is not installed.
        Denied: a policy said no. VerificationFailed: something that govd promises did not hold: a
        bug.
    """
    from govd.cli.demo.acts import tell
    from govd.cli.demo.report import page
    from govd.cli.demo.tables import print_end
    from govd.cli.report import place

    with tempfile.TemporaryDirectory(prefix="govd-demo-") as temporary:
        with place(report) as part:
            story = tell(home, Path(temporary), from_scratch)
            part.write_text(page(story), encoding="utf-8")
        print_end(report.absolute(), story.seconds)
