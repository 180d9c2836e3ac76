"""Acceptance criteria and previews of reverts over HTTP."""

from fastapi.testclient import TestClient


def test_criteria_are_filed_changed_and_judged(client: TestClient) -> None:
    body = {"model": "m", "concepts": ["red"], "criteria": ["named<=0.5"]}
    filed = client.post("/v1/requests", params={"wait": True}, json=body).json()
    path = f"/v1/requests/{filed['id']}"
    assert filed["criteria"] == [{"metric": "named", "at_most": 0.5}]
    shown = client.get(path).json()
    assert shown["judged"]["revision"] == 1
    assert shown["judged"]["unmet"] == []
    assert shown["prediction"]["on"] == "144 labelled images"
    change = {"criteria": ["cost<=1"], "drop": ["named"], "reason": "another measure"}
    changed = client.post(f"{path}/criteria", json=change).json()
    assert changed["criteria"] == [{"metric": "cost", "at_most": 1.0}]
    for refused, status in (
        ({"criteria": ["cost<=0.9"]}, 422),
        ({"criteria": ["kost<=1"], "reason": "x"}, 422),
        ({"set": ["cost<=1"], "reason": "x"}, 422),
    ):
        answer = client.post(f"{path}/criteria", json=refused)
        assert answer.status_code == status, answer.text
    assert client.post(f"{path}/hold", json={"reason": "case"}).status_code == 200
    held = client.post(f"{path}/criteria", json={"drop": ["cost"], "reason": "x"})
    assert held.status_code == 403
    assert client.get(f"{path}/revert").status_code == 403


def test_the_preview_of_a_revert_is_read(client: TestClient) -> None:
    body = {"model": "m", "concepts": ["red"]}
    filed = client.post("/v1/requests", params={"wait": True}, json=body).json()
    answer = client.get(f"/v1/requests/{filed['id']}/revert")
    assert answer.headers["cache-control"] == "no-store"
    preview = answer.json()
    assert preview["reverts"] == filed["id"]
    assert preview["forgets_after"] == 0
    report = client.get("/v1/audit/predictions", params={"model": "m"}).json()
    assert {row["request"] for row in report["predictions"]} == {filed["id"]}
