"""`govd audit`: questions to the ledger."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from govd.cli import audit_evidence as evidence
from govd.cli.access import opened
from govd.cli.options import (
    FormatOption,
    HomeOption,
    JsonOption,
    ModelArgument,
    NumberArgument,
    OfModelOption,
    RequestArgument,
)
from govd.cli.output import check_format, print_json, put, put_rows
from govd.errors import Usage, instead
from govd.service.rows import sql_rows

app = typer.Typer(no_args_is_help=True, help="The ledger: questions, proofs, evidence.")
SinceOption = Annotated[
    str | None,
    typer.Option(
        "--since", help="From this time on: 2027-01-31 or 2027-01-31T12:00:00Z."
    ),
]
UntilOption = Annotated[str | None, typer.Option("--until", help="Before this time.")]


ActorOption = Annotated[
    str | None, typer.Option("--actor", help="Made by this person or token.")
]
KindOption = Annotated[
    str | None, typer.Option("--kind", help="request.file, or a noun: request")
]
SubjectOption = Annotated[
    str | None,
    typer.Option("--subject", help="A request's id, model/number, a model's name."),
]
ConceptOption = Annotated[
    str | None, typer.Option("--concept", help="About requests that name this concept.")
]
DomainOption = Annotated[
    str | None, typer.Option("--domain", help="About requests that name this domain.")
]
StateOption = Annotated[
    str | None,
    typer.Option("--state", help="About requests that are in this state now."),
]
AfterOption = Annotated[
    int | None,
    typer.Option(
        "--after", help="Entries after this number: the last one of the page before."
    ),
]


@app.command()
def log(
    since: SinceOption = None,
    until: UntilOption = None,
    actor: ActorOption = None,
    kind: KindOption = None,
    subject: SubjectOption = None,
    model: OfModelOption = None,
    concept: ConceptOption = None,
    domain: DomainOption = None,
    state: StateOption = None,
    policy: Annotated[
        str | None, typer.Option("--policy", help="Votes of this policy.")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, help="At most so many.")
    ] = 100,
    after: AfterOption = None,
    form: FormatOption = "table",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Entries of the ledger, in their order."""
    from govd.cli.show_audit import show_log
    from govd.records.states import check_state

    check_format(form)
    check_state(state)
    filters = {
        "since": since,
        "until": until,
        "actor": actor,
        "kind": kind,
        "subject": subject,
        "model": model,
    }
    filters |= {"concept": concept, "domain": domain, "state": state, "policy": policy}
    with opened(home) as api:
        entries = api.audit_log(limit=limit, after=after, **filters)
    put_rows(entries, form, as_json, show_log, entries)
    if len(entries) == limit:
        print(
            f"govd: there may be more: --after {entries[-1]['seq']}, or a larger --limit",
            file=sys.stderr,
        )


