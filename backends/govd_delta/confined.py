"""Runs a command within limits: a script of its own, so that what is limited is the command and
nothing else.

    python -I confined.py '{"memory_bytes": …, …}' COMMAND ARGUMENT…

What the kernel enforces: memory that a process allocates (`RLIMIT_DATA`, each process by itself),
the size of any file it writes (`RLIMIT_FSIZE`), no core dumps; where user namespaces are allowed, a
network of its own that leads nowhere, and a process namespace whose every process ends with it.
What could not be enforced stands in the report that it writes before the command begins.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
from typing import Any, NoReturn

# linux/sched.h
NEW_USER = 0x10000000
NEW_NETWORK = 0x40000000
NEW_PROCESSES = 0x20000000
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG, linux/prctl.h
REFUSED, MISSING = 125, 127
"""How it ends where the limits cannot be enforced, and where the command cannot be run."""


def main() -> NoReturn:
    """Limit this process, then become the command."""
    limits: dict[str, Any] = json.loads(sys.argv[1])
    command = sys.argv[2:]
    _die_with_parent()
    os.umask(0o077)
    report = {"memory": _limit(resource.RLIMIT_DATA, limits["memory_bytes"])}
    report["files"] = _limit(resource.RLIMIT_FSIZE, limits["file_bytes"])
    _limit(resource.RLIMIT_CORE, 0)
    why = "as configured" if limits["network"] == "open" else _apart()
    report["network"] = f"open: {why}" if why else "closed"
    report["processes"] = (
        "not ended if they leave their group" if why else "ended together"
    )
    with open(limits["report"], "w", encoding="utf-8") as file:
        json.dump(report, file)
    if why and limits["network"] == "closed":
        sys.exit(REFUSED)
    if why:
        _become(command)
    child = os.fork()  # the first process of its namespace: all others end with it
    if not child:
        _die_with_parent()
        _become(command)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    sys.exit(code if code >= 0 else 128 - code)


def _limit(what: int, most: int) -> str:
    """Set a limit as far as that is allowed; what it is now."""
    _, hard = resource.getrlimit(what)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, most))
    return f"at most {most >> 20} MiB"


def _apart() -> str:
    """Leave the machine's network and its processes; why that is not possible, empty where it
    is.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    user = os.getuid()
    group = os.getgid()
    if not hasattr(libc, "unshare"):
        return "no namespaces on this system"
    if libc.unshare(NEW_USER | NEW_NETWORK | NEW_PROCESSES):
        return f"no namespaces here ({os.strerror(ctypes.get_errno())})"
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        # without it the command is nobody to itself, and apart all the same
        with contextlib.suppress(OSError), open(f"/proc/self/{name}", "w") as file:
            file.write(line)
    return ""


def _die_with_parent() -> None:
    """End with whoever began this."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)


def _become(command: list[str]) -> NoReturn:
    try:
        os.execvp(command[0], command)
    except OSError as fault:
        print(f"{command[0]} cannot be run: {fault.strerror}", file=sys.stderr)
    sys.exit(MISSING)


if __name__ == "__main__":
    main()
