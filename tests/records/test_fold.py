"""The fold: pure, and what the views keep of the same entries."""

import copy
import inspect
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govd.errors import Conflict, NotFound
from govd.records.changes import Place
from govd.records.contribution import ContributionRef
from govd.records.fold import fold, folded
from govd.records.lifecycle import RequestState, RevisionState
from govd.records.record import StoredRecord
from govd.records.request import Request
from govd.views.views import Views

FORGET = {
    "kind": "forget",
    "model": "m",
    "concepts": [{"name": "dog", "aliases": ["hound"]}],
    "domains": [],
    "strength": 1.0,
    "method": "oblique",
}
MODEL = {
    "digest": "0" * 64,
    "basis": "1" * 64,
    "images": "pictures",
    "evaluation": "3" * 64,
}
MODEL |= {"reference": "vectors:m", "publish_to": "/served", "pool": "4" * 64}
VOTE = {
    "moment": "filed",
    "policy": "bounds",
    "decision": "allow",
    "reason": "",
    "inputs": {},
}
STORY = (
    ("model.add", "m", MODEL),
    ("model.update", "m", {"basis": "2" * 64}),
    ("token.create", "t1", {"name": "ci", "role": "reader"}),
    ("request.file", "r1", FORGET | {"ticket": "HELP-1", "idempotency_key": "k"}),
    ("request.hold", "r1", {"reason": "a case"}),
    ("request.vote", "r1", VOTE),
    ("request.extend", "r1", {"due_at": "2027-01-01T00:00:00Z", "reason": "later"}),
    ("request.release", "r1", {"reason": "over"}),
    (
        "contribution.make",
        "c1",
        {"artifact": "a", "method": "oblique", "basis": "2" * 64},
    ),
    (
        "request.approve",
        "r1",
        {"contribution": "c1", "predicted": {"disagreement": 0.1}},
    ),
    (
        "revision.compose",
        "m/1",
        {"requests": ["r1"], "contributions": ["c1"], "basis": "2"},
    ),
    ("revision.evaluate", "m/1", {"metrics": {"forget_acc": 0.0}}),
    ("revision.publish", "m/1", {}),
    ("request.publish", "r1", {"revision": 1}),
    ("revision.measure", "m/1", {"metrics": {"leaks": []}}),
    ("revision.deliver", "m/1", {"files": {"model.safetensors": "f"}}),
    ("export.write", "m/1", {"format": "edit", "revision": 1}),
    ("request.file", "r2", FORGET | {"kind": "revert", "reverts": "r1"}),
    ("request.approval", "r2", {"reason": "I want it", "role": "owner"}),
    ("request.withdraw", "r2", {"reason": "no"}),
    ("request.approve", "r2", {}),  # it cannot happen any more
    ("revision.compose", "m/2", {"requests": [], "contributions": [], "basis": "2"}),
    ("revision.evaluate", "m/2", {"metrics": {}}),
    ("revision.publish", "m/2", {}),
    ("request.recompute", "r1", {"predicted": {}, "contribution": "c2"}),
    ("request.revert", "r1", {"reason": "reverted"}),
    ("request.shred", "r1", {}),
    ("witness.cosign", "w", {"size": 4}),
    (
        "notice.add",
        "shop",
        {"to": "https://a.example", "on": ["request.*"], "days": [7]},
    ),
    ("notice.add", "shop", {"to": "https://b.example", "on": ["*"]}),  # there is one
    (
        "notice.send",
        "shop",
        {"id": "msg_1", "about": {"kind": "request.file", "entry": 29}},
    ),
    ("notice.fail", "shop", {"id": "msg_2", "about": {"entry": 30}, "stops": True}),
    ("notice.retry", "shop", {}),
    (
        "notice.fail",
        "shop",
        {"id": "msg_2", "about": {"entry": 30}, "reason": "HTTP 400"},
    ),
    ("notice.retry", "shop", {"id": "msg_2"}),
    ("notice.secret", "shop", {}),
    ("notice.send", "desk", {"id": "msg_3", "about": {"entry": 30}}),  # there is none
    (
        "notice.add",
        "desk",
        {"to": "mailto:a@b.example", "on": ["deadline"], "days": [1]},
    ),
    ("notice.remove", "desk", {}),
    ("token.revoke", "t1", {}),
    ("request.publish", "r9", {"revision": 1}),  # of nothing
    ("unheard.of", "x", {}),
    ("model.remove", "m", {"retired": True, "requests": ["r1"], "reason": "old"}),
    ("model.add", "m", {}),  # its name is taken for good
)


def entries(
    story: tuple[tuple[str, str, dict[str, Any]], ...] = STORY,
) -> list[dict[str, Any]]:
    return [
        {
            "seq": seq,
            "time": f"2026-01-01T00:00:{seq:02}Z",
            "actor": "ann",
            "kind": kind,
            "subject": subject,
            "model": "m",
            "payload": payload,
        }
        for seq, (kind, subject, payload) in enumerate(story)
    ]


def stored(views: Views) -> dict[Place, Any]:
    rows = [row for row in views.dump() if row[0] == "records"]
    return {(row[1], row[2]): json.loads(row[-1]) for row in rows}


@given(st.integers(0, len(STORY)))
def test_what_is_folded_without_a_database_is_what_the_views_keep(size: int) -> None:
    story = entries()[:size]
    records = {place: record.as_json() for place, record in folded(story).items()}
    assert records == stored(Views().read(story))


