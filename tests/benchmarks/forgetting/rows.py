"""The rows: what forgets. Each is a function of a `Case`; methods of the product go through basis,
contributions and composing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from govd.edit import Basis, Edit, Material, Method, Problem, compose
from govd.edit.constants import ALONE
from govd.edit.contribution import sealed
from govd.methods import builtin
from govd.methods.baselines import Ccup
from govd.methods.fitted import Fitted
from govd.types import Concept, Contribution, ForgetSpec, Scope
from tests.benchmarks.forgetting.cases import Case
from tests.benchmarks.forgetting.figures import Map
from tests.benchmarks.forgetting.gradient import unlearned

METHODS = builtin()
Row = Callable[[Case], Map]


def contribution(
    basis: Basis,
    label: int | None,
    domain: int | None,
    method: Method,
    target: str,
    strength: float,
) -> Contribution:
    """One forget: a label everywhere, in a domain, or everything in a domain."""
    concepts = () if label is None else (Concept(basis.labels[label]),)
    domains = () if domain is None else (basis.domains[domain],)
    spec = ForgetSpec(Scope(concepts, domains), method.name, target, strength)  # type: ignore[arg-type]
    phrases = [] if label is None else [basis.tensors["labels"][[label]]]
    prompts = np.concatenate(phrases) if phrases else np.zeros((0, basis.dim))
    if domain is not None:
        rows = basis.tensors["domain_prompts"][domain]
        prompts = rows if label is None else rows[[label]]
    tensors, facts = method.contribute(Problem(basis, spec, Material(phrases, prompts)))
    return sealed("benchmark", spec, dict(tensors), dict(facts))


def contributions(
    case: Case, name: str, method: Method, target: str, strength: float, basis: Basis
) -> list[Contribution]:
    """One for each forget of a case; what was computed for another case with the same basis is
    taken from there.
    """
    labels: Sequence[int | None] = [int(at) for at in case.forgotten] or [
        None
    ] * case.count
    domains: Sequence[int | None] = (
        [None] * case.count
        if case.domains is None
        else [int(at) for at in case.domains]
    )
    computed = []
    for label, domain in zip(labels, domains, strict=True):
        key = (name, label, domain)
        if key not in case.split.kept:
            case.split.kept[key] = contribution(
                basis, label, domain, method, target, strength
            )
        computed.append(case.split.kept[key])
    return computed


def product(
    name: str,
    method: Method,
    target: str = "unnamed",
    strength: float = 1.0,
    *,
    conditional: bool = False,
) -> Row:
    """A row for a method of the product: a contribution for each forget, composed together."""

    def edited(case: Case) -> Map:
        basis = case.split.conditional_basis if conditional else case.split.basis
        parts = contributions(case, name, method, target, strength, basis)
        edit: Edit = compose(basis, parts, {method.name: method})
        return edit.move

    return edited


def unedited(case: Case) -> Map:
    """The base model."""
    return lambda x: x


def svd_projection(case: Case) -> Map:
    """Off the first principal direction of each forgotten label's pool pictures, centred at the
    pool's mean: one a label.
    """
    centred = case.pool - case.pool.mean(0)
    firsts = []
    for at, text in zip(case.forgotten, case.texts, strict=True):
        own = centred[case.guessed == at]
        firsts.append(
            np.linalg.svd(own, full_matrices=False)[2][0] if len(own) else text
        )
    q = np.linalg.qr(np.stack(firsts, axis=1))[0]
    return lambda x: x - (x @ q) @ q.T


@dataclass(frozen=True)
class Whitened:
    """Second-order statistics of a case's pool: mean `(d,)`, `Σ^½`, `Σ^−½`."""

    mean: np.ndarray
    root: np.ndarray
    whiten: np.ndarray

    @staticmethod
    def of_case(case: Case) -> Whitened:
        """Computed once for a pool."""
        if "whitened" not in case.split.kept:
            case.split.kept["whitened"] = Whitened.of(case.pool)
        known: Whitened = case.split.kept["whitened"]
        return known

    @staticmethod
    def of(pool: np.ndarray) -> Whitened:
        mean = pool.mean(0)
        centred = pool - mean
        values, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
        values = np.maximum(values, 1e-6 * values[-1])
        return Whitened(
            mean,
            (vectors * values**0.5) @ vectors.T,
            (vectors * values**-0.5) @ vectors.T,
        )

    def cross(
        self, pool: np.ndarray, guessed: np.ndarray, labels: np.ndarray
    ) -> np.ndarray:
        """Whitened covariances `(d, k)` of pictures with membership of labels."""
        member = (guessed[:, None] == labels[None, :]).astype(float)
        member = member[:, member.sum(0) > 0]
        return (
            self.whiten
            @ ((pool - pool.mean(0)).T @ (member - member.mean(0)))
            / len(pool)
        )  # type: ignore[no-any-return]


