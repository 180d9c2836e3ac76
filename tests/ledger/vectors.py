"""`python -m tests.ledger.vectors`: writes `tests/data/checkpoint-vectors.json`, test vectors for
signed notes, log checkpoints and cosignatures that other implementations can use.

Keys are Ed25519 private keys of 32 equal bytes, so that anybody can make them again. `verifier` is
a signed-note verifier; `note` is the note; `valid` says whether a signature of that verifier on it
holds; `checkpoint` is what it says where it is a tlog-checkpoint (null where it is none); `time` is
the Unix time of a witness's cosignature. Where `valid` is false, `why` says what was changed.
"""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from govd.ledger import merkle
from govd.ledger.signing import COSIGNER, Key, LogCheckpoint, Signer

FILE = Path(__file__).parents[1] / "data" / "checkpoint-vectors.json"


def signer(name: str, byte: int) -> Signer:
    return Signer(name, Ed25519PrivateKey.from_private_bytes(bytes([byte]) * 32))


def vectors() -> list[dict[str, Any]]:
    log, other = signer("example.com/log", 1), signer("example.com/other", 2)
    witness = signer("witness.example/w", 3)
    found: list[dict[str, Any]] = []

    def add(
        name: str,
        verifier: Key,
        note: str,
        said: LogCheckpoint | None,
        time: int | None = None,
        why: str = "",
    ) -> None:
        checkpoint = (
            None
            if said is None
            else {
                "origin": said.origin,
                "size": said.size,
                "root": base64.b64encode(said.root).decode(),
            }
        )
        found.append(
            {
                "name": name,
                "verifier": str(verifier),
                "note": note,
                "valid": not why,
                "why": why,
                "checkpoint": checkpoint,
                "time": time,
            }
        )

    for size in (0, 1, 7, 2**40):
        root = (
            merkle.EMPTY if size == 0 else hashlib.sha256(str(size).encode()).digest()
        )
        said = LogCheckpoint("example.com/log", size, root)
        add(f"a checkpoint of {size} entries", log.key, log.sign(said.text), said)
    said = LogCheckpoint("example.com/log", 7, hashlib.sha256(b"7").digest())
    note = log.sign(said.text)
    line = note.splitlines()[-1]
    raw = base64.b64decode(line.split(" ")[2])

    def signed(data: bytes, name: str = log.key.name) -> str:
        return f"{said.text}\n— {name} {base64.b64encode(data).decode()}\n"

    add(
        "two signatures, asked for the second",
        other.key,
        note + other.sign(said.text).splitlines()[-1] + "\n",
        said,
    )
    add(
        "an unknown signature first",
        log.key,
        f"{said.text}\n— somebody AAAAAAAA\n{line}\n",
        said,
    )
    add(
        "a text that is no checkpoint",
        log.key,
        log.sign("Not a checkpoint,\nbut signed.\n"),
        None,
    )
    add("a text with an empty line in it", log.key, log.sign("first\n\nsecond\n"), None)
    add("a text beyond ASCII", log.key, log.sign("Prüfsumme — 検証\n"), None)
    add(
        "another size",
        log.key,
        note.replace("\n7\n", "\n8\n"),
        None,
        why="the size was changed after signing",
    )
    add(
        "another origin",
        log.key,
        note.replace("example.com/log\n", "example.com/lag\n", 1),
        None,
        why="the origin was changed after signing",
    )
    add(
        "a bit of the signature",
        log.key,
        signed(raw[:40] + bytes([raw[40] ^ 1]) + raw[41:]),
        None,
        why="one bit of the signature differs",
    )
    add(
        "a bit of the key id",
        log.key,
        signed(bytes([raw[0] ^ 1]) + raw[1:]),
        None,
        why="one bit of the key id differs",
    )
    add(
        "a signature cut short",
        log.key,
        signed(raw[:-1]),
        None,
        why="the signature has 63 bytes",
    )
    add(
        "another name on the line",
        log.key,
        signed(raw, "example.com/log2"),
        None,
        why="the line names another signer",
    )
    add("another key", other.key, note, None, why="this verifier did not sign")
    add(
        "a hyphen instead of a dash",
        log.key,
        note.replace("— ", "- "),
        None,
        why="signature lines begin with U+2014 and a space",
    )
    add(
        "no empty line",
        log.key,
        note.replace("\n\n", "\n"),
        None,
        why="text and signatures are not separated",
    )
    add(
        "no newline at the end",
        log.key,
        note[:-1],
        None,
        why="the last line does not end",
    )
    add(
        "a carriage return in the text",
        log.key,
        log.sign("a\r\nb\n"),
        None,
        why="control characters are not allowed in notes",
    )
    cosigner = Key(witness.key.name, witness.key.public, COSIGNER)
    cosigned = note + witness.cosign(said.text, 1_800_000_000) + "\n"
    add("a cosignature", cosigner, cosigned, said, 1_800_000_000)
    add(
        "a cosignature at time zero",
        cosigner,
        note + witness.cosign(said.text, 0) + "\n",
        said,
        0,
    )
    late = base64.b64decode(cosigned.splitlines()[-1].split(" ")[2])
    moved = base64.b64encode(late[:11] + bytes([late[11] ^ 1]) + late[12:]).decode()
    add(
        "a cosignature of another time",
        cosigner,
        f"{note}— {cosigner.name} {moved}\n",
        None,
        why="the time was changed after signing",
    )
    add(
        "a cosignature of another checkpoint",
        cosigner,
        cosigned.replace("\n7\n", "\n8\n"),
        None,
        why="the size was changed after signing",
    )
    add(
        "a plain signature of the witness's key",
        cosigner,
        note + witness.sign(said.text).splitlines()[-1] + "\n",
        None,
        why="type 0x01, not 0x04",
    )
    return found


def written() -> str:
    about = (
        __doc__.partition("\n\n")[2].replace("\n", " ").replace("`", "").strip()
        if __doc__
        else ""
    )
    sources = [
        "https://c2sp.org/signed-note",
        "https://c2sp.org/tlog-checkpoint",
        "https://c2sp.org/tlog-cosignature",
    ]
    return (
        json.dumps(
            {"about": about, "sources": sources, "vectors": vectors()},
            indent=1,
            ensure_ascii=False,
        )
        + "\n"
    )


if __name__ == "__main__":
    FILE.write_text(written(), encoding="utf-8")
    print(f"{FILE}: {len(vectors())} vectors")
