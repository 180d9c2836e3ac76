"""Which pictures of a pool are like those that somebody gave, and the discriminants of both.

A discriminant that is 1 at the given ones and 0 at the rest calls more pictures like them; it is
made twice, the second time with those that the first has found. In named domains pictures are
compared less their domain's mean, so that the like in other domains is found as well, and is what
the detector must not see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from govd.edit import exact
from govd.edit.basis import Basis
from govd.edit.constants import (
    ALIKE_RIDGE,
    ALIKE_ROUNDS,
    ENOUGH_GIVEN,
    FEWEST_PICTURES,
    HALFWAY,
)
from govd.edit.pool import PoolFit
from govd.edit.selectors import dual_rows, ridge
from govd.errors import Unsupported
from govd.types import Floats


@dataclass(frozen=True)
class Alike:
    """Given pictures and their like, `joined` so many of the pool: how they differ from the rest,
    `difference` `(d,)`, and the `detector` `(d,)`. In named domains, of pictures there: `inside`
    `(d,)` is the detector where no other pictures are met.
    """

    difference: Floats
    detector: Floats
    joined: int
    inside: Floats | None = None


def alike_everywhere(pool: PoolFit, given: Floats) -> Alike:
    """The like of given pictures, wherever they are.

    Args:
        pool: that is searched, without what it holds out.
        given: `(n, d)`, unit.
    """
    images = pool.images[pool.seen()]
    centre = exact.mean(images)
    covariance = pool.moment() - centre[:, None] * centre[None, :]
    few = max(1.0, ENOUGH_GIVEN / len(given))
    search = exact.Factor(covariance + ridge(covariance, ALIKE_RIDGE * few))
    factor = search
    if few > 1.0:
        factor = exact.Factor(covariance + ridge(covariance, ALIKE_RIDGE))
    mean, rest = exact.mean(given), centre
    like = np.zeros(len(images), bool)
    for _ in range(ALIKE_ROUNDS):
        detector = _discriminant(search, [mean, rest])
        like = exact.matmul(images, detector[:, None])[:, 0] > HALFWAY
        mean = exact.mean(np.concatenate([given, images[like]]))
    rest = exact.mean(images[~like]) if not like.all() else centre
    joined = int(np.count_nonzero(like))
    return Alike(mean - rest, _discriminant(factor, [mean, rest]), joined)


def alike_in(
    basis: Basis, pool: PoolFit, given: Floats, domains: Sequence[int]
) -> Alike:
    """The like of given pictures in some domains, told from the like in the others where there are
    enough of them.

    Args:
        basis: tells the pool's domains apart.
        pool: that is searched, without what it holds out.
        given: `(n, d)`, unit, of these domains.
        domains: their positions in the basis.

    Raises:
        Unsupported: the pool has no pictures there, or none elsewhere.
    """
    pool_mask = pool.seen()
    images = pool.images[pool_mask]
    domain_of = basis.tensors["pool_domains"][:: basis.thinning][pool_mask]
    domain_mask = np.isin(domain_of, domains)
    if not domain_mask.any() or domain_mask.all():
        raise Unsupported(
            f"no embeddings tell {', '.join(basis.domains[s] for s in domains)} from others",
            advice="Add to the pool, or leave --domain out.",
        )
    covariance, within, means = _moments(pool, images, domain_of, len(basis.domains))
    scores = exact.matmul(given, basis.tensors["selectors"][list(domains)].T)
    of_given = np.array(domains)[scores.argmax(1)]
    like = _like(within, images - means[domain_of], given - means[of_given])
    mean = exact.mean(np.concatenate([given, images[like & domain_mask]]))
    points = [mean, _mean(images, domain_mask, like)]
    factor = exact.Factor(covariance + ridge(covariance, ALIKE_RIDGE))
    alone = _discriminant(factor, points)
    points.append(_mean(images, ~domain_mask, like))
    if np.count_nonzero(like & ~domain_mask) >= FEWEST_PICTURES:
        points.append(exact.mean(images[like & ~domain_mask]))
    joined = int(np.count_nonzero(like & domain_mask))
    return Alike(mean - points[1], _discriminant(factor, points), joined, alone)


def _moments(
    pool: PoolFit, images: Floats, domain_of: Any, count: int
) -> tuple[Floats, Floats, Floats]:
    """The covariance `(d, d)` of pictures `(n, d)`, that within their domains `(n,)`, and the
    means `(S, d)` of at least `count` domains, the centre where no picture shows one.
    """
    moment = pool.moment()
    centre = exact.mean(images)
    counts = np.bincount(domain_of, minlength=count)
    means = np.tile(centre, (len(counts), 1))
    within = moment.copy()
    for domain in np.flatnonzero(counts):
        mean = exact.mean(images[domain_of == domain])
        means[domain] = mean
        within -= (counts[domain] / len(images)) * (mean[:, None] * mean[None, :])
    return moment - centre[:, None] * centre[None, :], within, means


def _like(within: Floats, centred: Floats, given: Floats) -> Any:
    """Which of the pictures `(n, d)` are like the given ones `(m, d)`, both less their domain's
    mean.
    """
    few = max(1.0, ENOUGH_GIVEN / len(given))
    search = exact.Factor(within + ridge(within, ALIKE_RIDGE * few))
    mean = exact.mean(given)
    like = np.zeros(len(centred), bool)
    for _ in range(ALIKE_ROUNDS):
        detector = _discriminant(search, [mean])
        like = exact.matmul(centred, detector[:, None])[:, 0] > HALFWAY
        mean = exact.mean(np.concatenate([given, centred[like]]))
    return like


def _mean(images: Floats, where: Any, like: Any) -> Floats:
    """The mean `(d,)` of the pictures there that are not like the given ones; of all there, where
    each is.
    """
    rest = where & ~like
    return exact.mean(images[rest if rest.any() else where])


def _discriminant(factor: exact.Factor, points: Sequence[Floats]) -> Floats:
    """`l` `(d,)`: 1 at the first of the points, 0 at the others, smallest in the metric that is
    factored.
    """
    means = np.stack(points)
    row: Floats = dual_rows(means, factor.solve(means.T))[0]
    return row
