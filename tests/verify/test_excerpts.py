"""A bundle of one request shows others as digests only: nothing that they say is in its bytes, and
it tells what that leaves open.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from govd.audit.bundle_questions import Question
from govd.edit.files import tensors_from_bytes
from govd.errors import Usage
from govd.ledger import canonical
from govd.service.service import Service
from govd.verify import offline
from govd.verify.bundle import verify_bundle
from govd.verify.excerpt import DIGESTS, OTHERS
from tests.ledger.forging import Files, listed, unzipped, zipped
from tests.service.test_service import forget, revert
from tests.verify.test_bundle import bent

Record = dict[str, Any]
SECRETS = (
    b"azurite",
    b"the blue reason",
    b"B-7",
    b"the green reason",
    b"G-7",
    b"emerald",
)
"""What the others say: no word of the model's is among them."""


@pytest.fixture
def requests(service: Service) -> dict[str, Record]:
    """Three forgets of one model, the middle one asked about; the last is private."""
    blue = forget(
        service, "blue", aliases=("azurite",), reason="the blue reason", ticket="B-7"
    )
    red = forget(
        service, "red", aliases=("ruby",), reason="the red reason", ticket="R-7"
    )
    green = forget(
        service,
        "green",
        aliases=("emerald",),
        reason="the green reason",
        ticket="G-7",
        private=True,
    )
    service.reconciler.measure()
    return {"blue": blue, "red": red, "green": green}


def bundled(
    service: Service, tmp_path: Path, request: Record, **options: Any
) -> tuple[Files, Path]:
    path = tmp_path / f"{len(list(tmp_path.glob('*.zip')))}.zip"
    service.bundles.bundle(path, request=request["id"], **options)
    return unzipped(path.read_bytes()), path


def verified(service: Service, path: Path, again: bool = True) -> Record:
    return dict(offline.verify_offline(path, service.checkpoints.key(), again=again))


def rows(files: Files) -> list[Record]:
    return [json.loads(line) for line in files["entries.ndjson"].splitlines()]


def columns(service: Service, request: Record) -> Iterator[bytes]:
    """Every column of every tensor of a request's contribution."""
    made = service.core.desk.views.contribution(
        str(service.requests.show(request["id"])["contribution"])
    )
    assert made is not None
    for tensor in tensors_from_bytes(service.core.artifacts.get(made["artifact"]))[
        0
    ].values():
        if tensor.ndim == 2 and tensor.shape[0] > 4:
            yield from (tensor[:, i].tobytes() for i in range(tensor.shape[1]))


def test_nothing_that_others_asked_for_is_in_its_bytes(
    service: Service, requests: dict[str, Record], tmp_path: Path
) -> None:
    files, path = bundled(service, tmp_path, requests["red"])
    everything = b"\n".join(files.values())
    assert [secret for secret in SECRETS if secret in everything] == []
    assert b"ruby" in everything
    assert b"R-7" in everything
    for other in ("blue", "green"):
        assert not any(
            column in everything for column in columns(service, requests[other])
        )
    assert any(column in everything for column in columns(service, requests["red"]))
    assert {e["kind"] for e in rows(files)} >= {
        "request.file",
        "request.vote",
        "contribution.make",
        "revision.compose",
        "revision.publish",
    }
    assert not {e["kind"] for e in rows(files)} & {
        "revision.evaluate",
        "revision.measure",
    }, "they name all that is forgotten"
    assert verified(service, path)["holds"]


def test_it_says_what_is_proven_recorded_and_open(
    service: Service, requests: dict[str, Record], tmp_path: Path
) -> None:
    verdict = verified(
        service, bundled(service, tmp_path, requests["red"])[1], again=False
    )
    assert verdict["about"] == {"request": requests["red"]["id"], OTHERS: DIGESTS}
    assert "red everywhere" in verdict["claim"]
    assert "what 1 other request asked for, not shown here" in verdict["claim"]
    assert "Attacks with examples were not measured" not in verdict["claim"], (
        "they were, which is not shown"
    )
    assert any(
        "revision 2 of m as composed of the contribution" in line
        and "of 1 other" in line
        for line in verdict["proven"]
    )
    assert any("--with-others" in line for line in verdict["not_proven"])


def test_composing_again_compares_its_contribution_and_says_what_is_missing(
    service: Service, requests: dict[str, Record], tmp_path: Path
) -> None:
    verdict = verified(service, bundled(service, tmp_path, requests["red"])[1])
    assert verdict["holds"], verdict["faults"]
    assert [f["same_bytes"] for f in verdict["recomputed"]] == [None, None]
    assert any(
        "that its name says" in line and requests["red"]["id"] in line
        for line in verdict["proven"]
    )
    assert any(
        "was not composed again" in line and "--with-others" in line
        for line in verdict["not_proven"]
    )


