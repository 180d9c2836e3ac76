"""Processes that tests begin, forked from one that has imported already where a fresh interpreter
is not what is tested.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

TOP = Path(__file__).parents[1]
SERVER = """
import contextlib, importlib, json, os, sys, tempfile, traceback

for name in sys.argv[1:]:
    with contextlib.suppress(ImportError):
        importlib.import_module(name)

def child(asked):
    code = 1
    try:
        sys.argv = ["-c", *asked["words"]]
        exec(compile(asked["code"], "<forked>", "exec"), {"__name__": "__main__"})
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

for line in sys.stdin:
    with tempfile.TemporaryFile() as said:
        process = os.fork()
        if process == 0:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            child(json.loads(line))
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        said.seek(0)
        answer = {"status": status, "said": said.read().decode(errors="replace")}
    print(json.dumps(answer), flush=True)
"""


@dataclass(frozen=True)
class Ended:
    """How a process ended, negative by a signal, and what it said on both streams."""

    status: int
    said: str


class Forks:
    """A process that has imported some modules, and begins others from there: each is a process of
    its own, which can be killed, and has the modules as if it had just imported them.
    """

    def __init__(self, *modules: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER, *modules],
            cwd=TOP,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Forks:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.communicate()

    def run(self, code: str, *words: str) -> Ended:
        """Run code with these arguments in a process of its own, to its end."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(
            json.dumps({"code": code, "words": words}),
            file=self.process.stdin,
            flush=True,
        )
        return Ended(**json.loads(self.process.stdout.readline()))
