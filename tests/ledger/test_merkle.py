"""The tree against the definition, and the proofs against every way of bending them."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govd.ledger import merkle

# Leaves and roots of RFC 6962's reference test data (certificate-transparency, `merkletree_test.cc`).
LEAVES = [bytes.fromhex(x) for x in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")]
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
    for i, leaf in enumerate(leaves):
        for level, number, value in merkle.completed(i, merkle.leaf_hash(leaf), lambda a, b: nodes[a, b]):
            nodes[level, number] = value
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
    assert merkle.root(n, stored(some(n))) == oracle(some(n)) == growing.root()


@given(st.integers(1, 130), st.data())
def test_inclusion(n: int, data: st.DataObject) -> None:
    i, node = data.draw(st.integers(0, n - 1)), stored(some(n))
    proof, root, leaf = merkle.inclusion_proof(i, n, node), oracle(some(n)), merkle.leaf_hash(some(n)[i])
    assert merkle.included(i, n, leaf, proof, root)
    assert not merkle.included(i, n, merkle.leaf_hash(b"other"), proof, root)
    assert not merkle.included(i, n, leaf, [*proof, root], root)
    assert not any(merkle.included(j, n, leaf, proof, root) for j in range(n) if j != i)
    if proof:
        assert not merkle.included(i, n, leaf, proof[:-1], root)


@given(st.integers(0, 130), st.data())
def test_consistency(n: int, data: st.DataObject) -> None:
    m, node = data.draw(st.integers(0, n)), stored(some(n))
    old, new, proof = oracle(some(m)), oracle(some(n)), merkle.consistency_proof(m, n, node)
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
