"""How much time and memory a hostile or a large bundle takes: measured in a process of its own."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from govd.ledger import canonical, merkle
from govd.ledger.signing import DASH, LogCheckpoint, Signer
from govd.verify import archive
from tests.ledger.forging import Files, entry, forged, listed, zipped

MIB = 2**20
CODE = """
import json, resource, sys, time
from pathlib import Path
from govd.errors import GovdError
from govd.verify.offline import verify_offline
before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
try:
    found = verify_offline(Path(sys.argv[1]), None, again=len(sys.argv) > 2)
    said = {"holds": found["holds"], "faults": found["faults"][:3]}
except GovdError as error:
    said = {"holds": False, "faults": [error.message]}
said["mib"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
said["seconds"] = time.process_time() - began
print(json.dumps(said))
"""


def taken(path: Path, *again: str) -> dict[str, object]:
    """The verdict, with mebibytes beyond those of the imports and seconds of the processor."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(path), *again],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer.at(tmp_path_factory.mktemp("key") / "k", "g")


def one(signer: Signer) -> Files:
    return forged([entry(0)], [], signer)


def of_size(signer: Signer, size: int) -> Files:
    files = {n: d for n, d in one(signer).items() if not n.startswith("checkpoints/")}
    return files | {
        f"checkpoints/{size}.note": signer.sign(
            LogCheckpoint("g", size, bytes(32)).text
        ).encode()
    }


def with_lines(signer: Signer, count: int) -> Files:
    files = one(signer)
    head, _, line = files["checkpoints/1.note"].decode().rpartition("\n\n")
    bad = f"{DASH} g {base64.b64encode(signer.key.id + bytes(64)).decode()}\n"
    return files | {"checkpoints/1.note": f"{head}\n\n{bad * count}{line}".encode()}


def partial(files: Files) -> Files:
    manifest = json.loads(files["manifest.json"]) | {
        "whole": False,
        "about": {"request": "x"},
    }
    return files | {"manifest.json": canonical.encode(manifest)}


def rows(text: bytes, size: int) -> bytes:
    return text * (size // len(text))


def many(size: int) -> bytes:
    lines, total = [], 0
    while total < size:
        lines.append(canonical.encode(entry(len(lines))) + b"\n")
        total += len(lines[-1])
    return b"".join(lines)


def wide(item: bytes, size: int) -> bytes:
    body = canonical.encode(entry(0, items=[]))
    return (
        body.replace(
            b'"items":[]',
            b'"items":[' + b",".join([item] * (size // (len(item) + 1))) + b"]",
        )
        + b"\n"
    )


HOSTILE = {
    "a size that lies": lambda s: of_size(s, 2 * 10**7),
    "a size beyond belief": lambda s: of_size(s, 10**17),
    "a partial one of that size": lambda s: partial(of_size(s, 10**17)),
    "fifty thousand signature lines": lambda s: with_lines(s, 50_000),
    "two hundred signature lines": lambda s: with_lines(s, 200),
    "60 MiB of proofs in lists": lambda s: partial(
        one(s)
        | {"proofs.ndjson": b'{"entry":0,"path":[' + rows(b"[],", 60 * MIB) + b"[]]}\n"}
    ),
    "60 MiB of proof lines": lambda s: partial(
        one(s) | {"proofs.ndjson": rows(b'{"from":1,"path":[]}\n', 60 * MIB)}
    ),
    "60 MiB of lists in an entry": lambda s: (
        one(s) | {"entries.ndjson": wide(b"[]", 60 * MIB)}
    ),
    "30 MiB of floats in entries": lambda s: (
        one(s) | {"entries.ndjson": rows(wide(b"1e+30", 3 * MIB), 30 * MIB)}
    ),
    "30 MiB of small entries": lambda s: one(s) | {"entries.ndjson": many(30 * MIB)},
    "30 MiB of small entries without proofs": lambda s: partial(
        one(s) | {"entries.ndjson": many(30 * MIB)}
    ),
    "60 MiB of nothing": lambda s: one(s) | {"entries.ndjson": rows(b"\n", 60 * MIB)},
    "60 MiB of a manifest": lambda s: (
        one(s) | {"manifest.json": b"[" + rows(b"[],", 60 * MIB) + b"[]]"}
    ),
    "60 MiB of sums": lambda s: one(s) | {"SHA256SUMS": rows(b"0  x\n", 60 * MIB)},
    "60 MiB of an artifact": lambda s: (
        one(s) | {"artifacts/" + "0" * 64: bytes(60 * MIB)}
    ),
    "60 MiB of a statement": lambda s: (
        one(s) | {"statements/m-1.dsse.json": b"[" + rows(b"[],", 60 * MIB) + b"[]]"}
    ),
}


@pytest.mark.slow
@pytest.mark.no_cover  # it makes megabytes of the same
@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_bundles_end_soon_in_little_memory(
    signer: Signer, tmp_path: Path, name: str
) -> None:
    files = HOSTILE[name](signer)
    path = tmp_path / "x.zip"
    path.write_bytes(
        zipped(files if name.endswith("sums") else listed(files)).getvalue()
    )
    found = taken(path)
    assert found["holds"] is False
    assert float(str(found["mib"])) < 300, found
    assert float(str(found["seconds"])) < 20, found
    if "size" in name:
        assert float(str(found["mib"])) < 20, found


@pytest.mark.slow
@pytest.mark.no_cover  # it makes megabytes of the same
def test_a_bundle_of_many_entries_verifies_in_flat_memory(
    signer: Signer, tmp_path: Path
) -> None:
    """More than once fitted into memory: 170,000 entries of 400 bytes."""
    count, tree = 170_000, merkle.Growing()

    def bodies() -> Iterator[bytes]:
        for i in range(count):
            yield (
                canonical.encode(
                    entry(i, "request.vote", f"r{i}", reason="because " * 30)
                )
                + b"\n"
            )

    for body in bodies():
        tree.add(merkle.leaf_hash(body[:-1]))
    note = signer.sign(LogCheckpoint("g", count, tree.root()).text).encode()
    small = {
        n: d
        for n, d in one(signer).items()
        if n in ("README.txt", "manifest.json", "proofs.ndjson")
    }
    contents = {
        n: archive.Content.whole(d)
        for n, d in (small | {f"checkpoints/{count}.note": note}).items()
    }
    contents["entries.ndjson"] = archive.Content.of(bodies)
    from govd.verify.bundle_format import sums

    contents["SHA256SUMS"] = archive.Content.whole(
        sums({n: c.sha256 for n, c in contents.items()})
    )
    path = tmp_path / "x.zip"
    with path.open("wb") as file:
        for piece in archive.write(contents):
            file.write(piece)
    assert path.stat().st_size > 60 * MIB
    found = taken(path)
    assert found["holds"], found
    assert float(str(found["mib"])) < 60, found
