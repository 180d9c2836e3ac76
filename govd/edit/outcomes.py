"""What became of each labelled picture: what shares, their intervals and the scores of papers are
counted from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from govd.edit.basis import Basis
from govd.edit.factors import Edit
from govd.edit.metrics import REDIRECTS, EvaluationData, cells, label_set, scores
from govd.types import Contribution, Floats, Json, Scope

RESAMPLED: Final = 2000
"""Bootstrap samples of an interval."""
LEVEL: Final = 0.9
"""How often an interval is meant to hold the share that it is about."""


@dataclass(frozen=True)
class Outcomes:
    """Each labelled picture `(n,)`: which label it got before and after (places in `names`) and
    which is true; whether it is in a forgotten cell (`mine`), was and is answered rightly, keeps
    its best label among those that stay (`same`), and was and is given a name that is forgotten in
    its domain, its own or another's (`named_before`, `named`).
    """

    names: tuple[str, ...]
    before: Any
    after: Any
    true: Any
    mine: Any
    same: Any
    named_before: Any
    named: Any

    @staticmethod
    def of(
        basis: Basis,
        edit: Edit,
        contributions: Sequence[Contribution],
        data: EvaluationData,
    ) -> Outcomes:
        """By the label set, with every forget in force.

        Args:
            basis: has labels and domains.
            edit: the one that is measured.
            contributions: the forgets in it.
            data: labelled pictures, unedited embeddings.

        Raises:
            Usage: a class of the pictures is none of the labels.
        """
        names, texts = label_set(basis, data)
        scopes = [c.spec.scope for c in contributions]
        mask = cells(scopes, data)[data.class_of, data.domain_of]
        true = np.array([names.index(c) for c in data.classes])[data.class_of]
        scored, now = data.vectors @ texts.T, scores(edit, data.vectors, texts)
        whole = {
            p
            for s in scopes
            if s.paradigm == "concepts"
            for c in s.concepts
            for p in c.phrases
        }
        retained = np.array([name not in whole for name in names])
        before, after = scored.argmax(1), now.argmax(1)
        same = scored[:, retained].argmax(1) == now[:, retained].argmax(1)
        forgotten_table = forgotten_names(names, scopes, data.domains)
        named_before, named_after = (
            forgotten_table[a, data.domain_of] | (mask & (a == true))
            for a in (before, after)
        )
        return Outcomes(
            tuple(names), before, after, true, mask, same, named_before, named_after
        )

    @property
    def right_before(self) -> Any:
        """Which pictures `(n,)` the unedited model answers rightly."""
        return self.before == self.true

    @property
    def right(self) -> Any:
        """Which pictures `(n,)` are answered rightly after the edit."""
        return self.after == self.true

    def shares(self) -> dict[str, float]:
        """The shares that have intervals; of forgotten pictures only where there are some."""
        patterns, counts = self._patterns()
        return {
            name: float(value[0])
            for name, value in _shares(patterns, counts[None]).items()
        }

    def intervals(self, seed: int = 0) -> dict[str, list[float]]:
        """Percentile bootstrap intervals `[low, high]` of those shares at `LEVEL`: pictures are
        drawn again with replacement, all figures of the same drawing together (Efron and
        Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13).
        """
        patterns, counts = self._patterns()
        total = int(counts.sum())
        if not total:
            return {}
        drawn = np.random.default_rng(seed).multinomial(
            total, counts / total, RESAMPLED
        )
        shares = _shares(patterns, drawn)
        outside = (1 - LEVEL) / 2
        observed = self.shares()
        return {
            name: _at_the_ends(
                [float(q) for q in np.nanquantile(value, [outside, 1 - outside])],
                observed[name],
                self._size(name),
            )
            for name, value in shares.items()
        }

    def _patterns(self) -> tuple[Any, Any]:
        """The distinct rows `(p, 6)` of (mine, right before, right, same, named before, named), and
        how many pictures have each `(p,)`.
        """
        rows = np.stack(
            [
                self.mine,
                self.right_before,
                self.right,
                self.same,
                self.named_before,
                self.named,
            ],
            axis=1,
        )
        patterns, counts = np.unique(rows, axis=0, return_counts=True)
        return patterns, counts

    def _size(self, name: str) -> int:
        """How many pictures a share is of."""
        return (
            int(self.mine.sum())
            if name.startswith("forget")
            else int((~self.mine).sum())
            if name.startswith("ret")
            else len(self.mine)
        )

    def redirects(self, inside: Any) -> list[dict[str, Json]]:
        """What the pictures `inside` `(n,)` are called instead of their own names: labels and their
        shares of those pictures, the commonest `REDIRECTS` of them.
        """
        called = Counter(self.after[inside & ~self.right].tolist())
        total = int(inside.sum())
        return [
            {"label": self.names[i], "share": count / total}
            for i, count in called.most_common(REDIRECTS)
        ]


def cell_intervals(
    outcomes: Outcomes, data: EvaluationData, seed: int = 0
) -> dict[tuple[str, str], list[float]]:
    """The interval at `LEVEL` of the accuracy after the edit in each (class, domain) that has
    pictures.

    Drawing `n` pictures again with replacement gives a binomial number of right ones, so that is
    what is drawn. Where all are right or all wrong every drawing is like the sample; the open end
    is then the exact binomial bound `1 − ((1 − LEVEL)/2)^(1/n)` (Clopper and Pearson, Biometrika
    26, 1934).

    Args:
        outcomes: of the same pictures.
        data: their classes and domains.
        seed: of the drawings.
    """
    draw, wide = np.random.default_rng(seed), len(data.domains) + 1
    place = np.asarray(data.class_of) * wide + np.where(
        np.asarray(data.domain_of) < 0, wide - 1, data.domain_of
    )
    total = np.bincount(place, minlength=len(data.classes) * wide)
    right = np.bincount(place, outcomes.right, len(data.classes) * wide)
    domains, intervals = [*data.domains, ""], {}
    outside = (1 - LEVEL) / 2
    for at in np.flatnonzero(total):
        n, share = int(total[at]), float(right[at] / total[at])
        low, high = np.quantile(
            draw.binomial(n, share, RESAMPLED) / n, [outside, 1 - outside]
        )
        intervals[data.classes[at // wide], domains[at % wide]] = _at_the_ends(
            [float(low), float(high)], share, n
        )
    return intervals


def forgotten_names(
    names: Sequence[str], scopes: Sequence[Scope], domains: Sequence[str]
) -> Any:
    """Which labels are forgotten in which domain, `(labels, domains + 1)` bool; the last column is
    of pictures without a domain.

    Args:
        names: the labels.
        scopes: of the forgets in force.
    """
    table = np.zeros((len(names), len(domains) + 1), bool)
    for scope in scopes:
        phrases = {p for c in scope.concepts for p in c.phrases}
        columns = (
            [i for i, d in enumerate(domains) if d in scope.domains]
            if scope.domains
            else list(range(len(domains) + 1))
        )
        table[
            np.ix_([i for i, name in enumerate(names) if name in phrases], columns)
        ] = True
    return table


def _at_the_ends(interval: list[float], share: float, n: int) -> list[float]:
    """Where no drawing differs from the sample, since all pictures are alike, the other end is the
    exact binomial bound.
    """
    bound = 1 - ((1 - LEVEL) / 2) ** (1 / n) if n else 1.0
    if share <= 0:
        return [0.0, bound]
    return [1 - bound, 1.0] if share >= 1 else interval


def _shares(patterns: Any, counts: Any) -> dict[str, Floats]:
    """Each share `(B,)` from the counts `(B, p)` of patterns; those of forgotten pictures only
    where some are forgotten.
    """
    mask, right_before, now, same, named_before, named_after = patterns.T.astype(bool)

    def share(of: Any, among: Any) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio: Floats = counts[:, of & among].sum(1) / counts[:, among].sum(1)
        return ratio

    everything = np.ones(len(patterns), bool)
    shares = {
        "accuracy_before": share(right_before, everything),
        "accuracy": share(now, everything),
    }
    if (~mask).any():
        shares |= {
            "retain_acc_before": share(right_before, ~mask),
            "retain_acc": share(now, ~mask),
            "retain_agreement": share(same, ~mask),
        }
    if mask.any():
        shares |= {
            "forget_acc_before": share(right_before, mask),
            "forget_acc": share(now, mask),
        }
        shares |= {
            "forget_named_before": share(named_before, mask),
            "forget_named": share(named_after, mask),
        }
    return shares


def harmonic(first: float, second: float) -> float:
    """2ab/(a + b); 0 where both are."""
    return 2 * first * second / (first + second) if first + second else 0.0


def published_scores(
    outcomes: Outcomes, data: EvaluationData, retrieval: Mapping[str, Json]
) -> dict[str, Json]:
    """The scores that papers on forgetting in CLIP print, from this model's pictures. Empty where
    nothing is forgotten, or nothing else is left to keep.

    `adu_h`: harmonic mean of the error on what was to go and the accuracy on what was to stay
    (Kawamura et al., "Approximate Domain Unlearning for Vision-Language Models", arXiv 2510.08132,
    For, Mem and H; for classes Kuwana et al., "Black-Box Forgetting", arXiv 2410.23831).

    `cliperase`: zero-shot accuracy, and recall at 1, 5 and 10 of text and image retrieval, on the
    forget set (low is wanted) and the retain set (Yang et al., "CLIPErase", arXiv 2410.23330); a
    picture's label stands for its caption.

    `kravets_namboodiri`: mean of what went, `1 − A_f/A_f⁰`, and of what stayed, `A/A⁰`, over
    several retained sets (Kravets and Namboodiri, "Zero-Shot Class Unlearning in CLIP with
    Synthetic Samples", arXiv 2407.07485: five terms, the forgotten class, the other classes of its
    data set, and three other data sets). Here the other classes are one term, and each domain's a
    term in the place of another data set; `terms` lists them.

    Args:
        outcomes: of the same pictures, before and after.
    """
    forget_set, stays = outcomes.mine, ~outcomes.mine
    if not forget_set.any() or not stays.any():
        return {}
    right = outcomes.right
    forgotten, retained = float(right[forget_set].mean()), float(right[stays].mean())
    terms = _terms(outcomes, data)
    return {
        "adu_h": {
            "h": harmonic(1 - forgotten, retained),
            "for": 1 - forgotten,
            "mem": retained,
        },
        "cliperase": {
            "forget": {
                "accuracy": forgotten,
                **retrieval.get("forgotten", {}).get("after", {}),
            },
            "retain": {
                "accuracy": retained,
                **retrieval.get("retained", {}).get("after", {}),
            },
        },
        "kravets_namboodiri": {
            "score": float(np.mean(list(terms.values()))) if terms else None,
            "terms": terms,
        },
    }


def _terms(outcomes: Outcomes, data: EvaluationData) -> dict[str, float]:
    """The terms of `kravets_namboodiri`; one that has no right answer before is left out."""
    before, after = outcomes.right_before, outcomes.right
    forget_set, stays = outcomes.mine, ~outcomes.mine
    terms: dict[str, float] = {}
    if before[forget_set].any():
        terms["forgotten"] = 1 - float(after[forget_set].mean()) / float(
            before[forget_set].mean()
        )
    sets = {"other classes": stays}
    sets |= {d: stays & (data.domain_of == i) for i, d in enumerate(data.domains)}
    for name, pictures in sets.items():
        if before[pictures].any():
            share = float(after[pictures].mean()) / float(before[pictures].mean())
            terms[name] = share
    return terms
