"""`govd model`: what is registered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from govd.cli.access import opened
from govd.cli.options import (
    HomeOption,
    JsonOption,
    ModelArgument,
    ReasonOption,
    absolute,
    lines,
    names_of,
    split,
)
from govd.cli.output import put
from govd.errors import Usage

app = typer.Typer(
    no_args_is_help=True,
    help="Models: register, change, put another checkpoint in place, take out of service.",
)

ReferenceArgument = Annotated[
    str,
    typer.Argument(
        metavar="REFERENCE",
        help="A folder, or a Hugging Face id; `mini` comes with govd.",
    ),
]
LabelsOption = Annotated[
    Path | None,
    typer.Option(
        "--labels", help="The label set, one a line: what pictures are told apart by."
    ),
]
AnchorsOption = Annotated[
    Path | None, typer.Option("--anchors", help="More words to keep, one a line.")
]
TemplatesOption = Annotated[
    Path | None, typer.Option("--templates", help="Prompts with {}, one a line.")
]
DomainsOption = Annotated[str, typer.Option("--domains", help="Names of domains: a,b")]
ImagesOption = Annotated[
    Path | None,
    typer.Option(
        "--images",
        help=(
            "Evaluation pictures: DIR/<domain>/<class>/*.png, or a .npz: vectors, labels, perhaps"
            " domains."
        ),
    ),
]
PoolOption = Annotated[
    Path | None,
    typer.Option(
        "--pool",
        help=(
            "Unlabelled image embeddings (.npy, .npz, .parquet; FILE::NAME says which column), or a"
            " folder of pictures."
        ),
    ),
]
UseOption = Annotated[
    str | None,
    typer.Option(
        "--use",
        help=(
            "What it is used for: labels (a closed label set is kept as exactly as there is room),"
            " open (any words), search (any words, and picture neighbours weigh more)."
        ),
    ),
]
PublishOption = Annotated[
    Path | None,
    typer.Option(
        "--publish-to",
        help="Write each revision to DIR/N and keep DIR/current on the published one.",
    ),
]
ConditionalOption = Annotated[
    bool | None,
    typer.Option(
        "--conditional/--linear",
        help=(
            "Ask each vector, where answers and vectors are edited: whether what is forgotten names"
            " it, or for its domain. Far less is lost elsewhere. A checkpoint gets the linear edit."
        ),
    ),
]
PublishBaseOption = Annotated[
    bool | None,
    typer.Option(
        "--publish-base/--no-publish-base",
        help="Publish the unedited model, too, as DIR/0 (not by default).",
    ),
]
CommitOption = Annotated[
    str | None, typer.Option("--hf-revision", help="Commit of a Hub repository.")
]
NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="What the model is called here.")
]


def _given(
    labels: Path | None,
    anchors: Path | None,
    templates: Path | None,
    domains: str,
    images: Path | None,
    pool: Path | None,
    use: str | None,
    publish_to: Path | None,
    publish_base: bool | None,
    conditional: bool | None,
) -> dict[str, Any]:
    """What was given, read and with paths that a daemon finds."""
    options: dict[str, Any] = {}
    for key, path, noun in (
        ("label", labels, "label set"),
        ("anchor", anchors, "anchor vocabulary"),
    ):
        names = names_of(path, noun)
        if names is not None and not names.names and key == "label":
            raise Usage(
                "the label set has no names",
                where=str(path),
                advice="Write one a line, or leave --labels out.",
            )
        if names is not None:
            options |= {f"{key}s": list(names.names), f"{key}_lines": list(names.lines)}
    options |= {
        "templates": lines(templates, "templates"),
        "domains": split(domains) or [],
        "use": use,
    }
    options |= {
        "images": absolute(images),
        "pool": absolute(pool),
        "publish_to": absolute(publish_to),
        "publish_base": publish_base,
    }
    return options | {"conditional": conditional}


PrototypesOption = Annotated[
    int,
    typer.Option(
        help="Without a pool: synthesise one, N pictures for each label (and domain)."
    ),
]
SideOption = Annotated[
    str,
    typer.Option(
        help=(
            "Which tower carries the edit: image (the weights, or stored picture vectors) or"
            " text "
            "(queries; nothing that is stored changes)."
        )
    ),
]
FromScratchOption = Annotated[
    bool,
    typer.Option(
        "--from-scratch", help="Do not use embeddings that come with the checkpoint."
    ),
]


@app.command("add")
def add(
    name: NameArgument,
    reference: ReferenceArgument,
    labels: LabelsOption = None,
    anchors: AnchorsOption = None,
    templates: TemplatesOption = None,
    domains: DomainsOption = "",
    images: ImagesOption = None,
    pool: PoolOption = None,
    prototypes: PrototypesOption = 0,
    use: UseOption = None,
    side: SideOption = "image",
    publish_to: PublishOption = None,
    publish_base: PublishBaseOption = None,
    conditional: ConditionalOption = None,
    hf_revision: CommitOption = None,
    from_scratch: FromScratchOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register a model; makes the home where there is none."""
    from govd.cli.show_models import show_model

    options = _given(
        labels,
        anchors,
        templates,
        domains,
        images,
        pool,
        use,
        publish_to,
        publish_base,
        conditional,
    )
    with opened(home, create=True) as api:
        model = api.add_model(
            name,
            reference,
            **options,
            prototypes=prototypes,
            side=side,
            hf_revision=hf_revision,
            from_scratch=from_scratch,
        )
    put(model, as_json, show_model)


