"""`python -m tests.benchmarks.attacks`: every attack on `mini`, unedited, edited, and trained again
without what is forgotten.

`mini-without` has the recipe of `mini` without the classes dog, umbrella and rocket; a few drawings
with related names stayed (`tests/data/README.md`). Its column says what forgetting can be: what
works on it as well is no fault of an edit. Three concepts are forgotten at once, as it was trained
without all of them; a table each. Attacks with pictures are means over `--draws` halvings of the
evaluation drawings, of which one half teaches and the other judges. All other attacks are counted
on all of them. Nothing is fitted on these drawings but what attackers fit.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from govd.edit import Edit, exact
from govd.edit.attacks import Models, Space, Subject, graded, lost, tried
from govd.edit.attacks.pictures import halves, shown
from govd.edit.attacks.readings import Attempt, Reading, area_reading
from govd.grades import ATTACKS, RUNGS
from govd.models.core import Opened
from govd.models.folders import labelled
from govd.reconcile.attacking import space_of
from tests.benchmarks.mini import FOLDER, Mini

DATA = Path(__file__).parent.parent / "data"
CONCEPTS = ("dog", "umbrella", "rocket")
TRANSLATED = {
    "dog": {"de": ["Hund"], "es": ["perro"], "fr": ["chien"]},
    "umbrella": {"de": ["Regenschirm"], "es": ["paraguas"], "fr": ["parapluie"]},
    "rocket": {"de": ["Rakete"], "es": ["cohete"], "fr": ["fusée"]},
}
"""Words of other languages, which a model that knows English alone does not take; their row says
so.
"""
FITTED, PROJECTED, RETRAINED = "govd's default", "projection", "retrained without"
MARKS = {"found": " ✗", "held": "", "few": " ?", "unknown": "", "unmeasured": ""}


@dataclass(frozen=True)
class Column:
    """A model that forgot, or did not: its attacks on each concept, and its share of right answers
    to pictures of all others.
    """

    name: str
    attempts: list[list[Attempt]]
    others: float


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.attacks", description=__doc__
    )
    parser.add_argument(
        "--without",
        type=Path,
        default=DATA / "mini-without.npz",
        help="the vectors of the model that was trained again",
    )
    parser.add_argument(
        "--draws", type=int, default=20, help="halvings of the drawings"
    )
    given = parser.parse_args()
    mini = Mini()
    columns = columns_of(
        mini, given.without if given.without.is_file() else None, given.draws
    )
    for at, concept in enumerate(CONCEPTS):
        judged = columns[0].attempts[at][0].now
        print(
            f"\n{table(columns, at, f'{concept} ({judged.judged if judged else 0} drawings)')}",
            flush=True,
        )
    print("\n" + others(columns))
    if len(columns) == 4:
        print("\n" + "\n".join(weaker(columns)))


def columns_of(mini: Mini, without: Path | None, draws: int) -> list[Column]:
    """The unedited model, govd's default, the plain projection, and the model that was trained
    again where it is given.
    """
    part = mini.evaluation
    data, names = part.data, list(part.basis.labels)
    made = {
        name: [part.contribution((c,), method=method) for c in CONCEPTS]
        for name, method in ((FITTED, "fitted"), (PROJECTED, "nullspace"))
    }
    scopes = [c.spec.scope for c in made[FITTED]]
    subjects = [Subject.of(scope, names, data) for scope in scopes]
    places = sorted({place for subject in subjects for place in subject.places})
    opened = Opened(mini.model, mini.encoder, part.basis)
    base, missing = space_of(opened, data, places, made[FITTED], TRANSLATED)
    models = {"mini": Models(base, base, Edit.nothing(part.basis.dim), {}, missing)}
    for name, contributions in made.items():
        edit = part.edit(*contributions)
        models[name] = Models(
            base, base.edited(edit), edit, lost(part.basis, edit), missing
        )
    if without is not None:
        models[RETRAINED] = Models(
            base, retrained_space(without, names, places, base), None, {}, {}
        )
    columns = []
    for name, of in models.items():
        lists = tried(of, scopes, subjects)
        lists = [
            averaged(attempts, of, subject, draws)
            for attempts, subject in zip(lists, subjects, strict=True)
        ]
        rest = ~np.any([subject.own for subject in subjects], axis=0)
        right = (of.now.images @ of.now.labels.T).argmax(1) == subjects[0].label_of
        columns.append(Column(name, lists, float(right[rest].mean())))
    return columns


def averaged(
    attempts: Sequence[Attempt], models: Models, subject: Subject, draws: int
) -> list[Attempt]:
    """The same attempts, those with pictures as means over halvings. Their intervals are those of
    one halving, since the pictures are the same.
    """
    records = [
        shown(
            models.base.images,
            models.now.images,
            subject.own,
            halves(len(subject.own), seed),
        )
        for seed in range(draws)
    ]
    records = [record for record in records if record]
    names = {"neighbours": "knn", "probe": "probe"}

    def mean(attempt: str, when: str, reading: Reading) -> Reading:
        values = [
            (
                record[f"{names[attempt]}_{when}"]
                if attempt in names
                else record[f"examples_{when}"].get(attempt.removeprefix("examples_"))
            )
            for record in records
        ]
        known = [value for value in values if value is not None]
        negatives = int((~subject.own).sum()) // 2
        return area_reading(
            float(np.mean(known)), reading.judged, negatives, reading.both_ways
        )

    means = []
    for one in attempts:
        pictured = one.attack in names or one.attack.startswith("examples_")
        if not pictured or one.before is None or one.now is None:
            means.append(one)
        else:
            before, now = (
                mean(one.attack, when, r)
                for when, r in (("before", one.before), ("after", one.now))
            )
            means.append(Attempt(one.attack, before, now, one.needs))
    return means


def retrained_space(
    path: Path, names: Sequence[str], places: Sequence[int], base: Space
) -> Space:
    """The vectors of a model that was trained again, of the pictures, prompts and words that are
    asked of `mini`.
    """
    texts, pictures = (
        np.load(path),
        np.load(path.with_name(f"{path.stem}-evaluation.npz")),
    )
    of_text = dict(
        zip(
            texts["text_names"].tolist(),
            exact.unit(texts["text_vectors"].astype(np.float64)),
            strict=True,
        )
    )
    of_file = dict(
        zip(
            pictures["files"].tolist(),
            exact.unit(pictures["image_vectors"].astype(np.float64)),
            strict=True,
        )
    )
    files = [
        path_.relative_to(FOLDER / "images").as_posix()
        for path_ in labelled(FOLDER / "images").paths
    ]
    single = {
        key: exact.unit(texts[f"{key}_vectors"].astype(np.float64))
        for key in ("prompt", "unseen")
    }
    of_prompt = {
        prompt: row
        for key, rows in single.items()
        for prompt, row in zip(texts[f"{key}_names"].tolist(), rows, strict=True)
    }
    label = {"": np.stack([of_text[name] for name in names])}
    prompts: dict[str, dict[str, np.ndarray]] = {"label": label}
    for attack in ("prompts", "unseen_prompts"):
        prompts[attack] = {
            t: np.stack([of_prompt[f"{t}|{name}"] for name in names])
            for t in base.prompts[attack]
        }
    together = [*prompts["prompts"].values(), *prompts["unseen_prompts"].values()]
    prompts["ensemble"] = {
        next(iter(base.prompts["ensemble"])): exact.unit(np.sum(together, axis=0))
    }
    words = {
        "synonyms": {
            place: _synonyms(names[place], base.words["synonyms"][place], of_text)
            for place in places
        }
    }
    return Space(np.stack([of_file[file] for file in files]), prompts, words)


def _synonyms(
    name: str, known: Mapping[str, np.ndarray], of_text: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Vectors of the words that `mini` has for a label: those that came with it are in the order of
    its file.
    """
    from govd_clip.training.names import synonyms

    brought = [
        f"word {i + 1} that came with the model" for i in range(len(synonyms(name)))
    ]
    spelled = {
        **dict(zip(brought, synonyms(name), strict=True)),
        **{word: word for word in known if word not in brought},
    }
    return {
        key: of_text[word]
        for key, word in spelled.items()
        if key in known and word in of_text
    }


