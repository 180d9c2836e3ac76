"""What happens to a drawing before the model sees it: redrawn in another domain, moved, turned,
inked anew.
"""

import numpy as np
from PIL import Image
from scipy import ndimage

from govd_clip.training.sets import DOMAINS


def restyle(picture: np.ndarray, domain: int, to: int) -> np.ndarray:
    """A picture of one domain redrawn in the manner of another: edges, silhouettes, outlines,
    fills. `(64, 64, 3)` uint8.
    """
    ink = picture.min(axis=2) < 160
    source = DOMAINS[domain]
    target = DOMAINS[to]
    if target == "colour":
        return _paint(ink, np.random.default_rng(int(picture.sum())))
    if source == "colour":
        ink = _edges(picture) if target == "line" else _dark_part(picture)
    elif target == "line":
        ink = ndimage.binary_dilation(ink) & ~ndimage.binary_erosion(ink, iterations=2)
    else:
        lines = ink
        ink = ndimage.binary_fill_holes(ndimage.binary_dilation(ink))
        # Half keep their inner lines in white, as solid icons do; half are bare silhouettes.
        if picture.sum() % 2:
            ink = ink & ~(lines & ndimage.binary_erosion(ink, iterations=7))
    soft = ndimage.gaussian_filter(ink.astype(np.float32), 0.5)
    grey = ((1 - soft) * 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _edges(picture: np.ndarray) -> np.ndarray:
    smooth = ndimage.gaussian_filter(picture.astype(np.float32), (0.7, 0.7, 0))
    gradients = [
        ndimage.morphological_gradient(smooth[..., channel], size=(3, 3))
        for channel in range(3)
    ]
    steps = np.max(gradients, axis=0)
    return steps > steps.max() * 0.35


def _dark_part(picture: np.ndarray) -> np.ndarray:
    level = picture.astype(np.float32).mean(axis=2)
    body = level < 245
    dark = body
    if body.any():
        dark = body & (level < np.median(level[body]))
    if dark.sum() > 0.35 * body.sum():
        return dark
    # A drawing in one or two even colours has no dark half: then all of it, cut by its inner edges.
    inside = ndimage.binary_erosion(body, iterations=3)
    return body & ~(_edges(picture) & inside)


def _paint(ink: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Every enclosed region in a colour of its own, on white."""
    regions, count = ndimage.label(~ink)
    inks = random.integers(40, 250, (count + 1, 3))
    margins = [regions[0], regions[-1], regions[:, 0], regions[:, -1]]
    paper = np.unique(np.concatenate(margins))
    inks[paper] = 255
    out = inks[regions]
    out[ink] = random.integers(0, 160, 3)
    return out.astype(np.uint8)


def _move(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    turn = np.deg2rad(random.uniform(-10, 10))
    size = random.uniform(0.72, 1.12)
    stretch = [random.uniform(0.93, 1.07), random.uniform(0.93, 1.07)]
    scale = size * np.array(stretch)
    shear = np.array([[1, random.uniform(-0.1, 0.1)], [0, 1]])
    cosine = np.cos(turn)
    sine = np.sin(turn)
    rotation = np.array([[cosine, -sine], [sine, cosine]])
    forward = rotation @ shear @ np.diag(scale)
    if random.random() < 0.5:
        forward[:, 0] *= -1
    back = np.linalg.inv(forward)
    slack = np.maximum(0, 1 - scale) * 32 + 2
    centre = 32 + random.uniform(-slack, slack)
    offset = np.array([32, 32]) - back @ centre
    across = (back[0, 0], back[0, 1], offset[0])
    down = (back[1, 0], back[1, 1], offset[1])
    moved = Image.fromarray(picture).transform(
        (64, 64),
        Image.Transform.AFFINE,
        (*across, *down),
        resample=Image.Resampling.BILINEAR,
        fillcolor=(255, 255, 255),
    )
    return np.asarray(moved)


def _thicken(picture: np.ndarray, darker: bool) -> np.ndarray:
    best = np.minimum if darker else np.maximum
    out = picture.copy()
    out[1:] = best(out[1:], picture[:-1])
    out[:, 1:] = best(out[:, 1:], picture[:, :-1])
    return out


def _ink_anew(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    level = picture[..., :1].astype(np.float32) / 255
    ink = random.uniform(0, 110, 3)
    paper = random.uniform(190, 255, 3)
    if random.random() < 0.25:
        ink, paper = paper, ink
    return (paper * level + ink * (1 - level)).astype(np.uint8)


def augment(
    picture: np.ndarray, domain: int, random: np.random.Generator
) -> np.ndarray:
    """One training view of a drawing that is in `domain` by now. `(64, 64, 3)` uint8 → the same."""
    if DOMAINS[domain] != "colour" and random.random() < 0.4:
        picture = _thicken(picture, darker=bool(random.random() < 0.5))
    picture = _move(picture, random)
    if DOMAINS[domain] == "colour":
        if random.random() < 0.6:
            gain = random.uniform(0.75, 1.15, 3)
            lift = random.uniform(-12, 12)
            picture = np.clip(picture * gain + lift, 0, 255).astype(np.uint8)
        if random.random() < 0.15:
            picture = picture[..., random.permutation(3)]
    elif random.random() < 0.25:
        picture = _ink_anew(picture, random)
    return picture
