"""The Merkle tree of RFC 6962 (section 2.1) and RFC 9162 (section 2.1): roots, inclusion and consistency proofs, and their checks.

A tree is kept as the hashes of its complete subtrees: `node(level, index)` covers the leaves `[index << level, (index + 1) << level)`.
An append adds its leaf and the subtrees that it completes, one per level at most; a proof reads O(log n) of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

Node = Callable[[int, int], bytes]
"""The stored hash of a complete subtree by level and index."""

EMPTY = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Hash of one entry."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of two subtrees side by side."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def completed(index: int, leaf: bytes, node: Node) -> Iterator[tuple[int, int, bytes]]:
    """The subtrees `(level, index, hash)` that the leaf at `index` completes, itself first."""
    level, value = 0, leaf
    yield level, index, value
    while index & 1:
        value = node_hash(node(level, index - 1), value)
        level, index = level + 1, index >> 1
        yield level, index, value


def _range(start: int, end: int, node: Node) -> bytes:
    """MTH(D[start:end]) where `start` is a multiple of the power of two that the range fits into."""
    size = end - start
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return node(level, start >> level)
    middle = start + (1 << ((size - 1).bit_length() - 1))
    return node_hash(_range(start, middle, node), _range(middle, end, node))


def root(size: int, node: Node) -> bytes:
    """Root of the tree of the first `size` leaves."""
    return _range(0, size, node) if size else EMPTY


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """The path of the leaf at `index` in the tree of `size` leaves.

    Raises:
        ValueError: no such leaf in that tree.
    """
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")

    def path(start: int, end: int) -> list[bytes]:
        if end - start == 1:
            return []
        middle = start + (1 << ((end - start - 1).bit_length() - 1))
        if index < middle:
            return [*path(start, middle), _range(middle, end, node)]
        return [*path(middle, end), _range(start, middle, node)]

    return path(0, size)


def consistency_proof(old: int, new: int, node: Node) -> list[bytes]:
    """The proof that the tree of `new` leaves begins with the tree of `old`; empty where they are equal or `old` is 0.

    Raises:
        ValueError: the old tree is larger than the new one.
    """
    if not 0 <= old <= new:
        raise ValueError(f"no proof from {old} to {new}")
    if old in (0, new):
        return []

    def proof(size: int, start: int, end: int, whole: bool) -> list[bytes]:
        if size == end - start:
            return [] if whole else [_range(start, end, node)]
        split = 1 << ((end - start - 1).bit_length() - 1)
        if size <= split:
            return [*proof(size, start, start + split, whole), _range(start + split, end, node)]
        return [*proof(size - split, start + split, end, False), _range(start, start + split, node)]

    return proof(old, 0, new, True)


def included(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof holds (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, value = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            value = node_hash(step, value)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            value = node_hash(value, step)
        at, last = at >> 1, last >> 1
    return last == 0 and value == root


def consistent(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof holds (RFC 9162, section 2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == EMPTY
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = path[0]
    for step in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = node_hash(step, first), node_hash(step, second)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            second = node_hash(second, step)
        at, last = at >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


class Growing:
    """The root of leaves as they come, in O(log n) memory: what verification uses."""

    def __init__(self) -> None:
        self.size = 0
        self._edge: list[bytes] = []  # hashes of complete subtrees, largest first

    def add(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Append one leaf hash; the subtrees `(level, index, hash)` that it completes, itself first."""
        edge = self._edge
        made = list(completed(self.size, leaf, lambda level, index: edge[-1 - level]))
        del edge[len(edge) - len(made) + 1 :]
        edge.append(made[-1][2])
        self.size += 1
        return made

    def root(self) -> bytes:
        """Root of what was added."""
        if not self._edge:
            return EMPTY
        value = self._edge[-1]
        for left in reversed(self._edge[:-1]):
            value = node_hash(left, value)
        return value
