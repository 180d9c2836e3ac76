"""`govd store`: embeddings that are kept elsewhere."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from govd.cli.access import opened
from govd.cli.options import HomeOption, JsonOption, ReasonOption
from govd.cli.output import put
from govd.cli.secrets import secret_in
from govd.errors import Usage
from govd.keeping.addresses import KINDS
from govd.models.paths import address_of

if TYPE_CHECKING:
    from govd.service.api import Api
    from govd.types import Record

app = typer.Typer(
    no_args_is_help=True,
    help=(
        "Stores of embeddings, which still know what was forgotten until they are patched: add,"
        " list, show, find, patch, verify, purge, remove."
    ),
)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The store's name.")]
UrlArgument = Annotated[
    str,
    typer.Argument(
        metavar="URL",
        help=(
            f"Where it is, on the daemon's machine: {KINDS}; or whatever else a plugin opens"
            " (`govd doctor` lists plugins)."
        ),
    ),
]
BaseOption = Annotated[bool, typer.Option("--base", help="Back to the originals.")]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Only say what it would be; write nothing.")
]
LossyOption = Annotated[
    bool, typer.Option("--lossy", help="Also where exact originals cannot be had.")
]
AnyLengthOption = Annotated[
    bool,
    typer.Option(
        "--any-length", help="Rows need not be of unit length, and keep theirs."
    ),
]
UnmarkedOption = Annotated[
    str,
    typer.Option(
        "--unmarked",
        metavar="skip|base",
        help="Rows that came since the last patch and say nothing: skip, or base.",
    ),
]
FollowOption = Annotated[
    bool,
    typer.Option("--follow", help="Patch it whenever another revision is published."),
]
InsteadOption = Annotated[
    bool,
    typer.Option(
        "--instead-of-queries",
        help="Edits of queries that were exported are not used any more from the switch on.",
    ),
]
PAUSE = 0.2
"""Seconds between two looks at a patch that a daemon does."""


@app.command("add")
def add(
    name: NameArgument,
    url: UrlArgument,
    model: Annotated[str, typer.Option("--model", help="Whose vectors they are.")] = "",
    stamp_as: Annotated[
        str | None,
        typer.Option(
            "--stamp-as",
            metavar="base|N",
            help="What made vectors that have no stamp: the unedited model, or a revision.",
        ),
    ] = None,
    follow: FollowOption = False,
    secret_file: Annotated[
        Path | None,
        typer.Option(
            "--secret-file", metavar="FILE", help="A file with its password or token."
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a store. Its vectors are not touched; what they are of is known by their stamp."""
    from govd.cli.show_stores import show_store

    if not model:
        raise Usage("whose vectors are they?", advice="Say --model NAME.")
    secret = "" if secret_file is None else secret_in(secret_file)
    with opened(home) as api:
        store = api.add_store(name, address_of(url), model, stamp_as, follow, secret)
    put(store, as_json, show_store)


@app.command("list")
def list_(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """All stores, each with the revision that its vectors are of."""
    from govd.cli.show_stores import show_stores

    with opened(home) as api:
        put(api.stores(), as_json, show_stores)


@app.command("show")
def show(
    name: NameArgument, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """One store: its stamp, how far its patch is, what the last one came to."""
    from govd.cli.show_stores import show_store

    with opened(home) as api:
        put(api.store(name), as_json, show_store)


@app.command("find")
def find(
    concept: Annotated[
        str, typer.Argument(metavar="CONCEPT", help="What to look for.")
    ],
    name: NameArgument,
    example: Annotated[
        list[Path] | None,
        typer.Option(
            "--example", metavar="IMAGE", help="A picture of it; repeat it for several."
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Hits at most.")] = 20,
    whole: Annotated[
        bool,
        typer.Option(
            "--whole", help="Look at every vector and count those recognised as it."
        ),
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What in a store is about a concept, the best first. Write "" for CONCEPT to look by examples
    alone.
    """
    from govd.cli.show_stores import show_hits

    examples = [str(path) for path in example or []]
    with opened(home) as api:
        put(
            api.find_in_store(name, concept, examples, limit, whole), as_json, show_hits
        )


@app.command("patch")
def patch(
    name: NameArgument,
    revision: Annotated[
        int | None,
        typer.Option("--revision", min=0, help="To this one; else the published one."),
    ] = None,
    base: BaseOption = False,
    dry_run: DryRunOption = False,
    lossy: LossyOption = False,
    any_length: AnyLengthOption = False,
    unmarked: UnmarkedOption = "skip",
    follow: FollowOption = False,
    instead_of_queries: InsteadOption = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait for a daemon's patch to end.")
    ] = True,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a store to what is published: each vector is edited from its original. Exit 1 where it
    failed, rows were skipped, or its index still finds vectors of before.
    """
    from govd.cli.show_stores import show_estimate, show_store

    if base and revision:
        raise Usage("--base and --revision", advice="Say one of them.")
    if unmarked not in ("skip", "base"):
        raise Usage(f"--unmarked {unmarked!r}", advice="Say skip or base.")
    how: dict[str, Any] = {
        "lossy": lossy,
        "any_length": any_length,
        "unmarked": unmarked,
    }
    how |= {"follow": follow, "instead_of_queries": instead_of_queries}
    with opened(home) as api:
        number = 0 if base else revision
        plan: Record = {}
        if dry_run or not _is_cut_off(api, name):
            plan = api.patch_store(name, number, dry_run=True, **how)
        if not dry_run:
            if plan and not as_json:
                show_estimate(plan, file=sys.stderr)
            store = api.patch_store(name, number, **how)
            store = _ended(api, store) if wait else store
    if dry_run:
        put(plan, as_json, show_estimate)
        return
    put(store, as_json, show_store)
    if store["state"] == "failed" or store["faults"]:
        raise typer.Exit(1)


def _is_cut_off(api: Api, name: str) -> bool:
    """Whether a patch goes on first that an earlier command on this home left undone."""
    return not api.remote and api.store(name)["state"] == "patching"


def _ended(api: Api, store: Record) -> Record:
    """A store, once its patch is over; progress on standard error."""
    from govd.cli.progress import bar

    with bar() as progress:
        while store["state"] == "patching":
            time.sleep(PAUSE)
            store = api.store(str(store["name"]))
            if store["progress"]:
                progress("rows", store["progress"]["rows"], store["progress"]["total"])
    return store


@app.command("verify")
def verify(
    name: NameArgument, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Whether a store is what its stamp says, vector by vector. Exit 1 where it is not."""
    from govd.cli.show_stores import show_verdict

    with opened(home) as api:
        store = api.verify_store(name)
    put(store, as_json, show_verdict)
    if not store["verdict"]["well"]:
        raise typer.Exit(1)


@app.command("purge")
def purge(
    name: NameArgument,
    reason: ReasonOption = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take away every vector that is not searched, originals included: after it nothing can be
    undone. Needs a reason."""
    from govd.cli.show_stores import show_purged

    if not reason.strip():
        raise Usage("a purge needs a reason", advice="Say --reason TEXT.")
    with opened(home) as api:
        put(api.purge_store(name, reason), as_json, show_purged)


@app.command("remove")
def remove(
    name: NameArgument,
    reason: ReasonOption = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look after a store no more; its vectors and its stamp stay as they are."""
    from govd.cli.show_stores import show_removed

    with opened(home) as api:
        put(api.remove_store(name, reason), as_json, show_removed)
