"""The calls of a daemon for answers; what each does is said in `govd.service.api.models`. Pictures
are sent as files of a form.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np

from govd.client.files import part_of_path, picture_file
from govd.client.transport import Transport
from govd.errors import UnreadableImage
from govd.models.image_vectors import rows_of
from govd.service.api.models import Models
from govd.types import Floats, Json, Record

File = tuple[str, bytes]
"""A file's name and what is in it."""


class AnswerCalls(Models):
    """Answers, asked for over HTTP."""

    _http: Transport

    def _answer(
        self, model: str, noun: str, options: dict[str, Any], files: Sequence[File]
    ) -> Json:
        """The answer about picture files; options that are None are left out."""
        body = {name: value for name, value in options.items() if value is not None}
        path = f"models/{part_of_path(model)}/{noun}"
        if not files:
            return self._http.json("POST", path, body)
        body["names"] = [name for name, _ in files]
        return self._http.send(path, body, [data for _, data in files])

    def classify(
        self,
        model: str,
        images: Sequence[str],
        labels: Sequence[str] | None = None,
        revision: int | None = None,
        base: bool = False,
    ) -> list[Record]:
        sent, unread = _read(images)
        options = {
            "labels": labels and list(labels),
            "revision": revision,
            "base": base,
        }
        labelled: list[Record] = self._answer(
            model, "classify", options, list(sent.values())
        )
        number = labelled[0]["revision"]
        rest = iter(labelled)
        answers: list[Record] = []
        for i, path in enumerate(images):
            if i in sent:
                # of a .npy one for each row
                answers += islice(rest, rows_of(sent[i][1]))
            else:
                answers.append(
                    {"path": str(path), "label": None, "scores": {}, "error": unread[i]}
                )
        return [{**answer, "revision": number} for answer in answers]

    def embeddings(
        self,
        model: str,
        texts: Sequence[str] = (),
        images: Sequence[str] = (),
        base: bool = False,
    ) -> Floats:
        files = [(str(path), picture_file(path)) for path in images]
        options = {"texts": list(texts), "base": base}
        answer: Json = self._answer(model, "embeddings", options, files)
        return np.asarray(answer["embeddings"], np.float32)

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
        sent, unread = _read(images)
        options = {
            "texts": list(texts),
            "by": by,
            "top": top,
            "revision": revision,
            "base": base,
        }
        ranked: Json = self._answer(model, "rank", options, list(sent.values()))
        faults = [
            {"path": str(images[i]), "error": words} for i, words in unread.items()
        ]
        return {**ranked, "unread": [*faults, *ranked["unread"]]}


def _read(images: Sequence[str]) -> tuple[dict[int, File], dict[int, str]]:
    """Names and bytes of picture files by place, and what is wrong with the others.

    Raises:
        UnreadableImage: none of them can be read.
    """
    files: dict[int, File] = {}
    faults: dict[int, str] = {}
    for i, path in enumerate(images):
        try:
            files[i] = (str(path), picture_file(path))
        except UnreadableImage as error:
            faults[i] = error.message
    if faults and not files:
        words = "; ".join(faults.values())[:500]
        raise UnreadableImage("none of the pictures can be read", advice=words)
    return files, faults
