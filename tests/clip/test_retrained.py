"""The vectors of `mini` trained without three concepts belong to `mini`'s drawings, and to a model
without those classes.
"""

import numpy as np

from govd.models.folders import labelled
from tests.benchmarks.attacks import CONCEPTS, DATA
from tests.benchmarks.mini import FOLDER


def test_it_knows_the_other_classes_and_of_the_three_what_related_names_taught() -> (
    None
):
    """Drawings called "rocket launch" and "closed umbrella" are of no class, and stayed in its
    training (`tests/data/README.md`).
    """
    texts, drawings = (
        np.load(DATA / "mini-without.npz"),
        np.load(DATA / "mini-without-evaluation.npz"),
    )
    files = labelled(FOLDER / "images")
    assert sorted(drawings["files"]) == sorted(
        path.relative_to(FOLDER / "images").as_posix() for path in files.paths
    )
    assert [f.split("/")[1] for f in drawings["files"]] == drawings["labels"].tolist()
    names = texts["text_names"][: int(texts["labels"])]
    answers = names[
        (
            drawings["image_vectors"].astype(float)
            @ texts["text_vectors"][: len(names)].astype(float).T
        ).argmax(1)
    ]
    right, forgotten = (
        answers == drawings["labels"],
        np.isin(drawings["labels"], CONCEPTS),
    )
    assert forgotten.sum() == 23
    assert right[~forgotten].mean() > 0.88
    assert {name: right[drawings["labels"] == name].sum() for name in CONCEPTS} == {
        "dog": 0,
        "umbrella": 1,
        "rocket": 3,
    }
