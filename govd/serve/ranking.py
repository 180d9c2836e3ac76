"""What fits best: pictures by how well they fit a text, or texts by how well they fit a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from govd.edit import metrics
from govd.errors import UnreadableImage, Usage
from govd.pictures import Source
from govd.records.limits import bounded
from govd.serve.serving import Serving
from govd.serve.waiting import waiting
from govd.types import Floats, Json, Record


class Ranking:
    """Rankings by what a model serves."""

    def __init__(self, serving: Serving) -> None:
        self.serving = serving

    @bounded
    async def ranked(
        self,
        model: str,
        texts: Sequence[str],
        images: Sequence[tuple[str, Source]],
        by: str = "text",
        top: int | None = None,
        revision: int | None = None,
        base: bool = False,
    ) -> Record:
        """`rankings`: for each text the pictures `(name, picture)`, and vectors of a `.npy`, best
        first; with `by` image, for each picture the texts. `unread`: the pictures that cannot be
        read.

        Scores are cosines after the edit, of texts as they are: no template is put around them.

        Args:
            model: its name.
            texts: at least one.
            images: at least one.
            by: `text` or `image`: which side asks.
            top: so many of each ranking; None: all.
            revision: that answers; None: the published one.
            base: the unedited model answers.

        Raises:
            Usage: no texts or no pictures. UnreadableImage: none of the pictures can be read.
        """
        _check(texts, images, by, top)
        now = self.serving.now(model, revision, base)
        edit = now.factors  # refuses a model without a space
        names, rows, faults = await self.serving.judged(now, images)
        if not rows:
            messages = "; ".join(faults[i].message for i in sorted(faults))
            fault = "none of the pictures can be read"
            raise UnreadableImage(fault, advice=messages[:500])
        places = sorted(rows)
        text_rows = await self.serving.batches.texts(now.opened.encoder, list(texts))
        image_rows = np.stack([rows[i] for i in places])
        scores = metrics.scores(edit, image_rows, text_rows)
        paths = [names[i] for i in places]
        if by == "text":
            rankings = _rankings("text", list(texts), "path", paths, scores.T, top)
        else:
            rankings = _rankings("path", paths, "text", list(texts), scores, top)
        unread: list[Json] = [
            {"path": names[i], "error": faults[i].message} for i in sorted(faults)
        ]
        answer = {"revision": now.number, "by": by, "rankings": rankings}
        return {**answer, "unread": unread}

    rank = waiting(ranked)


def _check(
    texts: Sequence[str],
    images: Sequence[tuple[str, Source]],
    by: str,
    top: int | None,
) -> None:
    """Refuse a question that ranks nothing.

    Raises:
        Usage: that is what it does.
    """
    if not texts or not images:
        raise Usage(
            "nothing to rank",
            advice="Give texts and pictures, at least one of each.",
        )
    if by not in ("text", "image"):
        raise Usage(f"ranked by {by!r}", where="--by", advice="It is text or image.")
    if top is not None and top < 1:
        raise Usage(f"the best {top}", where="--top", advice="It is at least 1.")


def _rankings(
    asks: str,
    queries: list[str],
    is_ranked: str,
    names: list[str],
    scores: Floats,
    top: int | None,
) -> list[Json]:
    """Of each query `(q,)` the names `(n,)` by their scores `(q, n)`; of equals the first first."""
    rankings: list[Json] = []
    for query, row in zip(queries, scores, strict=True):
        order = np.argsort(-row, kind="stable")[:top]
        ranking = [
            {is_ranked: names[j], "score": round(float(row[j]), 6)} for j in order
        ]
        rankings.append({asks: query, "ranking": ranking})
    return rankings
