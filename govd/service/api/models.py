"""Models, revisions and what they answer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from govd.service.api.action import action
from govd.service.api.declared import Asked
from govd.service.api.question import question

if TYPE_CHECKING:
    from govd.types import Floats, Record


OtherWords = Mapping[str, Sequence[str] | Mapping[str, Sequence[str]]]


class Models(Asked):
    """Models, revisions and what they answer."""

    @question(
        "status",
        "status",
        resumes=True,
    )
    def status(self) -> Record:
        """Models, what they serve, what waits and why, size and head of the ledger."""
        raise NotImplementedError

    @abstractmethod
    def reconcile(self) -> Record:
        """Do what is still to do: `done`, a line for each thing that was, `left`, those that still
        are; `daemon`: one does so by itself.
        """

    @question(
        "models",
        "models.all",
        kind="list",
        cursor="name",
        resumes=True,
    )
    def models(self) -> list[Record]:
        """Registered models, by name."""
        raise NotImplementedError

    @question(
        "models/{name}",
        "models.show",
        resumes=True,
    )
    def model(self, name: str) -> Record:
        """One model with the revision that it serves."""
        raise NotImplementedError

    @question("models/{name}/labels", "models.labels", kind="list", cursor="label")
    def labels(self, name: str) -> list[Record]:
        """The label set of a model: how often the pool shows each label, and what is forgotten."""
        raise NotImplementedError

    @action(
        "models",
        "add_model",
        status=201,
        settings="given",
        creates="name",
        heavy=True,
        wakes=True,
    )
    def add_model(
        self,
        name: str,
        reference: str,
        labels: Sequence[str] | None = None,
        anchors: Sequence[str] | None = None,
        label_lines: Sequence[int] | None = None,
        anchor_lines: Sequence[int] | None = None,
        templates: Sequence[str] | None = None,
        domains: Sequence[str] = (),
        images: str | None = None,
        pool: str | None = None,
        prototypes: int = 0,
        use: str | None = None,
        side: str = "image",
        publish_to: str | None = None,
        publish_base: bool | None = None,
        hf_revision: str | None = None,
        precision: str | None = None,
        from_scratch: bool = False,
        conditional: bool | None = None,
    ) -> Record:
        """Register a model; options as in `govd model add`, paths on the machine of the home.

        Raises:
            Conflict: the name is taken. BadFile, BadCheckpoint: something given is no good; nothing
            is registered.
        """
        raise NotImplementedError

    @action("models/{name}", "update_model", verb="PATCH", settings="given", heavy=True)
    def update_model(
        self,
        name: str,
        reference: str | None = None,
        labels: Sequence[str] | None = None,
        anchors: Sequence[str] | None = None,
        label_lines: Sequence[int] | None = None,
        anchor_lines: Sequence[int] | None = None,
        templates: Sequence[str] | None = None,
        domains: Sequence[str] = (),
        images: str | None = None,
        pool: str | None = None,
        use: str | None = None,
        publish_to: str | None = None,
        publish_base: bool | None = None,
        hf_revision: str | None = None,
        precision: str | None = None,
        from_scratch: bool = False,
        conditional: bool | None = None,
        approve_costs: str = "",
    ) -> Record:
        """Change what a model is registered with; with `reference`, rebase it on another
        checkpoint. What is not given stays. `approve_costs`: why the checkpoints of a conditional
        model may be published though their linear edit costs more than a bound allows.

        Raises:
            Conflict: that is to be approved, or a criterion would not be kept. NotFound: no model
            of that `name`. BadFile, BadCheckpoint: something given is no good; nothing changes.
        """
        raise NotImplementedError

    @action(
        "models/{name}", "models.remove", verb="DELETE", heavy=True, reconciles="after"
    )
    def remove_model(
        self, name: str, reason: str = "", delete_published: bool = False
    ) -> Record:
        """Take a model out of service; its entries stay. With forgets in force it is retired: they
        keep their states, and its name is not used again.

        Args:
            name: of the model.
            reason: stands in the ledger.
            delete_published: take away what was published to its folder, too.

        Raises:
            Conflict: requests of it are not decided yet.
        """
        raise NotImplementedError

    @question(
        "models/{model}/revisions",
        "revisions",
        kind="list",
        cursor="number",
        resumes=True,
    )
    def revisions(self, model: str) -> list[Record]:
        """A model's revisions, oldest first."""
        raise NotImplementedError

    @question(
        "models/{model}/revisions/{number}",
        "revision",
        resumes=True,
    )
    def revision(self, model: str, number: int) -> Record:
        """One revision."""
        raise NotImplementedError

    @question(
        "models/{model}/manifest",
        "audit.manifest",
        limits={"number": {"ge": 0}},
    )
    def manifest(self, model: str, number: int | None = None) -> Record:
        """Every copy of a model that the ledger knows of, as a revision sees them (None: the
        published one): `copies`, `counts` of those that have forgotten, are pending or unknown, and
        recipients `to_tell`.
        """
        raise NotImplementedError

    @question(
        "models/{model}/revisions/{first}/diff/{second}",
        "diff",
        resumes=True,
    )
    def diff(self, model: str, first: int, second: int) -> Record:
        """What the revision `second` of a model has that its revision `first` has not, and the
        other way round.
        """
        raise NotImplementedError

    @abstractmethod
    def interference(self, model: str, number: int | None = None) -> Record:
        """For each forget of a revision, by default the published one, what leaving it out would
        change: `cost` to the retained answers, `others_named` of the other forgets' pictures with
        it and without.
        """

    @abstractmethod
    def classify(
        self,
        model: str,
        images: Sequence[str],
        labels: Sequence[str] | None = None,
        revision: int | None = None,
        base: bool = False,
    ) -> list[Record]:
        """The best label for each picture file on this machine, in their order: `path`, `label`,
        `scores`, `revision`.

        Args:
            model: its name.
            images: paths.
            labels: to choose among; None: the labels that the model is registered with.
            revision: that answers; None: the published one.
            base: the model as it was registered answers, without any forget.

        A picture that cannot be read has the label None and an `error`.

        Raises:
            UnreadableImage: none of them can be read.
        """

    @abstractmethod
    def embeddings(
        self,
        model: str,
        texts: Sequence[str] = (),
        images: Sequence[str] = (),
        base: bool = False,
    ) -> Floats:
        """Unit embeddings `(n, d)` float32 of texts, then of picture files, by the published
        revision.

        Args:
            model: its name.
            texts: as they are, no template is put around them.
            images: paths on this machine.
            base: by the model as it was registered, without any forget.

        Raises:
            UnreadableImage: one of the pictures cannot be read; it is named.
        """

    @abstractmethod
    def rank(
        self,
        model: str,
        texts: Sequence[str],
        images: Sequence[str],
        by: str = "text",
        top: int | None = None,
        revision: int | None = None,
        base: bool = False,
    ) -> Record:
        """`rankings`: for each text the picture files of this machine, best first, or with `by`
        image for each picture the texts; `unread`: pictures that cannot be read.

        Args:
            model: its name.
            texts: as they are, no template is put around them.
            images: paths; of a `.npy` each vector counts.
            by: `text` or `image`: which side asks.
            top: so many of each ranking; None: all.
            revision: that answers; None: the published one.
            base: the model as it was registered answers, without any forget.

        Raises:
            UnreadableImage: none of the pictures can be read.
        """

    @action(
        "models/{model}/evaluate",
        "evaluate",
        limits={"words": {"max_length": 4096}},
        heavy=True,
        reconciles="before",
    )
    def evaluate(
        self,
        model: str,
        images: str | None = None,
        revision: int | None = None,
        base: bool = False,
        report: bool = False,
        disclose: bool = False,
        words: OtherWords | None = None,
    ) -> Record:
        """Metrics on a folder of labelled pictures on the machine of the home, with the confusion
        that they were computed from.

        Args:
            model: its name.
            images: the folder; None: the one that the model is registered with.
            revision: that is measured; None: the published one.
            base: measure the model as it was registered instead.
            report: also what a report shows beside the metrics.
            disclose: a report may name private forgets; without it there is none where one is in
                force.
            words: other words for labels that attackers try, a list for each label, or lists by
                language.
        """
        raise NotImplementedError

    @action("models/{model}/export", "export", heavy=True, reconciles="before")
    def export(
        self,
        model: str,
        folder: str,
        revision: int | None = None,
        format: str = "hf",
        side: Literal["image", "text"] | None = None,
        disclose: bool = False,
        recipient: str = "",
    ) -> Record:
        """Write the edited model into a folder on the machine of the home.

        Args:
            model: its name.
            folder: must not exist yet, or be empty.
            revision: that is written; None: the published one.
            format: what the model's backend can write: `hf`, a folder for transformers; `edit`, the
                edit alone.
            side: `text` for an edit of queries, where it is not the model's own.
            disclose: a revision with private forgets too, to a recipient who is named.
            recipient: who gets it, for the ledger.
        """
        raise NotImplementedError
