"""Stores of a home: added with what their vectors are of, listed, removed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from govd.errors import Conflict, NotFound, Unsupported, Usage, instead
from govd.home.home import write_private
from govd.ledger.entry import Draft
from govd.models.core import Core
from govd.models.paths import address_of, same
from govd.records.model import RegisteredModel
from govd.records.revision import Revision
from govd.records.store import StoreRecord, StoreState
from govd.stores.journal import STORES
from govd.stores.opening import GuardedStore, opened
from govd.types import Json, StoreStamp

NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
BASE: Final = "base"


@dataclass(frozen=True)
class StoreSettings:
    """How a store is set.

    `url`: `file:///data/vectors.npy`, `postgresql://host/db?table=items`, or whatever a plugin
    opens; a path is one. `stamp_as`: what the vectors of an unstamped store are of: `base`, or the
    number of a revision. `follow`: patch it whenever another revision is published. `secret`: a
    password or token, kept beside the ledger.
    """

    name: str
    url: str
    model: str
    stamp_as: str | None = None
    follow: bool = False
    secret: str = field(default="", repr=False)


def digest_of(revision: Revision | None) -> str:
    """The digest of a revision's edit; empty where it edits nothing, like the base: such vectors
    are the originals, bit for bit.
    """
    return revision.edit_digest if revision is not None and revision.rank else ""


class Registry:
    """Which stores there are, and which revision a stamp may speak of."""

    def __init__(self, core: Core) -> None:
        self.core = core

    def store(self, name: str) -> StoreRecord:
        """A store's record.

        Raises:
            NotFound: there is none of this name.
        """
        stores = self.core.desk.refresh().stores
        store = stores.get(name)
        if store is None or store.state is StoreState.REMOVED:
            names = [
                key
                for key, s in sorted(stores.items())
                if s.state is not StoreState.REMOVED
            ]
            how = "`govd store list` shows them."
            none = "Stores: none yet (govd store add)."
            raise NotFound(
                f"no store is called {name!r}",
                advice=instead(name, names, "Stores", how, none=none),
            )
        return store

    def of_model(self, model: str) -> list[StoreRecord]:
        """The stores of a model, by name."""
        stores = self.core.desk.views.stores
        return [
            store
            for _, store in sorted(stores.items())
            if store.model == model and store.state is not StoreState.REMOVED
        ]

    def add(self, settings: StoreSettings, actor: str) -> StoreRecord:
        """Add a store.

        Raises:
            Usage: a setting cannot be meant. Conflict: there is such a store; or its vectors are
            stamped otherwise, or not at all and nobody says what they are. Unsupported: no plugin
            opens such an address.
        """
        settings = replace(settings, url=address_of(settings.url))
        self._check(settings)
        model = self.core.desk.model(settings.model)
        with opened(self.core, settings.url, settings.secret) as store:
            facts = store.facts()
            if facts.dim != model.dim:
                raise Conflict(
                    f"its vectors are {facts.dim} wide, those of {model.name} {model.dim}",
                    where=settings.url,
                    advice="They are another model's.",
                )
            stamp, claimed = self._stamped(store, settings, model)
            rows = store.facts().rows
        payload: dict[str, Json] = {
            "url": settings.url,
            "stamp": stamp.as_json(),
            "claimed": claimed,
            "follow": settings.follow,
            "facts": {**vars(facts), "rows": rows},
        }
        with self.core.desk.lock:
            self._check(settings)
            self._keep_secret(settings)
            self.core.desk.append(
                [Draft("store.add", settings.name, actor, settings.model, payload)]
            )
        return self.store(settings.name)

    def _check(self, settings: StoreSettings) -> None:
        if not NAME.fullmatch(settings.name):
            raise Usage(
                f"{settings.name!r} is no name of a store",
                advice="Use small letters, digits, dots, hyphens: at most 63.",
            )
        if urlsplit(settings.url).password:
            raise Usage(
                "the address has a password in it, and addresses are kept in the ledger",
                advice="Leave it out, and say --secret-file FILE.",
            )
        before = self.core.desk.refresh().stores.get(settings.name)
        if before is not None and before.state is not StoreState.REMOVED:
            raise Conflict(
                f"there is a store {settings.name} already",
                advice=f"`govd store remove {settings.name}` first.",
            )
        for other in self.core.desk.views.stores.values():
            if other.state is StoreState.REMOVED:
                continue
            if other.url == settings.url or _is_same_file(other.url, settings.url):
                raise Conflict(
                    f"the store {other.name} is there already",
                    where=settings.url,
                    advice=f"`govd store remove {other.name}` first, or use that one.",
                )

    def _stamped(
        self, store: GuardedStore, settings: StoreSettings, model: RegisteredModel
    ) -> tuple[StoreStamp, bool]:
        """The stamp of a store, and whether somebody had to say what it is of."""
        stamp = store.stamp()
        if stamp is not None:
            self.check_stamp(stamp, model)
            word = settings.stamp_as
            if word is not None and self._number(word) != stamp.revision:
                raise Conflict(
                    f"it is stamped as revision {stamp.revision}, not {word}",
                    where=settings.url,
                    advice="Leave --stamp-as out: a stamp is not written over.",
                )
            return stamp, False
        if settings.stamp_as is None:
            raise Conflict(
                "its vectors have no stamp: nothing says which model and revision made them",
                where=settings.url,
                advice=(
                    "If the unedited model did, say --stamp-as base; if a revision did, its number."
                    " It is an entry."
                ),
            )
        number = self._number(settings.stamp_as)
        return store.claim(self.stamp(model, number)), True

    def _number(self, word: str) -> int:
        if word.lower() == BASE:
            return 0
        if not word.isdecimal():
            raise Usage(
                f"--stamp-as {word!r}", advice="Say base, or the number of a revision."
            )
        return int(word)

    def stamp(self, model: RegisteredModel, number: int) -> StoreStamp:
        """The stamp of a model's vectors as one of its revisions makes them.

        Raises:
            NotFound: no such revision. Unsupported: it edits texts.
        """
        revision = self.core.desk.revision(model.name, number) if number else None
        if model.side != "image":
            raise Unsupported(
                f"the edit of {model.name} is on the text side: stored picture vectors stay as they"
                " are",
                advice="Apply it to queries: `govd export --format edit`, `.apply_to_queries`.",
            )
        return StoreStamp(
            origin=self.core.home.origin,
            model=model.name,
            model_digest=self._model_digest(model, revision),
            revision=number,
            edit_digest=digest_of(revision),
            side="image",
            rows=0,
        )

    def _model_digest(self, model: RegisteredModel, revision: Revision | None) -> str:
        if revision is not None and revision.contributions:
            return str(revision.made_for["digest"])
        return model.digest

    def check_stamp(self, stamp: StoreStamp, model: RegisteredModel) -> None:
        """Whether a stamp speaks of a revision of this model in this ledger.

        Raises:
            Conflict: it does not.
        """
        expected = self.stamp(model, 0)
        if stamp.origin != expected.origin or stamp.model != model.name:
            raise Conflict(
                f"its vectors are stamped by {stamp.origin} as {stamp.model}, revision"
                f" {stamp.revision}",
                advice=f"This home is {expected.origin}, and the store was to be of {model.name}.",
            )
        revision = self._revision(model, stamp.revision)
        digest = digest_of(revision)
        if stamp.side != "image" or stamp.edit_digest != digest:
            raise Conflict(
                f"its stamp says revision {stamp.revision}, and its edit is not that revision's",
                advice="The stamp was changed, or belongs to another ledger: don't trust it.",
            )
        if stamp.model_digest != self._model_digest(model, revision):
            raise Conflict(
                "its vectors are those of another checkpoint than is registered",
                advice=f"{model.name} was rebased: encode the pictures again.",
            )

    def _revision(self, model: RegisteredModel, number: int) -> Revision | None:
        if not number:
            return None
        try:
            return self.core.desk.revision(model.name, number)
        except NotFound:
            raise Conflict(
                f"its stamp says revision {number}, which this ledger does not have"
            ) from None

    def remove(self, name: str, reason: str, actor: str) -> StoreRecord:
        """Look after a store no more; its vectors and stamp stay as they are.

        Raises:
            Conflict: it is being patched.
        """
        with self.core.desk.lock:
            store = self.store(name)
            if store.state is StoreState.PATCHING:
                raise Conflict(
                    f"{name} is being patched", advice="Wait until it is done."
                )
            draft = Draft("store.remove", name, actor, store.model, {"reason": reason})
            self.core.desk.append([draft])
            (self.folder(name) / "secret").unlink(missing_ok=True)
        return store.with_(state=StoreState.REMOVED.value)

    # -- secrets

    def folder(self, name: str) -> Path:
        """Where the home keeps what it needs of a store."""
        return self.core.home.folder / STORES / name

    def _keep_secret(self, settings: StoreSettings) -> None:
        if settings.secret:
            self.folder(settings.name).mkdir(parents=True, exist_ok=True, mode=0o700)
            write_private(self.folder(settings.name) / "secret", settings.secret)

    def secret(self, name: str) -> str:
        """A store's password or token; empty where it has none."""
        try:
            return (self.folder(name) / "secret").read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return ""


def _is_same_file(one: str, other: str) -> bool:
    """Whether two addresses are of one file, by links or by other settings: whichever is patched,
    the other has changed. Folders may hold several.
    """
    parts = urlsplit(one), urlsplit(other)
    if any(part.scheme != "file" for part in parts):
        return False
    first, second = (Path(unquote(part.path)) for part in parts)
    return same(first, second) and not first.is_dir()
