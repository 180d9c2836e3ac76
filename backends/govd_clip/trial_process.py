"""The process in which the files of a foreign checkpoint are parsed for the first time.

`python -P -m govd_clip.trial_process FOLDER BYTES SECONDS PARENT` takes limits upon itself before
it looks at any file: of memory, and of processor time for each file. It ends with the process
`PARENT`, which began it. It writes a line of JSON before each file that it parses, and one at the
end: that all are fine, or the `BadCheckpoint`.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

UNUSED: Final = (
    "jax",
    "flax",
    "torch",
    "torchvision",
    "tensorflow",
    "scipy",
    "sklearn",
    "pandas",
)
"""Modules that transformers imports where they are installed, and that nothing here needs: they
would take seconds.
"""
PR_SET_PDEATHSIG: Final = 1
"""`prctl(2)`: the signal that a process gets when the thread that began it ends."""
SIGKILL: Final = 9
LIST_BYTES: Final = 2**20
LIST_LINES: Final = 2000
"""Of a list beside a checkpoint that its tokenizer is tried with, at most."""


def main(arguments: list[str]) -> int:
    """Parse every file in the folder; 0 whatever they are."""
    folder, memory_bytes, seconds, parent = (
        Path(arguments[0]),
        *map(int, arguments[1:4]),
    )
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer

    def tell(**answer: Any) -> None:
        limit("CPU", int(time.process_time()) + 1 + seconds)
        print(json.dumps(answer), file=answers, flush=True)

    end_with(parent)
    limit("CORE", 0)
    limit("AS", memory_bytes)
    sys.modules.update(dict.fromkeys(UNUSED))  # type: ignore[arg-type]
    import transformers  # noqa: F401 - its time is not that of any file

    tell(fault=fault_in(folder, tell))
    return 0


def limit(kind: str, most: int) -> None:
    """Have the system end this process rather than let it take more, where it has such a limit."""
    import resource

    number = getattr(resource, f"RLIMIT_{kind}", None)
    if number is None:
        return
    hard = resource.getrlimit(number)[1]
    # macOS knows RLIMIT_AS and refuses to set it
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(
            number, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard)
        )


def end_with(parent: int) -> None:
    """End when the process that began this one ends, however it does; where there is no such thing,
    the limits have to do.
    """
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


def fault_in(folder: Path, tell: Any) -> Mapping[str, Any] | None:
    """What is wrong with a checkpoint's files, as the arguments of a `BadCheckpoint`; None where
    nothing is.
    """
    from govd.errors import GovdError

    stage = folder
    try:
        for stage in stages(folder):
            tell(where=str(stage))
    except GovdError as error:
        return {
            "what": error.what,
            "where": error.where,
            "advice": error.advice,
            "details": error.details,
        }
    except MemoryError:
        return {
            "what": (
                "more memory would be needed to read this file than a checkpoint's files may take"
            ),
            "where": str(stage),
        }
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - whatever a parser makes of foreign bytes, a panic of Rust's included, is these bytes' fault
        return {
            "what": f"cannot be used ({type(error).__name__}: {str(error)[:300]})",
            "where": str(stage),
        }
    return None


def stages(folder: Path) -> Iterator[Path]:
    """Each file, and when asked to go on, that file parsed and used as the model would use it."""
    from govd_clip.checkpoint import PICTURES
    from govd_clip.headers import INDEX, header, weight_files
    from govd_clip.layouts import config_file
    from govd_clip.preparation import prepared
    from govd_clip.reading_config import read_config
    from govd_clip.tokens import Tokenizer, tokenizer_file

    yield config_file(folder)
    config = read_config(folder)
    if (folder / INDEX).exists():
        yield folder / INDEX
    for path in weight_files(folder):
        yield path
        header(path)
    yield tokenizer_file(folder)
    Tokenizer(folder, config).try_out(texts_beside(folder))
    if config.family != "open_clip":
        yield folder / next(
            (name for name in PICTURES if (folder / name).exists()), PICTURES[0]
        )
    prepared(folder, config)


def texts_beside(folder: Path) -> list[str]:
    """The first lines of the lists that a checkpoint brings for its registration: what it will be
    asked.
    """
    texts: list[str] = []
    for name in ("labels.txt", "templates.txt", "domains.txt"):
        path = folder / name
        if path.is_file():
            with path.open("rb") as file:
                texts += (
                    file.read(LIST_BYTES)
                    .decode("utf-8", "replace")
                    .splitlines()[:LIST_LINES]
                )
    return texts


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
