"""What a patch is to be: checked, and begun by an entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from govd.edit import Edit
from govd.edit.tensors import factors_of
from govd.errors import Conflict
from govd.ledger.entry import Draft
from govd.models.core import Core
from govd.reconcile.measuring import Measuring
from govd.records.model import RegisteredModel
from govd.records.store import StoreRecord, StoreState
from govd.stores.portions import Task, Unmarked
from govd.stores.registry import Registry, digest_of
from govd.types import Json, StoreFacts, StoreStamp


@dataclass(frozen=True)
class PatchOptions:
    """How a store is patched. `revision`: to which; None: the published one; 0 the originals.
    `dry_run`: only say what it would be. `lossy`: also where originals cannot be had exactly.
    `any_length`: rows keep lengths other than 1. `unmarked`: what rows are that came since the last
    patch and say nothing. `follow`: patch it from now on whenever another revision is published; a
    store that follows and is taken to another revision than the published one follows no more.
    `instead_of_queries`: edits of queries that were exported are not used any more from the switch
    on.
    """

    revision: int | None = None
    dry_run: bool = False
    lossy: bool = False
    any_length: bool = False
    unmarked: Unmarked = "skip"
    follow: bool = False
    instead_of_queries: bool = False


class Plans:
    """What patches of a home's stores are to be."""

    def __init__(self, core: Core, registry: Registry, measuring: Measuring) -> None:
        self.core = core
        self.registry = registry
        self.measuring = measuring

    def task(self, name: str, options: PatchOptions) -> tuple[StoreRecord, Task]:
        """A store, and what a patch would make of its rows.

        Raises:
            NotFound: no such store or revision. Conflict: it is being patched.
        """
        store = self.registry.store(name)
        if store.state is StoreState.PATCHING:
            raise Conflict(
                f"{name} is being patched to revision {(store.wanted or {}).get('revision')}",
                advice=(
                    f"`govd store show {name}` says how far it is; a daemon goes on with one that"
                    " was cut off, or `govd reconcile`."
                ),
            )
        number = options.revision
        if number is None:
            published = self.core.desk.views.published(store.model)
            number = published.number if published else 0
        model = self.core.desk.model(store.model)
        return store, self.task_of(
            model, store.stamp, number, options.any_length, options.unmarked
        )

    def task_of(
        self,
        model: RegisteredModel,
        stamp: Mapping[str, Json],
        number: int,
        any_length: bool,
        unmarked: Unmarked,
    ) -> Task:
        """What is made of vectors of a stamp.

        Raises:
            NotFound: no such revision. Conflict: it is of another checkpoint than the vectors.
        """
        expected = StoreStamp.from_json(stamp)
        following = self.registry.stamp(model, number)
        if following.model_digest != expected.model_digest:
            raise Conflict(
                f"revision {number} is of another checkpoint than its vectors",
                advice="Encode the pictures again, or name a revision of the same checkpoint.",
            )
        return Task(
            self._edit(model, number), expected, following, any_length, unmarked
        )

    def _edit(self, model: RegisteredModel, number: int) -> Edit | None:
        if not number:
            return None
        revision = self.core.desk.revision(model.name, number)
        edit = factors_of(self.measuring.edit(revision, model.name))
        return edit if edit.rank else None

    def check_stamp(
        self, store: StoreRecord, stamp: StoreStamp | None, facts: StoreFacts
    ) -> None:
        """Whether a store is what the ledger says that it is.

        Raises:
            Conflict: it is not.
        """
        if stamp is None or not stamp.is_of(StoreStamp.from_json(store.stamp)):
            says = (
                "has no stamp any more"
                if stamp is None
                else f"says revision {stamp.revision}"
            )
            raise Conflict(
                f"the store {says}, the ledger revision {store.revision}",
                where=store.url,
                advice=(
                    "Somebody else changed it. `govd store remove`, then `store add` takes it as it"
                    " is now."
                ),
            )
        if facts.dim != self.core.desk.model(store.model).dim:
            raise Conflict(
                f"its vectors are {facts.dim} wide now, those of {store.model} are not",
                where=store.url,
            )

    def begin(
        self,
        store: StoreRecord,
        task: Task,
        options: PatchOptions,
        estimate: Mapping[str, Json],
        actor: str,
    ) -> None:
        """Say in the ledger that a patch is under way.

        Raises:
            Conflict: another is, or queries of this model are edited instead.
        """
        with self.core.desk.lock:
            now = self.registry.store(store.name)
            if now.state is StoreState.PATCHING or now.stamp != store.stamp:
                raise Conflict(
                    f"{store.name} was changed meanwhile", advice="Look at it again."
                )
            payload: dict[str, Json] = {
                "revision": task.stamp.revision,
                "edit_digest": task.stamp.edit_digest,
                "from": store.revision,
                "any_length": options.any_length,
                "unmarked": options.unmarked,
                "follow": self._follows(store, task, options),
                "instead_of_queries": options.instead_of_queries,
                "estimate": dict(estimate),
            }
            self._check_queries(store, task, options)
            draft = Draft("store.patch", store.name, actor, store.model, payload)
            self.core.desk.append([draft])

    def _check_queries(
        self, store: StoreRecord, task: Task, options: PatchOptions
    ) -> None:
        """Whether nobody edits the queries that this store is searched with.

        Raises:
            Conflict: somebody was given an edit of queries, and nobody says that it is retired.
        """
        if options.instead_of_queries or task.edit is None:
            return
        exports = self.core.desk.views.records.find("export", model=store.model)
        active_exports = [
            e for e in exports if e.get("side") == "text" and e["seq"] > store.retired
        ]
        if active_exports:
            names = ", ".join(
                sorted({str(export["recipient"]) for export in active_exports})
            )
            raise Conflict(
                f"{names} were given an edit of queries: with edited vectors pairs would be edited"
                " twice",
                where=store.name,
                advice=(
                    "Have queries left as they are from the switch on, and say"
                    " --instead-of-queries."
                ),
            )

    def _follows(self, store: StoreRecord, task: Task, options: PatchOptions) -> bool:
        """Whether a store is patched by itself from now on."""
        published = self.core.desk.views.published(store.model)
        is_published = task.stamp.edit_digest == digest_of(published)
        return is_published and (options.follow or store.follows)