@app.command("list")
def list_(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Registered models."""
    from govd.cli.show_models import show_models

    with opened(home) as api:
        put(api.models(), as_json, show_models)


@app.command("show")
def show(
    name: ModelArgument, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """One model, with everything that it was registered with."""
    from govd.cli.tables import show_record

    with opened(home) as api:
        put(api.model(name), as_json, show_record)


@app.command("update")
def update(
    name: ModelArgument,
    labels: LabelsOption = None,
    anchors: AnchorsOption = None,
    templates: TemplatesOption = None,
    domains: DomainsOption = "",
    images: ImagesOption = None,
    pool: PoolOption = None,
    use: UseOption = None,
    publish_to: PublishOption = None,
    publish_base: PublishBaseOption = None,
    conditional: ConditionalOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change what a model is registered with; what is not given stays. Every forget in force is
    computed anew and published.
    """
    from govd.cli.show_models import show_model

    options = _given(
        labels,
        anchors,
        templates,
        domains,
        images,
        pool,
        use,
        publish_to,
        publish_base,
        conditional,
    )
    with opened(home) as api:
        put(api.update_model(name, None, **options), as_json, show_model)


@app.command("rebase")
def rebase(
    name: ModelArgument,
    reference: ReferenceArgument,
    labels: LabelsOption = None,
    anchors: AnchorsOption = None,
    templates: TemplatesOption = None,
    domains: DomainsOption = "",
    images: ImagesOption = None,
    pool: PoolOption = None,
    use: UseOption = None,
    publish_to: PublishOption = None,
    publish_base: PublishBaseOption = None,
    conditional: ConditionalOption = None,
    hf_revision: CommitOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put another checkpoint in a model's place: every forget in force is computed anew for it and
    published.
    """
    from govd.cli.show_models import show_model

    options = _given(
        labels,
        anchors,
        templates,
        domains,
        images,
        pool,
        use,
        publish_to,
        publish_base,
        conditional,
    )
    with opened(home) as api:
        put(
            api.update_model(name, reference, **options, hf_revision=hf_revision),
            as_json,
            show_model,
        )


@app.command("remove")
def remove(
    name: ModelArgument,
    reason: ReasonOption = "",
    delete_published: Annotated[
        bool,
        typer.Option(
            "--delete-published",
            help="Take away what was published to its folder, too; else it stays there.",
        ),
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a model out of service; its entries stay.

    With forgets in force it is retired: they keep their states, nothing is published back, and its
    name is not used again.
    """
    from govd.cli.show_models import show_removed

    with opened(home) as api:
        put(api.remove_model(name, reason, delete_published), as_json, show_removed)
