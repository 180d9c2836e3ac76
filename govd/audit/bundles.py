"""Evidence bundles: everything that vouches for the answer to a question, in one file."""

from __future__ import annotations

import os
from pathlib import Path

from govd.audit.bundle_contents import BundleContents
from govd.audit.bundle_questions import BundleQuestions, Question
from govd.audit.checkpoints import LogCheckpoints
from govd.audit.questions import Audit
from govd.errors import MachineFault, Usage
from govd.home.whole import whole
from govd.ledger.signing import LogCheckpoint
from govd.models.core import Core
from govd.records.limits import bounded
from govd.types import Record
from govd.verify import archive


class Bundles:
    """Writes bundles of one ledger."""

    def __init__(self, core: Core, audit: Audit, checkpoints: LogCheckpoints) -> None:
        self.audit = audit
        self.questions = BundleQuestions(core)
        self.contents = BundleContents(core, checkpoints)

    def bundle(
        self,
        file: Path,
        request: str | None = None,
        revision: tuple[str, int] | None = None,
        since: str | None = None,
        as_of: str | None = None,
        model: str | None = None,
        with_others: bool = False,
    ) -> Record:
        """Evidence of a request, of a revision, of a time (`as_of`, perhaps of one `model`), or of
        everything, in one file that is not there yet; the same question to the same ledger has the
        same bytes. `since`: a log checkpoint that somebody kept, from which the bundle then has a
        proof. `with_others`: beside a request also the others that are in its revisions; else they
        are shown as digests only.

        Raises:
            Usage: the file exists. NotFound: no such request or revision.
        """
        if request is not None:
            question = self.questions.of_request(request, with_others)
        elif revision is not None:
            question = self.questions.of_revision(*revision)
        elif as_of is not None:
            question = self.questions.as_of(
                as_of, model, self.audit.as_of(as_of, model)
            )
        else:
            question = self.questions.everything()
        return self.write(
            file, question, None if since is None else LogCheckpoint.read(since).size
        )

    @bounded
    def bundle_to(
        self,
        file: Path,
        request: str | None = None,
        model: str | None = None,
        number: int | None = None,
        since: str | None = None,
        as_of: str | None = None,
        with_others: bool = False,
    ) -> Record:
        """The same, with a revision as two options; beside `as_of`, `model` says of which model.

        Raises:
            Usage: a model without a revision, or more than one question; others without a request.
        """
        questions = sum(option is not None for option in (request, number, as_of))
        if (
            questions > 1
            or (number is not None and model is None)
            or (model is not None and number is None and as_of is None)
        ):
            raise Usage(
                "give --request ID, or --revision MODEL N, or neither (everything)"
            )
        if with_others and request is None:
            raise Usage(
                "--with-others goes with --request ID",
                advice="Other bundles show all requests that they are about.",
            )
        revision = (model, number) if model is not None and number is not None else None
        return self.bundle(
            file,
            request,
            revision,
            since,
            as_of,
            model if as_of is not None else None,
            with_others,
        )

    def write(self, file: Path, question: Question, since: int | None = None) -> Record:
        """The bundle as a file that is not there yet. `since`: the size of a log checkpoint that
        somebody kept.

        Raises:
            Usage: the file exists, or the ledger has fewer entries than `since`. MachineFault: it
            cannot be written. BadFile: an artifact is damaged, or it would be larger than bundles
            can be.
        """
        if file.exists():
            raise Usage(
                "this file exists",
                where=str(file),
                advice="Choose another name; nothing is overwritten.",
            )
        try:
            with whole(file) as part, part.open("wb") as out:
                contents, entries, key = self.contents.gather(question, since)
                for piece in archive.write(contents):
                    out.write(piece)
                out.flush()
                os.fsync(out.fileno())
                if file.exists():
                    raise Usage(
                        "something else created this file in the meantime",
                        where=str(file),
                        advice="Choose another name.",
                    )
        except OSError as fault:
            raise MachineFault(
                f"cannot be written ({fault.strerror})",
                where=str(file),
                advice="Nothing was changed.",
            ) from fault
        artifacts = sum(name.startswith("artifacts/") for name in contents)
        summary = {
            "file": str(file),
            "bytes": file.stat().st_size,
            "about": question.about,
            "entries": entries,
            "artifacts": artifacts,
        }
        return summary | {"key": key}
