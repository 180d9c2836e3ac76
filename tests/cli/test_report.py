"""`govd evaluate --report`: one file that needs nothing else and says what the figures say."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from govd.cli.report.evaluation import page
from govd.cli.report.parts import cell_verdict, picture_verdict
from govd.cli.report.plots import (
    LEFT,
    WIDTH,
    Line,
    Plot,
    percent,
    rounded,
    ticks,
    upper,
)
from govd.errors import Denied, MachineFault
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.service import Service, open_service
from govd.web.app import create_app
from govd.web.context import Context
from tests.cli.conftest import Shell


class Page(HTMLParser):
    """Texts, pictures, curves, and whatever would be fetched."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.images: list[dict[str, str]] = []
        self.curves: list[dict[str, str]] = []
        self.plots: list[str] = []
        self.fetched: list[str] = []
        self.heard: list[str] = []
        self.feed(text)
        self.words = " ".join(" ".join(self.heard).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {k: v or "" for k, v in attrs}
        if tag == "img":
            self.images.append(given)
        if tag == "polyline":
            self.curves.append(given)
        if tag == "svg" and "aria-label" in given:
            self.plots.append(given["aria-label"])
        self.fetched += [
            v
            for k, v in given.items()
            if k in ("src", "href", "srcset") and not v.startswith("data:")
        ]

    def handle_data(self, data: str) -> None:
        self.heard.append(data)


def shares(text: str) -> list[float]:
    return [float(n) for n in re.findall(r"([\d.]+) %", text)]


def test_a_report_is_written_beside_the_figures(govd: Shell, tmp_path: Path) -> None:
    (govd.home / "govd.toml").write_text("max_lost_elsewhere = 0.6\n")
    govd("forget", "red", "--model", "m", "--reason", "r")
    govd("forget", "blue", "--domain", "dark", "--model", "m", "--reason", "r")
    report = tmp_path / "r.html"
    printed = govd("evaluate", "m", "--report", str(report))
    assert printed.exit_code == 0, printed.output
    assert "Report:" in printed.stdout
    text = report.read_text(encoding="utf-8")
    shown = Page(text)
    assert shown.fetched == []
    assert "http" not in re.sub(r'http-equiv="[^"]*"', "", text)
    assert len(shown.images) >= 10
    assert all(
        i["alt"] and i["src"].startswith("data:image/png;base64,") for i in shown.images
    )
    assert {
        "What forgetting more costs",
        "What strength does",
        "Predicted and measured",
    } <= set(shown.plots)
    for part in (
        *(
            "red everywhere",
            "blue in dark",
            "you are here",
            "the target here",
            "What forgotten pictures are called instead",
        ),
        *(
            "What a stranger can still do",
            "Class × domain",
            "trains a linear probe",
            "govd audit why m 2",
        ),
    ):
        assert part in shown.words, part
    assert not list(tmp_path.glob(".*.part"))


def test_a_forget_by_pictures_says_what_they_are_near_to(
    govd: Shell, pictures: Path, tmp_path: Path
) -> None:
    (govd.home / "govd.toml").write_text(
        "max_predicted_disagreement = 1.0\nmax_total_disagreement = 1.0\n"
    )
    given = sorted((pictures / "dark" / "red").iterdir())[:4]
    examples = [text for path in given for text in ("--example", str(path))]
    govd("forget", "zorblax thing", *examples, "--model", "m", "--reason", "r")
    report = tmp_path / "r.html"
    assert govd("evaluate", "m", "--report", str(report)).exit_code == 0
    words = Page(report.read_text(encoding="utf-8")).words
    assert "given by 4 pictures, near to red (4 called so), " in words


def test_what_it_says_is_what_the_figures_say(govd: Shell, tmp_path: Path) -> None:
    govd("forget", "red", "--model", "m", "--reason", "r")
    found: Any = govd.json("evaluate", "m", "--report", str(tmp_path / "r.html"))
    assert found["report"] == str(tmp_path / "r.html")
    shown = Page((tmp_path / "r.html").read_text(encoding="utf-8"))
    went = re.search(
        r"([\d.]+) % → ([\d.]+) % of the pictures that were to go", shown.words
    )
    assert went, shown.words[:600]
    before, after = (
        round(100 * found["metrics"][k], 1) for k in ("forget_acc_before", "forget_acc")
    )
    assert [float(v) for v in went.groups()] == [before, after]
    asked = [c for c in found["metrics"]["cells"] if c["forgotten"]]
    gone = sum(c["before"] > 0 and c["after"] == 0 for c in asked)
    assert f"To go: {len(asked)} in all, {gone} gone," in shown.words


def test_curves_go_through_where_we_are(govd: Shell) -> None:
    for name in ("red", "blue", "green"):
        govd("forget", name, "--model", "m", "--reason", "r")
    with open_service(govd.home) as service:
        shown = service.evaluate("m", None, report=True)["report"]
    capacity = shown["capacity"]
    in_force = len(shown["forgets"])
    assert [p["forgets"] for p in capacity["points"]] == list(range(in_force + 1))
    assert capacity["points"][0]["changed"] == 0
    assert capacity["here"] == in_force
    assert all(p["forgets"] > in_force for p in capacity["beyond"])
    assert capacity["beyond"]
    strength = {p["strength"]: p for p in shown["strength"]["points"]}
    assert strength[0.25]["named"] >= strength[1.0]["named"]
    measured = [f["measured"]["share"] for f in shown["forgets"]]
    with open_service(govd.home) as service:
        assert [
            f["measured"]["share"]
            for f in service.evaluate("m", None, report=True)["report"]["forgets"]
        ] == measured


def test_the_unedited_model_has_a_report(service: Service) -> None:
    shown = Page(page(service.evaluate("m", None, base=True, report=True)))
    assert "Nothing is forgotten here" in shown.words
    assert shown.plots == []
    assert shown.images == [], "before and now are the same"


def test_what_figures_leave_out_is_told_beside_them(
    govd: Shell, pictures: Path, tmp_path: Path
) -> None:
    labelled = tmp_path / "labelled"
    shutil.copytree(pictures, labelled)
    shutil.copy(pictures / "bright" / "red" / "0.png", labelled / "loose.png")
    report = tmp_path / "r.html"
    printed = govd(
        "evaluate", "m", "--images", str(labelled), "--report", str(report)
    ).stdout
    assert "left out: 1 in no class folder" in printed
    assert "left out: 1 in no class folder" in Page(report.read_text()).words
    assert "left out" not in govd("evaluate", "m").stdout


def test_a_model_of_vectors_has_a_report_without_pictures(
    tmp_path: Path, example_plugins: None
) -> None:
    from tests.vectors.test_service import World

    world = World(tmp_path)
    with open_service(tmp_path / "home") as service:
        service.add_model(
            "v", str(world.model), Given(images=str(world.evaluation)), "ann"
        )
        request = service.requests.forget("v", ForgetOptions(concepts=("dog",)), "ann")
        service.reconciler.run()
        if service.requests.show(request["id"])["state"] == "waiting":
            service.requests.decide(request["id"], "approve", "seen", "bob")
            service.reconciler.run()
        shown = Page(page(service.evaluate("v", None, report=True)))
    assert shown.images == []
    assert "dog everywhere" in shown.words
    assert "What forgetting more costs" in shown.plots
    assert "Pictures, before and now" not in shown.words
    assert "Each class" in shown.words


def test_a_private_forget_is_in_no_report_that_nobody_may_read(
    service: Service,
) -> None:
    service.requests.forget("m", ForgetOptions(concepts=("red",), private=True), "ann")
    service.reconciler.run()
    with pytest.raises(Denied, match="keeps private"):
        service.evaluate("m", None, report=True)
    assert service.evaluate("m", None, report=True, disclose=True)["report"]["forgets"]
    assert "report" not in service.evaluate("m", None)


def test_a_report_over_http_has_the_same_figures(service: Service) -> None:
    service.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")
    service.reconciler.run()
    headers = {"Authorization": f"Bearer {service.core.home.token()}"}
    with TestClient(
        create_app(Context(service, service.reconciler.run)),
        "http://localhost",
        headers=headers,
    ) as client:
        answer = client.post("/v1/models/m/evaluate", json={"report": True}).json()
    assert answer == json.loads(json.dumps(service.evaluate("m", None, report=True)))
    assert Page(page(answer)).images


def test_names_are_escaped(service: Service) -> None:
    service.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")
    service.reconciler.run()
    answer: Any = json.loads(json.dumps(service.evaluate("m", None, report=True)))
    answer["report"]["pictures"][0]["after"] = answer["metrics"]["cells"][0][
        "class"
    ] = "<script>alert(1)</script>"
    text = page(answer)
    assert "<script" not in text
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize("name", [".", "missing/r.html"])
def test_a_report_that_cannot_be_written_is_told_first(
    govd: Shell, tmp_path: Path, name: str
) -> None:
    fault = govd.refused("evaluate", "m", "--report", str(tmp_path / name))
    assert isinstance(fault, MachineFault)
    assert "the report cannot be written" in fault.message


def test_axes_are_round_and_hold_every_value() -> None:
    for value in np.geomspace(0.0007, 0.99, 60):
        most = upper([float(value)], 0.0)
        assert value <= most <= 1
        places = ticks(most)
        assert 3 <= len(places) <= 7
        step = places[1]
        assert all(
            abs(float(percent(v, step).removesuffix(" %")) - 100 * v) < 1e-6
            for v in places
        ), places
    assert ticks(3, whole=True) == [0, 1, 2, 3]
    assert all(v == int(v) for n in range(5, 400) for v in ticks(n, whole=True))
    assert rounded(0.3) == 0.5
    plot = Plot("", "", "", 4, 0.5, [Line("", "main", [(0, 0), (4, 0.5)])])
    first, last = (
        tuple(float(v) for v in p.split(",")) for p in plot.path(plot.lines[0]).split()
    )
    assert first[0] == LEFT
    assert last[0] < WIDTH
    assert first[1] > last[1], "up is more"


def test_verdicts_of_cells_and_pictures() -> None:
    cells = [
        (0.0, 0.0, True),
        (1.0, 0.0, True),
        (1.0, 0.5, True),
        (1.0, 0.6, True),
        (0.5, 0.5, False),
        (1.0, 0.5, False),
        (0.5, 1.0, False),
    ]
    verdicts = [
        cell_verdict({"before": b, "after": a, "forgotten": f}) for b, a, f in cells
    ]
    assert verdicts == ["never", "gone", "part", "named", "kept", "lost", "better"]
    pictures = [
        ("a", "a", "b", True),
        ("a", "a", "a", True),
        ("a", "a", "a", False),
        ("a", "a", "b", False),
        ("a", "b", "a", False),
    ]
    assert [picture_verdict(*p) for p in pictures] == [
        "gone",
        "named",
        "kept",
        "lost",
        "won",
    ]


def test_what_bounds_look_at_is_held_against_what_was_measured(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")
    service.reconciler.run()
    answer = service.evaluate("m", None, report=True)
    (forget,) = answer["report"]["forgets"]
    filed = service.requests.show(forget["id"])["predicted"]
    assert forget["predicted"]["of"] == "shown"
    assert forget["predicted"]["share"] == filed["costs"]["shown"]["share"]
    assert forget["predicted"]["all"]["share"] == filed["costs"]["all"]["share"]
    forget["measured"] |= {"share": 0.003, "interval": [0.0, 0.2]}
    forget["predicted"] |= {"share": 0.002, "interval": [0.0, 0.004]}
    forget["predicted"]["all"] = {"share": 0.12, "interval": [0.1, 0.14]}
    words = Page(page(answer)).words
    assert "Of 1 forget predicted with an interval, 1 came out within it" in words
    assert "0.20 % (0.00 % to 0.40 %) 12.0 % (10.0 % to 14.0 %) 0.30 %" in words
    forget["predicted"]["interval"] = [0.1, 0.2]
    assert "interval, 0 came out within it" in Page(page(answer)).words
    forget["predicted"] |= {"of": "all"}
    assert "of all pictures" not in Page(page(answer)).words
