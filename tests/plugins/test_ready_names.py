"""Ready policies about what is named and how the request is made out."""

import pytest

from govd.service.service import Service
from govd.types import Json, Needs
from tests.plugins.ready import answer, enforced, filed, says


def named(*names: str, **more: Json) -> dict[str, Json]:
    return {"names": list(names), "paradigm": "concepts", **more}


@pytest.mark.parametrize("policy", ["legal-hold", "sensitive"])
@pytest.mark.parametrize(
    ("request_seen", "effect"),
    [
        (named("red"), "wait"),
        (named("blue", "red"), "wait"),
        (named("fire engine"), "wait"),
        (named("blue"), ""),
        (named("dark red"), ""),
        (named("red", paradigm="cells"), "wait"),
        (named(paradigm="domains"), "wait"),
        (named(private=True), "wait"),
    ],
)
@pytest.mark.parametrize("moment", ["filed", "revert"])
def test_a_list_of_names_is_guarded_at_filing_and_revert(
    policy: str, request_seen: dict[str, Json], effect: str, moment: str
) -> None:
    assert says(policy, moment, {"request": request_seen}) == effect


def test_who_has_the_role_may_file_what_legal_holds_but_not_what_is_sensitive() -> None:
    seen = {"request": named("red"), "actor": {"roles": ["legal", "brand"]}}
    assert says("legal-hold", "filed", seen) == ""
    assert says("legal-hold", "filed", seen, role="court") == "wait"
    assert says("sensitive", "filed", seen) == "wait"
    effect = answer("legal-hold", "filed", {"request": named("red")}).effect
    assert effect is not None
    assert effect.needs == Needs(1, "legal", False)
    effect = answer("sensitive", "filed", seen, n="2").effect
    assert effect is not None
    assert effect.needs == Needs(2, "brand", True)


@pytest.mark.parametrize(
    ("options", "state"),
    [
        ({"concepts": ("Red",)}, "waiting"),
        ({"concepts": ("blue",), "aliases": (" RED ",)}, "waiting"),
        ({"concepts": ("red",), "domains": ("dark",)}, "waiting"),
        ({"concepts": ("red",), "private": True}, "waiting"),
        ({"concepts": ("blue",), "private": True}, "waiting"),
        ({"domains": ("dark",), "all_concepts": True}, "waiting"),
        ({"concepts": ("green",)}, "in_force"),
    ],
    ids=str,
)
def test_a_name_on_legal_s_list_waits_however_it_is_spelled(
    service: Service, options: dict[str, Json], state: str
) -> None:
    enforced(service, "legal-hold", names="rED,fire-engine")
    request = filed(service, **options)
    assert request["state"] == state
    if state == "waiting":
        assert "legal-hold: it names, or may name" in request["state_reason"]
        assert request["votes"][-1]["needs"] == {
            "n": 1,
            "role": "legal",
            "not_filer": False,
        }


def test_what_was_forgotten_before_is_not_brought_back_without_legal(
    service: Service,
) -> None:
    forget = filed(service, concepts=("red",))
    enforced(service, "legal-hold")
    revert = service.requests.revert(forget.id, "a mistake", "principal:ann")
    service.reconciler.run()
    assert service.requests.show(revert.id)["state"] == "waiting"
    assert service.requests.show(forget.id)["state"] == "in_force"


def test_two_lists_stand_beside_each_other(service: Service) -> None:
    enforced(service, "sensitive", name="faces", names="red")
    enforced(service, "sensitive", name="flags", names="blue")
    assert filed(service, concepts=("red",))["state_reason"].startswith("faces:")
    assert filed(service, concepts=("blue",))["state_reason"].startswith("flags:")
    assert filed(service, concepts=("green",))["state"] == "in_force"


@pytest.mark.parametrize(("effect", "state"), [("deny", "denied"), ("wait", "waiting")])
def test_a_whole_domain_is_refused_and_a_part_of_one_is_not(
    service: Service, effect: str, state: str
) -> None:
    enforced(service, "no-whole-domains", effect=effect)
    assert filed(service, domains=("dark",), all_concepts=True)["state"] == state
    assert filed(service, concepts=("red",), domains=("dark",))["state"] == "in_force"
    assert filed(service, concepts=("blue",))["state"] == "in_force"


@pytest.mark.parametrize(
    ("model", "ticket", "basis", "effect"),
    [
        ("eu-shop", "EU-12", "gdpr-17", ""),
        ("eu-shop", "EU-12", "licence", "deny"),
        ("eu-shop", "US-12", "gdpr-17", "deny"),
        ("eu-shop", "EU-12b", "gdpr-17", "deny"),
        ("eu-shop", "", "", "deny"),
        ("shop", "EU-12", "", "deny"),
        ("shop", "EU-12", "gdpr-21", ""),
        ("shop", "US-12", "", ""),
        ("neu-shop", "", "", ""),
    ],
)
def test_a_region_has_its_tickets_and_its_legal_bases(
    model: str, ticket: str, basis: str, effect: str
) -> None:
    seen = {"model": {"name": model}, "request": {"ticket": ticket, "basis": basis}}
    values = {"region": "(?i)^eu-", "ticket": "^EU-[0-9]+$", "basis": "^gdpr-[0-9]+$"}
    assert says("region", "filed", seen, effect="deny", **values) == effect


def test_a_region_s_private_request_waits_whatever_the_effect(service: Service) -> None:
    enforced(
        service, "region", region="^m$", effect="deny", basis="^licence$", ticket="^T-"
    )
    assert (
        filed(service, concepts=("red",), ticket="T-1", basis="licence")["state"]
        == "in_force"
    )
    assert filed(service, concepts=("blue",), ticket="T-1")["state"] == "denied"
    hidden = filed(
        service, concepts=("green",), ticket="T-1", basis="licence", private=True
    )
    assert hidden["state"] == "waiting"
    assert "private" in hidden["state_reason"]
