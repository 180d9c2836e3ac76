"""Figures of an evaluation, each written once more in plain loops from its definition, for some
thirty pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from govd.edit import Edit, EvaluationData
from govd.types import Scope

TIE = 1e-9


def moved(edit: Edit, vector: np.ndarray, side: str) -> np.ndarray:
    """A vector of one side after the edit, not normalised; one of the other side as it is."""
    if side != edit.side:
        return vector
    out = vector.copy()
    for r in range(edit.rank):
        into, away = (edit.L, edit.B) if side == "image" else (edit.B, edit.L)
        out = out - away[:, r] * sum(vector[i] * into[i, r] for i in range(edit.dim))
    return out


def picture(edit: Edit, vector: np.ndarray) -> np.ndarray:
    """A picture's embedding as it is published: at unit length again."""
    out = moved(edit, vector, "image")
    return out / np.sqrt(np.sum(out * out)) if edit.side == "image" else out


def scored(
    edit: Edit, pictures: Iterable[np.ndarray], texts: Sequence[np.ndarray]
) -> list[list[float]]:
    """The score of each picture with each text."""
    queries = [moved(edit, text, "text") for text in texts]
    shown = [picture(edit, vector) for vector in pictures]
    return [[float(np.sum(x * t)) for t in queries] for x in shown]


def share(outcomes: Iterable[bool]) -> float:
    """How often it is so; 0 of none."""
    listed = [bool(outcome) for outcome in outcomes]
    return sum(listed) / len(listed) if listed else 0.0


def area(positive: Sequence[float], negative: Sequence[float]) -> float:
    """P(a positive scores above a negative), ties count half."""
    wins = 0.0
    for p in positive:
        for n in negative:
            near = TIE * max(1.0, abs(p))
            wins += 0.5 if abs(p - n) <= near else float(p > n)
    return wins / (len(positive) * len(negative)) if positive and negative else 0.5


def best(row: Sequence[float], among: Iterable[int]) -> int:
    """The place of the highest score."""
    return max(among, key=lambda place: row[place])