@app.command()
def trail(
    request_id: RequestArgument,
    form: FormatOption = "table",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Everything that ever happened to one request, with votes, reasons, failures and attempts."""
    from govd.cli.show_audit import show_trail

    with opened(home) as api:
        record = api.audit_trail(request_id)
    put_rows(record, form, as_json, show_trail, record["timeline"])


@app.command("as-of")
def as_of(
    time: Annotated[
        str, typer.Argument(help="2027-01-31, 2027-01-31T12:00:00Z or now")
    ],
    model: OfModelOption = None,
    proof: Annotated[
        bool,
        typer.Option("--proof", help="With the entries that say so and their proofs."),
    ] = False,
    bundle: Annotated[
        Path | None,
        typer.Option(
            "--bundle", help="Evidence of it as a file, for `audit verify FILE`."
        ),
    ] = None,
    form: FormatOption = "table",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Which revision was served then, which forgets were in force, and who had approved each. A
    date alone: at the end of that day, UTC.
    """
    from govd.cli.show_audit import show_as_of
    from govd.service.rows import as_of_rows

    check_format(form)
    with opened(home) as api:
        if bundle is not None:
            api.audit_bundle(str(bundle.absolute()), model=model, as_of=time)
        record = api.audit_as_of(time, model, proof)
    put_rows(record, form, as_json or proof, show_as_of, as_of_rows(record))


@app.command()
def why(
    model: ModelArgument,
    number: NumberArgument,
    form: FormatOption = "table",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """From a revision back to every request, vote, policy version, artifact and software
    version.
    """
    from govd.cli.show_audit import show_why

    with opened(home) as api:
        record = api.audit_why(model, number)
    put_rows(record, form, as_json, show_why, record["requests"])


@app.command()
def deadlines(
    model: OfModelOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    days: Annotated[
        int | None,
        typer.Option(
            "--days",
            min=1,
            help="Due after so many days (deadline_days in govd.toml: 30).",
        ),
    ] = None,
    extended: Annotated[
        int | None,
        typer.Option(
            "--extended", min=1, help="With an extension (extended_days: 45)."
        ),
    ] = None,
    status: Annotated[
        str | None,
        typer.Option(
            "--status", help="Only those that are: met, met late, open, late or closed."
        ),
    ] = None,
    form: FormatOption = "table",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What is due, late and extended, and how long each forget took from filing to publishing."""
    from govd.audit.deadlines import DEADLINES
    from govd.cli.show_audit import show_deadlines

    with opened(home) as api:
        record = dict(
            api.audit_deadlines(
                model=model, since=since, until=until, days=days, extended=extended
            )
        )
    if status is not None:
        if status not in DEADLINES:
            raise Usage(
                f"unknown status {status!r}",
                advice=instead(status, DEADLINES, "Statuses"),
            )
        record["requests"] = [r for r in record["requests"] if r["status"] == status]
    put_rows(record, form, as_json, show_deadlines, record["requests"])


@app.command()
def predictions(
    model: OfModelOption = None,
    since: SinceOption = None,
    form: FormatOption = "table",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What forgets were predicted to do, against what the revisions that carried them measured."""
    from govd.cli.show_predictions import show_predictions

    check_format(form)
    with opened(home) as api:
        record = api.audit_predictions(model, since)
    put_rows(record, form, as_json, show_predictions, record["predictions"])


@app.command()
def sql(
    query: Annotated[
        str,
        typer.Argument(
            help="SELECT … FROM requests, revisions, votes, models, contributions, exports, log"
        ),
    ],
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.001, max=60, help="At most so long.")
    ] = 10.0,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=10_000, help="At most so many rows.")
    ] = 1000,
    form: FormatOption = "table",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """A question in SQL to the views, read-only."""
    from govd.cli.show_audit import show_table

    with opened(home) as api:
        answer = api.audit_sql(query, seconds, limit)
    if answer["more"]:
        print(f"govd: there are more than {limit} rows (--limit)", file=sys.stderr)
    put_rows(answer, form, as_json, show_table, sql_rows(answer))


@app.command()
def answer(
    key: Annotated[
        str, typer.Argument(metavar="ID", help="What the header `Govd-Answer` said.")
    ],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Which revision gave an answer: the id of its `Govd-Answer` header, where the sample kept it
    (inference_log in govd.toml).
    """
    from govd.cli.tables import show_record

    with opened(home) as api:
        put(api.audit_answer(key), as_json, show_record)


@app.command()
def rebuild(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Make the views anew from the entries and compare; exit 1 where those in use said something
    else.
    """
    from govd.verify.safe_text import safe

    with opened(home) as api:
        comparison = api.audit_rebuild()
    if as_json:
        print_json(comparison)
    elif comparison["same"]:
        print(f"The views say what the {comparison['entries']} entries say.")
    else:
        print(
            f"{comparison['differences']} rows of the views were not what the entries say, and were"
            " replaced:"
        )
        print(
            "".join(f"  {safe(example)}\n" for example in comparison["examples"]),
            end="",
        )
    if not comparison["same"]:
        raise typer.Exit(1)


for command in evidence.COMMANDS:
    app.command(command.__name__.replace("_", "-"))(command)
