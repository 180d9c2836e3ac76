"""Evidence over HTTP: proofs that anybody can check, bundles of times and from kept checkpoints."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from govd.ledger import merkle
from govd.ledger.signing import LogCheckpoint
from govd.service.service import Service
from govd.verify.offline import verify_offline
from govd.web.app import create_app
from govd.web.context import Context


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    app = create_app(Context(service, service.reconciler.run))
    with TestClient(
        app,
        "http://localhost",
        headers={"Authorization": f"Bearer {service.core.home.token()}"},
    ) as made:
        yield made


def test_proofs_and_bundles_over_http(
    client: TestClient, service: Service, tmp_path: Path
) -> None:
    assert (
        client.post(
            "/v1/requests",
            params={"wait": True},
            json={"model": "m", "concepts": ["red"]},
        ).json()["state"]
        == "in_force"
    )
    kept = client.get("/v1/audit/checkpoint").text
    client.post(
        "/v1/requests", params={"wait": True}, json={"model": "m", "concepts": ["blue"]}
    )
    proof = client.get("/v1/audit/proof", params={"entry": 1}).json()
    said = LogCheckpoint.open(proof["checkpoint"], service.core.desk.ledger.signer.key)
    path = [bytes.fromhex(step) for step in proof["path"]]
    assert merkle.included(
        1, said.size, merkle.leaf_hash(proof["body"].encode()), path, said.root
    )
    old = LogCheckpoint.read(kept)
    grown = client.get(
        "/v1/audit/consistency", params={"old": old.size, "new": said.size}
    ).json()
    assert merkle.consistent(
        old.size,
        said.size,
        old.root,
        said.root,
        [bytes.fromhex(step) for step in grown["path"]],
    )
    assert client.get("/v1/audit/proof", params={"entry": 10**6}).status_code == 404
    assert client.get("/v1/audit/consistency", params={"old": 0}).status_code == 422
    for query in (
        {"as_of": "now", "model": "m"},
        {"since": kept, "model": "m", "revision": 1},
    ):
        file = tmp_path / f"{len(query)}.zip"
        file.write_bytes(client.get("/v1/audit/bundle", params=query).content)
        found = verify_offline(
            file, service.checkpoints.key(), kept=[kept] if "since" in query else []
        )
        assert found["holds"], found["faults"]
    assert client.get("/v1/audit/bundle", params={"model": "m"}).status_code == 422
    assert (
        client.get("/v1/audit/bundle", params={"with_others": True}).status_code == 422
    )
    blue = client.get("/v1/requests", params={"concept": "blue"}).json()["items"][0][
        "id"
    ]
    for query, others in (({}, False), ({"with_others": True}, True)):
        file = tmp_path / f"blue-{others}.zip"
        file.write_bytes(
            client.get("/v1/audit/bundle", params={"request": blue, **query}).content
        )
        found = verify_offline(file, service.checkpoints.key(), again=True)
        assert found["holds"], found["faults"]
        assert found["about"] == {"request": blue} | (
            {} if others else {"others": "digests"}
        )
        assert any(f["same_bytes"] for f in found["recomputed"]) is others
    found = client.post(
        "/v1/audit/verify", json={"since": [kept], "witnesses": [], "roots": []}
    ).json()
    assert found["holds"]
    assert {"claim", "proven", "recorded", "not_proven"} <= set(found)
