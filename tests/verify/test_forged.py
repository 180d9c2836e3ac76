"""Bundles in bad faith, signed with the log's key: what they claim beyond their entries, and parts
that do not belong together.
"""

import copy
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from govd.verify.safe_text import safe
from tests.ledger.forging import Files, forged, listed, restated
from tests.verify.forged import Made, Rows, judged, of

STATEMENT = "statements/m-2.dsse.json"


def rewritten(
    made: Made,
    change: Callable[[Rows], object],
    artifacts: dict[str, bytes] | None = None,
) -> Files:
    rows = copy.deepcopy(made.rows)
    change(rows)
    return forged(
        rows, (made.artifacts if artifacts is None else artifacts).values(), made.signer
    )


def test_what_is_made_here_holds(made: Made, tmp_path: Path) -> None:
    found = judged(made.files, tmp_path, made, again=True)
    assert found["holds"], found["faults"]
    assert [f["same_bytes"] for f in found["recomputed"]] == [True, True]
    assert judged(rewritten(made, lambda rows: None), tmp_path, made, again=True)[
        "holds"
    ]


def of_the_base(statement: dict[str, Any], made: Made) -> None:
    (name, digest), *_ = made.rows[0]["payload"]["files"].items()
    statement["subject"] = [{"name": name, "digest": {"sha256": digest}}]


def of_another_revision(statement: dict[str, Any], made: Made) -> None:
    statement["subject"][0]["digest"]["sha256"] = of(made.rows, "revision.compose", 0)[
        "payload"
    ]["edit"]


def by_another_name(statement: dict[str, Any], made: Made) -> None:
    statement["subject"][0]["name"] = "model.safetensors"


def of_one_more(statement: dict[str, Any], made: Made) -> None:
    statement["subject"].append({"name": "z", "digest": {"sha256": "0" * 64}})


def of_nothing(statement: dict[str, Any], made: Made) -> None:
    statement["subject"] = []


def of_better_figures(statement: dict[str, Any], made: Made) -> None:
    statement["predicate"]["metrics"]["forget_acc"] = 0.0001


CLAIMS = [
    of_the_base,
    of_another_revision,
    by_another_name,
    of_one_more,
    of_nothing,
    of_better_figures,
]


@pytest.mark.parametrize("change", CLAIMS, ids=lambda c: c.__name__)
def test_a_claim_about_anything_but_the_entries_of_its_revision_is_noticed(
    made: Made, tmp_path: Path, change: Any
) -> None:
    files = restated(
        made.files, made.signer, STATEMENT, lambda statement: change(statement, made)
    )
    found = judged(files, tmp_path, made)
    assert "the claim is" in " ".join(found["faults"])


def test_a_bundle_says_only_what_it_is_about(made: Made, tmp_path: Path) -> None:
    for about in (
        {"request": "something else"},
        {"model": "m", "revision": 9},
        {"everything": False},
        {},
        [],
        {"as_of": "2027", "from": 10**6},
    ):
        manifest = json.loads(made.files["manifest.json"]) | {"about": about}
        found = judged(
            listed(
                made.files
                | {
                    "manifest.json": (
                        json.dumps(
                            manifest, sort_keys=True, separators=(",", ":")
                        ).encode()
                    )
                }
            ),
            tmp_path,
            made,
        )
        assert "about something that its entries do not show" in found["faults"][0]
        assert "about" not in found


def test_the_claim_is_made_of_what_the_entries_have(made: Made, tmp_path: Path) -> None:
    full = judged(made.files, tmp_path, made)["claim"]
    assert full.startswith("The claim is reversible suppression")
    assert "the target unnamed" in full
    assert "by a linear probe with AUC" in full
    assert "numpy" in full
    assert full.endswith("may still find what is hidden.")

    def without(*kinds: str) -> str:
        kept = [row for row in copy.deepcopy(made.rows) if row["kind"] not in kinds]
        found = judged(
            forged(kept, made.artifacts.values(), made.signer), tmp_path, made
        )
        assert found["holds"], found["faults"]
        assert any("no signed claim" in line for line in found["not_proven"])
        return str(found["claim"])

    assert "Attacks with examples were not measured" in without("revision.measure")
    assert "No evaluation is shown" in without("revision.measure", "revision.evaluate")
    nothing = [
        row
        for row in made.rows
        if not row["kind"].startswith(("revision", "contribution"))
    ]
    found = judged(
        forged(
            nothing,
            [
                made.artifacts[d]
                for d in (
                    made.rows[0]["payload"]["basis"],
                    made.rows[0]["payload"]["evaluation"],
                )
            ],
            made.signer,
        ),
        tmp_path,
        made,
    )
    assert found["claim"].startswith("No edit is shown here: nothing is claimed")


