"""`govd revision`, `export`, `classify`, `evaluate`: what was published, and what it answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from govd.cli.access import opened
from govd.cli.options import (
    BaseOption,
    HomeOption,
    JsonOption,
    ModelArgument,
    ModelOption,
    NumberArgument,
    RevisionOption,
    absolute,
    lines,
    other_words,
    split,
)
from govd.cli.output import put
from govd.errors import Usage

app = typer.Typer(
    no_args_is_help=True,
    help="Revisions of a model: list, show, diff, interference, manifest.",
)


@app.command("list")
def list_(
    model: ModelOption, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """A model's revisions, oldest first."""
    from govd.cli.show_revisions import show_revisions

    with opened(home) as api:
        put(api.revisions(model), as_json, show_revisions)


@app.command("show")
def show(
    model: ModelArgument,
    number: NumberArgument,
    everything: Annotated[
        bool, typer.Option("--all", help="Every field, page by page.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """One revision: what it is made of and what it does."""
    from govd.cli.show_revision import show_revision, show_whole_revision

    with opened(home) as api:
        put(
            api.revision(model, number),
            as_json,
            show_whole_revision if everything else show_revision,
        )


@app.command("diff")
def diff(
    model: ModelArgument,
    first: NumberArgument,
    second: Annotated[
        int, typer.Argument(metavar="M", help="Another revision's number.")
    ],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What one revision has that another has not."""
    from govd.cli.tables import show_record

    with opened(home) as api:
        put(api.diff(model, first, second), as_json, show_record)


@app.command("interference")
def interference(
    model: ModelArgument,
    number: Annotated[
        int | None,
        typer.Argument(
            metavar="[N]", help="A revision's number (default: the published one)."
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What each forget costs the answers that stay, and does to the other forgets: each is left out
    once.
    """
    from govd.cli.show_revision import show_interference

    with opened(home) as api:
        put(api.interference(model, number), as_json, show_interference)


@app.command("manifest")
def manifest(
    model: ModelArgument,
    number: Annotated[
        int | None,
        typer.Argument(
            metavar="[N]", help="A revision's number (default: the published one)."
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Every copy of a model that the ledger knows of: which have forgotten, which have not yet, of
    which it is not known, and who is to be told.
    """
    from govd.cli.show_stores import show_manifest

    with opened(home) as api:
        put(api.manifest(model, number), as_json, show_manifest)


Side = Literal["image", "text"]
SideOption = Annotated[
    str | None,
    typer.Option(
        "--side",
        metavar="image|text",
        help="text: edit queries, for stores whose vectors stay as they are.",
    ),
]


def export(
    model: ModelArgument,
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="A folder that is not there yet, or empty."),
    ],
    revision: RevisionOption = None,
    format: Annotated[
        str,
        typer.Option(
            "--format",
            help=(
                "hf: a checkpoint in the base's own format, for transformers as a rule; open_clip:"
                " one that open_clip loads; edit: the factors, for stored vectors."
            ),
        ),
    ] = "hf",
    side: SideOption = None,
    disclose: Annotated[
        bool, typer.Option("--disclose", help="Also with private forgets in it.")
    ] = False,
    recipient: Annotated[
        str,
        typer.Option(
            "--recipient", help="Who gets it: recorded, to be told of later changes."
        ),
    ] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the edited model, or its edit, into a new folder."""
    from govd.cli.show_revisions import show_export

    with opened(home) as api:
        exported = api.export(
            model,
            str(absolute(folder)),
            revision,
            format,
            side=cast("Side | None", side),  # others are refused where it is read
            disclose=disclose,
            recipient=recipient,
        )
    put(exported, as_json, show_export)


def classify(
    model: ModelArgument,
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGE…",
            help="Picture files, or .npy of unedited image vectors (n, d).",
        ),
    ],
    labels: Annotated[
        str | None,
        typer.Option("--labels", help="a,b,c (default: the model's label set)."),
    ] = None,
    labels_file: Annotated[
        Path | None,
        typer.Option("--labels-file", help="The same from a text file, one a line."),
    ] = None,
    revision: RevisionOption = None,
    base: BaseOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The best label for each picture, by the published revision. Exit 1 where a picture cannot be
    read.
    """
    from govd.cli.show_revisions import show_answers

    if labels is not None and labels_file is not None:
        raise Usage("--labels and --labels-file", advice="Give one of them.")
    names = lines(labels_file, "label file") if labels_file else split(labels)
    with opened(home) as api:
        answers = api.classify(
            model, [str(i) for i in images], labels=names, revision=revision, base=base
        )
    put(answers, as_json, show_answers)
    if any(answer["label"] is None for answer in answers):
        raise typer.Exit(1)


ImagesOption = Annotated[
    Path | None,
    typer.Option(
        "--images", help="DIR/<domain>/<class>/*.png (default: the model's own)."
    ),
]
VectorsOption = Annotated[
    Path | None,
    typer.Option(
        "--vectors", help="A .npz in their place: vectors, labels, perhaps domains."
    ),
]
ReportOption = Annotated[
    Path | None,
    typer.Option(
        "--report",
        help="Also an HTML report, with pictures and curves, into this file.",
    ),
]
DiscloseOption = Annotated[
    bool, typer.Option("--disclose", help="A report also with private forgets in it.")
]
WordsOption = Annotated[
    Path | None,
    typer.Option(
        "--words",
        help="JSON: other words for labels, {label: [word]} or {label: {language: [word]}}.",
    ),
]


def evaluate(
    model: ModelArgument,
    images: ImagesOption = None,
    vectors: VectorsOption = None,
    revision: RevisionOption = None,
    base: BaseOption = False,
    report: ReportOption = None,
    disclose: DiscloseOption = False,
    words: WordsOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Metrics on labelled pictures, with what a stranger can still do."""
    from govd.cli.show_revisions import show_evaluation

    if images is not None and vectors is not None:
        raise Usage("--images and --vectors", advice="Give one of them.")
    folder = absolute(images or vectors)
    synonyms = other_words(words)
    if report is None:
        with opened(home) as api:
            put(
                api.evaluate(
                    model, folder, revision=revision, base=base, words=synonyms
                ),
                as_json,
                show_evaluation,
            )
        return
    from govd.cli.report import place
    from govd.cli.report.evaluation import page

    with place(report) as part:
        with opened(home) as api:
            answer = api.evaluate(
                model,
                folder,
                revision=revision,
                base=base,
                report=True,
                disclose=disclose,
                words=synonyms,
            )
        part.write_text(page(answer), encoding="utf-8")
    figures = {name: value for name, value in answer.items() if name != "report"}
    put({**figures, "report": str(report.absolute())}, as_json, show_evaluation)
