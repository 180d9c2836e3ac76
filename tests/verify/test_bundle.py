"""Evidence bundles against whoever makes them badly or in bad faith: a clear verdict, in little
time and memory.
"""

import base64
import hashlib
import io
import json
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from govd.errors import BadFile, GovdError
from govd.ledger import canonical, merkle
from govd.ledger.signing import Key, Signer
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.service import open_service
from govd.verify.bundle import verify_bundle
from govd.verify.open_bundle import OpenBundle
from tests.ledger.forging import entry, forged, listed, signed, unzipped, zipped

Files = dict[str, bytes]
STATEMENT = "statements/m-1.dsse.json"


@pytest.fixture(scope="module")
def made(
    tmp_path_factory: pytest.TempPathFactory, pictures: Path, pool: Path
) -> tuple[Files, Files, Key]:
    """The files of a bundle of one request, of one of everything, and the log's key."""
    from tests.conftest import DOMAINS, NAMES, POINTS

    folder = tmp_path_factory.mktemp("bundles")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("govd.asking.plugins.found_entry_points", lambda: POINTS)
        with open_service(folder / "home") as service:
            service.add_model(
                "m",
                "colours",
                Given(
                    labels=NAMES,
                    anchors=("wood", "sea"),
                    domains=DOMAINS,
                    pool=str(pool),
                ),
                "ann",
            )
            request = service.requests.forget(
                "m", ForgetOptions(concepts=("red",), reason="a reason"), "ann"
            )
            service.reconciler.run()
            if service.requests.show(request["id"])["state"] == "waiting":
                service.requests.decide(request["id"], "approve", "seen", "bob")
                service.reconciler.run()
            service.bundles.bundle(folder / "one.zip", request=request["id"])
            service.bundles.bundle(folder / "again.zip", request=request["id"])
            service.bundles.bundle(folder / "all.zip")
            key = service.core.desk.ledger.signer.key
    assert (folder / "one.zip").read_bytes() == (folder / "again.zip").read_bytes(), (
        "the same question has the same bytes"
    )
    one, everything = ((folder / n).read_bytes() for n in ("one.zip", "all.zip"))
    return unzipped(one), unzipped(everything), key


def judged(files: Files, key: Key) -> OpenBundle:
    return verify_bundle(zipped(listed(files)), key)


def test_bundles_hold_and_say_what_that_means(made: tuple[Files, Files, Key]) -> None:
    for files in made[:2]:
        opened = judged(dict(files), made[2])
        assert opened.verdict.holds, opened.verdict.faults
        assert "not erasure" in opened.claim
        assert any("asked to forget red" in line for line in opened.recorded)
        assert any("clock" in line for line in opened.not_proven)
    assert "there is none but these up to entry" in " ".join(opened.proven)


def test_any_zip_tool_opens_them(made: tuple[Files, Files, Key]) -> None:
    with zipfile.ZipFile(zipped(made[0])) as opened:
        assert opened.testzip() is None
        assert {n: opened.read(n) for n in opened.namelist()} == made[0]


def test_the_claim_is_an_in_toto_statement_about_the_published_files(
    made: tuple[Files, Files, Key],
) -> None:
    envelope = json.loads(made[0][STATEMENT])
    statement = json.loads(base64.b64decode(envelope["payload"]))
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    subjects = {s["digest"]["sha256"] for s in statement["subject"]}
    assert subjects <= {n.partition("/")[2] for n in made[0]}
    assert statement["predicate"]["requests"][0]["concepts"] == [
        {"aliases": [], "name": "red"}
    ]


def lines(files: Files) -> list[Any]:
    return [json.loads(line) for line in files["entries.ndjson"].splitlines()]


def with_lines(files: Files, rows: list[Any]) -> Files:
    return files | {
        "entries.ndjson": b"".join(canonical.encode(r) + b"\n" for r in rows)
    }


def changed_reason(files: Files) -> Files:
    rows = lines(files)
    next(r for r in rows if r["kind"] == "request.file")["payload"]["reason"] = (
        "another reason"
    )
    return with_lines(files, rows)


def dropped(files: Files) -> Files:
    return with_lines(files, [r for r in lines(files) if r["kind"] != "request.vote"])


def invented(files: Files) -> Files:
    rows = lines(files)
    return with_lines(
        files,
        [*rows, {**rows[-1], "seq": rows[-1]["seq"] + 1, "kind": "request.withdraw"}],
    )


def artifact(files: Files) -> str:
    return next(n for n in sorted(files) if n.startswith("artifacts/"))


def other_artifact(files: Files) -> Files:
    data = files[artifact(files)]
    return files | {artifact(files): data[:-1] + bytes([data[-1] ^ 1])}


def smuggled(files: Files) -> Files:
    return files | {f"artifacts/{hashlib.sha256(b'x').hexdigest()}": b"x"}


def other_checkpoint(files: Files) -> Files:
    name = next(n for n in files if n.startswith("checkpoints/"))
    return files | {
        name: files[name].replace(b"\n\n", b"\n\n\xe2\x80\x94 x AAAA\n", 1)[:-9]
        + b"AAAAAAAA\n"
    }