def _span(columns: np.ndarray) -> np.ndarray:
    u, s, _ = np.linalg.svd(columns, full_matrices=False)
    return u[:, s > 1e-8 * max(s[0], 1e-300)] if len(s) else u


def leace(case: Case) -> Map:
    """LEACE (Belrose et al., arXiv 2306.03819) with pool pseudo-labels: the least change that
    leaves no covariance with the labels.
    """
    known = Whitened.of_case(case)
    gone = _span(known.cross(case.pool, case.guessed, case.forgotten))
    left, right = known.whiten @ gone, known.root @ gone
    return lambda x: x - ((x - known.mean) @ left) @ right.T


def splince(case: Case) -> Map:
    """SPLINCE (arXiv 2506.10703): as LEACE, but covariances with the retained labels, among
    pictures of those, stay what they are.
    """
    known = Whitened.of_case(case)
    retained = np.setdiff1d(np.arange(len(case.split.labels.names)), case.forgotten)
    among = ~np.isin(case.guessed, case.forgotten)
    gone = _span(known.cross(case.pool, case.guessed, case.forgotten))
    kept = _span(known.cross(case.pool[among], case.guessed[among], retained))
    along = gone - kept @ (kept.T @ gone)
    left = np.linalg.solve(along.T @ gone + 1e-9 * np.eye(gone.shape[1]), along.T).T
    return lambda x: (
        x - ((x - known.mean) @ (known.whiten @ left)) @ (known.root @ gone).T
    )


DELETED = "label deleted"
"""The one row without an edit: the forgotten labels are taken out of the list of answers."""
DEFAULT = "fitted"
CONDITIONAL = "fitted, conditional"
LABELED = "gradient, true labels"
FLOORS = {
    ALONE - 2: "fitted, from margin 1.5",
    ALONE: DEFAULT,
    ALONE + 1: "fitted, floor (0, 1)",
}
"""The rows by the first step that is tried; the product's own is the default."""
STRENGTHS = {
    f"fitted, strength {strength:g}": strength for strength in (0.25, 0.5, 0.75, 1.5, 2)
}
"""Rows by the strength of every forget; the default's is 1."""
LOCAL_STRENGTHS = {
    f"{method}, strength {strength:g}": strength
    for method, strengths in (
        ("oblique", (0.25, 0.5, 0.75)),
        ("fitted", (0.25, 0.5, 0.75, 1.5, 2)),
    )
    for strength in strengths
}
"""The same where domains are named: what is left inside, against what is lost elsewhere."""
ROWS: dict[str, Row] = {
    "base": unedited,
    DELETED: unedited,
    "nullspace": product("nullspace", METHODS["nullspace"]),
    "ccup": product("ccup", METHODS["ccup"]),
    "ccup, as W x": product("ccup, as W x", Ccup(transposed=False)),
    "SVD projection": svd_projection,
    "LEACE": leace,
    "SPLINCE": splince,
    "gradient": lambda case: unlearned(case, case.guessed),
    LABELED: lambda case: unlearned(case, case.split.pool_label),
    "oblique": product("oblique", METHODS["oblique"]),
    "bilateral": product("bilateral", METHODS["bilateral"]),
    **{name: product(name, Fitted(floor)) for floor, name in sorted(FLOORS.items())},
    **{
        name: product(name, METHODS["fitted"], strength=strength)
        for name, strength in STRENGTHS.items()
    },
    "fitted, level": product("fitted, level", METHODS["fitted"], "level"),
    CONDITIONAL: product(CONDITIONAL, METHODS["fitted"], conditional=True),
}
LOCAL: dict[str, Row] = {
    "base": unedited,
    "nullspace": product("nullspace", METHODS["nullspace"]),
    "oblique": product("oblique", METHODS["oblique"]),
    "bilateral": product("bilateral", METHODS["bilateral"]),
    DEFAULT: product(DEFAULT, METHODS["fitted"]),
    **{
        name: product(name, METHODS[name.partition(",")[0]], strength=strength)
        for name, strength in LOCAL_STRENGTHS.items()
    },
    CONDITIONAL: product(CONDITIONAL, METHODS["fitted"], conditional=True),
}
"""The rows where domains are named."""
OWN = {
    name
    for name in {*ROWS, *LOCAL}
    if name.startswith(("nullspace", "ccup", "oblique", "bilateral", "fitted"))
}
"""Rows that run the product's code: their figures hold for one state of it."""
