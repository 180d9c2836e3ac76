"""What many tests stand on: the example plugins, a folder of coloured pictures, a home with a
model.
"""

import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent / "plugins" / "example"))

from govd_example.backend import NAMES, PALETTE

from govd.asking import plugins
from govd.models.given import Given
from govd.service.service import Service, open_service

POINTS = [
    EntryPoint(f"example-{n}", f"govd_example.{n}", "govd")
    for n in ("backend", "method", "policy")
]
POINTS += [
    EntryPoint("bounds", "govd_bounds", "govd"),
    EntryPoint("feeds", "govd_feeds", "govd"),
    EntryPoint("methods", "govd.methods", "govd"),
]
POINTS += [
    EntryPoint("delta", "govd_delta.plugin", "govd"),
    EntryPoint("vectors", "govd_vectors.plugin", "govd"),
    EntryPoint("govd-names", "govd_names", "govd"),
    EntryPoint("govd-policies", "govd_policies", "govd"),
]
DOMAINS = ("bright", "dark")
Paint = Callable[..., Path]


LENIENT = "max_scope_share = 1.0\nmax_lost_elsewhere = 0.6\n"


def paint(folder: Path, count: int, seed: int) -> Path:
    """`DIR/<domain>/<colour>/n.png`: a patch of nearly the colour in a bright or dark frame."""
    draw = np.random.default_rng(seed)
    for domain in DOMAINS:
        for name in NAMES:
            at = folder / domain / name
            at.mkdir(parents=True)
            for n in range(count):
                picture = np.full((8, 8, 3), 250 if domain == "bright" else 5, np.uint8)
                picture[2:-2, 2:-2] = np.clip(
                    np.array(PALETTE[name]) + draw.normal(0, 22, 3), 0, 255
                )
                Image.fromarray(picture).save(at / f"{n}.png")
    return folder


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled pictures to evaluate on."""
    return paint(tmp_path_factory.mktemp("evaluation") / "images", 6, 1)


@pytest.fixture(scope="session")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Other pictures of the same kind, used without their labels."""
    return paint(tmp_path_factory.mktemp("pool") / "images", 12, 2)


@pytest.fixture
def example_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example's plugins and govd's own, whatever else is installed."""
    monkeypatch.setattr(plugins, "found_entry_points", lambda: POINTS)


@pytest.fixture
def given(pictures: Path, pool: Path) -> Given:
    """Options of a model with everything."""
    return everything(pictures, pool)


def everything(pictures: Path, pool: Path) -> Given:
    """The same of these folders."""
    return Given(
        labels=NAMES,
        anchors=("wood", "sea", "sand", "sky"),
        domains=DOMAINS,
        images=str(pictures),
        pool=str(pool),
    )


@pytest.fixture(scope="session")
def registered(
    tmp_path_factory: pytest.TempPathFactory, pictures: Path, pool: Path
) -> Path:
    """A home with the model `m` and without anything else, to be copied: registering takes longer
    than most tests. Any share of the pictures may be asked for there: twelve colours in two domains
    are soon a fifth; and of twelve pictures of a colour more than half may be lost by chance.
    """
    home = tmp_path_factory.mktemp("registered") / "home"
    home.mkdir()
    (home / "govd.toml").write_text(LENIENT)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(plugins, "found_entry_points", lambda: POINTS)
        with open_service(home) as opened:
            opened.add_model("m", "colours", everything(pictures, pool), "ann")
    return home


@pytest.fixture
def service(
    tmp_path: Path, example_plugins: None, registered: Path
) -> Iterator[Service]:
    """A home of its own with the model `m`."""
    shutil.copytree(registered, tmp_path / "home")
    with open_service(tmp_path / "home") as opened:
        yield opened


GROUPS = {
    "tests/e2e/test_demo.py": "demo",
    "tests/e2e/test_demo_from_scratch.py": "clip",
    "tests/plugins/test_ray.py": "ray",
    "tests/stores/test_killed.py": "postgres",
    "tests/stores/test_pgvector.py": "postgres",
    "tests/style/test_style.py": "style",
}
"""The `xdist_group` of files: xdist 3.8 writes it into names of tests that pytest 9.2 does not read
any more, so that each worker made the same story, cluster and server.
"""
APART = ("tests/clip/test_trial.py", "tests/clip/test_first_import.py")
"""Of `tests/clip` those that work in processes of their own: the others share what one process has
imported and compiled, most of their time.
"""


def group_of(file: str) -> str | None:
    """The group of a file's tests; None where each goes to whichever worker is free."""
    if file.startswith("tests/clip/") and file not in APART:
        return "clip"
    return GROUPS.get(file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """One worker for each group."""
    from xdist.scheduler import LoadGroupScheduling

    class ByFile(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid.partition("::")[0]) or nodeid

    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first: where several workers share the tests, none is left with a
    long one when the others have nothing to do.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
