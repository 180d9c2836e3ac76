"""How certain and how strong a forget is: every constant that was chosen and that an edit's bytes
depend on, what it stands for, who reckons with it, and on what it was chosen. Edits are functions
of them: another value is another edit.

Two ways lead to "forgotten". A *fit* has steps instead of a strength, and is chosen by who is still
named (`GOAL`): alone in `Fitted._chosen` (`methods/fitted.py`), together in `Dual._held`
(`edit/system.py`). A *strength* α is solved on pictures, one number for a forget alone
(`edit/strength.py`: `unnamed`, `level`, `softly_level`, `scattered`).

*No record* means that a value is as in the first version of what uses it, and that nothing tells
what else was tried. *Calibration drawings* are 715 by nine vendors who drew neither what `mini`
learned from nor what it is judged on; `python -m tests.benchmarks.calibration --grid` tries a few
constants there. The sets, and which of their figures a choice may flatter, are told in
`tests/benchmarks/README.md`.

Elsewhere stand formats, grids of numbers (`pool.GRID`, `likely.STEPS`) and tolerances of
arithmetic (`exact`), when two texts are one (`duals.SAME`), how much is looked at or kept at hand
(`basis.POOL_SAMPLE`, `ingredients.PROMPTS`), and what predictions reckon with, which change no edit
(`shown`, `worst`, `trials`, `prediction`).
"""

from __future__ import annotations

from govd.types import Use

# -- what is protected: the metrics of a basis (`ingredients`)

LABEL_WEIGHT = 10.0
"""Weight of the label set beside the general vocabulary where labels are soft; no record."""
TEXT_RIDGE: dict[Use, float] = {"labels": 1e-1, "open": 1e-1, "search": 1.0}
"""Weight of the geometry itself (texts nobody thought of, image neighbours) where anchors are soft,
as a multiple of trace/d. Chosen on real vectors, Caltech-101 and Oxford Pets: 0.1 instead of 0.01
keeps half of the neighbours that were lost, and costs the labels little. That of `search` in a
prototype, on 1,000 photographs: 1 left 93 % of other searches their best picture, 0.1 88 %.
"""
HARD_RIDGE = 1.0
"""The same where labels are hard and cannot suffer: then only neighbours and unlisted words are at
stake. Chosen on Caltech-101 and Oxford Pets.
"""
POOL_RIDGE = 0.1
"""Ridge of a pool's covariance, and of that within its domains (`selectors`), as a multiple of
trace/d: `bilateral`, `likely` and all that names domains reckon with it. No record.
"""
POOL_LEAST = 16
"""Pool images below which nothing about the pool is estimated; no record."""
FREE_DIMENSIONS = 8
"""Dimensions that hard labels must leave free; no record."""
DEPENDENT_LABEL = 1e-9
"""A label whose pivot is so small a share of the largest depends on those before it: then none is
hard. No record.
"""

# -- what tells domains apart (`selectors`)

SELECTOR_ROUNDS = 3
"""How often pool pictures are told apart by the selectors that they gave. One round was tried in
prototypes; no record of three.
"""
SELECTOR_FEWEST = 3
"""Pictures of each domain without which there is no further round; no record."""

# -- who is still named, in both ways

GOAL = 0.01
"""A fit: share of the held-out pictures concerned that may still get a forgotten label
(`judging.enough`). It is counted on pictures that the fit did not see, so nothing is multiplied on
top, as `SAFETY` is for `UNNAMED`: the two stand for the same and differ in what they are read off.
It is the aim itself, chosen on nothing.
"""
UNNAMED = 0.02
"""A strength: share of a concept's pictures that may still get its name (`strength.unnamed`). The
strength is solved on these very pictures, and multiplied by `SAFETY` for others. No record.
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

# -- a fit on the pool (`pool`, `levelled`, `levelling`, `reweighting`)

POOL_FOLDS = 5
"""The last fold is *held out*: no fit and no choice of a forget sees it, so what an edit does to it
is what it does to new pictures. Two folds are each half that a forget is chosen on. No record.
"""
FIT_RIDGE = 0.03
"""Ridge of a fit, as a multiple of trace/d of the pool's moment, times (1 + w). No record; the
calibration's grid has 0.01 and 0.1 beside it.
"""
LEAN = 3
"""Pictures that a guess from the text counts as. No record; the calibration's grid has 1 and 10
beside it.
"""
SAME_CLASSES = 0.8
"""Share of `C_R` that is of the same classes in other domains, where a forget names domains. Chosen
on `mini`'s calibration drawings.
"""
REWEIGHTED = 30.0
"""The weight w of retained pictures where those of a class are weighted one by one. It matters
little: what is nearest to being named grows until it is heard (10 to 300 gave the same tables on
Caltech-101 and Oxford Pets).
"""
GROWTH = 3
"""What the weight of a picture is multiplied by each time that it is still too near; whole, so
that its powers are exact on any machine. No record.
"""
MOST_GROWTHS = 7
"""The highest power of `GROWTH` that a picture's weight is multiplied by; no record."""
UNIT_SHARE = 0.75
"""`PoolFit.unit`, what margins are measured in, as a share of what it is the lesser of. Settled
with tables of all sets but `lvis` in view, `mini`'s evaluation drawings among them.
"""
SURE_QUANTILE = 0.9
"""The quantile of pictures that are called sure of their label, for that unit; settled with it."""

