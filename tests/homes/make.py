"""Make homes to keep: `python -m tests.homes.make DIR` writes `NAME.tar.xz` for each story below,
with the code that is installed.

Homes are worked on as people do it, by commands, with the example's colours as a model and one with
`mini`. A file holds the home, bundles of it, and `kept.json`: what this code said of its requests,
revisions, models and tokens.
"""

from __future__ import annotations

import json
import lzma
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import DOMAINS, NAMES, paint
from tests.plugins.answering import served
from tests.plugins.test_witness import Witness

TOP = Path(__file__).parents[2]
PLUGINS = (
    "[govd]\n"
    + "".join(
        f"example-{n} = govd_example.{n}\n" for n in ("backend", "method", "policy")
    )
    + "gate = homes_gate\n"
)
GATE = '''"""A gate that says what the environment wants."""

import os

from govd.hookspecs import hookimpl
from govd.types import Gate


@hookimpl
def govd_gate(revision):
    decision = os.environ.get("HOMES_GATE")
    return Gate(decision, "homes", "as the story wants it") if decision else None
'''
UNFINISHED = """
import sys
from pathlib import Path
from govd.requests import ForgetOptions
from govd.service.service import open_service
with open_service(Path(sys.argv[1])) as service:
    service.requests.forget("m", ForgetOptions(concepts=("blue",), reason="cut off"), "ann")
"""
MINI = ("dog", "cat", "bird", "car", "house", "tree", "umbrella", "clock")
LISTS = {"requests": "request list", "models": "model list", "tokens": "token list"}
LEFT_OUT = ("lock", "daemon.json")


