"""Models that external jobs edit, from registering to the base's bytes again: a language model, a
generator, a graph network.
"""

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from safetensors.numpy import load_file

from govd.edit import Edit, TensorEdit
from govd.edit.tensors import edit_from_bytes
from govd.errors import Conflict, NotFound, Unsupported, Usage
from govd.models.given import Given
from govd.pictures import png
from govd.policies.gathering import model_seen
from govd.requests import ForgetOptions
from govd.service.service import Service
from govd.types import changeable
from govd.verify.recompute import recompute
from govd.web.app import create_app
from govd.web.context import Context
from tests.delta.models import Kind, Kinds, Opens, registered, settings


def forget(service: Service, model: str, name: str) -> Any:
    """The request after it was reconciled."""
    request = service.requests.forget(model, ForgetOptions(concepts=(name,)), "ann")
    service.reconciler.run()
    return service.requests.show(request["id"])


def revert(service: Service, request: Any) -> None:
    service.requests.revert(request["id"], "back", "ann")
    service.reconciler.run()
    assert service.requests.show(request["id"])["state"] == "reverted"


def home_of(kind: Kind, **others: object) -> str:
    return settings(
        "job", kind.command, evaluate=list(kind.command), seconds=60, **others
    )


@pytest.mark.parametrize("name", ["language_model", "generator", "graph"])
def test_two_forgets_go_and_come_back_to_the_last_bit(
    name: str, kinds: Kinds, opens: Opens, tmp_path: Path
) -> None:
    kind, served = kinds(name), tmp_path / "served"
    base = (kind.folder / "model" / kind.weights).read_bytes()
    service = opens(home_of(kind))
    registered(service, kind, served)
    service.reconciler.run()

    def published() -> bytes:
        return (served / "current" / kind.weights).read_bytes()

    assert published() == base
    first = forget(service, "m", kind.forgets[0])
    assert (first["state"], first["method"]) == ("in_force", "external"), first[
        "state_reason"
    ]
    only_first = published()
    second = forget(service, "m", kind.forgets[1])
    metrics = service.evaluate("m", None)["metrics"]
    assert metrics["external"]["forgotten_before"] > 0.9
    assert metrics["external"]["forgotten"] < kind.left
    stays = {
        "language_model": "perplexity",
        "generator": "kept",
        "graph": "retain_acc",
    }[name]
    now, before = (metrics["external"][stays + suffix] for suffix in ("", "_before"))
    assert abs(now - before) < 0.1 * before  # what it cost
    assert published() not in (base, only_first)

    revert(service, first)
    service.add_model("n", f"delta:{kind.folder / 'model'}#job", Given(), "ann")
    forget(service, "n", kind.forgets[1])
    service.export("n", tmp_path / "other", "ann", None)
    assert published() == (tmp_path / "other" / kind.weights).read_bytes()
    revert(service, second)
    assert published() == base


@pytest.fixture
def service(kinds: Kinds, opens: Opens, tmp_path: Path) -> Service:
    """A home with the language model, of which one name is forgotten."""
    kind = kinds("language_model")
    service = opens(home_of(kind))
    registered(service, kind, tmp_path / "served")
    assert forget(service, "m", "alice")["state"] == "in_force"
    return service


def test_what_is_published_is_the_base_with_the_sum_of_what_the_jobs_wrote(
    service: Service, kinds: Kinds, tmp_path: Path
) -> None:
    forget(service, "m", "bob")
    revision = service.revision("m", 2)
    contributions = [
        service.contributions.stored.load(d) for d in revision["contributions"]
    ]
    base = load_file(kinds("language_model").folder / "model" / "model.safetensors")
    served = load_file(tmp_path / "served" / "current" / "model.safetensors")
    for name, weight in base.items():
        deltas = [
            np.round(c.tensors[f"full:{name}"] * 2.0**40) / 2.0**40
            for c in contributions
        ]
        assert np.array_equal(served[name], (weight + sum(deltas)).astype(np.float32))
    assert (tmp_path / "served" / "current" / "config.json").read_bytes() == (
        kinds("language_model").folder / "model" / "config.json"
    ).read_bytes()


def test_who_changes_the_same_weights_is_said(service: Service) -> None:
    forget(service, "m", "bob")
    facts = service.revision("m", 2)["facts"]
    assert facts["overlapping"] == 1
    (overlap,) = facts["overlaps"]
    assert sorted(side["forgets"] for side in overlap["between"]) == [
        ["alice"],
        ["bob"],
    ]
    assert overlap["weights"] == ["embed.weight", "head.weight", "hidden.weight"]
    assert overlap["shared"] == 1
    assert -1 <= overlap["cosine"] <= 1


def test_a_run_is_recorded_with_its_code_its_limits_and_its_log(
    service: Service,
) -> None:
    (made,) = service.audit.log(kind="contribution.make")
    facts = made["payload"]["facts"]
    assert facts["job"] == "job"
    assert any(path.endswith("language_model.py") for path in facts["code"])
    assert all(len(digest) == 64 for digest in facts["code"].values())
    assert facts["enforced"]["memory"] == "at most 8192 MiB"
    assert facts["enforced"]["network"].split(":")[0] in ("closed", "open")
    assert facts["log"].startswith("1 sentences forgotten")


