"""Format, lint, types, import contracts and the wheel: part of the one test command."""

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import Forks

ROOT = Path(__file__).parents[1]

CHECKS = {
    "format": ["ruff", "format", "--check", "."],
    "lint": ["ruff", "check", "."],
    "types": ["mypy"],
    "import contracts": ["lint-imports"],
}


def run(*command: str) -> str:
    tool = shutil.which(command[0], path=str(Path(sys.executable).parent))
    assert tool, f"{command[0]} is not installed: pip install -e '.[dev]'"
    done = subprocess.run(
        [tool, *command[1:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("check", sorted(CHECKS))
def test_the_code_is_kept(check: str) -> None:
    run(*CHECKS[check])


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    run(
        "python",
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(out),
        str(ROOT),
    )
    return next(out.glob("*.whl"))


def test_the_wheel_holds_every_package_and_installs_alone(
    wheel: Path, tmp_path: Path
) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in (
        ROOT / "govd",
        ROOT / "backends" / "govd_clip",
        ROOT / "plugins" / "govd_bounds",
    ):
        wanted = {str(p.relative_to(folder.parent)) for p in folder.rglob("*.py")}
        assert wanted <= names, sorted(wanted - names)
    run(
        "python",
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        "--target",
        str(tmp_path / "site"),
        str(wheel),
    )
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import govd, govd_bounds;"
        " print(govd.__file__)"
    )
    out = subprocess.run(
        [sys.executable, "-I", "-c", code, str(tmp_path / "site")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    assert out.startswith(str(tmp_path))


def test_the_core_starts_without_jax() -> None:
    code = (
        "import sys, govd.cli, govd.asking.plugins, govd.records.lifecycle; print(*[m for m in"
        " sys.argv[1:] if m in sys.modules])"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, "jax", "flax", "transformers", "torch"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    assert out.strip() == ""


@pytest.fixture(scope="module")
def libraries() -> Iterator[Forks]:
    """What benchmarks import of others, imported once; nothing of govd."""
    with Forks("numpy", "jax", "flax.nnx", "optax", "sqlalchemy", "rich") as forks:
        yield forks


@pytest.mark.parametrize(
    "name", sorted(p.stem for p in (ROOT / "tests" / "benchmarks").glob("[a-z]*.py"))
)
def test_every_benchmark_can_be_started(libraries: Forks, name: str) -> None:
    if name == "encode":
        pytest.importorskip("torch")
    ended = libraries.run(f"import tests.benchmarks.{name}")
    assert ended.status == 0, ended.said