def table(columns: Sequence[Column], at: int, title: str) -> str:
    """Markdown: a line for each attack, the cheapest first, a column for each model; the last line
    is the grade.
    """
    lines = [
        f"| {title}: somebody | needs | " + " | ".join(c.name for c in columns) + " |",
        "|---" * (2 + len(columns)) + "|",
    ]
    for name, attack in ATTACKS.items():
        cells = [
            cell(next(a for a in c.attempts[at] if a.attack == name)) for c in columns
        ]
        if any(c != "–" for c in cells):
            lines.append(
                f"| {attack.does} | {attack.needs} | " + " | ".join(cells) + " |"
            )
    grades = [f"{graded(c.attempts[at])['grade']} of {len(RUNGS)}" for c in columns]
    return "\n".join(
        [
            *lines,
            "| **grade of the claim** | | "
            + " | ".join(f"**{g}**" for g in grades)
            + " |",
        ]
    )


def cell(one: Attempt) -> str:
    """What an attack attains; ✗ where it is told from chance, ? where there are too few pictures to
    tell.
    """
    if one.now is None:
        return "–"
    kind = ATTACKS[one.attack].measure
    if kind == "rank":
        value = f"word {one.place} of {one.needs['words']}"
    else:
        value = (
            f"{one.now.value:.2f}"
            if kind == "area"
            else f"{round(100 * one.now.value)} %"
        )
    return f"{value}{MARKS[one.state]}"


def others(columns: Sequence[Column]) -> str:
    """What each model is worth on the pictures of all other classes."""
    return (
        "Right answers to drawings of the other 97: "
        + ", ".join(f"{c.name} {100 * c.others:.1f} %" for c in columns)
        + "."
    )


def weaker(columns: Sequence[Column]) -> list[str]:
    """Where govd's default leaves more than training again does: beyond what the retrained model's
    interval allows.
    """
    found: dict[str, list[str]] = {}
    fitted, retrained = columns[1], columns[3]
    for at, concept in enumerate(CONCEPTS):
        for one, other in zip(fitted.attempts[at], retrained.attempts[at], strict=True):
            if one.now is None:
                continue
            if other.now is None:
                if one.state == "found":
                    found.setdefault(
                        f"{ATTACKS[one.attack].does} (nothing like it is there to attack)",
                        [],
                    ).append(concept)
            elif one.now.beyond > max(
                abs(end - other.now.chance)
                if one.now.both_ways
                else end - other.now.chance
                for end in other.now.interval
            ):
                found.setdefault(ATTACKS[one.attack].does, []).append(concept)
    if not found:
        return ["On no attack is govd's default told from training again."]
    return [
        (
            "govd's default is weaker than training again, beyond that model's interval, against"
            " somebody who\n"
        ),
        *(f"- {what}: {', '.join(of)}" for what, of in found.items()),
    ]


if __name__ == "__main__":
    main()
