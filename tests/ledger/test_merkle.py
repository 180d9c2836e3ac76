"""The tree against the definition, and the proofs against every way of bending them."""

import base64
import hashlib
import json
from typing import Any

import pymerkle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from govd.ledger import merkle
from tests.geometry import public_file

# Leaves and roots of RFC 6962's reference test data (certificate-transparency,
# `merkletree_test.cc`).
LEAVES = [
    bytes.fromhex(x)
    for x in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def oracle(leaves: list[bytes]) -> bytes:
    """MTH as RFC 6962 defines it."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return merkle.leaf_hash(leaves[0])
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return merkle.node_hash(oracle(leaves[:k]), oracle(leaves[k:]))


def stored(leaves: list[bytes]) -> merkle.Node:
    nodes: dict[tuple[int, int], bytes] = {}
    growing = merkle.Growing()
    for leaf in leaves:
        nodes |= {
            (level, number): value
            for level, number, value in growing.add(merkle.leaf_hash(leaf))
        }
    return lambda level, number: nodes[level, number]


def some(n: int) -> list[bytes]:
    return [str(i).encode() for i in range(n)]


def test_the_published_roots() -> None:
    node = stored(LEAVES)
    assert [merkle.root(n, node).hex() for n in range(1, 9)] == list(ROOTS)


@given(st.integers(0, 130))
def test_roots_are_those_of_the_definition(n: int) -> None:
    growing = merkle.Growing()
    for leaf in some(n):
        growing.add(merkle.leaf_hash(leaf))
    assert (
        merkle.root(n, stored(some(n)))
        == oracle(some(n))
        == growing.root()
        == merkle.Growing(n, stored(some(n))).root()
    )


@given(st.integers(1, 130), st.data())
def test_inclusion(n: int, data: st.DataObject) -> None:
    i, node = data.draw(st.integers(0, n - 1)), stored(some(n))
    proof, root, leaf = (
        merkle.inclusion_proof(i, n, node),
        oracle(some(n)),
        merkle.leaf_hash(some(n)[i]),
    )
    assert merkle.included(i, n, leaf, proof, root)
    assert not merkle.included(i, n, merkle.leaf_hash(b"other"), proof, root)
    assert not merkle.included(i, n, leaf, [*proof, root], root)
    assert not any(merkle.included(j, n, leaf, proof, root) for j in range(n) if j != i)
    if proof:
        assert not merkle.included(i, n, leaf, proof[:-1], root)


@given(st.integers(0, 130), st.data())
def test_consistency(n: int, data: st.DataObject) -> None:
    m, node = data.draw(st.integers(0, n)), stored(some(n))
    old, new, proof = (
        oracle(some(m)),
        oracle(some(n)),
        merkle.consistency_proof(m, n, node),
    )
    if m == 0:
        assert not merkle.consistent(0, n, old, new, proof), (
            "from an empty tree nothing is proven"
        )
        return
    assert merkle.consistent(m, n, old, new, proof)
    other = hashlib.sha256(b"other").digest()
    assert not merkle.consistent(m, n, other, new, proof)
    assert not merkle.consistent(m, n, old, new, [*proof, other])
    if proof:
        assert not merkle.consistent(m, n, old, other, proof)
        assert not merkle.consistent(m, n, old, new, proof[:-1])


def test_no_proof_of_what_is_not_there() -> None:
    with pytest.raises(ValueError, match="no leaf 3"):
        merkle.inclusion_proof(3, 3, stored(some(3)))
    with pytest.raises(ValueError, match="no proof from 4 to 3"):
        merkle.consistency_proof(4, 3, stored(some(3)))


PUBLISHED = public_file("transparency-dev-merkle.json")


def raw(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def holds(v: dict[str, Any]) -> bool:
    """Whether a proof of transparency-dev/merkle's test vectors holds."""
    proof = [raw(step) for step in v["proof"] or []]
    match v["file"].split("/")[0]:
        case "inclusion":
            return merkle.included(
                v["leafIdx"], v["treeSize"], raw(v["leafHash"]), proof, raw(v["root"])
            )
        case "consistency":
            return merkle.consistent(
                v["size1"], v["size2"], raw(v["root1"]), raw(v["root2"]), proof
            )
        case "subtreeinclusion":
            return merkle.subtree_included(
                v["leafIdx"],
                v["start"],
                v["end"],
                raw(v["leafHash"]),
                proof,
                raw(v["root"]),
            )
        case "subtreeconsistency":
            return merkle.subtree_consistent(
                v["start"], v["end"], v["size"], raw(v["root1"]), raw(v["root2"]), proof
            )
    raise AssertionError(v["file"])


@pytest.mark.skipif(
    PUBLISHED is None,
    reason="GOVD_PUBLIC_VECTORS names no folder with transparency-dev-merkle.json",
)
def test_the_published_proofs() -> None:
    assert PUBLISHED is not None
    vectors = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    assert (len(vectors), sum(v["wantErr"] for v in vectors)) == (518, 482)
    assert [v["file"] for v in vectors if holds(v) == v["wantErr"]] == []


@given(st.integers(1, 300), st.data())
def test_pymerkle_says_the_same(n: int, data: st.DataObject) -> None:
    tree, node = pymerkle.InmemoryTree(algorithm="sha256"), stored(some(n))
    for leaf in some(n):
        tree.append_entry(leaf)
    size = data.draw(st.integers(1, n))
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    assert tree.get_root(size) == merkle.root(size, node)
    theirs = [
        bytes.fromhex(step)
        for step in tree.prove_inclusion(index + 1, size).serialize()["path"]
    ]
    mine = merkle.inclusion_proof(index, size, node)
    assert theirs == [merkle.leaf_hash(some(n)[index]), *mine]
    pymerkle.verify_consistency(
        tree.get_root(old), tree.get_root(size), tree.prove_consistency(old, size)
    )
    assert merkle.consistent(
        old,
        size,
        tree.get_root(old),
        tree.get_root(size),
        merkle.consistency_proof(old, size, node),
    )


@given(st.integers(1, 90), st.data())
def test_subtrees(n: int, data: st.DataObject) -> None:
    level = data.draw(st.integers(0, n.bit_length() - 1))
    start = data.draw(st.integers(0, (n - 1) >> level)) << level
    end = data.draw(st.integers(start + 1, min(n, start + (1 << level))))
    leaves = some(n)
    root, index = oracle(leaves[start:end]), data.draw(st.integers(start, end - 1))
    path = merkle.inclusion_proof(index - start, end - start, stored(leaves[start:end]))
    assert merkle.subtree_included(
        index, start, end, merkle.leaf_hash(leaves[index]), path, root
    )
    assert not merkle.subtree_included(
        index, start, end, merkle.leaf_hash(b"other"), path, root
    )


@given(st.integers(1, 130), st.data())
def test_runs(n: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, n - 1))
    stop, node, root = (
        data.draw(st.integers(start + 1, n)),
        stored(some(n)),
        oracle(some(n)),
    )
    proof = merkle.range_proof(start, stop, n, node)
    assert len(proof) <= 2 * n.bit_length()
    if stop == start + 1:
        assert sorted(proof) == sorted(merkle.inclusion_proof(start, n, node)), (
            "the same hashes, from left to right"
        )

    def holds(
        leaves: list[bytes],
        first: int = start,
        last: int = stop,
        steps: list[bytes] = proof,
        size: int = n,
    ) -> bool:
        run = merkle.Run(first, last, size, steps)
        for leaf in leaves:
            run.add(merkle.leaf_hash(leaf))
        return run.holds(root)

    mine = some(n)[start:stop]
    assert holds(mine)
    at = data.draw(st.integers(0, len(mine) - 1))
    assert not holds([*mine[:at], b"other", *mine[at + 1 :]])
    assert not holds([*mine, b"more"])
    assert not holds(mine[:-1])
    assert not holds(mine, steps=[*proof, root])
    assert not holds(mine, start + 1, stop + 1)
    if proof:
        assert not holds(mine, steps=proof[:-1])
    with pytest.raises(ValueError, match="no leaves"):
        merkle.range_proof(start, n + 1, n, node)
