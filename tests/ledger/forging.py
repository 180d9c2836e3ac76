"""Bundles as somebody makes them who holds the log's key and wants to be believed more than he
should be.
"""

import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

from govd.ledger import canonical, merkle
from govd.ledger.signing import LogCheckpoint, Signer
from govd.verify import archive, bundle_format, claim

Files = dict[str, bytes]


def unzipped(data: bytes) -> Files:
    opened = archive.Archive(io.BytesIO(data), bundle_format.MAX_BUNDLE_BYTES)
    return {name: opened.read(name) for name in opened.members}


def zipped(files: Files) -> io.BytesIO:
    return io.BytesIO(
        b"".join(
            archive.write(
                {name: archive.Content.whole(data) for name, data in files.items()}
            )
        )
    )


def listed(files: Files) -> Files:
    """The files with sums that list them: what somebody does who changes more than a bit."""
    return files | {
        "SHA256SUMS": bundle_format.sums(
            {n: hashlib.sha256(d).hexdigest() for n, d in files.items()}
        )
    }


def entry(
    seq: int, kind: str = "note", subject: str = "x", **payload: Any
) -> dict[str, Any]:
    said = {
        "seq": seq,
        "time": "2027-01-31T12:00:00.000000Z",
        "actor": "ann",
        "kind": kind,
        "subject": subject,
        "model": "",
    }
    return said | {"payload": payload}


def signed(
    rows: Iterable[Mapping[str, Any]], signer: Signer
) -> tuple[list[bytes], str]:
    """Canonical entries, and a log checkpoint of them."""
    tree, bodies = merkle.Growing(), [canonical.encode(dict(row)) for row in rows]
    for body in bodies:
        tree.add(merkle.leaf_hash(body))
    return bodies, signer.sign(
        LogCheckpoint(signer.key.name, len(bodies), tree.root()).text
    )


def forged(
    rows: Iterable[Mapping[str, Any]],
    artifacts: Iterable[bytes],
    signer: Signer,
    **more: bytes,
) -> Files:
    """A bundle of everything, signed."""
    bodies, note = signed([{**row, "seq": i} for i, row in enumerate(rows)], signer)
    manifest = {
        "format": bundle_format.FORMAT,
        "origin": signer.key.name,
        "key": str(signer.key),
        "size": len(bodies),
        "whole": True,
    }
    files = {
        "README.txt": b"",
        "manifest.json": canonical.encode({**manifest, "about": {"everything": True}}),
        "entries.ndjson": b"".join(body + b"\n" for body in bodies),
        "proofs.ndjson": b"",
        f"checkpoints/{len(bodies)}.note": note.encode(),
    }
    return listed(
        files
        | {f"artifacts/{hashlib.sha256(a).hexdigest()}": a for a in artifacts}
        | more
    )


def restated(files: Files, signer: Signer, name: str, change: Any) -> Files:
    """The bundle with a statement that was changed and signed again."""
    opened = claim.opened(files[name], signer.key)
    assert opened is not None
    statement = json.loads(json.dumps(opened.statement))
    change(statement)
    made = claim.Claim(*opened.revision)
    made.statement = lambda: statement  # type: ignore[method-assign]
    return listed(files | {name: claim.sealed(made, signer.key.id.hex(), signer.raw)})
