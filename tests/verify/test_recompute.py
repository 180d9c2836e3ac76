"""Edits composed again: which request covers which is seen in what their contributions take away,
whatever it is called.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from govd.models.given import Given
from govd.service.service import Service
from govd.verify.offline import verify_offline
from tests.ledger.forging import Files, forged, listed, unzipped, zipped
from tests.service.test_service import forget, revert

Rows = list[dict[str, Any]]


def again(service: Service) -> dict[str, Any]:
    found = dict(service.verification.verify(recompute=True))
    assert found["holds"], found["faults"]
    return found


def whole(service: Service, tmp_path: Path) -> Files:
    path = tmp_path / "whole.zip"
    path.unlink(missing_ok=True)
    service.bundles.bundle(path)
    return unzipped(path.read_bytes())


def judged(service: Service, files: Files, tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "judged.zip"
    path.write_bytes(zipped(files).getvalue())
    return dict(verify_offline(path, service.checkpoints.key(), again=True))


def changed(
    service: Service,
    tmp_path: Path,
    change: Callable[[Rows], object],
    without: str = "",
) -> dict[str, Any]:
    """What a bundle of everything comes to whose entries somebody changed who can sign; `without`
    an artifact.
    """
    files = whole(service, tmp_path)
    rows: Rows = [json.loads(line) for line in files["entries.ndjson"].splitlines()]
    change(rows)
    named = json.dumps(rows)
    artifacts = [
        data
        for name, data in files.items()
        if name.startswith("artifacts/") and name[10:] in named and name[10:] != without
    ]
    return judged(
        service, forged(rows, artifacts, service.core.desk.ledger.signer), tmp_path
    )


def composed(rows: Rows) -> list[dict[str, Any]]:
    return [
        row["payload"]
        for row in rows
        if row["kind"] == "revision.compose" and row["payload"]["subsumed"]
    ]


def artifact(service: Service, request: dict[str, Any]) -> str:
    known = service.core.desk.views.contribution(
        str(service.requests.show(request["id"])["contribution"])
    )
    assert known is not None
    return str(known["artifact"])


def test_a_cell_is_covered_and_its_ledger_holds(
    service: Service, tmp_path: Path
) -> None:
    red = forget(service, "red")
    cell = forget(service, "red", domains=("dark",))
    assert cell["state"] == "subsumed"
    forget(service, "blue")
    assert [f["same_bytes"] for f in again(service)["recomputed"]] == [True, True]
    service.bundles.bundle(tmp_path / "one.zip", revision=("m", 2))
    files = unzipped((tmp_path / "one.zip").read_bytes())
    assert f"artifacts/{artifact(service, cell)}" in files, (
        "what is covered is shown as well"
    )
    found = judged(service, files, tmp_path)
    assert found["holds"], found["faults"]
    assert not any("was not checked" in line for line in found["not_proven"])
    revert(service, red)
    assert service.requests.show(cell["id"])["state"] == "in_force"
    again(service)


def test_what_only_the_model_reads_alike_is_said_and_no_fault(service: Service) -> None:
    odd = forget(service, "of red")  # the model skips short words
    forget(service, "blue")
    found = again(service)
    said = [line for line in found["not_proven"] if "takes the model to tell" in line]
    assert len(said) == 1, "once, not with every revision"
    assert odd["id"] in said[0]
    assert "'red'" in said[0]


def test_a_spelling_of_an_alias_and_wider_forgets(service: Service) -> None:
    forget(service, "navy", domains=("dark",))
    forget(service, "red", aliases=("ruby",))
    forget(service, "Ruby")
    forget(service, "red", strength=0.5)
    forget(service, domains=("dark",), all_concepts=True)
    forget(service, "blue", domains=("bright",))
    assert all(f["same_bytes"] for f in again(service)["recomputed"])


@pytest.mark.parametrize("shredded", [False, True])
def test_a_private_forget_under_a_public_one_and_a_public_under_a_private(
    service: Service, tmp_path: Path, shredded: bool
) -> None:
    private, wide = (
        forget(service, "red", domains=("dark",), private=True),
        forget(service, "red"),
    )
    hidden, narrow = (
        forget(service, "blue", private=True),
        forget(service, "blue", domains=("dark",)),
    )
    assert {service.requests.show(r["id"])["state"] for r in (private, narrow)} == {
        "subsumed"
    }
    if shredded:
        for request in (private, hidden):
            service.requests.shred(request["id"], "fulfilled", "dpo")
    forget(service, "green")
    assert all(f["same_bytes"] for f in again(service)["recomputed"])

    def untold(rows: Rows) -> None:
        for payload in composed(rows):
            payload["subsumed"] = dict.fromkeys(payload["subsumed"], "")

    found = changed(service, tmp_path, untold)
    assert found["holds"], found["faults"]
    assert all(f["same_bytes"] for f in found["recomputed"])
    revert(service, wide)
    assert service.requests.show(private["id"])["state"] == "in_force"
    again(service)


@pytest.mark.parametrize("outer", ["named", ""])
def test_what_nothing_covers_is_a_fault(
    service: Service, tmp_path: Path, outer: str
) -> None:
    red, blue = forget(service, "red"), forget(service, "blue")

    def left_out(rows: Rows) -> None:
        first, second = [
            row["payload"] for row in rows if row["kind"] == "revision.compose"
        ]
        second |= {
            name: first[name]
            for name in ("requests", "contributions", "edit", "edit_digest")
        }
        second["subsumed"] = {blue["id"]: red["id"] if outer else ""}

    said = "which does not cover it" if outer else "covered by"
    assert said in changed(service, tmp_path, left_out)["faults"][0]

    def stronger(rows: Rows) -> None:
        """Its tensors are not shown, but its filing says that it takes more away."""
        left_out(rows)
        for row in rows:
            if row["kind"] == "request.file" and row["subject"] == blue["id"]:
                row["payload"]["strength"] = 1.2

    assert (
        "covered by"
        in changed(service, tmp_path, stronger, without=artifact(service, blue))[
            "faults"
        ][0]
    )


def test_two_that_cover_each_other_cannot_both_be_covered(
    service: Service, tmp_path: Path
) -> None:
    red, twin = forget(service, "red"), forget(service, "of red")
    forget(service, "blue")

    def both(rows: Rows) -> None:
        (payload,) = composed(rows)
        gone = service.requests.show(red["id"])["contribution"]
        payload["requests"].remove(red["id"])
        payload["contributions"].remove(gone)
        payload["subsumed"] = {red["id"]: twin["id"], twin["id"]: red["id"]}

    assert "which is not in the edit" in changed(service, tmp_path, both)["faults"][0]


def test_a_covered_request_whose_tensors_are_not_here_is_not_checked(
    service: Service, tmp_path: Path
) -> None:
    forget(service, "red")
    twin = forget(service, "of red")
    forget(service, "blue")
    files = whole(service, tmp_path)
    found = judged(
        service,
        listed(
            {
                n: d
                for n, d in files.items()
                if n != f"artifacts/{artifact(service, twin)}"
            }
        ),
        tmp_path,
    )
    assert found["holds"], found["faults"]
    assert [f["same_bytes"] for f in found["recomputed"]] == [True, True, None]
    assert any(
        f"that {twin['id']} is covered was not checked" in line
        for line in found["not_proven"]
    )


def test_each_revision_is_of_the_contributions_that_were_in_force_then(
    service: Service, pool: Path
) -> None:
    """The model is changed, so that everything is computed anew, and set back; one text was
    destroyed before.
    """
    hidden = forget(service, "red", private=True)
    service.requests.shred(hidden["id"], "fulfilled", "dpo")
    forget(service, "blue")
    forget(service, "blue", domains=("dark",))
    service.update_model("m", Given(pool=str(pool)), "ann", "colours-2")
    service.reconciler.run()
    assert service.requests.show(hidden["id"])["state"] == "waiting"
    again(service)
    service.update_model("m", Given(pool=str(pool)), "ann", "colours")
    service.reconciler.run()
    assert service.requests.show(hidden["id"])["state"] == "in_force"
    forget(service, "green")
    service.update_model("m", Given(anchors=("wood", "sea")), "ann")
    service.reconciler.run()
    assert all(f["same_bytes"] for f in again(service)["recomputed"])
    composed_on = {
        e["payload"]["basis"]
        for e in service.core.desk.ledger.entries()
        if e["kind"] == "revision.compose"
    }
    assert len(composed_on) > 1


def test_a_contribution_that_was_computed_later_is_not_that_of_an_earlier_revision(
    service: Service, tmp_path: Path, pool: Path
) -> None:
    forget(service, "red")
    service.update_model("m", Given(pool=str(pool)), "ann", "colours-2")
    service.reconciler.run()

    def earlier(rows: Rows) -> None:
        (late,) = (row for row in rows if row["kind"] == "request.recompute")
        rows.remove(late)
        rows.insert(
            next(i for i, row in enumerate(rows) if row["kind"] == "revision.compose"),
            late,
        )

    made_late, left_out = changed(service, tmp_path, earlier)["faults"]
    assert "of no request that was in force or approved then" in made_late
    assert "without" in left_out


def test_what_is_covered_by_something_private_is_told_from_what_is_in_the_edit(
    service: Service,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from govd.cli.show_audit import show_as_of

    monkeypatch.setenv("COLUMNS", "200")
    red, twin = forget(service, "red"), forget(service, "of red")
    forget(service, "blue")
    found = dict(service.audit.as_of("now"))
    (model,) = found["models"]
    show_as_of(found)
    assert f"covered by {red['id']}" in " ".join(capsys.readouterr().out.split())
    model["forgets"] = [
        f | ({"covered_by": ""} if f["id"] == twin["id"] else {})
        for f in model["forgets"]
    ]
    show_as_of(found)
    said = " ".join(capsys.readouterr().out.split())
    assert "covered by another" in said
    assert "in the edit" in said


ILL: dict[str, tuple[dict[str, Any], str]] = {
    "requests that are no names": ({"requests": [1]}, "are no list of names"),
    "a request twice": ({"requests": "twice"}, "are no list of names"),
    "contributions that are one text": (
        {"contributions": "all"},
        "of no request that was in force",
    ),
    "covered requests that are a list": (
        {"subsumed": ["one"]},
        "subsumed requests are no such list",
    ),
    "covered by no name": (
        {"subsumed": {"one": 1}},
        "subsumed requests are no such list",
    ),
    "covered, and never filed": (
        {"subsumed": {"fgt-01hzzzzzzzzzzzzzzzzzzzzzzz": ""}},
        "the filing of this request is not among",
    ),
    "in the edit, and never filed": (
        {"requests": ["fgt-01hzzzzzzzzzzzzzzzzzzzzzzz"]},
        "the filing of this request is not among",
    ),
    "without its contribution": (
        {"contributions": []},
        "which was in force or approved then",
    ),
    "a contribution of no request": (
        {"requests": []},
        "is of no request that is in force",
    ),
}


@pytest.mark.parametrize("ill", ILL)
def test_a_revision_whose_lists_do_not_belong_together_is_a_fault(
    service: Service, tmp_path: Path, ill: str
) -> None:
    forget(service, "red")
    said, message = ILL[ill]

    def other(rows: Rows) -> None:
        (payload,) = (
            row["payload"] for row in rows if row["kind"] == "revision.compose"
        )
        payload |= said
        if said.get("requests") == "twice":
            payload["requests"] = payload["contributions"] * 2

    faults = changed(service, tmp_path, other)["faults"]
    assert any(message in fault for fault in faults), faults
