"""The policies of the simulated month, each told twice: as YAML and CEL, and in Python."""

from __future__ import annotations

from datetime import timedelta

from tests.month.rules import Needs, Rule

DAYS_OF_A_LICENCE, DAYS_OF_A_CONTRACT = 5, 3
MOST_A_DAY = 4

COURT = Rule(
    "court",
    ("filed",),
    """name: court
version: 1
moments: [filed]
when: request.basis == 'court'
effect: {wait: {n: 2, role: legal, not: filer}}
message: two people of legal look at what a court wants
""",
    lambda world, case, who: case.basis == "court",
    "wait",
    Needs(2, "legal", True),
)
ONE_OF_BRAND = Rule(
    "one-of-brand",
    ("approve",),
    """name: one-of-brand
moments: [approve]
when: request.basis == 'court' && request.kind == 'forget' && !('brand' in actor.roles)
effect: {wait: {n: 1, role: brand}}
message: brand looks too
""",
    lambda world, case, who: (
        case.basis == "court" and case.of is None and "brand" not in world.roles[who]
    ),
    "wait",
    Needs(1, "brand"),
)
FOUR_EYES = Rule(
    "four-eyes",
    ("revert",),
    """name: four-eyes
moments: [revert]
when: actor.kind != 'policy'
effect: {wait: {n: 1, not: filer}}
message: nobody takes back alone
""",
    lambda world, case, who: not case.filer.startswith("policy:"),
    "wait",
    Needs(1, None, True),
)
NINETY = Rule(
    "licence",
    ("filed",),
    f"""name: licence
moments: [filed]
when: request.basis == 'licence'
effect: {{set: {{expires: {DAYS_OF_A_LICENCE}d}}}}
message: until the licence is renewed
""",
    lambda world, case, who: case.basis == "licence",
    "set",
    expires=timedelta(days=DAYS_OF_A_LICENCE),
)
CONTRACT = Rule(
    "contract",
    ("filed",),
    f"""name: contract
moments: [filed]
when: request.basis == 'contract'
effect: {{set: {{expires: {DAYS_OF_A_CONTRACT}d}}}}
message: until the contract ends
""",
    lambda world, case, who: case.basis == "contract",
    "set",
    expires=timedelta(days=DAYS_OF_A_CONTRACT),
)
EXPIRY = Rule(
    "expiry",
    ("expire",),
    """name: expiry
moments: [expire]
when: request.basis == 'licence'
effect: allow
message: the licence has ended
""",
    lambda world, case, who: case.basis == "licence",
    "allow",
)
EXPIRY_ASKS = Rule(
    "expiry-asks",
    ("expire",),
    """name: expiry-asks
moments: [expire]
when: request.basis == 'contract'
effect: wait
message: the contract has ended
""",
    lambda world, case, who: case.basis == "contract",
    "wait",
)
NEVER = Rule(
    "never",
    ("filed",),
    """name: never
moments: [filed]
when: request.concepts.exists(name, name in ['purple', 'baby'])
effect: deny
message: this name stays
""",
    lambda world, case, who: case.concept in ("purple", "baby"),
    "deny",
)
BY_ITSELF = Rule(
    "by-itself",
    ("filed",),
    """name: by-itself
moments: [filed]
when: request.basis == 'small'
effect: allow
message: small enough
""",
    lambda world, case, who: case.basis == "small",
    "allow",
)
QUOTA = Rule(
    "quota",
    ("filed",),
    f"""name: quota
moments: [filed]
when: actor.kind == 'principal' && history.filed_day >= {MOST_A_DAY}
effect: {{wait: {{n: 1, not: filer}}}}
message: many on one day
""",
    lambda world, case, who: (
        who.startswith("principal:")
        and world.filed_within(case, timedelta(days=1)) >= MOST_A_DAY
    ),
    "wait",
    Needs(1, None, True),
)
RULES = (
    COURT,
    ONE_OF_BRAND,
    FOUR_EYES,
    NINETY,
    CONTRACT,
    EXPIRY,
    EXPIRY_ASKS,
    NEVER,
    BY_ITSELF,
    QUOTA,
)
