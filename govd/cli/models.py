"""`govd model`: what is registered."""

from __future__ import annotations

from typing import Annotated

import typer

from govd.cli.access import opened
from govd.cli.model_options import (
    AnchorsOption,
    ApproveCostsOption,
    CommitOption,
    ConditionalOption,
    DomainsOption,
    FromScratchOption,
    ImagesOption,
    LabelsOption,
    NameArgument,
    PoolOption,
    PrecisionOption,
    PrototypesOption,
    PublishBaseOption,
    PublishOption,
    ReferenceArgument,
    SideOption,
    TemplatesOption,
    UseOption,
    given_options,
)
from govd.cli.options import (
    HomeOption,
    JsonOption,
    ModelArgument,
    ReasonOption,
    absolute_reference,
)
from govd.cli.output import put

app = typer.Typer(
    no_args_is_help=True,
    help="Models: register, change, put another checkpoint in place, take out of service.",
)


@app.command("add")
def add(
    name: NameArgument,
    reference: ReferenceArgument,
    labels: LabelsOption = None,
    anchors: AnchorsOption = None,
    templates: TemplatesOption = None,
    domains: DomainsOption = None,
    images: ImagesOption = None,
    pool: PoolOption = None,
    prototypes: PrototypesOption = 0,
    use: UseOption = None,
    side: SideOption = "image",
    publish_to: PublishOption = None,
    publish_base: PublishBaseOption = None,
    conditional: ConditionalOption = None,
    hf_revision: CommitOption = None,
    precision: PrecisionOption = None,
    from_scratch: FromScratchOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register a model; makes the home where there is none."""
    from govd.cli.show_models import show_model

    options = given_options(
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
            absolute_reference(reference),
            **options,
            prototypes=prototypes,
            side=side,
            hf_revision=hf_revision,
            precision=precision,
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


@app.command("labels")
def labels(
    name: ModelArgument, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """The label set: how often the pool shows each label, and which forgets name it."""
    from govd.cli.show_models import show_labels

    with opened(home) as api:
        put(api.labels(name), as_json, show_labels)


@app.command("update")
def update(
    name: ModelArgument,
    labels: LabelsOption = None,
    anchors: AnchorsOption = None,
    templates: TemplatesOption = None,
    domains: DomainsOption = None,
    images: ImagesOption = None,
    pool: PoolOption = None,
    use: UseOption = None,
    publish_to: PublishOption = None,
    publish_base: PublishBaseOption = None,
    conditional: ConditionalOption = None,
    approve_costs: ApproveCostsOption = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change what a model is registered with; what is not given stays. Every forget in force is
    computed anew and published.
    """
    from govd.cli.show_models import show_model

    options = given_options(
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
        changed = api.update_model(name, None, **options, approve_costs=approve_costs)
        put(changed, as_json, show_model)


@app.command("rebase")
def rebase(
    name: ModelArgument,
    reference: ReferenceArgument,
    labels: LabelsOption = None,
    anchors: AnchorsOption = None,
    templates: TemplatesOption = None,
    domains: DomainsOption = None,
    images: ImagesOption = None,
    pool: PoolOption = None,
    use: UseOption = None,
    publish_to: PublishOption = None,
    publish_base: PublishBaseOption = None,
    conditional: ConditionalOption = None,
    hf_revision: CommitOption = None,
    precision: PrecisionOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put another checkpoint in a model's place: every forget in force is computed anew for it and
    published.
    """
    from govd.cli.show_models import show_model

    options = given_options(
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
            api.update_model(
                name,
                absolute_reference(reference),
                **options,
                hf_revision=hf_revision,
                precision=precision,
            ),
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