def test_an_auditor_composes_it_again_and_reads_what_is_claimed(
    service: Service, tmp_path: Path
) -> None:
    verdict = service.verification.verify(recompute=True)
    assert verdict["holds"], verdict["faults"]
    assert any(
        "composed again" in line and "same bytes" in line for line in verdict["proven"]
    )
    assert "deltas added to its weights" in verdict["claim"]
    assert "images and texts share" not in verdict["claim"]


def test_what_needs_a_space_is_refused_and_what_to_do_is_said(
    service: Service, kinds: Kinds, tmp_path: Path
) -> None:
    with pytest.raises(Unsupported, match="no space of vectors"):
        service.classify("m", [("a.png", tmp_path / "a.png")])
    with pytest.raises(Unsupported, match="no space of vectors"):
        service.embeddings("m", texts=["alice"])
    with pytest.raises(Unsupported, match="not predicted"):
        service.requests.preview("m", ForgetOptions(concepts=("bob",)))
    with pytest.raises(Unsupported, match="revision show"):
        service.interference("m")
    for options in (
        ForgetOptions(concepts=("bob",), method="fitted"),
        ForgetOptions(concepts=("bob",), target="level"),
        ForgetOptions(concepts=("bob",), criteria=("named<=0.01",)),
    ):
        with pytest.raises(Unsupported, match="no"):
            service.requests.forget("m", options, "ann")
    reference = f"delta:{kinds('language_model').folder / 'model'}#job"
    with pytest.raises(Usage, match="--labels"):
        service.add_model("n", reference, Given(labels=("a",)), "ann")
    with pytest.raises(Conflict, match="in_force already"):
        service.requests.forget("m", ForgetOptions(concepts=("alice",)), "ann")


def test_a_job_that_no_owner_configured_is_not_run(kinds: Kinds, opens: Opens) -> None:
    kind = kinds("language_model")
    (kind.folder / "model" / "govd-delta.toml").write_text(
        'forget = ["touch", "/tmp/never"]\n'
    )
    try:
        service = opens("")
        with pytest.raises(Unsupported, match="unlearning"):
            registered(service, kind)
        with pytest.raises(NotFound):
            service.models.show("m")
    finally:
        (kind.folder / "model" / "govd-delta.toml").unlink()


def test_it_is_listed_evaluated_and_refused_over_http(service: Service) -> None:
    client = TestClient(create_app(Context(service)), base_url="http://127.0.0.1")
    client.headers["Authorization"] = f"Bearer {service.core.home.token()}"
    model = client.get("/v1/models/m").json()
    assert (model["dim"], model["side"], model["backend"]) == (0, "weights", "delta")
    picture = base64.b64encode(png(np.zeros((8, 8, 3), np.uint8))).decode()
    answer = client.post("/v1/models/m/classify", json={"images": [picture]})
    assert answer.status_code == 422
    assert "no space of vectors" in answer.json()["detail"]
    answer = client.post("/v1/models/m/embeddings", json={"texts": ["alice"]})
    assert answer.status_code == 422
    answer = client.post("/v1/models/m/evaluate", json={})
    assert answer.json()["metrics"]["external"]["forgotten"] < 0.05


def test_an_edit_that_is_not_the_sum_of_its_contributions_is_a_fault(
    service: Service,
) -> None:
    entries, artifacts = service.audit.log(), service.core.artifacts
    edit = edit_from_bytes(artifacts.get(service.revision("m", 1)["edit"]))
    assert isinstance(edit, TensorEdit)
    less = TensorEdit({name: edit.deltas[name] for name in list(edit.deltas)[1:]})
    other = TensorEdit(
        {name: delta + (2.0**-40) for name, delta in edit.deltas.items()}
    )
    factors = Edit.nothing(4)
    for forged, words in (
        (less, "other weights"),
        (other, "9.1e-13"),
        (factors, "another kind"),
    ):
        artifact = artifacts.put(forged.to_bytes())
        told = [changeable(entry) for entry in entries]
        for entry in told:
            if entry["kind"] == "revision.compose":
                entry["payload"] |= {"edit": artifact, "edit_digest": forged.digest}
        (record,) = recompute(told, artifacts.get)
        assert words in record["fault"]


def test_policies_see_a_model_whose_capacity_has_no_bound(service: Service) -> None:
    seen = model_seen(service.core, "m")
    assert (seen["dim"], seen["in_force"]) == (0, 1)
    assert seen["capacity_left"] > 1_000_000


def test_revisions_are_compared_by_what_was_measured_of_them(service: Service) -> None:
    forget(service, "m", "bob")
    difference = service.diff("m", 1, 2)
    assert set(difference["metrics"]) == {"forgotten", "perplexity"}
    assert difference["added"]