def test_with_others_it_composes_again(
    service: Service, requests: dict[str, Record], tmp_path: Path
) -> None:
    files, path = bundled(service, tmp_path, requests["red"], with_others=True)
    everything = b"\n".join(files.values())
    assert b"azurite" in everything
    assert b"the blue reason" in everything
    verdict = verified(service, path)
    assert verdict["holds"], verdict["faults"]
    assert [f["same_bytes"] for f in verdict["recomputed"]] == [True]
    assert verdict["about"] == {"request": requests["red"]["id"]}
    green = bundled(service, tmp_path, requests["green"], with_others=True)[0]
    private = b"\n".join(green.values())
    assert not any(
        secret in private for secret in (b"emerald", b"the green reason", b"G-7")
    ), "private in either form"


def test_a_revision_of_nothing_else_is_shown_whole(
    service: Service, requests: dict[str, Record], tmp_path: Path
) -> None:
    files, path = bundled(service, tmp_path, requests["blue"])
    assert "revision.evaluate" in {e["kind"] for e in rows(files)}
    verdict = verified(service, path)
    assert [f["same_bytes"] for f in verdict["recomputed"]] == [True]
    assert not any("--with-others" in line for line in verdict["not_proven"])
    everything = b"\n".join(files.values())
    assert not any(
        secret in everything
        for secret in (b"the red reason", b"ruby", b"R-7", b"emerald", b"G-7")
    )


def test_a_revert_and_the_revision_without_it_are_shown(
    service: Service, requests: dict[str, Record], tmp_path: Path
) -> None:
    undone = revert(service, requests["red"])
    for request in (requests["red"], undone):
        files, path = bundled(service, tmp_path, request)
        assert {requests["red"]["id"], undone["id"]} <= {
            e["subject"] for e in rows(files)
        }
        everything = b"\n".join(files.values())
        assert [secret for secret in SECRETS if secret in everything] == []
        verdict = verified(service, path, again=False)
        assert verdict["holds"], verdict["faults"]
        assert any(
            "composed of 2 others, not of this request" in line
            for line in verdict["proven"]
        )


def test_what_waits_or_never_came_into_force_is_shown_alone(
    service: Service, requests: dict[str, Record], tmp_path: Path
) -> None:
    waiting = forget(service, "yellow", reason="not decided", approve=False)
    if waiting["state"] == "waiting":
        service.requests.decide(waiting["id"], "reject", "not now", "bob")
    files, path = bundled(service, tmp_path, waiting)
    assert {e["subject"] for e in rows(files)} >= {waiting["id"], "m"}
    assert not any(secret in b"\n".join(files.values()) for secret in SECRETS)
    assert verified(service, path, again=False)["holds"]


def test_others_go_with_a_request(
    service: Service, requests: dict[str, Record], tmp_path: Path
) -> None:
    with pytest.raises(Usage, match="goes with --request"):
        service.bundles.bundle_to(tmp_path / "x.zip", with_others=True)


def test_whoever_shows_others_all_the_same_is_found_out(
    service: Service, requests: dict[str, Record], tmp_path: Path
) -> None:
    whole = service.bundles.questions.of_request(
        requests["red"]["id"], with_others=True
    )
    service.bundles.write(
        tmp_path / "a.zip",
        Question({**whole.about, OTHERS: DIGESTS}, whole.seqs, whole.claims),
    )
    verdict = verified(service, tmp_path / "a.zip")
    assert not verdict["holds"]
    assert "others were to be shown as digests only" in verdict["faults"][0]


def test_another_contribution_than_was_filed_is_a_fault(
    service: Service, requests: dict[str, Record], tmp_path: Path
) -> None:
    files = bundled(service, tmp_path, requests["red"])[0]
    (name,) = (name for name in files if name.startswith("artifacts/"))
    other = files | {name: files[name].replace(b"ruby", b"sand")}
    assert not verify_bundle(
        zipped(listed(other)), service.core.desk.ledger.signer.key
    ).verdict.holds


@pytest.fixture
def excerpt(
    service: Service, requests: dict[str, Record], tmp_path: Path
) -> Callable[[Files], bool]:
    """Whether the bundle holds once some of its files are replaced."""
    files = bundled(service, tmp_path, requests["red"])[0]
    key = service.core.desk.ledger.signer.key

    def holds(changed: Files) -> bool:
        return verify_bundle(zipped(listed(files | changed)), key).verdict.holds

    assert holds({})
    holds.files = files  # type: ignore[attr-defined]
    return holds


@given(data=st.data())
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_bent_entries_fail(
    excerpt: Callable[[Files], bool], data: st.DataObject
) -> None:
    shown = rows(excerpt.files)  # type: ignore[attr-defined]
    at = data.draw(st.integers(0, len(shown) - 1))
    changed = bent(shown[at], data)
    if changed == shown[at] and canonical.encode(changed) == canonical.encode(
        shown[at]
    ):
        return
    lines = [*shown[:at], changed, *shown[at + 1 :]]
    assert not excerpt(
        {"entries.ndjson": b"".join(canonical.encode(line) + b"\n" for line in lines)}
    )
