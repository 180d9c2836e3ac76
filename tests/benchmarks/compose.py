"""`python -m tests.benchmarks.compose`: composing k forgets, beside what one would write with NumPy's own BLAS.

On simulated text vectors of everyday nouns, or on published ones (`tests.geometry`).
Times are the median of several runs in one process; ratios are of the same run.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np

from govd.contribution import sealed
from govd.edit import Basis, Ingredients, Material, Problem, build, compose
from govd.methods import builtin
from govd.types import Concept, ForgetSpec, Scope
from tests.geometry import named_texts

COUNTS = (1, 10, 100, 300)


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
    kinds = {dim: named_texts(dim)[2] for dim in (512, 768)}
    print("; ".join(f"{dim}: {kind}" for dim, kind in kinds.items()) + "\n")
    print("| d | forgets | from cached factors | cold (factors too) | plain BLAS solve | SVD projection | cached ÷ BLAS |")
    print("|---|---|---|---|---|---|---|")
    for dim in (512, 768):
        names, vectors, _ = named_texts(dim)
        ingredients = Ingredients("benchmark", "open", "image", (), np.zeros((0, dim)), names, vectors)
        basis = build(ingredients)
        for count in COUNTS:
            print(row(dim, names, vectors, basis, ingredients, count))


if __name__ == "__main__":
    main()
