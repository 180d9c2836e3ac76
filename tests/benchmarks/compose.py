"""`python -m tests.benchmarks.compose`: composing k forgets, beside what one would write with
NumPy's own BLAS.

On simulated text vectors of everyday nouns, or on published ones (`tests.geometry`). Times are the
median of several runs in one process; ratios are of the same run. `fitted`, with its check on
held-out pictures, is a table of its own, on simulated image embeddings and in processor time
(`OPENBLAS_NUM_THREADS=1` for that of one thread).
"""

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from govd.edit import Basis, Ingredients, Material, Problem, build, compose
from govd.edit.contribution import sealed
from govd.methods import builtin
from govd.types import Concept, Contribution, ForgetSpec, Scope
from tests.geometry import named_texts, simulated_pool

COUNTS = (1, 10, 100, 300)


def timed(work: Callable[[], object], times: int = 5) -> float:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return 1000 * statistics.median(took)


def worked(work: Callable[[], object], times: int = 3) -> float:
    """Milliseconds of the processor, the median of several runs."""
    took = []
    for _ in range(times):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return 1000 * statistics.median(took)


def contributions(
    basis: Basis, method: str, names: list[str], vectors: np.ndarray
) -> list[Contribution]:
    """A forget for each name, made alone."""
    methods, made = builtin(), []
    for i, name in enumerate(names):
        spec = ForgetSpec(
            Scope((Concept(name),)),
            method,
            "level" if method == "oblique" else "unnamed",
        )
        material = Material([vectors[i : i + 1]], vectors[i : i + 1])
        tensors, facts = methods[method].contribute(Problem(basis, spec, material))
        made.append(sealed("benchmark", spec, dict(tensors), dict(facts)))
    return made


def fitted_rows(dim: int) -> Iterator[str]:
    """The table of `fitted`: labels as they stand, a pool of some pictures of each."""
    names, vectors, _ = named_texts(dim)
    pool = np.asarray(simulated_pool(vectors), np.float64)
    nothing = np.zeros((0, dim))
    basis = build(
        Ingredients(
            "benchmark",
            "labels",
            "image",
            names,
            vectors,
            (),
            nothing,
            pool=pool,
            pool_kind="simulated",
        )
    )
    stored, methods = basis.to_bytes(), builtin()
    made = contributions(basis, "fitted", names[: max(COUNTS)], vectors)
    plain = contributions(basis, "oblique", names[: max(COUNTS)], vectors)
    for count in COUNTS:
        cached = worked(partial(compose, basis, made[:count], methods))
        fresh = [Basis.from_bytes(stored) for _ in range(3)]
        cold = worked(
            lambda bases=fresh, some=made[:count]: compose(bases.pop(), some, methods)
        )
        oblique = worked(partial(compose, basis, plain[:count], methods))
        step = compose(basis, made[:count], methods).facts["step"]
        yield f"| {dim} | {count} | {cached:.0f} ms | {cold:.0f} ms | {oblique:.0f} ms | {step} |"


def row(
    dim: int,
    names: list[str],
    vectors: np.ndarray,
    basis: Basis,
    ingredients: Ingredients,
    count: int,
) -> str:
    """One line of the table."""
    methods, made = builtin(), contributions(basis, "oblique", names[:count], vectors)
    forgotten = vectors[:count]

    def plain() -> np.ndarray:
        metric = vectors.T @ vectors / len(vectors)
        metric += np.eye(dim) * 0.1 * np.trace(metric) / dim
        lifted = np.linalg.solve(metric, forgotten.T)
        return lifted @ np.linalg.inv(forgotten @ lifted)

    def projection() -> np.ndarray:
        u, s, _ = np.linalg.svd(forgotten.T, full_matrices=False)
        return u[:, s > 1e-6] @ u[:, s > 1e-6].T

    cached, cold = (
        timed(lambda: compose(basis, made, methods)),
        timed(lambda: compose(build(ingredients), made, methods), 3),
    )
    solve, svd = timed(plain), timed(projection)
    return (
        f"| {dim} | {count} | {cached:.0f} ms | {cold:.0f} ms | {solve:.0f} ms | {svd:.0f} ms |"
        f" {cached / solve:.2f} |"
    )


def main() -> None:
    kinds = {dim: named_texts(dim)[2] for dim in (512, 768)}
    print("; ".join(f"{dim}: {kind}" for dim, kind in kinds.items()) + "\n")
    print(
        "| d | forgets | from cached factors | cold (factors too) | plain BLAS solve | SVD"
        " projection | cached ÷ BLAS |"
    )
    print("|---|---|---|---|---|---|---|")
    for dim in (512, 768):
        names, vectors, _ = named_texts(dim)
        ingredients = Ingredients(
            "benchmark", "open", "image", (), np.zeros((0, dim)), names, vectors
        )
        basis = build(ingredients)
        for count in COUNTS:
            print(row(dim, names, vectors, basis, ingredients, count))
    print(
        "\n| d | forgets | `fitted`, pool at hand | `fitted`, cold | `oblique` | steps down"
        " |\n|---|---|---|---|---|---|"
    )
    for dim in (512, 768):
        for line in fitted_rows(dim):
            print(line, flush=True)


if __name__ == "__main__":
    main()