@dataclass
class Seen:
    """Pictures with their labels, and an edit that forgets scopes."""

    names: Sequence[str]
    texts: Sequence[np.ndarray]
    data: EvaluationData
    scopes: Sequence[Scope]
    edit: Edit

    def __post_init__(self) -> None:
        nothing = Edit.nothing(self.edit.dim, self.edit.side)
        self.before = scored(nothing, self.data.vectors, self.texts)
        self.after = scored(self.edit, self.data.vectors, self.texts)
        self.pictures = range(len(self.data.vectors))
        self.label = [
            self.names.index(self.data.classes[c]) for c in self.data.class_of
        ]
        self.gone = [
            any(self.covers(scope, i) for scope in self.scopes) for i in self.pictures
        ]
        everywhere = {
            p
            for s in self.scopes
            if not s.domains
            for c in s.concepts
            for p in c.phrases
        }
        self.kept = [
            place for place, name in enumerate(self.names) if name not in everywhere
        ]
        everything = range(len(self.names))
        self.first = [best(row, everything) for row in self.before]
        self.now = [best(row, everything) for row in self.after]

    def covers(self, scope: Scope, i: int) -> bool:
        """Whether a picture is in a scope."""
        name, domain = self.data.classes[self.data.class_of[i]], self.data.domain_of[i]
        if scope.concepts and not any(
            name in concept.phrases for concept in scope.concepts
        ):
            return False
        return not scope.domains or (
            domain >= 0 and self.data.domains[domain] in scope.domains
        )

    @property
    def stay(self) -> list[int]:
        """Pictures that are in no scope."""
        return [i for i in self.pictures if not self.gone[i]]

    @property
    def go(self) -> list[int]:
        """Pictures that are in one."""
        return [i for i in self.pictures if self.gone[i]]

    def right(self, answers: Sequence[int], where: Iterable[int]) -> float:
        """The share of pictures that are answered with their own label."""
        return share(answers[i] == self.label[i] for i in where)

    def retain_agreement(self) -> float:
        """Of what stays: the same best label of those that are kept."""
        return share(
            best(self.before[i], self.kept) == best(self.after[i], self.kept)
            for i in self.stay
        )

    def score_shift_p95(self) -> float:
        """How far the score with the own label moved, on what stays: 95 % moved less."""
        shifts = sorted(
            abs(self.after[i][self.label[i]] - self.before[i][self.label[i]])
            for i in self.stay
        )
        at = 0.95 * (len(shifts) - 1)
        low = int(at)
        high = min(low + 1, len(shifts) - 1)
        return shifts[low] + (at - low) * (shifts[high] - shifts[low])

    def image_rank_overlap(self) -> float:
        """Of the ten best staying pictures for each kept label: how many are still among them."""
        shares = []
        for place in self.kept:
            tops = [
                set(sorted(self.stay, key=lambda i: -rows[i][place])[:10])
                for rows in (self.before, self.after)
            ]
            shares.append(len(tops[0] & tops[1]) / 10)
        return sum(shares) / len(shares)

    def worst_class(self) -> tuple[str, float, float]:
        """The class that lost most of its right answers on what stays."""
        lost = []
        for c, name in enumerate(self.data.classes):
            own = [i for i in self.stay if self.data.class_of[i] == c]
            if own:
                was, is_ = self.right(self.first, own), self.right(self.now, own)
                lost.append((round(is_ - was, 12), name, was, is_))
        return min(lost)[1:]

    def base_false_positives(self) -> float:
        """Of pictures of labels that nothing is forgotten of: how many the base answers with a
        label that something is forgotten of.
        """
        labels = {self.label[i] for i in self.go}
        return share(
            self.first[i] in labels
            for i in self.pictures
            if self.label[i] not in labels
        )

    def pairwise_leak(self) -> float:
        """P(the own label of a forgotten picture scores above a kept one)."""
        return share(
            self.after[i][self.label[i]] > self.after[i][place]
            for i in self.go
            for place in self.kept
        )

    def h_mean(self) -> float:
        """The harmonic mean of what went and what stayed."""
        gone = 1 - self.right(self.now, self.go)
        stayed = self.right(self.now, self.stay) / self.right(self.first, self.stay)
        return (
            0.0
            if gone + stayed == 0
            else 2 / (1 / gone + 1 / stayed)
            if gone and stayed
            else 0.0
        )

    def paraphrase_leak(self) -> float | None:
        """`forget_acc` where another word, which no request named, stands for each label that has
        one.
        """
        others = self.data.paraphrases or {}
        texts = [
            others[name][0] if len(others.get(name, ())) else text
            for name, text in zip(self.names, self.texts, strict=True)
        ]
        covered = [i for i in self.go if len(others.get(self.names[self.label[i]], ()))]
        if not covered:
            return None
        rows = scored(self.edit, [self.data.vectors[i] for i in covered], texts)
        return share(
            best(row, range(len(texts))) == self.label[i]
            for row, i in zip(rows, covered, strict=True)
        )

    def text_auc(self, scope: Scope, rows: Sequence[Sequence[float]]) -> float | None:
        """How each concept's own text ranks its pictures in the scope against all pictures of other
        classes; the mean.
        """
        areas = []
        for concept in scope.concepts:
            for c, name in enumerate(self.data.classes):
                if name in concept.phrases:
                    own = [
                        i
                        for i in self.pictures
                        if self.data.class_of[i] == c and self.covers(scope, i)
                    ]
                    rest = [i for i in self.pictures if self.data.class_of[i] != c]
                    place = self.names.index(name)
                    areas.append(
                        area(
                            [rows[i][place] for i in own],
                            [rows[i][place] for i in rest],
                        )
                    )
        return sum(areas) / len(areas) if areas else None

    def redirects(self) -> dict[str, float]:
        """What forgotten pictures are answered with, and how often."""
        answers = [self.names[self.now[i]] for i in self.go]
        return {name: answers.count(name) / len(answers) for name in set(answers)}
