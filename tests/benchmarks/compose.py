"""`python -m tests.benchmarks.compose`: composing k forgets, beside what one would write with NumPy's own BLAS.

Real CLIP ViT-B/32 text embeddings of 1,203 LVIS names (512 wide). At 768 they are the same, lifted by a random orthonormal map with a
little noise in the new directions: simulated. Times are the median of several runs in one process; ratios are of the same run.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from govd.contribution import sealed
from govd.edit import Basis, Ingredients, Material, Problem, build, compose, exact
from govd.methods import builtin
from govd.types import Concept, ForgetSpec, Scope

DATA = Path(__file__).parents[1] / "data" / "clip-vit-b32-text-lvis.npz"
COUNTS = (1, 10, 100, 300)


def embeddings(dim: int) -> tuple[list[str], np.ndarray]:
    found = np.load(DATA)
    vectors = found["vectors"].astype(np.float64)
    if dim > vectors.shape[1]:
        draw = np.random.default_rng(0)
        lift = np.linalg.qr(draw.normal(size=(dim, vectors.shape[1])))[0]
        vectors = vectors @ lift.T
        vectors += 0.02 * np.linalg.norm(vectors, axis=1, keepdims=True) * draw.normal(size=vectors.shape) / dim**0.5
    return [str(n) for n in found["names"]], exact.unit(vectors)


def timed(work: Callable[[], object], times: int = 5) -> float:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return 1000 * statistics.median(took)


def row(dim: int, names: list[str], vectors: np.ndarray, basis: Basis, ingredients: Ingredients, count: int) -> str:
    """One line of the table."""
    methods, made = builtin(), []
    for i, name in enumerate(names[:count]):
        spec = ForgetSpec(Scope((Concept(name),)), "oblique", "level")
        material = Material([vectors[i : i + 1]], vectors[i : i + 1])
        tensors, facts = methods["oblique"].contribute(Problem(basis, spec, material))
        made.append(sealed("benchmark", spec, dict(tensors), dict(facts)))
    forgotten = vectors[:count]

    def plain() -> np.ndarray:
        metric = vectors.T @ vectors / len(vectors)
        metric += np.eye(dim) * 0.1 * np.trace(metric) / dim
        lifted = np.linalg.solve(metric, forgotten.T)
        return lifted @ np.linalg.inv(forgotten @ lifted)

    def projection() -> np.ndarray:
        u, s, _ = np.linalg.svd(forgotten.T, full_matrices=False)
        return u[:, s > 1e-6] @ u[:, s > 1e-6].T

    cached, cold = timed(lambda: compose(basis, made, methods)), timed(lambda: compose(build(ingredients), made, methods), 3)
    solve, svd = timed(plain), timed(projection)
    return f"| {dim} | {count} | {cached:.0f} ms | {cold:.0f} ms | {solve:.0f} ms | {svd:.0f} ms | {cached / solve:.2f} |"


def main() -> None:
    print("| d | forgets | from cached factors | cold (factors too) | plain BLAS solve | SVD projection | cached ÷ BLAS |")
    print("|---|---|---|---|---|---|---|")
    for dim in (512, 768):
        names, vectors = embeddings(dim)
        ingredients = Ingredients("benchmark", "open", "image", (), np.zeros((0, dim)), names, vectors)
        basis = build(ingredients)
        for count in COUNTS:
            print(row(dim, names, vectors, basis, ingredients, count))


if __name__ == "__main__":
    main()