def other_claim(files: Files) -> Files:
    envelope = json.loads(files[STATEMENT])
    payload = base64.b64decode(envelope["payload"]).replace(b'"red"', b'"blue"')
    return files | {
        STATEMENT: canonical.encode(
            envelope | {"payload": base64.b64encode(payload).decode()}
        )
    }


def no_checkpoint(files: Files) -> Files:
    return {n: d for n, d in files.items() if not n.startswith("checkpoints/")}


LIES: list[Callable[[Files], Files]] = [
    changed_reason,
    invented,
    other_artifact,
    smuggled,
    other_checkpoint,
    other_claim,
    no_checkpoint,
]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
@pytest.mark.parametrize("which", [0, 1], ids=["one", "all"])
def test_whoever_changes_a_bundle_and_its_manifest_is_found_out(
    made: tuple[Files, Files, Key], lie: Callable[[Files], Files], which: int
) -> None:
    assert not judged(lie(dict(made[which])), made[2]).verdict.holds


def test_what_is_left_out_is_noticed_where_all_is_promised(
    made: tuple[Files, Files, Key],
) -> None:
    assert not judged(dropped(dict(made[1])), made[2]).verdict.holds
    assert not judged(dropped(dict(made[0])), made[2]).verdict.holds, (
        "it was in a run of entries that follow each other"
    )
    opened = judged(dict(made[0]), made[2])
    assert any("may exist" in line for line in opened.not_proven), (
        "and not promised where it is not"
    )


def test_single_entries_and_runs_are_proven_one_by_one(tmp_path: Path) -> None:
    """Entries 1 and 3 to 6 of eight: one proof for the first, one for the run; each entry and each
    proof counts.
    """
    signer = Signer.at(tmp_path / "k", "g")
    rows = [entry(i, "request.file", f"r{i}") for i in range(8)]
    bodies, _ = signed(rows, signer)
    nodes: dict[tuple[int, int], bytes] = {}
    tree = merkle.Growing()
    for body in bodies:
        nodes |= {
            (level, number): value
            for level, number, value in tree.add(merkle.leaf_hash(body))
        }

    def node(level: int, number: int) -> bytes:
        return nodes[level, number]

    proofs: list[dict[str, Any]] = [
        {"entry": 1, "path": [h.hex() for h in merkle.inclusion_proof(1, 8, node)]}
    ]
    proofs.append(
        {
            "start": 3,
            "stop": 7,
            "path": [h.hex() for h in merkle.range_proof(3, 7, 8, node)],
        }
    )

    def verdict(shown: list[Any], said: list[Any]) -> list[str]:
        files = forged(rows, [], signer)
        manifest = json.loads(files["manifest.json"]) | {
            "whole": False,
            "about": {"request": "r1"},
        }
        files |= {
            "manifest.json": canonical.encode(manifest),
            "proofs.ndjson": b"".join(canonical.encode(p) + b"\n" for p in said),
        }
        return judged(with_lines(files, shown), signer.key).verdict.faults

    mine = [rows[i] for i in (1, 3, 4, 5, 6)]
    assert verdict(mine, proofs) == []
    for at in range(5):
        other = [
            row | {"actor": "eve"} if i == at else row for i, row in enumerate(mine)
        ]
        assert (
            "not proven" in verdict(other, proofs)[0]
            or "not all those" in verdict(other, proofs)[0]
        )
    assert verdict(mine[:-1], proofs), "the run has an end"
    assert verdict([mine[0], *mine[2:]], proofs), "and a beginning"
    assert verdict([*mine[:2], *mine[3:]], proofs), "and no gap"
    assert verdict(mine, proofs[::-1])
    assert verdict(mine, proofs[:1])
    for number, proof in enumerate(proofs):
        for path in (
            proof["path"][:-1],
            [*proof["path"], "0" * 64],
            ["0" * 64, *proof["path"][1:]],
        ):
            assert verdict(
                mine,
                [
                    p | {"path": path} if i == number else p
                    for i, p in enumerate(proofs)
                ],
            )


def test_another_signer_is_not_the_log(
    made: tuple[Files, Files, Key], tmp_path: Path
) -> None:
    stranger = Signer.at(tmp_path / "k", made[2].name)
    assert not judged(dict(made[0]), stranger.key).verdict.holds
    own = verify_bundle(zipped(made[0]))
    assert own.verdict.holds
    assert "not who" in own.not_proven[0]


