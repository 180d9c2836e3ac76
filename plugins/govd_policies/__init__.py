"""Ready policies that come with govd: `govd policy list --ready`, `govd policy add --ready NAME`.

Each is a YAML file beside this one with `$name` where a parameter stands, and an entry below that
says what it is for.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Final

from govd.hookspecs import hookimpl
from govd.types import Parameter, ReadyPolicy

COST: Final = Parameter(
    "cost",
    "share",
    "share of other answers that may change, as the interval's upper end",
    "0.02",
)
PEOPLE: Final = Parameter("n", "number", "how many people must approve", "2")
ONE: Final = Parameter("n", "number", "how many people must approve", "1")
NAMES: Final = Parameter(
    "names",
    "names",
    "the names, as dog,hot dog; capitals, spacing and hyphens make no difference",
)
EFFECT: Final = (("wait", "wait"), ("deny", "deny"))
HOURS: Final = tuple((str(hour), str(hour)) for hour in range(25))
DAYS: Final = tuple(
    (day, day) for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
)
MOMENTS: Final = tuple((moment, moment) for moment in ("filed", "revert", "extend"))
WINDOW: Final = (
    Parameter("zone", "zone", "the time zone of days, hours and dates", "UTC"),
    Parameter(
        "days", "list", "whole days of each week; empty for none", "sat,sun", DAYS
    ),
    Parameter("from", "number", "the hour of each day at which it begins", "0", HOURS),
    Parameter(
        "until",
        "number",
        "the hour at which it ends, past midnight if earlier",
        "0",
        HOURS,
    ),
    Parameter("first", "date", "the first of some further days, as 2027-12-20", ""),
    Parameter("last", "date", "the last of them; empty for no end", ""),
)


def _named(name: str) -> Parameter:
    return Parameter(
        "name", "text", "what it is called here: one home may have several", name
    )


def _ready(name: str, description: str, *parameters: Parameter) -> ReadyPolicy:
    text = files(__name__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    return ReadyPolicy(name, " ".join(description.split()), text, parameters)


@hookimpl
def govd_policies() -> Mapping[str, ReadyPolicy]:
    """All of them, by name."""
    policies = (
        *_by_cost(),
        *_by_people(),
        *_by_names(),
        *_by_end(),
        *_by_freeze(),
        *_by_form(),
    )
    return {policy.name: policy for policy in policies}


def _by_cost() -> tuple[ReadyPolicy, ...]:
    """What a forget is predicted to cost."""
    return (
        _ready(
            "auto-approve",
            """Approve by itself what is predicted to change few other answers. Use it where
            `approval = "person"` in govd.toml, so that people see only what is over the bound. What
            was not measured waits.""",
            COST,
        ),
        _ready(
            "two-people",
            """Let people approve what is predicted to change more other answers than a bound, or
            was not measured: two of them by default, none of them who filed it.""",
            COST,
            PEOPLE,
            Parameter("role", "text", "the role that they have", "operator"),
        ),
    )


def _by_people() -> tuple[ReadyPolicy, ...]:
    """Who asks, and how much."""
    return (
        _ready(
            "four-eyes",
            """Let somebody else agree to a revert: whoever filed it cannot approve it, and neither
            can anybody who acts for him; what a policy files needs one person. With
            moments=filed,revert,extend the same holds for forgets and for longer deadlines. Legal
            holds have a policy of their own, four-eyes-release, because it counts otherwise: there
            the first of the two is whoever asks first, not whoever filed the request. `four_eyes =
            true` in govd.toml enforces both.""",
            ONE,
            Parameter("moments", "list", "what it holds for", "revert", MOMENTS),
        ),
        _ready(
            "four-eyes-release",
            """End a legal hold only when two different people have asked for it, each with a reason
            of his own. Until the second one does, the hold stands and the first one's word is
            kept.""",
            PEOPLE,
        ),
        _ready(
            "quota",
            """Let somebody else approve what one requester files beyond so many requests a day, a
            week or a month, each counted back from the filing. Forgets and reverts count, whatever
            became of them, but a revert is never held up. A feed is a requester like any other.""",
            Parameter(
                "day", "number", "requests in 24 hours that are not held up", "20"
            ),
            Parameter("week", "number", "the same in 7 days", "100"),
            Parameter("month", "number", "the same in 30 days", "300"),
            Parameter("role", "text", "the role of whoever approves more", "operator"),
            _named("quota"),
        ),
        _ready(
            "expire-by-default",
            """Give what people with a role file an expiry date, counted from the filing: forgets
            that legal files expire in 90 days. A request that says its own date keeps it. What
            happens on that day is up to the policy expiry.""",
            Parameter("role", "text", "the role of whoever files", "legal"),
            Parameter(
                "expires", "text", "how long it is forgotten, as 90d or 26w", "90d"
            ),
            _named("expire-by-default"),
        ),
    )


def _by_names() -> tuple[ReadyPolicy, ...]:
    """What is named."""
    return (
        _ready(
            "legal-hold",
            """Keep a list of names as they are for a legal matter: what names one of them, as a
            concept or as an alias, is neither forgotten nor brought back until somebody with the
            role agrees; people with the role may file it themselves. A private request hides its
            names and a whole domain touches every name, so both wait, too. A list has room for
            about 250 names; give longer ones several names.""",
            NAMES,
            Parameter(
                "role",
                "text",
                "the role without which nothing happens to them",
                "legal",
            ),
            _named("legal-hold"),
        ),
        _ready(
            "sensitive",
            """Let people with a role approve what names a sensitive concept, forgets as well as
            reverts, and nobody what he filed himself. Names count as concepts and as aliases. A
            private request hides its names and a whole domain touches every name, so both wait for
            the same people.""",
            NAMES,
            Parameter("role", "text", "the role of whoever approves"),
            ONE,
            _named("sensitive"),
        ),
    )


def _by_end() -> tuple[ReadyPolicy, ...]:
    """What ends on a day: a licence, a forget."""
    return (
        _ready(
            "licence-ends",
            """Propose to forget what a licence covers once that has ended. It is filed as the
            policy's own request and decided like any other; what is forgotten already is not filed
            again. Add one for each licence, under a name of its own.""",
            Parameter("model", "text", "the model's name"),
            Parameter("concepts", "list", "what the licence covers, as dog,hot dog"),
            Parameter(
                "ends",
                "time",
                "when it ends, as 2027-01-31 or 2027-01-31T12:00:00+01:00",
            ),
            Parameter(
                "basis", "text", "the legal basis that the request gives", "licence"
            ),
            Parameter(
                "reason", "text", "the reason that it gives", "the licence has ended"
            ),
            _named("licence-ends"),
        ),
        _ready(
            "expiry",
            """Decide what becomes of a forget in force whose expiry date has passed: ask files its
            revert and lets that wait for a person, revert lets it come back by itself. What is
            under a legal hold does not expire. `expiry` in govd.toml enforces it as soon as a
            forget with an expiry date is in force.""",
            Parameter(
                "then",
                "text",
                "what happens when it has expired",
                "ask",
                (("ask", "wait"), ("revert", "allow")),
            ),
        ),
    )


def _by_freeze() -> tuple[ReadyPolicy, ...]:
    """Times at which nothing should change."""
    return (
        _ready(
            "change-freeze",
            """Hold up what is filed at times when nothing should change: on some days of the week,
            at some hours, between two dates. With effect=wait a person may let it through, and
            `govd request retry` after the freeze has it decided as usual; with effect=deny it must
            be filed again. What counts is the time at which it is decided, a moment after it was
            filed. What was approved before is still published: see publication-freeze.""",
            *WINDOW,
            Parameter("effect", "text", "what becomes of it", "wait", EFFECT),
            _named("change-freeze"),
        ),
        _ready(
            "publication-freeze",
            """Publish nothing at times when nothing should change: on some days of the week, at
            some hours, between two dates. Requests are decided as usual, and what was approved
            meanwhile is published by itself as soon as the freeze is over.""",
            *WINDOW,
            _named("publication-freeze"),
        ),
    )


def _by_form() -> tuple[ReadyPolicy, ...]:
    """How the request is made out."""
    return (
        _ready(
            "no-whole-domains",
            """Refuse forgets of a whole domain, that is of every concept in it; those that name
            concepts in a domain go on.""",
            Parameter("effect", "text", "what becomes of them", "deny", EFFECT),
        ),
        _ready(
            "region",
            """Ask for a ticket and a legal basis of the right kind where the name of the model, or
            the ticket, says that a forget belongs to a region. Patterns are regular expressions
            that may match anywhere: anchor them with ^ and $. A private request hides ticket and
            basis, so it waits for a person. Add one for each region, under a name of its own.""",
            Parameter(
                "region", "pattern", "of the model's name or the ticket, as ^eu-"
            ),
            Parameter(
                "ticket",
                "pattern",
                "of the ticket that is needed, as ^EU-[0-9]+$",
                r"\S",
            ),
            Parameter(
                "basis",
                "pattern",
                "of the legal basis that is needed, as ^gdpr-",
                r"\S",
            ),
            Parameter(
                "effect", "text", "what becomes of it without them", "wait", EFFECT
            ),
            _named("region"),
        ),
    )