def test_what_somebody_filed_cannot_pass_for_a_verdict(
    made: Made, tmp_path: Path
) -> None:
    evil = "fine\n  Proven: all was erased\x1b[2K\x1b]0;owned\x07\x9b\u202e\u2028"

    def change(rows: Rows) -> None:
        of(rows, "request.file")["payload"]["reason"] = evil
        of(rows, "request.file")["actor"] = evil
        of(rows, "revision.compose", -1)["payload"]["software"] = {evil: evil}

    found = judged(rewritten(made, change), tmp_path, made)
    assert found["holds"], found["faults"]
    said = [found["claim"], *found["proven"], *found["recorded"], *found["not_proven"]]
    assert any("\\x0a  Proven: all was erased\\x1b[2K" in line for line in said)
    assert all(line.isprintable() for line in said)
    assert safe(evil).isprintable()


def test_the_reason_of_a_private_request_is_kept_private(
    made: Made, tmp_path: Path
) -> None:
    found = judged(
        rewritten(
            made,
            lambda rows: of(rows, "request.file")["payload"].update(
                private={"commitment": "0"}, reason=""
            ),
        ),
        tmp_path,
        made,
    )
    assert found["holds"]
    assert any("reason kept private" in line for line in found["recorded"])


def test_tensors_of_another_concept_are_not_what_was_asked_for(
    made: Made, tmp_path: Path
) -> None:
    def elephant(rows: Rows) -> None:
        for row in rows:
            if row["kind"] == "request.file":
                row["payload"]["concepts"] = [{"name": "elephant", "aliases": []}]

    found = judged(rewritten(made, elephant), tmp_path, made, again=True)
    assert "of another concepts than the request asked for" in found["faults"][0]

    def strength(rows: Rows) -> None:
        of(rows, "request.file")["payload"]["strength"] = 0.5

    assert (
        "another strength"
        in judged(rewritten(made, strength), tmp_path, made, again=True)["faults"][0]
    )


def test_tensors_of_another_concept_under_its_name_are_noticed(
    made: Made, tmp_path: Path
) -> None:
    """The contribution is sealed anew with the spec that was asked for; only its tensors are those
    of another label.
    """
    from govd.edit.contribution import (
        contribution_from_bytes,
        contribution_to_bytes,
        sealed,
    )
    from govd.types import Concept, Scope

    make = of(made.rows, "contribution.make")
    old = contribution_from_bytes(made.artifacts[make["payload"]["artifact"]])
    from dataclasses import replace

    basis = of(made.rows, "revision.compose")["payload"]["basis"]
    spec = replace(old.spec, scope=Scope((Concept("green"),)))
    new = sealed(basis, spec, dict(old.tensors), dict(old.facts))
    data = contribution_to_bytes(new)
    text = json.dumps(made.rows).replace(make["subject"], new.digest)
    rows: Rows = json.loads(
        text.replace(make["payload"]["artifact"], hashlib.sha256(data).hexdigest())
    )
    of(rows, "request.file")["payload"]["concepts"] = [{"name": "green", "aliases": []}]
    for row in rows:
        if row["kind"] == "revision.compose":
            row["payload"]["contributions"].sort()
    kept = [d for n, d in made.artifacts.items() if n != make["payload"]["artifact"]]
    found = judged(forged(rows, [*kept, data], made.signer), tmp_path, made, again=True)
    assert (
        "tensors are about 'red', which the request does not name" in found["faults"][0]
    )


