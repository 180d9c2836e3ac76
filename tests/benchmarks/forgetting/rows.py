"""The rows: what forgets. Each is a function of a `Case`; methods of the product go through basis, contributions and composing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from govd.contribution import sealed
from govd.edit import Edit, Material, Method, Problem, compose
from govd.methods import builtin
from govd.methods.baselines import Ccup
from govd.methods.fitted import Fitted
from govd.types import Concept, Contribution, ForgetSpec, Scope
from tests.benchmarks.forgetting.figures import Map
from tests.benchmarks.forgetting.sets import Split


@dataclass
class Case:
    """Labels to forget on one split (positions, sorted); `made` keeps contributions of this split between cases."""

    split: Split
    forgotten: np.ndarray
    made: dict[tuple[str, int, str], Contribution] = field(default_factory=dict)

    @property
    def texts(self) -> np.ndarray:
        """Of the forgotten labels, `(k, d)`."""
        vectors: np.ndarray = self.split.labels.vectors[self.forgotten]
        return vectors

    @property
    def pool(self) -> np.ndarray:
        """Unlabelled pictures `(n, d)`."""
        rows: np.ndarray = self.split.basis.tensors["pool"]
        return rows

    @property
    def guessed(self) -> np.ndarray:
        """The best label of each pool picture, `(n,)`."""
        best: np.ndarray = (self.pool @ self.split.labels.vectors.T).argmax(1)
        return best


Row = Callable[[Case], Map]


def edit_of(case: Case, name: str, method: Method, target: str = "unnamed", strength: float = 1.0) -> Edit:
    """The product's own edit: a contribution for each label, composed together."""
    basis = case.split.basis
    contributions = []
    for at in case.forgotten:
        key = (name, int(at), target)
        if key not in case.made:
            scope = Scope((Concept(basis.labels[at]),))
            spec = ForgetSpec(scope, method.name, target, strength)  # type: ignore[arg-type]
            text = basis.tensors["labels"][[at]]
            tensors, facts = method.contribute(Problem(basis, spec, Material([text], text)))
            case.made[key] = sealed("benchmark", spec, dict(tensors), dict(facts))
        contributions.append(case.made[key])
    return compose(basis, contributions, {method.name: method})


def product(name: str, method: Method, target: str = "unnamed", strength: float = 1.0) -> Row:
    """A row for a method of the product."""
    return lambda case: edit_of(case, name, method, target, strength).move


def unedited(case: Case) -> Map:
    """The base model."""
    return lambda x: x


def svd_projection(case: Case) -> Map:
    """Off the first principal direction of each forgotten label's pool pictures, centred at the pool's mean: one a label."""
    centred = case.pool - case.pool.mean(0)
    firsts = []
    for at, text in zip(case.forgotten, case.texts, strict=True):
        own = centred[case.guessed == at]
        firsts.append(np.linalg.svd(own, full_matrices=False)[2][0] if len(own) else text)
    q = np.linalg.qr(np.stack(firsts, axis=1))[0]
    return lambda x: x - (x @ q) @ q.T


@dataclass(frozen=True)
class Whitened:
    """Second-order statistics of a case's pool: mean `(d,)`, `Σ^½`, `Σ^−½`."""

    mean: np.ndarray
    root: np.ndarray
    whiten: np.ndarray

    @staticmethod
    def of(pool: np.ndarray) -> Whitened:
        mean = pool.mean(0)
        centred = pool - mean
        values, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
        values = np.maximum(values, 1e-6 * values[-1])
        return Whitened(mean, (vectors * values**0.5) @ vectors.T, (vectors * values**-0.5) @ vectors.T)

    def cross(self, pool: np.ndarray, guessed: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Whitened covariances `(d, k)` of pictures with membership of labels."""
        member = (guessed[:, None] == labels[None, :]).astype(float)
        member = member[:, member.sum(0) > 0]
        return self.whiten @ ((pool - pool.mean(0)).T @ (member - member.mean(0))) / len(pool)  # type: ignore[no-any-return]


def _span(columns: np.ndarray) -> np.ndarray:
    u, s, _ = np.linalg.svd(columns, full_matrices=False)
    return u[:, s > 1e-8 * max(s[0], 1e-300)] if len(s) else u


def leace(case: Case) -> Map:
    """LEACE (Belrose et al., arXiv 2306.03819) with pool pseudo-labels: the least change that leaves no covariance with the labels."""
    known = Whitened.of(case.pool)
    gone = _span(known.cross(case.pool, case.guessed, case.forgotten))
    left, right = known.whiten @ gone, known.root @ gone
    return lambda x: x - ((x - known.mean) @ left) @ right.T


def splince(case: Case) -> Map:
    """SPLINCE (arXiv 2506.10703): as LEACE, but covariances with the retained labels, among pictures of those, stay what they are."""
    known = Whitened.of(case.pool)
    retained = np.setdiff1d(np.arange(len(case.split.labels.names)), case.forgotten)
    among = ~np.isin(case.guessed, case.forgotten)
    gone = _span(known.cross(case.pool, case.guessed, case.forgotten))
    kept = _span(known.cross(case.pool[among], case.guessed[among], retained))
    along = gone - kept @ (kept.T @ gone)
    left = np.linalg.solve(along.T @ gone + 1e-9 * np.eye(gone.shape[1]), along.T).T
    return lambda x: x - ((x - known.mean) @ (known.whiten @ left)) @ (known.root @ gone).T


METHODS = builtin()
DELETED = "label deleted"
"""The one row without an edit: the forgotten labels are taken out of the list of answers."""
ROWS: dict[str, Row] = {
    "base": unedited,
    DELETED: unedited,
    "nullspace": product("nullspace", METHODS["nullspace"]),
    "ccup": product("ccup", METHODS["ccup"]),
    "ccup, as W x": product("ccup, as W x", Ccup(transposed=False)),
    "SVD projection": svd_projection,
    "LEACE": leace,
    "SPLINCE": splince,
    "oblique": product("oblique", METHODS["oblique"]),
    "bilateral": product("bilateral", METHODS["bilateral"]),
    "fitted": product("fitted", METHODS["fitted"]),
    "fitted, no floor": product("fitted, no floor", Fitted(0)),
    "fitted, floor (0, 1)": product("fitted, floor (0, 1)", Fitted(2)),
    "fitted, level": product("fitted, level", METHODS["fitted"], "level"),
}
