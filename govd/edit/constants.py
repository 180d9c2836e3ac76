"""How certain and how strong a forget is: every constant of it, what it stands for, who solves by
it, and on what it was chosen. Edits are functions of them: another value is another edit.

Two ways lead to "forgotten". A *fit* has steps instead of a strength, and is chosen by who is still
named (`GOAL`): alone in `Fitted._chosen` (`methods/fitted.py`), together in `Dual._held`
(`edit/system.py`). A *strength* α is solved on pictures, one number for a forget alone
(`edit/strength.py`: `unnamed`, `level`, `softly_level`, `scattered`).
"""

from __future__ import annotations

# -- who is still named, in both ways

GOAL = 0.01
"""A fit: share of the held-out pictures concerned that may still get a forgotten label
(`judging.enough`). It is counted on pictures that the fit did not see, so nothing is multiplied on
top, as `SAFETY` is for `UNNAMED`: the two stand for the same and differ in what they are read off.
"""
UNNAMED = 0.02
"""A strength: share of a concept's pictures that may still get its name (`strength.unnamed`). The
strength is solved on these very pictures, and multiplied by `SAFETY` for others.
"""
TIE = 1e-9
"""Scores whose difference is below this are equal, what is left is rounding: a forgotten label that
leads by less has been levelled (`judging`), and a pair counts half (`strength.auc`). Absolutely for
scores below 1, cosines among them, relatively for larger ones.
"""
UNSURE = 1e-7
"""Margins nearer than this to what decides are computed again exactly (`judging`): the machine's
own products are far better than that.
"""

# -- how certain a fit is

REWEIGHTED = 30.0
"""The weight w of retained pictures where those of a class are weighted one by one. It matters
little: what is nearest to being named grows until it is heard (10 to 300 gave the same tables on
Caltech-101 and Oxford Pets).
"""
LEVELS = (1.0, 1.25, 1.5, 2.0)
"""Margins that pictures are to be away from being named, in units of `PoolFit.unit`."""
ALONE = len(LEVELS)
"""The first of `steps.WEIGHTED_STEPS` that a forget alone is tried with, (0, 3), where pictures
count alike: it is chosen on a few dozens of pictures of a pool, whose like the next ones need not
be. On `mini`'s calibration drawings, which other vendors drew than its pool, the same with w = 10
leaves 12 of 408 named, this one 1, the next none.
"""
CELL_FLOOR = 1
"""The first of `steps.CELL_STEPS` that a cell is tried with. Chosen on `mini`'s calibration
drawings, which other vendors drew than its pool: there the step before leaves 12 of 408 named, this
one 1, the next none.
"""
SURER = ((10, 2), (3, 5))
"""Pictures of a concept that are too few to judge it, one fit sees half of them and the other half
judges: with fewer than so many it is tried from so many steps further down on, the last of which is
(¾, 0.3). They count as far as texts tell that they show it (`Concept.evidence`). Chosen on parts of
Caltech-101's and Oxford Pets' pools: a tenth and a 25th of them; and with one or two pictures left
of each label, where 12 % and 2 % of the others stay named from two steps further down on, 3.6 % and
none from four, with these one of 3,741.
"""
DOUBTED = 0.5
"""Share of the pictures with a concept's name that texts must be sure of, or none is counted: where
a pool is of other things, names are got by chance. On Caltech-101 with a pool of pets 91 % of the
names are below it, with its own 4 % (`likely.by_texts_alone`).
"""
MANY_JUDGES = 50
"""Held-out pictures that are enough to tell how certain forgets are together (`Dual._held`)."""

# -- how strong a forget is

SAFETY = 1.5
"""Pictures that nobody has seen lie further from the pool's than these from each other: the
strength that `unnamed` and `scattered` solved is multiplied by this.
"""
FAINT = 0.5
"""A picture that the detector hardly sees is taken to be seen this much: one stray picture must not
drive the strength for all.
"""
CHANCE = 1.5
"""A whole domain is forgotten when its images keep their label at most this often, as a multiple of
chance (`strength.scattered`).
"""
ELSEWHERE = 0.85
"""Share of the answers in other domains that forgetting a whole domain must leave as they were; the
rest of the target is given up (`strength.scattered`).
"""
GUESSED = 8.0
"""Where somebody gave pictures, those that merely may show the concept count together as at most so
many: few given ones correct what is guessed, many decide (`strength.softly_level`). Chosen on
Caltech-101 and Oxford Pets, splits other than those that are reported.
"""
AVERAGE = 3.0
"""Pictures at which a strength that a text is levelled by (`strength.softly_level`) and a strength
of 1 count alike; by the squares of their numbers, since what few pictures tell may be several times
too large. Chosen on a sixth of Caltech-101's pool, a 15th of Oxford Pets', and one nine tenths of
which show one class of Caltech-101: mean distance of AUCs from 0.5 there 0.155 with a strength of 1
for fewer than `FEWEST` pictures, 0.164 with this, and 0.29 where the numbers count.
"""

# -- how a strength is looked for

HALVINGS = 24
"""Halvings of a bisection, that is bits of α."""
MOST = 32.0
"""The largest α that is looked at."""
SMALLEST = 1e-12
"""Squared length below which an image counts as gone."""
