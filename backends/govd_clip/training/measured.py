"""What forgetting is measured on, as embeddings of the model that ships: the unlabelled pool, and
labelled drawings for calibration.

The pool and the calibration drawings are by vendors of whom nothing is trained on or judged on.
`calibration.safetensors` has the labelled drawings of both: those of the pool say where in it they
are, so that they can be judged with the pool that has them not.
"""

import json
from pathlib import Path

import numpy as np

from govd.edit.files import tensors_to_bytes
from govd.types import Model
from govd_clip.checkpoint import sha256
from govd_clip.digests import DIGESTS
from govd_clip.training.dataset import Drawing, drawings
from govd_clip.training.names import CLASSES
from govd_clip.training.sets import DOMAINS, SETS


def write(packages: Path, folder: Path, model: Model) -> None:
    """Render, encode and write `pool.npy`, `pool_digests.txt` and `calibration.safetensors` into
    `folder`.
    """
    rows = drawings(packages, ("evaluation", "pool", "calibration"))
    pooled = [row for row in rows if row.role == "pool"]
    vectors = model.encode_images([row.picture for row in pooled])
    np.save(folder / "pool.npy", vectors)
    (folder / "pool_digests.txt").write_text(
        "".join(f"{row.digest}\n" for row in pooled), encoding="ascii"
    )
    calibration = [row for row in rows if row.role == "calibration"]
    pool_rows = [i for i, row in enumerate(pooled) if row.name in CLASSES]
    listed = [*calibration, *(pooled[i] for i in pool_rows)]
    tensors = _labels(listed) | {
        "vectors": np.concatenate(
            [
                model.encode_images([row.picture for row in calibration]),
                vectors[pool_rows],
            ]
        ),
        "pool_row": np.array([-1] * len(calibration) + pool_rows, np.int32),
    }
    document = {
        "classes": json.dumps(list(CLASSES)),
        "domains": json.dumps(DOMAINS),
        "sets": json.dumps([s.name for s in SETS]),
    }
    (folder / "calibration.safetensors").write_bytes(
        tensors_to_bytes(tensors, {**document, "model": model.facts.digest})
    )


def _labels(rows: list[Drawing]) -> dict[str, np.ndarray]:
    classes = list(CLASSES)
    sets = [s.name for s in SETS]
    return {
        "class_of": np.array([classes.index(row.name) for row in rows], np.int32),
        "domain_of": np.array([row.domain for row in rows], np.int32),
        "set_of": np.array([sets.index(row.set) for row in rows], np.int32),
    }


def seal(packages: Path, folder: Path) -> None:
    """Write the notices of all vendors, then the digests of everything in `folder`."""
    (folder / "NOTICES").write_text(_notices(packages), encoding="utf-8")
    digests(folder)


def digests(folder: Path) -> None:
    """The SHA-256 of every file in the folder: what a backend checks them against before it uses
    them.
    """
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != DIGESTS)
    digest_of = {p.relative_to(folder).as_posix(): sha256(p) for p in files}
    (folder / DIGESTS).write_text(
        json.dumps(digest_of, indent=0) + "\n", encoding="utf-8"
    )


def _packages(packages: Path) -> list[tuple[str, str, str, str, str, str]]:
    rows = []
    for icon_set in SETS:
        report = json.loads(
            (packages / "@iconify-json" / icon_set.name / "info.json").read_text(
                encoding="utf-8"
            )
        )
        author = report["author"]
        licence = report["license"]
        rows.append(
            (
                icon_set.name,
                report["name"],
                author["name"],
                author.get("url", ""),
                licence["spdx"],
                icon_set.role,
            )
        )
    return rows


def _notices(packages: Path) -> str:
    lines = [
        (
            "The drawings that this model was trained, judged, measured or calibrated on come from"
            " these icon sets, unchanged but for"
        ),
        "rendering at 64 × 64 pixels.",
        (
            "Each is by its author and under its own licence; the evaluation drawings in images/"
            " are shipped under it."
        ),
        "",
    ]
    for name, title, author, url, licence, role in _packages(packages):
        lines.append(f"{title} ({name}), {author}, {url}: {licence}; {role}")
    lines.append(
        "\nSynonyms: emojibase-data, MIT. Anchor vocabulary: see govd/data/nouns.txt."
    )
    return "\n".join(lines) + "\n"
