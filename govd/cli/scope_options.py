"""The options that say what is to go, and how: of `govd forget` and `govd preview`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConceptsArgument = Annotated[
    list[str] | None,
    typer.Argument(help="Concepts: phrases, as a person would name them."),
]
DomainOption = Annotated[
    list[str] | None,
    typer.Option("--domain", help="Only in this domain; may be repeated."),
]
AliasOption = Annotated[
    list[str] | None,
    typer.Option(
        "--alias", help="Another phrase for the single concept; may be repeated."
    ),
]
AllOption = Annotated[
    bool, typer.Option("--all-concepts", help="Everything in the domains named.")
]
TargetOption = Annotated[
    str | None,
    typer.Option(
        "--target",
        help=(
            "unnamed: no picture gets its label; level: its word finds its pictures no better than"
            " any others; shift: nor do examples of it."
        ),
    ),
]
StrengthOption = Annotated[
    float,
    typer.Option(
        "--strength",
        help=(
            "1 is as solved for the target; more is more certain and costs more of the other"
            " answers, less the other way round (0 to 2)."
        ),
    ),
]
MethodOption = Annotated[
    str,
    typer.Option(
        "--method",
        help=(
            "auto chooses by what the model was registered with; or a method by name (README,"
            " Methods)."
        ),
    ),
]
ExampleOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--example",
        help="A picture of the single concept, or a .npy of unedited vectors (n, d) of pictures;"
        " may be repeated.",
    ),
]
PrototypesOption = Annotated[
    int,
    typer.Option(
        "--prototypes",
        help="Synthesise N pictures for each concept: takes a minute and more on a CPU.",
    ),
]
ForgetModelOption = Annotated[
    str | None,
    typer.Option(
        "--model", help="The registered model; with --from a column may say it."
    ),
]
BasisOption = Annotated[
    str, typer.Option("--basis", help="The legal or contractual basis.")
]
TicketOption = Annotated[str, typer.Option("--ticket", help="A reference elsewhere.")]
DueOption = Annotated[
    str | None, typer.Option("--due", help="Must be in force by this date.")
]
ExpiresOption = Annotated[
    str | None, typer.Option("--expires", help="A date after which it may be reverted.")
]
WaitOption = Annotated[
    bool, typer.Option("--wait", help="Return when it is decided and served.")
]
PrivateOption = Annotated[
    bool,
    typer.Option(
        "--private",
        help=(
            "The ledger holds a commitment; names and reasons can be destroyed. Without"
            " concepts, they are asked for: what is typed "
            "behind a command is in the list of processes and in the shell's history."
        ),
    ),
]
CriterionOption = Annotated[
    list[str] | None,
    typer.Option(
        "--criterion",
        metavar="METRIC<=X",
        help=(
            "What it must keep in every revision while it stands: named<=0.01, cost<=2%,"
            " worst_cell<=0.05; may be repeated (metrics: README, Acceptance criteria)."
        ),
    ),
]
CriterionSetOption = Annotated[
    str | None,
    typer.Option(
        "--criterion-set",
        metavar="DIGEST",
        help="Judge the criteria on this evaluation set; by default on that of the model now.",
    ),
]
RowsOption = Annotated[
    Path | None,
    typer.Option(
        "--from",
        metavar="FILE",
        help=(
            "A forget for each row: one name a line, or CSV with a column concept and these"
            " options as columns (several values "
            "between |); - for standard input. Each row is answered; one that is wanted already"
            " is told and is no fault."
        ),
    ),
]
PreviewModelOption = Annotated[
    str | None, typer.Option("--model", help="The registered model; not with --revert.")
]
RevertOption = Annotated[
    str | None,
    typer.Option(
        "--revert",
        metavar="ID",
        help="What the revert of this forget would bring back.",
    ),
]