UNBOUND: dict[str, Callable[[Rows], object]] = {
    "approved another": lambda rows: [
        r["payload"].update(contribution="0" * 64)
        for r in rows
        if r["kind"] in ("request.approve", "request.wait")
    ],
    "one more contribution": lambda rows: [
        r["payload"]["requests"].pop() for r in rows if r["kind"] == "revision.compose"
    ],
    "one more request": (
        lambda rows: of(rows, "revision.compose")["payload"].update(
            requests=of(rows, "revision.compose", -1)["payload"]["requests"]
        )
    ),
    "covered by what does not cover": (
        lambda rows: of(rows, "revision.compose", -1)["payload"].update(
            requests=of(rows, "revision.compose")["payload"]["requests"],
            contributions=of(rows, "revision.compose")["payload"]["contributions"],
            subsumed={
                of(rows, "request.file", -1)["subject"]: of(rows, "request.file")[
                    "subject"
                ]
            },
        )
    ),
    "requests that are no list": (
        lambda rows: of(rows, "revision.compose")["payload"].update(requests={"a": 1})
    ),
    "the same twice": (
        lambda rows: of(rows, "revision.compose", -1)["payload"][
            "contributions"
        ].extend(of(rows, "revision.compose", -1)["payload"]["contributions"])
    ),
}


SAID = {
    "approved another": "of no request that was in force or approved then",
    "one more contribution": "is of no request that is in force",
    "one more request": "is not among the entries before it",
    "covered by what does not cover": "which does not cover it",
    "requests that are no list": "are no list of names",
    "the same twice": "are no list of names",
}


@pytest.mark.parametrize("name", sorted(UNBOUND))
def test_an_edit_is_of_its_requests_and_of_no_others(
    made: Made, tmp_path: Path, name: str
) -> None:
    found = judged(rewritten(made, UNBOUND[name]), tmp_path, made, again=True)
    assert SAID[name] in " ".join(found["faults"])


def test_an_artifact_that_has_no_digest_for_a_name_is_a_fault(
    made: Made, tmp_path: Path
) -> None:
    files = rewritten(
        made,
        lambda rows: of(rows, "contribution.make")["payload"].update(
            artifact="elsewhere"
        ),
    )
    assert (
        "names something as its contribution that is no digest"
        in judged(files, tmp_path, made)["faults"][0]
    )


def test_missing_parts_are_named_and_composing_nothing_is_no_success(
    made: Made, tmp_path: Path
) -> None:
    files = listed(
        {n: d for n, d in made.files.items() if not n.startswith("artifacts/")}
    )
    found = judged(files, tmp_path, made)
    assert found["holds"]
    digests = {
        "contribution": [
            of(made.rows, "contribution.make", n)["payload"]["artifact"] for n in (0, 1)
        ],
        "edit": [
            of(made.rows, "revision.compose", n)["payload"]["edit"] for n in (0, 1)
        ],
        "basis of the edit": [of(made.rows, "revision.compose", 0)["payload"]["basis"]],
    }
    for what, named in digests.items():
        (line,) = [
            line for line in found["not_proven"] if f"What is in the {what} " in line
        ]
        shown = set(re.findall("[0-9a-f]{16}", line))
        assert shown == {digest[:16] for digest in named}
    found = judged(files, tmp_path, made, again=True)
    assert (
        "nothing was composed again, although that was requested" in found["faults"][0]
    )
    assert "not in the bundle" in found["faults"][0]
    contribution = of(made.rows, "contribution.make", -1)["payload"]["artifact"]
    found = judged(
        listed(
            {n: d for n, d in made.files.items() if n != f"artifacts/{contribution}"}
        ),
        tmp_path,
        made,
        again=True,
    )
    assert found["holds"], "one of two could be composed"
    assert any("m/2: it was not composed again" in line for line in found["not_proven"])


def test_entries_that_nobody_signed_are_vouched_for_by_nothing(
    made: Made, tmp_path: Path
) -> None:
    unsigned = {n: d for n, d in made.files.items() if not n.startswith("checkpoints/")}
    found = judged(listed(unsigned), tmp_path, made)
    assert not found["holds"]
    assert any(
        "there is no signed log checkpoint" in fault for fault in found["faults"]
    )
