"""Who acts, as the ledger spells it.

`principal:NAME` holds a token of that name; `local:NAME` is the account of the process that works
on a home without a daemon, by its user id; `owner` holds the home's own token; `govd` is the daemon
itself; `policy:NAME@digest` and `feed:NAME` act by themselves. Whatever else an actor is called was
written by an older version, which took the name of a token or of an environment variable as it was.
"""

from __future__ import annotations

import os
import pwd
import unicodedata
from collections.abc import Iterable
from typing import Final

from govd.errors import Usage
from govd.types import Record

OWNER: Final = "owner"
GOVD: Final = "govd"
PRINCIPAL: Final = "principal"
LOCAL: Final = "local"
KINDS: Final = (PRINCIPAL, LOCAL, "policy", "feed")
"""What comes before the colon of an actor's name."""
RESERVED: Final = frozenset({OWNER, GOVD, "root", *KINDS})


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


def roles_of(actor: str, tokens: Iterable[Record]) -> tuple[str, ...]:
    """The roles that an actor has, in the order of their names: the owner's for the home's own
    token and for a local account, else those of the tokens in use that he holds (`tokens`: all of
    the home, as the views keep them).
    """
    if actor == OWNER or actor.startswith(f"{LOCAL}:"):
        return (OWNER,)
    held = {
        str(token["role"])
        for token in tokens
        if principal(str(token["name"])) == actor and not token["revoked_at"]
    }
    return tuple(sorted(held))


def check_name(name: str) -> str:
    """A name that a token may have, without spaces around it.

    Raises:
        Usage: it is empty, reserved, or would be read as another kind of actor.
    """
    bare = " ".join(name.split())
    if not bare:
        raise Usage(
            "a token needs a name",
            advice="Say --name WHO: what is done with it is done by principal:WHO.",
        )
    spelled = unicodedata.normalize("NFKC", bare).casefold()
    if spelled in RESERVED:
        raise Usage(
            f"the name {bare!r} is reserved",
            advice="It means an actor of govd's own. Name who will hold the token.",
        )
    kind, colon, _ = spelled.partition(":")
    if colon and kind.strip() in KINDS:
        raise Usage(
            f"names that begin with {kind.strip()}: are reserved",
            advice="Say the name alone: govd writes principal:NAME.",
        )
    if not all(character.isprintable() for character in bare):
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
    return f"{actor} (local account)" if actor.startswith(f"{LOCAL}:") else actor
