"""What is handed to foreign code and what is taken from it: records that cannot be changed, answers
that are what the hook promises.

A check is run where the plugin is run, within its time: looking at an object of somebody else's
class is calling his code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, get_args

from govd.asking.foreign_models import (
    contribution_of,
    edit_of,
    figures_of,
    methods_of,
    model_of,
)
from govd.asking.foreign_votes import gate_of, policies_of, vote_of
from govd.asking.plain import DEPTH, Nonsense, check_kind, plain_json, plain_text
from govd.types import (
    DOCUMENT_BYTES,
    BatchRunner,
    Document,
    Proposals,
    RowForm,
    Store,
)

REASON: Final = 2_000
"""Characters of a line that are kept."""
SMALL: Final = 20_000
"""Values and characters that a time stamp may bring beside its token at most."""
SHA256: Final = 64
DOCUMENTS: Final = 1000
"""Documents that one look at a feed may bring."""
CURSOR: Final = 1_000_000
"""Values and characters of a feed's cursor."""
NAMED: Final = 255
"""Characters of a document's name."""


def of_kind(kind: type, answer: Any, arguments: Mapping[str, Any]) -> Any:
    """What has the calls of a protocol: a store, a runner of batches."""
    check_kind(answer, kind)
    return answer


def files_of(answer: Any, arguments: Mapping[str, Any]) -> dict[str, str]:
    """File names with their SHA-256."""
    check_kind(answer, Mapping)
    return {
        plain_text(name, "a file's name"): plain_text(digest, "a digest", SHA256)
        for name, digest in answer.items()
    }


def lines_of(answer: Any, arguments: Mapping[str, Any]) -> list[str]:
    """Signature lines.

    Raises:
        Nonsense: the answer is none.
    """
    if isinstance(answer, str) or not isinstance(answer, Sequence):
        raise Nonsense(f"a {type(answer).__name__} in the place of signature lines")
    if len(answer) > DEPTH:
        raise Nonsense(f"{len(answer)} signature lines")
    return [plain_text(line, "a line", REASON) for line in answer]


def stamp_of(answer: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A time stamp: `token` and what else was said.

    Raises:
        Nonsense: the answer is none.
    """
    check_kind(answer, Mapping)
    if not isinstance(answer.get("token"), bytes | bytearray):
        raise Nonsense("a time stamp without the bytes of a token")
    return {"token": bytes(answer["token"])} | {
        name: plain_json(value, SMALL)
        for name, value in answer.items()
        if name != "token"
    }


def proposals_of(answer: Any, arguments: Mapping[str, Any]) -> Proposals:
    """What a look at a feed brought, as our own objects.

    Raises:
        Nonsense: the answer is none, or larger than is read.
    """
    check_kind(answer, Proposals)
    if len(answer.documents) > DOCUMENTS or len(answer.waiting) > DOCUMENTS:
        raise Nonsense(f"more than {DOCUMENTS} documents at once")
    cursor = plain_json(answer.cursor, CURSOR)
    if not isinstance(cursor, dict):
        raise Nonsense("a cursor that is no mapping")
    waiting = tuple(plain_text(line, "a line", REASON) for line in answer.waiting)
    return Proposals(tuple(map(_document, answer.documents)), cursor, waiting)


def _document(document: Any) -> Document:
    check_kind(document, Document)
    if not isinstance(document.data, bytes) or len(document.data) > DOCUMENT_BYTES:
        raise Nonsense(f"a document that is not at most {DOCUMENT_BYTES} bytes")
    if document.form not in get_args(RowForm):
        raise Nonsense(
            f"a document whose form is none of {', '.join(get_args(RowForm))}"
        )
    name = plain_text(document.name, "a document's name", NAMED)
    delivery = plain_text(document.delivery, "a delivery", NAMED)
    return Document(name, bytes(document.data), document.form, delivery)


def answered_of(answer: Any, arguments: Mapping[str, Any]) -> bool:
    """That a document's answers were written."""
    check_kind(answer, bool)
    return bool(answer)


def anything(answer: Any, arguments: Mapping[str, Any]) -> Any:
    """What nobody looks at."""
    return answer


CHECKS: Final[Mapping[str, Callable[[Any, Mapping[str, Any]], Any]]] = {
    "govd_vote": vote_of,
    "govd_gate": gate_of,
    "govd_methods": methods_of,
    "govd_policies": policies_of,
    "govd_open_model": model_of,
    "govd_compute_contribution": contribution_of,
    "govd_compose_edit": edit_of,
    "govd_evaluate": figures_of,
    "govd_export": files_of,
    "govd_open_store": partial(of_kind, Store),
    "govd_batch_runner": partial(of_kind, BatchRunner),
    "govd_propose": proposals_of,
    "govd_answered": answered_of,
    "govd_witness": lines_of,
    "govd_timestamp": stamp_of,
}
"""What each hook's answer is looked at by."""
