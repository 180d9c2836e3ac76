"""The Merkle tree of RFC 6962 (section 2.1) and RFC 9162 (section 2.1): roots, inclusion and
consistency proofs, and their checks.

A tree is kept as the hashes of its complete subtrees: `node(level, index)` covers the leaves
`[index << level, (index + 1) << level)`. An append adds its leaf and the subtrees that it
completes, one per level at most; a proof reads O(log n) of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

Node = Callable[[int, int], bytes]
"""The stored hash of a complete subtree by level and index."""

EMPTY = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Hash of one entry."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of two subtrees side by side."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def _middle(start: int, end: int) -> int:
    """Where the leaves `[start, end)` of a tree are divided: the largest power of two below their
    number is on the left.
    """
    largest_bit = (end - start - 1).bit_length() - 1
    return start + (1 << largest_bit)


def _are_hashes(steps: Iterable[bytes]) -> bool:
    """Whether each step of a proof is as long as a hash."""
    return all(len(step) == len(EMPTY) for step in steps)


def _range(start: int, end: int, node: Node) -> bytes:
    """MTH(D[start:end]) where `start` is a multiple of the power of two that the range fits
    into.
    """
    size = end - start
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return node(level, start >> level)
    middle = _middle(start, end)
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
        middle = _middle(start, end)
        if index < middle:
            return [*path(start, middle), _range(middle, end, node)]
        return [*path(middle, end), _range(start, middle, node)]

    return path(0, size)


def consistency_proof(old: int, new: int, node: Node) -> list[bytes]:
    """The proof that the tree of `new` leaves begins with the tree of `old`; empty where they are
    equal or `old` is 0.

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
        middle = _middle(start, end)
        if size <= middle - start:
            return [*proof(size, start, middle, whole), _range(middle, end, node)]
        right = proof(size - (middle - start), middle, end, False)
        return [*right, _range(start, middle, node)]

    return proof(old, 0, new, True)


def range_proof(start: int, stop: int, size: int, node: Node) -> list[bytes]:
    """The subtrees beside the leaves `[start, stop)` in the tree of `size` leaves, from left to
    right: with the leaves they make its root.

    Raises:
        ValueError: there are no such leaves in that tree.
    """
    if not 0 <= start < stop <= size:
        raise ValueError(f"no leaves {start} to {stop} in a tree of {size}")

    def beside(first: int, end: int) -> list[bytes]:
        if end <= start or first >= stop:
            return [_range(first, end, node)]
        if start <= first and end <= stop:
            return []
        middle = _middle(first, end)
        return [*beside(first, middle), *beside(middle, end)]

    return beside(0, size)


class Run:
    """Leaves that follow each other, checked as they come, in O(log n) memory: whether all of them,
    and no others, are `[start, stop)`.
    """

    def __init__(
        self, start: int, stop: int, size: int, proof: Sequence[bytes]
    ) -> None:
        self.start = start
        self.stop = stop
        self.size = size
        self.proof = list(proof)
        self._parts: list[tuple[int, int]] = []
        if 0 <= start < stop <= size:
            self._plan(0, size)
        self._hashes: dict[tuple[int, int], bytes] = {}
        self._at = 0
        self._tree = Growing()
        self.next = start

    def _plan(self, first: int, end: int) -> None:
        """The largest subtrees inside the run, from left to right."""
        if end <= self.start or first >= self.stop:
            return
        if self.start <= first and end <= self.stop:
            self._parts.append((first, end))
            return
        middle = _middle(first, end)
        self._plan(first, middle)
        self._plan(middle, end)

    def add(self, leaf: bytes) -> None:
        """The next leaf hash."""
        if self._at >= len(self._parts):
            self.next = -1
            return
        self._tree.add(leaf)
        self.next += 1
        part = self._parts[self._at]
        if self.next == part[1]:
            self._hashes[part] = self._tree.root()
            self._at, self._tree = self._at + 1, Growing()

    def holds(self, root: bytes) -> bool:
        """Whether these were the leaves of the tree with that root."""
        is_complete = bool(self._parts) and self.next == self.stop
        if not is_complete or not _are_hashes(self.proof):
            return False
        steps = iter(self.proof)

        def value(first: int, end: int) -> bytes:
            if end <= self.start or first >= self.stop:
                return next(steps)
            if (first, end) in self._hashes:
                return self._hashes[first, end]
            middle = _middle(first, end)
            first_hash = value(first, middle)
            return node_hash(first_hash, value(middle, end))

        try:
            return value(0, self.size) == root and next(steps, None) is None
        except StopIteration:
            return False