class Story:
    """One home in a folder, told by commands; `folder` holds what the commands need besides."""

    def __init__(self, folder: Path, toml: str = "") -> None:
        self.folder, self.home, self.bundles = (
            folder,
            folder / "home",
            folder / "bundles",
        )
        self.home.mkdir()
        self.bundles.mkdir()
        (self.home / "govd.toml").write_text(toml, encoding="utf-8")
        site = folder / "site"
        info = site / "homes-1.0.dist-info"
        info.mkdir(parents=True)
        (site / "homes_gate.py").write_text(GATE, encoding="utf-8")
        (info / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: homes\nVersion: 1.0\n", encoding="utf-8"
        )
        (info / "entry_points.txt").write_text(PLUGINS, encoding="utf-8")
        places = [str(site), str(TOP / "tests/plugins/example")]
        more = {
            "GOVD_HOME": str(self.home),
            "PYTHONPATH": os.pathsep.join(places),
            "JAX_PLATFORMS": "cpu",
        }
        self.environment = {**os.environ, **more}

    def govd(self, *words: str, code: int | None = 0, **environment: str) -> str:
        """What a command printed."""
        return self.python("-m", "govd", *words, code=code, **environment)

    def python(self, *words: str, code: int | None = 0, **environment: str) -> str:
        """What a program printed; `code`: the exit status that is expected, None for any."""
        command, where = [sys.executable, *words], {**self.environment, **environment}
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=where,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if code is not None and done.returncode != code:
            raise RuntimeError(
                f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done.stdout

    def forget(
        self, *words: str, model: str = "m", code: int | None = 0, **environment: str
    ) -> str:
        """The id of a new forget."""
        return str(
            json.loads(
                self.govd(
                    "forget",
                    *words,
                    "--model",
                    model,
                    "--json",
                    code=code,
                    **environment,
                )
            )["id"]
        )

    def colours(self, reference: str = "colours", name: str = "m") -> None:
        """Register the example's model with pictures."""
        labels, anchors = self.folder / "labels.txt", self.folder / "anchors.txt"
        if not labels.exists():
            labels.write_text("\n".join(NAMES), encoding="utf-8")
            anchors.write_text("wood\nsea\nsand\nsky\n", encoding="utf-8")
            paint(self.folder / "pool", 12, 2)
            paint(self.folder / "pictures", 6, 1)
        given = [
            "--labels",
            str(labels),
            "--anchors",
            str(anchors),
            "--domains",
            ",".join(DOMAINS),
        ]
        given += [
            "--pool",
            str(self.folder / "pool"),
            "--images",
            str(self.folder / "pictures"),
        ]
        self.govd("model", "add", name, reference, *given)

    def kept(self) -> dict[str, Any]:
        """What is said of everything in the home."""
        said: dict[str, Any] = {
            name: json.loads(self.govd(*words.split(), "--json"))
            for name, words in LISTS.items()
        }
        models = [m["name"] for m in said["models"]]
        said["revisions"] = [
            r
            for m in models
            for r in json.loads(self.govd("revision", "list", "--model", m, "--json"))
        ]
        said["key"] = self.govd("audit", "key").strip()
        said["checkpoint"] = self.govd("audit", "checkpoint")
        verdict = json.loads(self.govd("audit", "verify", "--recompute", "--json"))
        assert verdict["holds"], verdict["faults"]
        said["size"] = verdict["size"]
        said["recomputed"] = {
            f["revision"]: f["same_bytes"] for f in verdict["recomputed"]
        }
        return said


def states(story: Story) -> None:
    """Every state of a request that a person can bring about, with aliases, domains, strengths,
    targets, methods, dates and keys.
    """
    story.colours()
    red = story.forget(
        "red",
        "--alias",
        "ruby",
        "--reason",
        "letter of 3 May",
        "--basis",
        "contract",
        "--ticket",
        "LEGAL-12",
    )
    story.forget("Red", "--reason", "the same again")
    story.forget(
        "blue",
        "--domain",
        "dark",
        "--due",
        "2031-01-31",
        "--expires",
        "2032-01-31",
        "--idempotency-key",
        "k-1",
    )
    green = story.forget("green", "--target", "level", "--strength", "0.8")
    story.forget("cyan", "--method", "oblique")
    # of other families: never in one system with those above
    for method in (
        "nullspace",
        "ccup",
        "swap",
    ):
        story.colours(name=method)
        story.forget("olive", "--method", method, model=method, code=None)
    story.govd("audit", "bundle", str(story.bundles / "early.zip"))
    story.govd("audit", "rotate-key", "--reason", "yearly")
    # the model reads both alike: failed
    story.forget("lime", "of lime", code=None)
    failed = json.loads(story.govd("request", "list", "--state", "failed", "--json"))
    assert failed
    story.forget("grey", code=1)  # a policy denies
    rejected = story.forget("navy", "--domain", "dark")
    withdrawn = story.forget("navy", "--domain", "bright")
    waiting = story.forget("navy", "pink", "--domain", "bright")
    approved = story.forget("navy", "--alias", "marine")
    story.govd("request", "reject", rejected, "--reason", "not ours")
    story.govd("request", "withdraw", withdrawn, "--reason", "thought better of it")
    story.govd("request", "extend", waiting, "--due", "2027-01-05", "--reason", "many")
    story.govd("request", "approve", approved, "--reason", "seen")
    story.forget("--all-concepts", "--domain", "bright")  # over a bound
    story.govd("request", "hold", green, "--reason", "7 C 12/27")
    story.govd("request", "hold", red, "--reason", "7 C 13/27")
    story.govd("request", "release", red, "--reason", "closed")
    story.govd("revert", red, "--reason", "brand sold", "--idempotency-key", "k-2")
    gone = story.forget("yellow")
    story.govd("revert", gone, "--reason", "at once")
    token = json.loads(
        story.govd("token", "create", "--role", "operator", "--name", "pat", "--json")
    )
    story.govd("token", "create", "--role", "reader", "--name", "desk")
    story.govd("token", "revoke", token["id"])
    story.govd("export", "m", str(story.folder / "edit"), "--format", "edit")
    story.govd("audit", "bundle", str(story.bundles / "request.zip"), "--request", gone)
    story.govd(
        "audit", "bundle", str(story.bundles / "revision.zip"), "--revision", "m", "2"
    )


def private(story: Story) -> None:
    """Private forgets: in force, held and released, covered, shredded, and reverted with a reason
    of its own.
    """
    story.colours()
    red = story.forget("red", "--private", "--reason", "Ms Example asked")
    story.forget("red", "--domain", "dark", "--reason", "covered by a private one")
    gone = story.forget(
        "blue", "--private", "--alias", "azure", "--reason", "Mr Example asked"
    )
    story.govd("request", "hold", red, "--reason", "Ms Example sues")
    story.govd("request", "release", red, "--reason", "Ms Example lost")
    story.govd("request", "show", red, "--reveal")
    story.govd("request", "shred", gone, "--reason", "fulfilled", "--yes")
    back = story.forget("green", "--private", "--reason", "Mx Example asked")
    story.govd("revert", back, "--reason", "Mx Example asked again")
    shredded = story.forget("cyan", "--private", "--reason", "Dr Example asked")
    story.govd("revert", shredded, "--reason", "Dr Example asked again")
    story.govd("request", "shred", shredded, "--reason", "fulfilled", "--yes")
    story.govd("audit", "bundle", str(story.bundles / "request.zip"), "--request", red)


def changed(story: Story) -> None:
    """A model that is updated and rebased with its forgets, one that is removed; a text that was
    destroyed before and keeps all waiting.
    """
    story.colours()
    story.colours(name="short")
    short = story.forget("red", model="short")
    story.forget("red")
    story.forget("blue", "--domain", "dark")
    story.govd(
        "model", "rebase", "m", "colours-2", "--pool", str(story.folder / "pool")
    )
    story.forget("green")
    (story.folder / "fewer.txt").write_text("wood\nsea\n", encoding="utf-8")
    story.govd("model", "update", "m", "--anchors", str(story.folder / "fewer.txt"))
    private = story.forget("cyan", "--private", "--reason", "Dr Example asked")
    story.govd("request", "shred", private, "--reason", "fulfilled", "--yes")
    story.govd("revert", short, "--reason", "out of service")
    story.govd("model", "remove", "short")
    story.govd(
        "audit", "bundle", str(story.bundles / "second.zip"), "--revision", "m", "3"
    )
    story.govd(
        "model",
        "rebase",
        "m",
        "colours",
        "--pool",
        str(story.folder / "pool"),
        code=None,
    )


def gated(story: Story) -> None:
    """Revisions that a gate refuses or lets wait, and a request that nobody has looked at yet."""
    story.colours()
    story.forget("red")
    refused = story.forget("green", HOMES_GATE="deny")
    story.govd("request", "withdraw", refused, "--reason", "it was refused")
    story.forget("cyan", HOMES_GATE="wait")
    story.python("-c", UNFINISHED, str(story.home))


def mini(story: Story) -> None:
    """The model that comes with govd, on few labels and a small pool, with an example picture."""
    labels, anchors, pool = (
        story.folder / name for name in ("labels.txt", "anchors.txt", "pool")
    )
    labels.write_text("\n".join(MINI), encoding="utf-8")
    anchors.write_text("wood\nsea\n", encoding="utf-8")
    pool.mkdir()
    for n, path in enumerate(
        sorted((TOP / "backends/govd_clip/mini/images").rglob("*.png"))[::5]
    ):
        shutil.copy(path, pool / f"{n}.png")
    story.govd(
        "model",
        "add",
        "m",
        "mini",
        "--labels",
        str(labels),
        "--anchors",
        str(anchors),
        "--pool",
        str(pool),
    )
    picture = sorted((TOP / "backends/govd_clip/mini/images/colour/cat").glob("*.png"))[
        0
    ]
    story.forget("dog", "--reason", "letter", code=None)
    story.forget("umbrella", "--domain", "line", code=None)
    story.forget("cat", "--example", str(picture), code=None)
    for request in json.loads(
        story.govd("request", "list", "--state", "waiting", "--json")
    ):
        story.govd("request", "approve", request["id"], "--reason", "seen")


STORIES: dict[str, Callable[[Story], None]] = {
    f.__name__: f for f in (states, private, changed, gated, mini)
}


@contextmanager
def witnessed(folder: Path) -> Iterator[tuple[str, Witness]]:
    """A local witness, and the line that `govd.toml` has for it."""
    witness = Witness(folder)
    with served(witness) as url:
        yield f'witnesses = ["{url} {witness.key}"]\n', witness


def make(name: str, target: Path) -> None:
    """Tell one story and pack what comes of it."""
    with (
        tempfile.TemporaryDirectory() as temporary,
        witnessed(Path(temporary)) as (toml, witness),
    ):
        folder = Path(temporary) / name
        folder.mkdir()
        story = Story(folder, toml)
        STORIES[name](story)
        witness.log = _log_key(story)
        story.govd("audit", "witness")
        story.govd("audit", "bundle", str(story.bundles / "everything.zip"))
        (folder / "kept.json").write_text(
            json.dumps({**story.kept(), "witness": str(witness.key)}, indent=1),
            encoding="utf-8",
        )
        settings = (
            (story.home / "govd.toml").read_text(encoding="utf-8").replace(toml, "")
        )
        (story.home / "govd.toml").write_text(settings, encoding="utf-8")
        with (
            lzma.open(target / f"{name}.tar.xz", "wb", preset=9) as raw,
            tarfile.open(fileobj=raw, mode="w") as tar,
        ):
            for path in sorted(
                p
                for top in ("home", "bundles", "kept.json")
                for p in [folder / top, *(folder / top).rglob("*")]
            ):
                if path.is_file() and path.name not in LEFT_OUT:
                    tar.add(path, str(path.relative_to(folder)))


def _log_key(story: Story) -> Any:
    from govd.ledger.signing import Key

    return Key.parse(story.govd("audit", "key").strip())


if __name__ == "__main__":
    where = Path(sys.argv[1])
    where.mkdir(parents=True, exist_ok=True)
    for story_name in sys.argv[2:] or STORIES:
        make(story_name, where)
        print(
            f"{story_name}.tar.xz: {(where / f'{story_name}.tar.xz').stat().st_size} bytes"
        )
