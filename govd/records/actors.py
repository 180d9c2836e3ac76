"""Who acts, as the ledger spells it.

`principal:NAME` holds a token of that name; `local:NAME` is the account of the process that works
on a home without a daemon, by its user id; `owner` holds the home's own token; `govd` is the daemon
itself; `policy:NAME@digest` and `feed:NAME` act by themselves. Whatever else an actor is called was
written by an older version, which took the name of a token or of an environment variable as it was.
"""

from __future__ import annotations

import os
import pwd
import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from govd.errors import Usage
from govd.types import Json

OWNER: Final = "owner"
GOVD: Final = "govd"
PRINCIPAL: Final = "principal"
LOCAL: Final = "local"
KINDS: Final = (PRINCIPAL, LOCAL, "policy", "feed")
"""What comes before the colon of an actor's name."""
RESERVED: Final = frozenset({OWNER, GOVD, "root", *KINDS})
TOKEN_ROLES: Final = (OWNER, "operator", "reader", "inference")
"""What a token may be for; each may do what those after it may."""
IGNORED: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
"""Characters that are no format characters and are not shown all the same (Unicode, Default
Ignorable Code Points).
"""


def principal(name: str) -> str:
    """The actor who holds a token of this name."""
    return f"{PRINCIPAL}:{name}"


def local_account() -> str:
    """The actor who works without a daemon: the account of this process's user id. No environment
    variable has a say in it.
    """
    uid = os.getuid()
    try:
        return f"{LOCAL}:{pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"{LOCAL}:uid {uid}"


def holder(token: Mapping[str, Json]) -> str:
    """The actor of a token as records have it: the principal that it was made for, else one of the
    token's own name.
    """
    return principal(str(token.get("principal") or token["name"]))


@lru_cache(maxsize=10_000)
def spelled(name: str) -> str:
    """A name without what makes no difference between people: case, the forms of one character
    (NFKC), spaces, and characters that nobody sees. Two names that are spelled alike are one.
    """
    folded = unicodedata.normalize(
        "NFKC", unicodedata.normalize("NFKC", name).casefold()
    )
    visible = (
        c for c in folded if unicodedata.category(c) != "Cf" and not IGNORED.match(c)
    )
    return " ".join("".join(visible).split())


def person_of(actor: str) -> str | None:
    """The person who acts: the home's owner and its local accounts are one (`owner`), and so are
    all who hold tokens of one principal. None: what acts by itself, and whoever an older version
    wrote.
    """
    if actor == OWNER or actor.startswith(f"{LOCAL}:"):
        return OWNER
    kind, colon, name = actor.partition(":")
    return person_named(name) if colon and kind == PRINCIPAL else None


def person_named(name: str) -> str:
    """The person who is called so in a list of principals; `owner` is the home's own."""
    if spelled(name) == OWNER:
        return OWNER
    return principal(spelled(name))


def check_name(name: str, what: str = "token") -> str:
    """A name that a token (`what`: a principal) may have, without spaces around it.

    Raises:
        Usage: it is empty, reserved, or would be read as another kind of actor.
    """
    bare = " ".join(name.split())
    if not bare:
        raise Usage(
            f"a {what} needs a name",
            advice="Say WHO: what is done as such is done by principal:WHO.",
        )
    name_spelled = spelled(bare)
    if name_spelled in RESERVED:
        raise Usage(
            f"the name {bare!r} is reserved",
            advice="It means an actor of govd's own. Name who will hold the token.",
        )
    kind, colon, _ = name_spelled.partition(":")
    if colon and kind.strip() in KINDS:
        raise Usage(
            f"names that begin with {kind.strip()}: are reserved",
            advice="Say the name alone: govd writes principal:NAME.",
        )
    if not all(c.isprintable() and not IGNORED.match(c) for c in bare):
        raise Usage(
            f"the name {bare!r} has characters that nobody sees",
            advice="Use letters, digits, spaces and punctuation.",
        )
    return bare


def is_legacy(actor: str) -> bool:
    """Whether an older version wrote this actor: nothing says whether it was a token's name or an
    account's.
    """
    kind, colon, _ = actor.partition(":")
    return actor not in (OWNER, GOVD) and not (colon and kind in KINDS)


def is_automatic(actor: str) -> bool:
    """Whether a policy or feed acts, not a person."""
    return actor.startswith(("policy:", "feed:"))


def spoken(actor: str) -> str:
    """An actor as people are shown it."""
    if is_legacy(actor):
        return f"{actor} (legacy)" if actor else actor
    if actor.startswith(f"{LOCAL}:"):
        return f"{actor} (local account)"
    return actor
