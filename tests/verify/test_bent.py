"""Artifacts and entries that are bent: recomposing ends in a verdict."""

import copy
import hashlib
import io
import json
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from govd.edit.files import tensors_from_bytes, tensors_to_bytes
from govd.ledger.signing import Signer
from govd.verify.bundle import verify_bundle
from tests.ledger.forging import Files, forged, zipped
from tests.verify.forged import Made, Rows, judged, of


def swapped(made: Made, old: str, new: bytes) -> Files:
    rows: Rows = json.loads(
        json.dumps(made.rows).replace(old, hashlib.sha256(new).hexdigest())
    )
    return forged(
        rows, [*(d for n, d in made.artifacts.items() if n != old), new], made.signer
    )


def parts(made: Made) -> dict[str, str]:
    compose = of(made.rows, "revision.compose")["payload"]
    return {
        "contribution": of(made.rows, "contribution.make")["payload"]["artifact"],
        "basis": compose["basis"],
        "edit": compose["edit"],
    }


def bent(data: bytes) -> dict[str, bytes]:
    tensors, said = tensors_from_bytes(data)
    deep = b'{"__metadata__":{"spec":"' + b"[" * 50_000 + b'"}}'
    deep += b" " * (-len(deep) % 8)
    found = {
        "noise": b"\x00" * 100,
        "a deep header": struct.pack("<Q", len(deep)) + deep,
        "nothing": b"",
    }
    for name in said:
        for what, value in (
            ("deep", "[" * 100_000),
            ("a list", "[]"),
            ("a number", "7"),
            ("no JSON", "{"),
            ("null", "null"),
        ):
            found[f"{name} is {what}"] = tensors_to_bytes(tensors, said | {name: value})
        found[f"no {name}"] = tensors_to_bytes(
            tensors, {k: v for k, v in said.items() if k != name}
        )
    for name in tensors:
        found[f"no tensor {name}"] = tensors_to_bytes(
            {k: v for k, v in tensors.items() if k != name}, said
        )
        for shape in ((3, 2), (0, 0), (5,)):
            found[f"{name} of shape {shape}"] = tensors_to_bytes(
                tensors | {name: np.zeros(shape)}, said
            )
        found[f"{name} of whole numbers"] = tensors_to_bytes(
            tensors | {name: np.zeros(tensors[name].shape, np.int64)}, said
        )
        found[f"{name} is huge"] = tensors_to_bytes(
            tensors | {name: np.full(tensors[name].shape, 1e308)}, said
        )
    # a tensor of no numbers cannot be huge
    return {what: changed for what, changed in found.items() if changed != data}


@pytest.mark.parametrize("what", ["contribution", "basis", "edit"])
def test_malformed_artifacts_are_faults_that_name_them(
    made: Made, tmp_path: Path, what: str
) -> None:
    old = parts(made)[what]
    for name, data in bent(made.artifacts[old]).items():
        found = judged(swapped(made, old, data), tmp_path, made, again=True)
        idle = what == "edit" and not name.startswith(
            (
                "format",
                "side",
                "no format",
                "no tensor",
                "L ",
                "B ",
                "noise",
                "a deep",
                "nothing",
            )
        )
        if idle and not found["faults"]:  # facts about the edit that nothing depends on
            assert all(f["same_bytes"] for f in found["recomputed"])
            continue
        assert found["faults"], f"{what}: {name}"
        assert "again" in found["faults"][0], f"{what}: {name}"


JSONS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda s: (
        st.lists(s, max_size=3) | st.dictionaries(st.text(max_size=4), s, max_size=3)
    ),
    max_leaves=6,
)


WHERE = st.sampled_from(["entries", "contribution", "basis", "edit"])


PLACE = st.integers(0, 10_000)


@given(WHERE, PLACE, PLACE, st.booleans(), JSONS)
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_recomputing_whatever_was_bent_ends_in_a_verdict(
    made: Made, tmp_path: Path, what: str, at: int, place: int, inside: bool, value: Any
) -> None:
    """A value somewhere in the entries, or in the metadata of an artifact, is another one."""
    if what == "entries":
        rows = copy.deepcopy(made.rows)
        bendable = [
            r["payload"]
            for r in rows
            if r["kind"].split(".")[0]
            in ("request", "revision", "contribution", "model")
        ]
        payload = bendable[at % len(bendable)]
        payload[sorted(payload)[place % len(payload)]] = value
        files = forged(rows, made.artifacts.values(), made.signer)
    else:
        tensors, said = tensors_from_bytes(made.artifacts[parts(made)[what]])
        name = sorted(said)[at % len(said)]
        known = json.loads(said[name]) if said[name].startswith("{") else None
        if known and inside:
            value = known | {sorted(known)[place % len(known)]: value}
        files = swapped(
            made,
            parts(made)[what],
            tensors_to_bytes(tensors, said | {name: json.dumps(value)}),
        )
    assert isinstance(judged(files, tmp_path, made, again=True)["holds"], bool)


def test_noise_in_tensors_is_a_verdict(made: Made, tmp_path: Path) -> None:
    draw = np.random.default_rng(5)
    for what, old in parts(made).items():
        tensors, said = tensors_from_bytes(made.artifacts[old])
        for _ in range(5):
            noise = {
                k: draw.standard_normal(v.shape) * 10.0 ** draw.integers(-200, 200)
                for k, v in tensors.items()
            }
            assert not judged(
                swapped(made, old, tensors_to_bytes(noise, said)),
                tmp_path,
                made,
                again=True,
            )["holds"], what


def test_the_key_that_is_shown_is_the_one_that_was_checked(
    made: Made, tmp_path: Path
) -> None:
    found = judged(made.files, tmp_path, made)
    assert found["key"] == str(made.signer.key) == found["keys"][0]
    stranger = Signer.at(tmp_path / "k", made.signer.key.name)
    assert not verify_bundle(
        io.BytesIO(zipped(made.files).getvalue()), stranger.key
    ).verdict.holds
    assert re.fullmatch(r"[0-9a-f]{64}", found["root"])
