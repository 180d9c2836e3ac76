"""What a user gives at `model add`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from govd.models.paths import located
from govd.types import Json, Precision


@dataclass(frozen=True)
class Given:
    """The options of `govd model add`; None: what the checkpoint brings, else the default. Paths
    are kept from the root, as the ledger has them.
    """

    labels: Sequence[str] | None = None
    anchors: Sequence[str] | None = None
    label_lines: Sequence[int] | None = None
    anchor_lines: Sequence[int] | None = None
    templates: Sequence[str] | None = None
    domains: Sequence[str] = ()
    images: str | None = None
    images_kept: bool = False
    """They are those of an earlier registration: classes that are no labels now are left out."""
    pool: str | None = None
    use: str | None = None
    side: str = "image"
    publish_to: str | None = None
    publish_base: bool | None = None
    hf_revision: str | None = None
    precision: Precision | None = None
    prototypes: int = 0
    from_scratch: bool = False
    conditional: bool | None = None
    merged: Sequence[Mapping[str, Json]] = ()
    """What an earlier registration said of labels that add nothing, where the labels stay."""

    def __post_init__(self) -> None:
        """Take each path from the root.

        Raises:
            Usage: one begins with `~` and the name of no account.
        """
        for name in ("images", "pool", "publish_to"):
            path = getattr(self, name)
            if path:
                object.__setattr__(self, name, str(located(path)))
