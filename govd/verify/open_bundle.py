"""A bundle that is being verified: its files, and what was understood of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from govd.errors import BadFile, NotFound
from govd.verify import archive, claim
from govd.verify.bundle_format import MAX_STATEMENT_BYTES, is_entry
from govd.verify.excerpt import Excerpt
from govd.verify.verdict import Verdict


@dataclass
class OpenBundle:
    """A bundle's contents, as far as they were understood."""

    manifest: dict[str, Any]
    files: archive.Archive
    verdict: Verdict = field(default_factory=Verdict)
    statements: dict[claim.Revision, dict[str, Any]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    excerpt: Excerpt | None = None
    """Of a bundle of one request that shows others as digests only: which entries are about it."""
    claim: str = ""
    proven: list[str] = field(default_factory=list)
    recorded: list[str] = field(default_factory=list)
    not_proven: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether it says to have every entry."""
        return self.manifest.get("whole") is True

    def entries(self) -> Iterator[dict[str, Any]]:
        """The entries, read anew; those that are none are left out. Whether they are canonical was
        looked at once, which is enough.
        """
        for line in self.files.lines("entries.ndjson", MAX_STATEMENT_BYTES):
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if is_entry(entry):
                yield entry

    def artifact(self, digest: str) -> bytes:
        """An artifact's bytes.

        Raises:
            NotFound: it is not in the bundle. BadFile: it is not what its name says.
        """
        if f"artifacts/{digest}" not in self.files.members:
            raise NotFound("this artifact is not in the bundle", where=digest)
        data = self.files.read(f"artifacts/{digest}")
        if hashlib.sha256(data).hexdigest() != digest:
            raise BadFile(
                "the artifact's bytes are not what its name says", where=digest
            )
        return data
