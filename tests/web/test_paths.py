"""Paths of the daemon's machine that a call names: each is taken from the root before anything is
done, and one that cannot be is wrong usage and never a bug.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from govd.service.service import Service

UNKNOWN = "~no-such-account/x"
LONG = "/" + 300 * "x" + "/y"
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "reference": ("/v1/models", {"name": "n", "reference": "PATH"}),
    "images": ("/v1/models", {"name": "n", "reference": "example:n", "images": "PATH"}),
    "pool": ("/v1/models", {"name": "n", "reference": "example:n", "pool": "PATH"}),
    "publish_to": (
        "/v1/models",
        {"name": "n", "reference": "example:n", "publish_to": "PATH"},
    ),
    "export": ("/v1/models/m/export", {"folder": "PATH"}),
    "evaluate": ("/v1/models/m/evaluate", {"images": "PATH"}),
    "store": ("/v1/stores", {"name": "s", "model": "m", "url": "PATH"}),
    "feed": ("/v1/feeds", {"name": "f", "model": "m", "url": "PATH"}),
}


def asked(client: TestClient, call: str, path: str) -> Any:
    address, body = CALLS[call]
    return client.post(
        address, json={k: path if v == "PATH" else v for k, v in body.items()}
    )


@pytest.mark.parametrize("call", CALLS)
def test_an_unknown_account_is_wrong_usage_and_no_folder_is_made(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    answer = asked(client, call, UNKNOWN)
    assert answer.status_code == 422
    assert "the name of no account" in answer.json()["detail"]
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("call", CALLS)
def test_a_name_that_no_file_system_takes_is_no_bug(
    client: TestClient, call: str
) -> None:
    assert asked(client, call, LONG).status_code in (404, 422, 507)


@pytest.mark.parametrize("call", [*CALLS, "store file://", "feed file://"])
@pytest.mark.parametrize("kind", ["deep", "long", "circle"])
def test_a_path_that_leads_nowhere_is_wrong_usage(
    client: TestClient, tmp_path: Path, call: str, kind: str
) -> None:
    (tmp_path / "circle").symlink_to("circle")
    path = {
        "deep": str(tmp_path) + 400 * "/a",
        "long": str(tmp_path / (300 * "x")),
        "circle": str(tmp_path / "circle" / "x.npy"),
    }[kind]
    call, _, scheme = call.partition(" ")
    answer = asked(client, call, scheme + path)
    assert answer.status_code == 422
    assert len(answer.json()["detail"]) < 400
    told = {
        "deep": "At most 255 folders",
        "long": "too long",
        "circle": "Too many levels",
    }
    assert told[kind] in answer.json()["detail"]
    assert [p.name for p in tmp_path.iterdir() if p.name != "home"] == ["circle"]


@pytest.mark.parametrize("call", ["pool", "evaluate"])
def test_a_pipe_that_nobody_writes_to_holds_nobody_up(
    client: TestClient, tmp_path: Path, call: str
) -> None:
    os.mkfifo(tmp_path / "x.npz")
    address, body = CALLS[call]
    body = body | {"reference": "colours"} if call == "pool" else body
    named = {k: str(tmp_path / "x.npz") if v == "PATH" else v for k, v in body.items()}
    answer = client.post(address, json=named)
    assert answer.status_code == 422
    assert "not a regular file" in answer.json()["detail"]


def test_an_export_says_the_whole_path(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for typed, place in (("here", "here"), ("~/there", "there")):
        call = {"folder": typed, "format": "edit"}
        answer = client.post("/v1/models/m/export", json=call).json()
        assert answer["folder"] == str(tmp_path / place)
        assert (tmp_path / place).is_dir()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EMFILE])
def test_a_fault_of_the_machine_is_told_as_one_without_where(
    client: TestClient, service: Service, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def full() -> None:
        raise OSError(code, "no room", "/where/it/lies")

    monkeypatch.setattr(service, "status", full)
    answer = client.get("/v1/status")
    assert (answer.status_code, answer.json()["type"]) == (
        507,
        "urn:govd:machine-fault",
    )
    assert "/where" not in answer.text
