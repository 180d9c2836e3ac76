"""`four_eyes` and `expiry` in govd.toml are ready policies, and entries say so."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from govd.errors import BadFile, Conflict, Usage
from govd.home.settings import Settings
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.service import Service, open_service

Opening = Callable[[str], AbstractContextManager[Service]]
FOUR_EYES = {"four-eyes", "four-eyes-release"}


@pytest.fixture
def opened(tmp_path: Path, example_plugins: None, given: Given) -> Opening:
    """The same home, opened with settings; it has the model `m`."""

    @contextmanager
    def opening(settings: str) -> Iterator[Service]:
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        (home / "govd.toml").write_text(f"max_scope_share = 1.0\n{settings}")
        with open_service(home) as service:
            if not service.core.desk.views.models:
                service.add_model("m", "colours", given, "owner")
            yield service

    return opening


def counting(service: Service) -> set[str]:
    return {str(p["name"]) for p in service.policies.all() if p["mode"] == "enforce"}


def entries(service: Service) -> list[tuple[str, str, str, str]]:
    """Kind, name, actor and reason of the entries about policies."""
    return [
        (e["kind"], e["subject"], e["actor"], e["payload"].get("reason", ""))
        for e in service.core.desk.ledger.entries()
        if e["kind"].startswith("policy.") and e["kind"] != "policy.decide"
    ]


def forgotten(service: Service, concept: str, expires: str | None = None) -> str:
    options = ForgetOptions(concepts=(concept,), expires=expires)
    request = service.requests.forget("m", options, "principal:ann")
    service.reconciler.run()
    assert service.requests.show(request.id)["state"] == "in_force"
    return request.id


def test_a_home_that_says_nothing_has_no_entry(opened: Opening) -> None:
    with opened("") as service:
        forgotten(service, "red")
        assert entries(service) == []
    with opened("four_eyes = false\n") as service:
        assert entries(service) == []


def test_four_eyes_are_enforced_as_entries_and_once(opened: Opening) -> None:
    with opened("four_eyes = true\n") as service:
        assert counting(service) == FOUR_EYES
        written = entries(service)
        assert {(kind, name) for kind, name, _, _ in written} == {
            (kind, name)
            for kind in ("policy.add", "policy.enforce")
            for name in FOUR_EYES
        }
        assert {actor for _, _, actor, _ in written} == {"govd"}
        assert {
            reason for kind, _, _, reason in written if kind == "policy.enforce"
        } == {"four_eyes = true in govd.toml"}
        assert {p["setting"] for p in service.policies.all()} == {"four_eyes"}
        revert = service.requests.revert(
            forgotten(service, "red"), "a mistake", "principal:ann"
        )
        service.reconciler.run()
        assert service.requests.show(revert.id)["state"] == "waiting"
    with opened("four_eyes = true\n") as service:
        assert entries(service) == written


def test_without_the_setting_it_is_disabled_as_an_entry(opened: Opening) -> None:
    with opened("four_eyes = true\n"):
        pass
    with opened("") as service:
        assert counting(service) == set()
        ended = entries(service)[-2:]
        assert {(kind, actor, reason) for kind, _, actor, reason in ended} == {
            ("policy.disable", "govd", "four_eyes = false in govd.toml")
        }
    with opened("four_eyes = true\n") as service:
        assert counting(service) == FOUR_EYES
        assert [kind for kind, *_ in entries(service)].count("policy.add") == 2


def test_while_the_setting_stands_nobody_ends_it_otherwise(opened: Opening) -> None:
    with opened("four_eyes = true\n") as service:
        for end in (service.policies.disable, service.policies.shadow):
            with pytest.raises(Conflict, match="four_eyes = true"):
                end("four-eyes", "owner", "tired of it")


def test_what_a_person_enforced_is_his(opened: Opening) -> None:
    with opened("") as service:
        service.policies.add_ready("four-eyes", {"n": "2"}, "owner")
        service.policies.enforce("four-eyes", "owner", force=True, reason="court")
    with opened("four_eyes = true\n") as service:
        assert service.policies.show("four-eyes")["ready"]["values"] == {"n": "2"}
        assert counting(service) == FOUR_EYES
    with opened("") as service:
        assert counting(service) == {"four-eyes"}
        service.policies.disable("four-eyes", "owner", "over")


def test_a_text_on_trial_goes_on_beside_the_setting(opened: Opening) -> None:
    with opened("") as service:
        service.policies.add_ready("four-eyes", {"n": "2"}, "owner")
    with opened("four_eyes = true\n") as service:
        modes = [p["mode"] for p in service.policies.all() if p["name"] == "four-eyes"]
        assert modes == ["shadow", "enforce"]


def test_a_policy_that_must_count_and_is_nowhere_keeps_the_home_shut(
    opened: Opening,
) -> None:
    with (
        pytest.raises(Usage, match="no plugin brings"),
        opened('four_eyes = true\ndisabled_plugins = ["govd-policies"]\n'),
    ):
        pass


@pytest.mark.parametrize("expiry", ["ask", "revert"])
def test_expiry_counts_once_a_forget_with_a_date_is_in_force(
    opened: Opening, expiry: str
) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    later = datetime.now(UTC) + timedelta(days=2)
    with opened(f'expiry = "{expiry}"\n') as service:
        undated = forgotten(service, "blue")
        service.automatic.step(datetime.now(UTC))
        assert entries(service) == []
        dated = forgotten(service, "red", tomorrow)
        service.automatic.step(datetime.now(UTC))
        assert counting(service) == {"expiry"}
        assert entries(service)[-1] == (
            "policy.enforce",
            "expiry",
            "govd",
            f'expiry = "{expiry}" in govd.toml',
        )
        assert service.requests.show(dated)["state"] == "in_force"
        service.automatic.step(later)
        service.reconciler.run()
        reverts = service.requests.all(state="waiting" if expiry == "ask" else None)
        (revert,) = (r for r in reverts if r["kind"] == "revert")
        digest = service.policies.show("expiry")["digest"]
        assert revert["filed_by"] == f"policy:expiry@{digest[:12]}"
        assert revert["reverts"] == dated
        state = "in_force" if expiry == "ask" else "reverted"
        assert service.requests.show(dated)["state"] == state
        assert service.requests.show(undated)["state"] == "in_force"


def test_expiry_is_changed_and_ended_by_the_setting(opened: Opening) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    with opened("") as service:
        forgotten(service, "red", tomorrow)
    with opened("") as service:
        assert [p["ready"]["values"] for p in service.policies.all()] == [
            {"then": "ask"}
        ]
    with opened('expiry = "revert"\n') as service:
        assert [p["mode"] for p in service.policies.all()] == ["off", "enforce"]
    with opened('expiry = "off"\n') as service:
        assert counting(service) == set()
        assert entries(service)[-1][3] == 'expiry = "off" in govd.toml'


def test_while_it_is_frozen_nothing_begins_to_decide_about_expiry(
    opened: Opening,
) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    with opened("") as service:
        forgotten(service, "red", tomorrow)
        service.freezing.freeze("incident", "owner")
    with opened('expiry = "revert"\n') as service:
        assert counting(service) == set()
        service.freezing.unfreeze("owner")
        service.automatic.step(datetime.now(UTC))
        assert counting(service) == {"expiry"}


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("four_eyes = 1", "true or false"),
        ("expiry = true", "a text"),
        ('expiry = "x"', "ask or"),
    ],
)
def test_a_wrong_value_is_refused_with_what_it_may_be(
    tmp_path: Path, line: str, advice: str
) -> None:
    (tmp_path / "govd.toml").write_text(line)
    with pytest.raises(BadFile) as error:
        Settings.read(tmp_path / "govd.toml")
    assert advice in str(error.value.advice)
