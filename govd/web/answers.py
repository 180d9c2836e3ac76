"""What calls answer, for the API's description. Records may have more fields than are named here: a
new fact is a new field.
"""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, RootModel

T = TypeVar("T")


class Answer(BaseModel):
    """A record; unknown fields are facts of a newer govd."""

    model_config = ConfigDict(extra="allow")


class Page(Answer, Generic[T]):
    """A page of a list."""

    items: list[T]
    next: str | int | None = Field(
        description="The cursor to go on with (`after`); null at the end."
    )


class Problem(Answer):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str | None = None
    where: str | None = None
    advice: str | None = None


class Healthy(Answer):
    """Whether the daemon answers, or is ready."""

    ok: bool
    reason: str | None = None


class Ledger(Answer):
    """The head of the ledger."""

    origin: str
    size: int
    root: str


class Served(Answer):
    """What a model serves."""

    name: str
    revision: int
    rank: int
    in_force: int
    subsumed: int
    pending: dict[str, Any] | None
    capacity: dict[str, Any] | None = Field(
        description="What random forgets cost on this model, and where it is; null: not measured."
    )


class Waiting(Answer):
    """A request that is not decided or served yet."""

    id: str
    model: str
    state: str
    reason: str | None


class Status(Answer):
    """Models, what waits, the ledger's head."""

    home: str
    models: list[Served]
    waiting: list[Waiting]
    ledger: Ledger


class Model(Answer):
    """A registered model; `revision` is null where nothing was published."""

    name: str
    reference: str
    digest: str
    files: dict[str, str]
    backend: str
    device: str
    dim: int
    logit_scale: float
    use: str
    side: str
    labels: int
    anchors: int
    domains: list[str]
    templates: list[str]
    basis: str
    publish_to: str | None
    revision: int | None


class LabelOfModel(Answer):
    """A label of a model; `pictures` of the pool get it, null where there is no pool."""

    label: str
    aliases: list[str]
    pictures: int | None
    forgets: list[str]


class Revision(Answer):
    """An edit of one model, with its evaluation."""

    model: str
    number: int
    state: str
    state_reason: str | None
    edit_digest: str
    rank: int
    side: str
    requests: list[str]
    subsumed: dict[str, str]
    contributions: list[str]
    basis: str
    metrics: dict[str, Any]
    published_at: str | None
    tree_size: int | None = None
    figures_of: str | None = Field(
        default=None,
        description="`conditional`: its figures are, of answers and vectors.",
    )
    carries: str | None = Field(
        default=None,
        description="`linear`: its checkpoint has that edit, with `metrics.checkpoint`.",
    )


class Difference(Answer):
    """What one revision has that another has not."""

    model: str
    from_: int = Field(alias="from")
    to: int
    added: list[str]
    removed: list[str]
    same_edit: bool
    rank: dict[str, int]
    metrics: dict[str, Any]


class LeftOut(Answer):
    """What a forget costs and does to the others, by an edit composed without it."""

    id: str | None = Field(
        description="Its request; null where the model has changed since."
    )
    concepts: list[dict[str, Any]]
    domains: list[str]
    pictures: int = Field(description="That it is about.")
    named: float | None = Field(
        description="Share of those that still get a forgotten name; null where there are none."
    )
    retained: int
    changed: float = Field(
        description="Share of the retained pictures whose answer is not the unedited model's."
    )
    changed_without: float
    cost: float = Field(description="`changed` less `changed_without`.")
    others_named: float | None = Field(
        description="Named share of all other forgets' pictures."
    )
    others_named_without: float | None
    others: list[dict[str, Any]] = Field(
        description="Each forget whose named share it changes, most first."
    )


class Interference(Answer):
    """Each forget of a revision left out once, the costliest first."""

    model: str
    revision: int
    on: str
    forgets: list[LeftOut]


class Label(Answer):
    """The best label of a picture; null with an `error` where it cannot be read."""

    path: str
    label: str | None
    scores: dict[str, float]
    revision: int | None
    error: str | None = None
    abstain: bool | None = Field(
        None,
        description=(
            "The label had better not be taken for an answer: of the pool's pictures few score as"
            " low, or its name is forgotten. Not there where no pool calibrates it."
        ),
    )


class Labels(RootModel[list[Label]]):
    """The best labels, in the order of the pictures."""


class Embeddings(Answer):
    """Unit embeddings `(n, d)`, of texts first."""

    revision: int
    embeddings: list[list[float]]


class Ranked(Answer):
    """A picture (`path`) or a text, and how well it fits: the cosine after the edit."""

    path: str | None = None
    text: str | None = None
    score: float


class RankingOf(Answer):
    """What fits a text, or a picture (`path`): best first."""

    text: str | None = None
    path: str | None = None
    ranking: list[Ranked]


class Unread(Answer):
    """A picture that cannot be read, and why."""

    path: str
    error: str


class Rankings(Answer):
    """A ranking for each text or each picture, as `by` says."""

    revision: int
    by: Literal["text", "image"]
    rankings: list[RankingOf]
    unread: list[Unread]


class Evaluation(Answer):
    """Metrics on labelled pictures."""

    model: str
    revision: int
    claim: str
    metrics: dict[str, Any]


class Export(Answer):
    """What was written, and for whom."""

    model: str
    revision: int
    format: str
    folder: str
    files: dict[str, str]
    edit_digest: str
    recipient: str
