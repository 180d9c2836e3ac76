"""Renders the icon sets once and keeps them as one array of 64 × 64 pictures, with what each shows
and where it is from.
"""

import functools
import hashlib
import io
import json
import multiprocessing
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import resvg_py
from PIL import Image

from govd_clip.training.augment import restyle
from govd_clip.training.names import CLASSES, concept
from govd_clip.training.sets import (
    ALLOWED_LICENCES,
    DOMAINS,
    IconSet,
    Role,
    Split,
    sets_of,
)

SIZE = 64
FAMILIES = 3  # a name must be drawn by this many families to be learned


class Drawing(NamedTuple):
    """One icon: `name` is what it shows, `digest` the SHA-256 of its pixels, `picture` `(64, 64,
    3)` uint8.
    """

    role: Role
    set: str
    icon: str
    name: str
    domain: int
    digest: str
    picture: np.ndarray


def render(body: str, width: float, height: float) -> np.ndarray:
    """A picture `(64, 64, 3)` uint8 on white."""
    side = max(width, height)
    box = f"{(width - side) / 2} {(height - side) / 2} {side} {side}"
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        f' viewBox="{box}" color="#000">{body}</svg>'
    )
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=SIZE, height=SIZE))
    picture = Image.open(io.BytesIO(png)).convert("RGBA")
    paper = Image.new("RGBA", picture.size, "white")
    return np.asarray(Image.alpha_composite(paper, picture).convert("RGB"))


def _read(packages: Path, icon_set: IconSet) -> list[tuple[str, str, str, np.ndarray]]:
    folder = packages / "@iconify-json" / icon_set.name
    info = json.loads((folder / "info.json").read_text())
    if info["license"]["spdx"] not in ALLOWED_LICENCES:
        raise SystemExit(
            f"{icon_set.name}: licence {info['license']['spdx']} is not one that may be shipped"
        )
    icons = json.loads((folder / "icons.json").read_text())
    out = []
    for icon, drawing in icons["icons"].items():
        class_and_domain = concept(icon_set, icon)
        if class_and_domain is None or "<animate" in drawing["body"]:
            continue
        width = drawing.get("width", icons.get("width", 16))
        height = drawing.get("height", icons.get("height", 16))
        try:
            picture = render(drawing["body"], width, height)
        except (ValueError, RuntimeError, OSError):
            continue
        if picture.min() < 200:
            out.append((icon, *class_and_domain, picture))
    return out


def drawings(
    packages: Path, roles: Sequence[Role], split: Split = "shipped"
) -> list[Drawing]:
    """Every drawing of these roles that is learned, judged, pooled or calibrated on; one that is
    there already is left out.
    """
    sets = [
        icon_set
        for role in roles
        for icon_set in sets_of(split)
        if icon_set.role == role
    ]
    with ProcessPoolExecutor(
        2, multiprocessing.get_context("spawn")
    ) as pool:  # JAX has threads, which a fork would lose
        drawn = dict(
            zip(sets, pool.map(functools.partial(_read, packages), sets), strict=True)
        )
    families: dict[str, set[str]] = defaultdict(set)
    for icon_set, icons in drawn.items():
        if icon_set.role == "train":
            for _, name, _, _ in icons:
                families[name].add(icon_set.family)
    rows = []
    seen_hashes: set[str] = set()
    for icon_set, icons in drawn.items():
        role = icon_set.role
        for icon, name, domain, picture in icons:
            digest = hashlib.sha256(picture.tobytes()).hexdigest()
            keep = {
                "evaluation": name in CLASSES,
                "calibration": name in CLASSES,
                "pool": True,
                "train": len(families[name]) >= FAMILIES,
            }
            if keep[role] and digest not in seen_hashes:
                seen_hashes.add(digest)
                rows.append(
                    Drawing(
                        role,
                        icon_set.name,
                        icon,
                        name,
                        DOMAINS.index(domain),
                        digest,
                        picture,
                    )
                )
    return rows


def build(packages: Path, cache: Path, split: Split = "shipped") -> None:
    """Render everything into the folder `cache`. Training pictures equal to a held-out one go."""
    rows = drawings(packages, ("evaluation", "pool", "calibration", "train"), split)
    roles, sets, icons_, names, domains, digests, pictures = zip(*rows, strict=True)
    cache.mkdir(parents=True, exist_ok=True)
    np.savez(
        cache / "icons.npz",
        role=np.array(roles),
        set=np.array(sets),
        icon=np.array(icons_),
        name=np.array(names),
        domain=np.array(domains),
        digest=np.array(digests),
        picture=np.stack(pictures),
    )
    training = [(row.picture, row.domain) for row in rows if row.role == "train"]
    with ProcessPoolExecutor(2) as pool:
        np.save(
            cache / "variants.npy",
            np.stack(list(pool.map(_all_domains, training, chunksize=256))),
        )


def _all_domains(drawing: tuple[np.ndarray, int]) -> np.ndarray:
    """A drawing as it is and as redrawn in the other domains: `(3, 64, 64, 3)`, in the order of
    DOMAINS.
    """
    picture, domain = drawing
    return np.stack(
        [
            picture if to == domain else restyle(picture, domain, to)
            for to in range(len(DOMAINS))
        ]
    )
