"""Who acted: names that mean govd's own actors are nobody's, and the environment says nothing about
who works here.
"""

import getpass
import os
import pwd
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govd.cli.local import Local
from govd.errors import GovdError, Usage
from govd.records.actors import (
    KINDS,
    RESERVED,
    check_name,
    is_legacy,
    local_account,
    principal,
    spoken,
)
from govd.service.service import Service

ACCOUNT = f"local:{pwd.getpwuid(os.getuid()).pw_name}"


@pytest.mark.parametrize(
    "name",
    [
        *sorted(RESERVED),
        "Govd",
        " owner ",
        "ｇｏｖｄ",
        "LOCAL:ann",
        "principal: ann",
        "policy:x@1",
        "",
        " \t",
    ],
)
def test_reserved_names_are_no_tokens(service: Service, name: str) -> None:
    size = service.core.desk.ledger.size()
    with pytest.raises(Usage):
        service.tokens.create("owner", name, "owner")
    assert service.core.desk.ledger.size() == size


@pytest.mark.parametrize("name", ["go\u200bvd", "ann\u202egro", "a\x00b", "govd\u2028"])
def test_characters_that_nobody_sees_are_in_no_name(name: str) -> None:
    with pytest.raises(Usage):
        check_name(name)


@pytest.mark.parametrize(
    "name", ["ops: europe", "local office", "a feed", "x:principal"]
)
def test_a_colon_or_a_word_alone_makes_no_kind(name: str) -> None:
    assert check_name(name) == name


@given(st.text(max_size=30))
def test_a_token_never_acts_as_another_kind(name: str) -> None:
    try:
        actor = principal(check_name(name))
    except GovdError:
        return
    assert actor.startswith("principal:")
    assert not is_legacy(actor)
    assert actor not in RESERVED


def test_what_a_token_does_is_its_principals(service: Service) -> None:
    made = service.tokens.create("operator", "head of legal", "owner")
    assert made["actor"] == "principal:head of legal"
    assert service.tokens.admit(made["token"], "operator") == "principal:head of legal"
    assert service.tokens.admit(service.core.home.token(), "owner") == "owner"
    assert [t["actor"] for t in service.tokens.all()] == ["principal:head of legal"]


def test_the_environment_says_nothing_about_who_works_here(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.close()
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "head.of.legal")
    assert getpass.getuser() == "head.of.legal"
    with Local(tmp_path / "home") as local:
        local.forget("red", model="m", wait=True)
        (entry,) = local.audit_log(kind="request.file")
        (request,) = local.requests()
    assert (
        entry["actor"]
        == request["filed_by"]
        == request["approvals"][0]["principal"]
        == ACCOUNT
    )


def test_an_account_without_a_name_is_its_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert local_account() == f"local:uid {os.getuid()}"


def test_people_are_told_which_kind_of_actor_it_is() -> None:
    told = [
        spoken(a)
        for a in (
            "local:ann",
            "principal:ann",
            "owner",
            "govd",
            "policy:x@1",
            "feed:y",
            "ann",
            "",
            "note:ann",
        )
    ]
    assert told[:4] == ["local:ann (local account)", "principal:ann", "owner", "govd"]
    assert told[4:] == ["policy:x@1", "feed:y", "ann (legacy)", "", "note:ann (legacy)"]
    assert all(not is_legacy(f"{kind}:x") for kind in KINDS)