HOSTILE: dict[str, Callable[[Files], bytes]] = {
    "nothing": lambda f: b"",
    "no zip": lambda f: b"PK\x03\x04 this is no zip",
    "cut off": lambda f: zipped(f).getvalue()[:-30],
    "more behind": lambda f: zipped(f).getvalue() + b"more",
    "a path upwards": lambda f: renamed(f, b"README.txt", b"../../a.tx"),
    "an absolute path": lambda f: renamed(f, b"README.txt", b"/etc/passw"),
    "a name that no bundle has": lambda f: zipped(f | {"artifacts/x": b""}).getvalue(),
    "the same name twice": lambda f: renamed(f, b"SHA256SUMS", b"README.txt"),
    "a compressed bomb": lambda f: deflated({"README.txt": b"\x00" * 50_000_000}),
    "a size that lies": lambda f: (
        zipped(f)
        .getvalue()
        .replace(struct.pack("<I", len(f["README.txt"])), struct.pack("<I", 2**31), 1)
    ),
    "deep JSON": (
        lambda f: zipped(
            f | {"manifest.json": b"[" * 100_000 + b"]" * 100_000}
        ).getvalue()
    ),
    "duplicate keys": (
        lambda f: zipped(
            f | {"manifest.json": f["manifest.json"][:-1] + b',"whole":true}'}
        ).getvalue()
    ),
    "NaN": lambda f: zipped(f | {"manifest.json": b'{"format":NaN}'}).getvalue(),
    "another format": (
        lambda f: zipped(
            f | {"manifest.json": b'{"format":"govd-bundle-1"}'}
        ).getvalue()
    ),
    "no sums": lambda f: zipped(
        {n: d for n, d in f.items() if n != "SHA256SUMS"}
    ).getvalue(),
    "a large manifest": (
        lambda f: zipped(
            f | {"manifest.json": b"[" + b"[]," * 600_000 + b"[]]"}
        ).getvalue()
    ),
    "a large note": (
        lambda f: zipped(
            f | {f"checkpoints/{i}.note": b"" for i in range(5000)}
        ).getvalue()
    ),
    "a manifest that is a list": lambda f: zipped(
        f | {"manifest.json": b"[]"}
    ).getvalue(),
}


def renamed(files: Files, old: bytes, new: bytes) -> bytes:
    return zipped(files).getvalue().replace(old, new)


def deflated(files: Files) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in files.items():
            made.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_files_are_refused_in_little_memory(
    made: tuple[Files, Files, Key], name: str
) -> None:
    data = HOSTILE[name](dict(made[0]))
    tracemalloc.start()
    try:
        with pytest.raises(BadFile):
            verify_bundle(io.BytesIO(data), made[2])
        assert tracemalloc.get_traced_memory()[1] < 40 * 2**20 + 4 * len(data)
    finally:
        tracemalloc.stop()


def test_a_million_proofs_and_entries_of_nonsense_end(
    made: tuple[Files, Files, Key],
) -> None:
    proofs = b"".join(b'{"entry":%d,"path":[]}\n' % i for i in range(1_000_000))
    opened = judged(dict(made[0]) | {"proofs.ndjson": proofs}, made[2])
    assert not opened.verdict.holds
    opened = judged(dict(made[0]) | {"entries.ndjson": b"{}\n" * 1_000_000}, made[2])
    assert not opened.verdict.holds
    assert len(opened.verdict.faults) <= 100


OTHER = st.one_of(
    st.sampled_from(
        [
            None,
            True,
            False,
            {},
            [],
            [[]],
            {"a": None},
            [1, {"b": []}],
            "",
            "a" * 64,
            "0" * 64,
            1e300,
            -1,
            2**53 - 1,
        ]
    ),
    st.integers(-5, 5),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
)


def bent(value: Any, draw: st.DataObject) -> Any:
    """The value with something in it replaced by something else."""
    if isinstance(value, dict) and value and draw.draw(st.booleans()):
        name = draw.draw(st.sampled_from(sorted(value)))
        return value | {name: bent(value[name], draw)}
    if isinstance(value, list) and value and draw.draw(st.booleans()):
        at = draw.draw(st.integers(0, len(value) - 1))
        return [*value[:at], bent(value[at], draw), *value[at + 1 :]]
    return draw.draw(OTHER)


@given(st.data())
@settings(
    max_examples=250,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_bent_json_anywhere_has_a_verdict(
    made: tuple[Files, Files, Key], data: st.DataObject
) -> None:
    files = dict(made[0])
    name = data.draw(
        st.sampled_from(
            ["manifest.json", "proofs.ndjson", STATEMENT, "entries.ndjson", "payload"]
        )
    )
    if name == "payload":
        envelope = json.loads(files[STATEMENT])
        said = bent(json.loads(base64.b64decode(envelope["payload"])), data)
        files[STATEMENT] = canonical.encode(
            envelope | {"payload": base64.b64encode(canonical.encode(said)).decode()}
        )
    elif name.endswith(".ndjson"):
        rows = [json.loads(line) for line in files[name].splitlines()]
        at = data.draw(st.integers(0, len(rows) - 1))
        rows = [*rows[:at], bent(rows[at], data), *rows[at + 1 :]]
        files[name] = b"".join(canonical.encode(row) + b"\n" for row in rows)
    else:
        files[name] = canonical.encode(bent(json.loads(files[name]), data))
    same = files == made[0]
    try:
        opened = verify_bundle(
            zipped(files if name == "manifest.json" else listed(files)), made[2]
        )
    except GovdError:
        assert not same
        return
    if name in ("entries.ndjson", "payload") and not same:
        assert not opened.verdict.holds


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_noise_has_a_verdict(noise: bytes) -> None:
    with pytest.raises(BadFile):
        verify_bundle(io.BytesIO(b"PK\x03\x04" + noise))
