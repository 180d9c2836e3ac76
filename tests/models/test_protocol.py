"""The three paradigms on any folder `domain/class/image`: what the benchmark prints is counted as
people count it.
"""

import re
from pathlib import Path

import numpy as np
import pytest

from govd.models.given import Given
from govd.service.service import open_service
from tests.benchmarks.protocol import everywhere, inside, main, whole
from tests.service.test_service import forget


def tables(printed: str) -> dict[str, dict[str, dict[str, str]]]:
    """By paradigm's number: rows by their names, cells by their columns."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for part in re.split(r"\n(?=\d\. )", printed)[1:]:
        lines = [
            [cell.strip() for cell in line.strip("|").split("|")]
            for line in part.splitlines()
            if line.startswith("|")
        ]
        found[part[0]] = {
            row[0]: dict(zip(lines[0][1:], row[1:], strict=True)) for row in lines[2:]
        }
    return found


def test_a_table_for_each_paradigm(
    pictures: Path,
    pool: Path,
    example_plugins: None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = [
        str(pictures),
        "--model",
        "colours",
        "--pool",
        str(pool),
        "--methods",
        "auto,nullspace",
        "--classes",
        "2",
        "--seeds",
        "1",
    ]
    main(given)
    printed = capsys.readouterr().out
    assert "144 pictures, 12 classes, domains bright, dark" in printed
    found = tables(printed)
    assert set(found["1"]) == {"auto", "nullspace"}
    assert (
        set(found["2"])
        == set(found["3"])
        == {f"{d}: {m}" for d in ("bright", "dark") for m in ("auto", "nullspace")}
    )

    names = sorted(p.name for p in (pictures / "bright").iterdir())
    chosen = [names[i] for i in np.random.default_rng(0).choice(12, 2, replace=False)]
    options = Given(
        labels=names, domains=("bright", "dark"), images=str(pictures), pool=str(pool)
    )
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "govd.toml").write_text("max_scope_share = 1.0\n")
    with open_service(tmp_path / "home") as service:
        service.add_model("m", "colours", options, "ann")
        for name in chosen:
            forget(service, name)
        cells = service.evaluate("m", None)["metrics"]["cells"]
    for domain in ("bright", "dark"):
        for column, wanted in (("forgotten", True), ("others", False)):
            own = [
                c
                for c in cells
                if c["domain"] == domain and (c["class"] in chosen) == wanted
            ]
            before, after = (
                100
                * sum(c[when] * c["images"] for c in own)
                / sum(c["images"] for c in own)
                for when in ("before", "after")
            )
            assert (
                found["1"]["auto"][f"{domain}: {column}"]
                == f"{before:.1f} → {after:.1f} %"
            )


def test_what_cannot_be_done_says_why(
    pictures: Path, example_plugins: None, capsys: pytest.CaptureFixture[str]
) -> None:
    main(
        [
            str(pictures),
            "--model",
            "colours",
            "--methods",
            "ccup",
            "--classes",
            "2",
            "--seeds",
            "1",
        ]
    )
    found = tables(capsys.readouterr().out)
    assert "→" in found["1"]["ccup"]["bright: forgotten"]
    assert "→" not in found["2"]["bright: ccup"]["this domain"]


def test_groups_are_those_of_the_paradigms(service: object) -> None:
    data = service.measuring.evaluation("m")  # type: ignore[attr-defined]
    n = len(data.vectors)
    for scopes, groups in (
        everywhere(data, [0, 3]),
        whole(data, 1),
        inside(data, [0, 3], 1),
    ):
        assert sum(int(of.sum()) for of in groups.values()) == n, (
            "each picture is in one group"
        )
        assert all(scope.domains in ((), (data.domains[1],)) for scope in scopes)
    assert {c.name for scope in inside(data, [0, 3], 1)[0] for c in scope.concepts} == {
        data.classes[0],
        data.classes[3],
    }


def test_another_layout_is_refused(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([str(pictures / "bright"), "--model", "colours"])
    assert "domain/class/image" in capsys.readouterr().err