# -- how certain a fit is (`steps`, `fitted`, `system`)

LEVELS = (1.0, 1.25, 1.5, 2.0)
"""Margins that pictures are to be away from being named, in units of `PoolFit.unit`; settled with
it.
"""
PAIRS = (
    (0.0, 10.0),
    (0.0, 3.0),
    (0.0, 1.0),
    (0.25, 1.0),
    (0.25, 0.3),
    (0.5, 0.3),
    (0.75, 0.3),
    (1.0, 0.0),
)
"""β and w of the steps from cheap to certain, where pictures count alike (`steps.STEPS`). The list
is as in prototypes, which had it on seven sets; no record of others.
"""
CELL_WEIGHTS = (10.0, 3.0, 1.0, 0.3, 0.1)
"""w of the steps of forgets that name domains (`steps.CELL_STEPS`): β is none, since it reaches
into all of them. No record.
"""
ALONE = len(LEVELS)
"""The first of `steps.WEIGHTED_STEPS` that a forget alone is tried with, (0, 3), where pictures
count alike: it is chosen on a few dozens of pictures of a pool, whose like the next ones need not
be. On `mini`'s calibration drawings, which other vendors drew than its pool, the same with w = 10
leaves 12 of 408 named, this one 1, the next none.
"""
CELL_FLOOR = 1
"""The first of `steps.CELL_STEPS` that a cell is tried with. Chosen with `ALONE`, when the two were
one: the step before left 12 of 408 named.
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
"""Held-out pictures that are enough to tell how certain forgets are together (`Dual._held`).
Settled with `LEVELS`.
"""

# -- which pictures show a concept (`likely`, `bilateral`, `trial`)

FEWEST_PICTURES = 3
"""Pictures that a mean is taken of at least; a concept or cell with fewer falls back to what texts
tell. As in the first prototypes; no record.
"""
TEMPERATURE = 100.0
"""The logit scale that CLIPs are trained to, for likelihoods by texts."""
SAME_WORD = 0.2
"""A word of the vocabulary may be the concept by another name, and is no rival, from this share of
the way from the usual cosine of words with the concept to 1. Set with what judges all sets of the
portfolio in view; 0.6 makes little of a difference on Caltech-101 and Oxford Pets (mean distance of
AUCs from 0.5 there 0.058 for 0.055, and 0.040 for 0.045).
"""
LIKELIHOOD_ROUNDS = 2
"""How often the mean `μ` of those that are alike is found. Nothing tried made much of a difference
on those two: one to four rounds, a ridge of 0.1 to 1, half of the discriminant.
"""
LEAST_OTHERS = 0.3
"""Pictures that a `μ` of all others is of at least; where there are fewer, it is drawn to `x̄`.
Likelihoods were chosen on the first split of those two.
"""
CONFIDENT = 5
"""Images of a concept that `bilateral` keeps at least, the surest first, where a word of the
vocabulary fits them better. Kept on `mini`'s calibration drawings, beside 0 and 8.
"""
CROSSED_FOLDS = 5
"""`bilateral` solves strengths on images that the detector was not made of: each fifth with a
detector of the others. No record.
"""
UNSEEN_CELL = 0.05
"""Where no image shows a cell, `bilateral` takes its images to be seen as well as all but this
share of the domain's are. Chosen on `mini`'s calibration drawings, beside 0.1 and 0.2.
"""
PROTOTYPE_RIDGE = 1.0
"""Ridge of the covariance of prototypes, as a multiple of trace/d (`bilateral`); no record."""

# -- how strong a forget is (`strength`)

SAFETY = 1.5
"""Pictures that nobody has seen lie further from the pool's than these from each other: the
strength that `unnamed` and `scattered` solved is multiplied by this. First set on `mini`'s
evaluation drawings, then kept on its calibration drawings, for `bilateral`, beside 1.25 and 2.
"""
FAINT = 0.5
"""A picture that the detector hardly sees is taken to be seen this much: one stray picture must not
drive the strength for all. Set and kept as `SAFETY`, beside 0.2, 0.35 and 0.7.
"""
CHANCE = 1.5
"""A whole domain is forgotten when its images keep their label at most this often, as a multiple of
chance (`strength.scattered`): what such a forget is to reach, chosen on nothing.
"""
ELSEWHERE = 0.85
"""Share of the answers in other domains that forgetting a whole domain must leave as they were; the
rest of the target is given up (`strength.scattered`). Chosen on `mini`'s evaluation drawings.
"""
SINKS = 8
"""Anchors that the images of a forgotten domain are pulled to, at most a quarter of all (`dual`):
more spread the answers, fewer leave less of what was right. Chosen on `mini`'s evaluation drawings.
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
for fewer than `FEWEST_PICTURES`, 0.164 with this, and 0.29 where the numbers count.
"""

# -- how a strength is looked for: precision, chosen on nothing

FIRST_STRENGTH = 0.0625
"""The first α that is tried; from there it is doubled until the target is reached."""
HALVINGS = 24
"""Halvings of a bisection, that is bits of α."""
MOST_STRENGTH = 32.0
"""The largest α that is looked at."""
GRIDDED = 128
"""Parts of the way there, the best of which is taken where no α reaches the target."""
SMALLEST = 1e-12
"""Squared length below which an image counts as gone."""

# -- what given pictures show where their word does not (`pictured`, `alike`)

FOUND_BY_WORD = 0.95
"""A word finds the given pictures if it ranks their median above this share of the pool, or names
most of them. On Caltech-101 and Oxford Pets a label's own name does so for its pictures, nineteen
of twenty other words do not.
"""
PICTURED_STRENGTH = 1.5
"""How far beyond the rest such pictures are moved, 1 being onto it. Chosen on Caltech-101 and
Oxford Pets, two seeds.
"""
PICTURED_RIDGE = 3.0
"""The ridge beside the labels' second moment, as a multiple of its trace/d, where what pictures
show is kept off soft labels. Chosen with `PICTURED_STRENGTH`.
"""
OFF_LABELS = 0.5
"""The share of what pictures show that hard labels must leave, as squared lengths. On Caltech-101
and Oxford Pets they leave 0.65 to 0.9, where they take up more of the space 0.04 to 0.16, and then
nothing that is kept off them takes away what the pictures show.
"""
ALIKE_RIDGE = 1.0
"""The ridge beside the pool's covariance as a multiple of its trace/d; larger, while the pool is
searched, by as much as fewer than `ENOUGH_GIVEN` pictures are given. Chosen with
`PICTURED_STRENGTH`.
"""
HALFWAY = 0.5
"""A picture that a discriminant (1 at the given ones, 0 at the rest) calls more like the given."""
ALIKE_ROUNDS = 2
"""How often the pool is searched, first with the given pictures alone; no record."""
ENOUGH_GIVEN = 4
"""Pictures that are enough to find their like; fewer find few. No record."""

# -- edits that ask (`conditional`)

ASKED_MARGIN = 0.5
"""How far, in units of `PoolFit.unit`, what is forgotten may be behind a picture's best other label
for the picture to lose it all the same: names that nobody listed, and prompts that nobody tried,
are then forgotten as by the linear edit. Chosen on the aliases of `wide-256`.
"""
REFLECTED = 0.5
"""Share of the centred anchors' dimensions that a whole domain is reflected in: with a half, no
score is left to follow the content.
"""
DEPENDENT_ANCHOR = 1e-6
"""Tolerance of the projector's system: directions that depend on others are left out by asking for
fewer. No record.
"""

# -- the published forms (`baselines`)

CCUP_FORGET, CCUP_RETAIN = 10.0, 1.0
"""λ and μ of `ccup`; no record."""
DEPENDENT_TEXT = 1e-5
"""Length of what a text adds to those before it, below which `nullspace` leaves it out; no
record.
"""