def included(
    index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes
) -> bool:
    """Whether the proof holds (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size or not _are_hashes((leaf, *proof)):
        return False
    at = index
    last = size - 1
    value = leaf
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


def consistent(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether the proof holds (RFC 9162, section 2.1.4.2). Nothing is proven from an empty tree:
    every tree begins with it.
    """
    return old > 0 and subtree_consistent(0, old, new, old_root, new_root, proof)


def subtree_included(
    index: int, start: int, end: int, leaf: bytes, proof: Sequence[bytes], root: bytes
) -> bool:
    """Whether a leaf is in the subtree `[start, end)` with that root
    (draft-ietf-plants-merkle-tree-certs, section 4.3).
    """
    return _is_subtree(start, end) and included(
        index - start, end - start, leaf, proof, root
    )


def subtree_consistent(
    start: int, end: int, size: int, subtree: bytes, root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether the tree of `size` leaves has the subtree `[start, end)` with that root (same draft,
    section 4.4).
    """
    if not _is_subtree(start, end) or end > size:
        return False
    if start == end:
        return not proof and subtree == EMPTY
    first = start
    at = end - 1
    last = size - 1
    while first != at and (at == last or at & 1):
        first, at, last = first >> 1, at >> 1, last >> 1
    path = [subtree, *proof] if first == at else list(proof)
    if not path or not _are_hashes(proof):
        return False
    inner = outer = path[0]
    for step in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            outer = node_hash(step, outer)
            if first < at:
                inner = node_hash(step, inner)
            while not at & 1 and at:
                first, at, last = first >> 1, at >> 1, last >> 1
        else:
            outer = node_hash(outer, step)
        first, at, last = first >> 1, at >> 1, last >> 1
    return last == 0 and inner == subtree and outer == root


def _is_subtree(start: int, end: int) -> bool:
    """Whether the tree could have a node over these leaves: the start is a multiple of the power of
    two that they fit into.
    """
    if not 0 <= start <= end:
        return False
    return start == end or start % (1 << (end - start - 1).bit_length()) == 0


class Growing:
    """The root of leaves as they come, in O(log n) memory: what appends and verification use.

    A tree that goes on from stored subtrees is `Growing(size, node)`.
    """

    def __init__(self, size: int = 0, node: Node | None = None) -> None:
        self.size = size
        self.edge: list[bytes] = []  # hashes of complete subtrees, largest first
        for level in reversed(range(size.bit_length())):
            if size >> level & 1:
                assert node is not None
                self.edge.append(node(level, (size >> level) - 1))

    def copy(self) -> Growing:
        """Another tree of the same leaves."""
        other = Growing()
        other.size, other.edge = self.size, self.edge[:]
        return other

    def add(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Append one leaf hash; the subtrees `(level, index, hash)` that it completes, itself
        first.
        """
        edge = self.edge
        index = self.size
        level = 0
        value = leaf
        nodes = [(0, index, leaf)]
        while index & 1:
            value = node_hash(edge.pop(), value)
            level, index = level + 1, index >> 1
            nodes.append((level, index, value))
        edge.append(value)
        self.size += 1
        return nodes

    def root(self, beyond: Sequence[bytes] = ()) -> bytes:
        """Root of what was added; `beyond` are the complete subtrees of leaves after those, largest
        first.
        """
        edge = [*self.edge, *beyond]
        if not edge:
            return EMPTY
        value = edge[-1]
        for subtree in reversed(edge[:-1]):
            value = node_hash(subtree, value)
        return value
