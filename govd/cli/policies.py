"""`govd policy`: rules that decide, and the freeze that stops what acts by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from govd.cli.access import opened
from govd.cli.options import (
    FormatOption,
    HomeOption,
    JsonOption,
    ReasonOption,
    RequestArgument,
)
from govd.cli.output import check_format, put, put_rows
from govd.errors import BadFile, Usage

app = typer.Typer(
    no_args_is_help=True,
    help="Policies: rules in YAML and CEL that allow, deny, let wait, set dates or propose.",
)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The policy's name.")]
SinceOption = Annotated[
    str | None,
    typer.Option("--since", help="Only what was decided or filed since this time."),
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Enforce it untried; needs --reason.")
]
LARGEST_BYTES = 65_536


@app.command("add")
def add(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="The policy's YAML file.")
    ] = None,
    ready: Annotated[
        str | None,
        typer.Option("--ready", help="One that comes with a plugin, by its name."),
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="K=V", help="A parameter of the ready one; repeat it."
        ),
    ] = None,
    force: ForceOption = False,
    reason: ReasonOption = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a policy, or another text of one. It is tried in shadow first: asked, recorded, and
    counted for nothing.
    """
    from govd.cli.show_policies import show_added

    if (file is None) == (ready is None):
        raise Usage(
            "a policy is a file or a ready one", advice="Say FILE, or --ready NAME."
        )
    if values and ready is None:
        raise Usage(
            "--set is for ready policies", advice="Write the values into the file."
        )
    text = None if file is None else _text(file)
    with opened(home) as api:
        if text is not None:
            policy = api.add_policy(text, str(file), force=force, reason=reason)
        else:
            parameters = _values(values or [])
            policy = api.add_policy(
                ready=ready, values=parameters, force=force, reason=reason
            )
    put(policy, as_json, show_added)


def _text(file: Path) -> str:
    try:
        data = file.read_bytes()
    except OSError as fault:
        raise Usage(f"cannot be read ({fault.strerror})", where=str(file)) from None
    if len(data) > LARGEST_BYTES:
        raise BadFile(
            "longer than a policy may be", where=str(file), advice="At most 64 KiB."
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadFile("no text in UTF-8", where=str(file)) from None


def _values(given: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals:
            raise Usage(f"{pair!r} is no K=V", where="--set")
        if name.strip() in values:
            raise Usage(f"{name.strip()} is set twice", where="--set")
        values[name.strip()] = value.strip()
    return values


@app.command("list")
def list_(
    ready: Annotated[
        bool,
        typer.Option("--ready", help="Those that come with plugins, with parameters."),
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """All policies, with their modes."""
    from govd.cli.show_policies import show_policies, show_ready

    with opened(home) as api:
        if ready:
            put(api.policy_ready(), as_json, show_ready)
        else:
            put(api.policies(), as_json, show_policies)


@app.command("show")
def show(
    name: NameArgument, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """The newest text of a policy, and the others of its name."""
    from govd.cli.show_policies import show_policy

    with opened(home) as api:
        put(api.policy(name), as_json, show_policy)


@app.command("inputs")
def inputs(
    moment: Annotated[
        str,
        typer.Argument(
            metavar="MOMENT",
            help="filed, approve, revert, extend, release, expire, gate or propose.",
        ),
    ],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What expressions see at a moment: every field with its type, meaning and an example."""
    from govd.cli.show_policies import show_inputs

    with opened(home) as api:
        put(api.policy_inputs(moment), as_json, show_inputs)


@app.command("test")
def past(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE", help="A policy, or a YAML file that was not added."
        ),
    ],
    since: SinceOption = None,
    form: FormatOption = "table",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What a policy would have decided otherwise on the past requests of this ledger. A file is
    tried as it is, and nothing is kept of it.
    """
    from govd.cli.show_policies import show_test

    check_format(form)
    is_file = name.lower().endswith((".yaml", ".yml")) or "/" in name
    text = _text(Path(name)) if is_file else None
    with opened(home) as api:
        if text is not None:
            tested = api.test_policy(text, name, since)
        else:
            tested = api.policy_test(name, since)
    put_rows(tested, form, as_json, show_test, tested["rows"])


@app.command("report")
def report(
    name: NameArgument,
    since: SinceOption = None,
    form: FormatOption = "table",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What a policy decided, or would have in shadow, and where people decided otherwise; its
    digest is what `policy enforce` wants.
    """
    from govd.cli.show_policies import show_report

    check_format(form)
    with opened(home) as api:
        reported = api.policy_report(name, since)
    put_rows(reported, form, as_json, show_report, reported["rows"])


@app.command("enforce")
def enforce(
    name: NameArgument,
    report: Annotated[
        str | None,
        typer.Option(
            "--report",
            metavar="DIGEST",
            help="The digest that `policy report` printed.",
        ),
    ] = None,
    force: ForceOption = False,
    reason: ReasonOption = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a policy count, in the place of older texts of its name."""
    from govd.cli.show_policies import show_policy

    with opened(home) as api:
        put(api.enforce_policy(name, report, force, reason), as_json, show_policy)


@app.command("shadow")
def shadow(
    name: NameArgument,
    reason: ReasonOption = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a policy be asked and recorded, but not count."""
    from govd.cli.show_policies import show_policy

    with opened(home) as api:
        put(api.shadow_policy(name, reason), as_json, show_policy)


@app.command("disable")
def disable(
    name: NameArgument,
    reason: ReasonOption = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask a policy no more. What it decided, and its text, stay in the ledger."""
    from govd.cli.show_policies import show_policy

    with opened(home) as api:
        put(api.disable_policy(name, reason), as_json, show_policy)


@app.command("replay")
def replay(
    since: SinceOption = None,
    form: FormatOption = "table",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide every past decision again, from the ledger alone; exit 1 where one differs."""
    from govd.cli.show_policies import show_replay

    check_format(form)
    with opened(home) as api:
        replayed = api.policy_replay(since)
    put_rows(replayed, form, as_json, show_replay, replayed["differing"])
    if not replayed["agree"]:
        raise typer.Exit(1)


@app.command("explain")
def explain(
    request_id: RequestArgument, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Why a request waits or was decided so, with the values that the expressions saw."""
    from govd.cli.show_policies import show_explained

    with opened(home) as api:
        put(api.policy_explain(request_id), as_json, show_explained)


@app.command("freeze")
def freeze(
    reason: ReasonOption = "", home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Stop everything that acts by itself: feeds, expiries, policies that propose or approve."""
    from govd.cli.show_policies import show_freeze

    with opened(home) as api:
        put(api.freeze(reason), as_json, show_freeze)


@app.command("unfreeze")
def unfreeze(
    reason: ReasonOption = "", home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Let it act again; what would have happened meanwhile is listed."""
    from govd.cli.show_policies import show_unfrozen

    with opened(home) as api:
        put(api.unfreeze(reason), as_json, show_unfrozen)