def test_the_fold_changes_nothing_that_it_is_given_and_says_the_same_again() -> None:
    records: dict[Place, StoredRecord] = {}
    for entry in entries():
        before = copy.deepcopy(
            (entry, {place: r.as_json() for place, r in records.items()})
        )
        try:
            changes, again = (
                fold(entry, lambda *place: records.get(place)) for _ in range(2)
            )
        except (Conflict, NotFound):
            continue
        assert changes == again
        assert (entry, {place: r.as_json() for place, r in records.items()}) == before
        records.update(changes.records)
    assert records["request", "r1"]["state"] == "reverted"


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        (("request.approve", "r2", {}), Conflict),
        (("request.publish", "r9", {"revision": 1}), NotFound),
        (("revision.publish", "m/2", {}), Conflict),
        (("revision.publish", "m/9", {}), NotFound),
        (("revision.compose", "other/1", {}), NotFound),
        (("model.update", "other", {}), NotFound),
    ],
)
def test_what_cannot_happen_says_so(entry: Any, error: type[Exception]) -> None:
    records = folded(entries()[:25])
    (last,) = entries((entry,))
    with pytest.raises(error):
        fold(last, lambda *place: records.get(place))


def test_records_are_typed_and_spell_their_json() -> None:
    records = folded(entries())
    request = Request.from_json(records["request", "r1"])
    assert request.state is RequestState.REVERTED
    assert request["state"] == "reverted"
    assert request.scope.concepts[0].phrases == ("dog", "hound")
    assert [vote.policy for vote in request.votes] == ["bounds"]
    assert [approval.principal for approval in request.approvals] == ["ann"]
    assert (request.hold, request.ticket, request.revision) == (None, "HELP-1", 1)
    assert not any("automatic" in approval for approval in request["approvals"])
    assert request.model_retired is not None
    assert json.loads(json.dumps(request.as_json())) == dict(request)
    assert Request.from_json(request) is request
    assert records["revision", "m/1"].state is RevisionState.SUPERSEDED  # type: ignore[attr-defined]
    assert records["revision", "m/1"].metrics == {"forget_acc": 0.0, "leaks": []}  # type: ignore[attr-defined]


SAID_PLAINLY = {"str": "x", "str | None": "x", "int": 7, "int | None": 7, "bool": True}
"""What attributes are that are a field as it is, with a value for it."""


@pytest.mark.parametrize(
    "place", [("request", "r1"), ("request", "r2"), ("revision", "m/1"), ("model", "m")]
)
def test_each_attribute_says_what_its_field_says(place: Place) -> None:
    record = folded(entries())[place]
    read = []
    for name, attribute in vars(type(record)).items():
        if not isinstance(attribute, property) or name not in record:
            continue
        kind = inspect.get_annotations(attribute.fget).get("return")  # type: ignore[arg-type]
        if kind not in SAID_PLAINLY:
            continue
        value = SAID_PLAINLY[kind]
        assert getattr(record.with_(**{name: value}), name) == value, name
        read.append(name)
    assert len(read) > 2


def test_a_request_is_found_by_the_words_that_it_has_and_by_no_others() -> None:
    records = folded(entries()[:17])
    story = (("request.file", "r3", FORGET | {"domains": ["dark"]}), *STORY[17:18])
    for (kind, subject, payload), words in zip(
        story,
        (
            {
                ("concept", "dog"),
                ("concept", "hound"),
                ("domain", "dark"),
                ("filed_by", "ann"),
            },
            {
                ("concept", "dog"),
                ("concept", "hound"),
                ("filed_by", "ann"),
                ("reverts", "r1"),
            },
        ),
        strict=True,
    ):
        (entry,) = entries(((kind, subject, payload),))
        changes = fold(entry, lambda *place: records.get(place))
        assert {(term, word) for term, word, _ in changes.terms} == words


def test_a_token_that_never_was_cannot_be_revoked() -> None:
    records = folded(entries())
    (unknown, known) = entries((("token.revoke", "t9", {}), ("token.revoke", "t1", {})))
    assert not fold(unknown, lambda *place: records.get(place)).records
    (token,) = fold(known, lambda *place: records.get(place)).records.values()
    assert token["revoked_at"] == known["time"]
    assert records["token", "t1"]["revoked_at"]


def test_an_approval_that_policies_gave_says_so() -> None:
    story = (
        *STORY[:9],
        ("request.approve", "r1", {"contribution": "c1", "automatic": True}),
    )
    request = folded(entries(story))["request", "r1"]
    assert [approval["automatic"] for approval in request["approvals"]] == [True]


def test_the_facts_of_a_contribution_are_none_where_none_are_said() -> None:
    reference = ContributionRef.from_json(folded(entries())["contribution", "c1"])
    assert reference.facts == {}
    assert reference.with_(facts={"targets": 1}).facts == {"targets": 1}
    assert reference.with_(facts=None).facts == {}


def test_nobody_changes_a_record() -> None:
    request = Request.from_json(folded(entries())["request", "r1"])
    with pytest.raises(TypeError):
        request["state"] = "filed"  # type: ignore[index]
    with pytest.raises(AttributeError):
        request.state = RequestState.FILED  # type: ignore[misc]
    request.as_json()["state"] = "filed"
    assert request["state"] == "reverted"
    assert request.with_(state="filed").state is RequestState.FILED
    assert request.state is RequestState.REVERTED


def test_entries_that_cannot_happen_leave_nothing() -> None:
    assert folded(entries((("request.approve", "r9", {}),))) == {}
    assert len(folded(entries((STORY[0], ("request.approve", "r9", {}))))) == len(
        folded(entries(STORY[:1]))
    )


def test_a_model_is_edited_on_one_side() -> None:
    model = folded(entries())["model", "m"]
    sides = [model.with_(side=side).side for side in ("text", "image")]  # type: ignore[attr-defined]
    assert sides == ["text", "image"]
