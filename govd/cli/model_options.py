"""What `govd model add`, `update` and `rebase` are told, and how it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from govd.cli.options import absolute, lines, names_of, split
from govd.errors import Usage

ReferenceArgument = Annotated[
    str,
    typer.Argument(
        metavar="REFERENCE",
        help=(
            "A folder, a Hugging Face id, or a file of vectors (.npz, .parquet); `mini` comes"
            " with govd."
        ),
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
DomainsOption = Annotated[
    str | None, typer.Option("--domains", help="Names of domains: a,b")
]
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
        help=(
            "Write each revision to DIR/N and keep DIR/current on the published one. Of a"
            " --conditional model a checkpoint has the linear edit, whose costs bounds and criteria"
            " look at then, too."
        ),
    ),
]
ApproveCostsOption = Annotated[
    str,
    typer.Option(
        "--approve-costs",
        metavar="TEXT",
        help=(
            "With --publish-to, where checkpoints of a --conditional model would cost more than a"
            " bound allows: why they may be published. It stands in the ledger with your name."
        ),
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
PrecisionOption = Annotated[
    str | None,
    typer.Option(
        help=(
            "What it encodes in: float32, or bfloat16 or float16, which a GPU does many times as"
            " fast and which move each vector a little."
        )
    ),
]
NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="What the model is called here.")
]


def given_options(
    labels: Path | None,
    anchors: Path | None,
    templates: Path | None,
    domains: str | None,
    images: Path | None,
    pool: Path | None,
    use: str | None,
    publish_to: Path | None,
    publish_base: bool | None,
    conditional: bool | None,
) -> dict[str, Any]:
    """What was given, read and with paths that a daemon finds."""
    if domains is not None and not split(domains):
        raise Usage(
            "no domain is named",
            where="--domains",
            advice="Write --domains photo,sketch, or leave it out.",
        )
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
        "templates": lines(templates, "list of templates"),
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
