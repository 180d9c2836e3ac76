"""`python -m tests.benchmarks.serving.load JOB`: clients of a server, in a process of their own.

`JOB` is JSON: `host`, `port`, `path`, `headers`, `bodies` (files, each sent as it is, in turn),
`clients`, `seconds`, `vectors` (whether answers are kept to be looked at). Each client sends its
next call when its last one is answered. Prints JSON: calls a second, milliseconds, what failed, and
of each body and revision that answered the least and the greatest of each coordinate.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Results:
    """What clients got: seconds of each call, what went wrong, vectors by body and revision."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    ranges: dict[str, tuple[list[float], list[float]]] = field(default_factory=dict)
    revisions: set[str] = field(default_factory=set)

    def note(self, body: int, revision: str, vector: list[float]) -> None:
        """Widen the range of what this body got from this revision."""
        key = f"{body} {revision}"
        least, most = self.ranges.get(key, (vector, vector))
        self.ranges[key] = (
            [min(pair) for pair in zip(least, vector, strict=True)],
            [max(pair) for pair in zip(most, vector, strict=True)],
        )


class Client:
    """A connection that is kept, as HTTP/1.1 wants it: nothing here costs more than it must, since
    it shares the machine with what is measured.
    """

    def __init__(self, job: dict[str, Any], results: Results) -> None:
        self.job, self.results = job, results

    async def run(self, first: int, bodies: list[bytes], end: float) -> None:
        """Call after call until `end`."""
        reader, writer = await asyncio.open_connection(
            self.job["host"], self.job["port"], limit=1 << 24
        )
        lines = [f"POST {self.job['path']} HTTP/1.1", f"Host: {self.job['host']}"]
        lines += [f"{name}: {value}" for name, value in self.job["headers"].items()]
        head = "\r\n".join(lines)
        at = first
        while time.perf_counter() < end:
            body = bodies[at % len(bodies)]
            began = time.perf_counter()
            writer.write(
                f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
            )
            try:
                status, headers, answer = await self._answer(reader)
            except (OSError, asyncio.IncompleteReadError, ValueError) as error:
                self.results.errors.append(repr(error))
                return
            self.results.seconds.append(time.perf_counter() - began)
            if status != 200:
                self.results.errors.append(f"{status} {answer[:200]!r}")
            elif self.job["vectors"]:
                revision = headers.get("govd-revision", "")
                self.results.revisions.add(revision)
                self.results.note(
                    at % len(bodies), revision, json.loads(answer)["embeddings"][0]
                )
            at += 1
        writer.close()

    async def _answer(
        self, reader: asyncio.StreamReader
    ) -> tuple[int, dict[str, str], bytes]:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in head[1:] if line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        answer = await reader.readexactly(int(headers["content-length"]))
        return int(head[0].split(" ")[1]), headers, answer


async def run(job: dict[str, Any]) -> dict[str, Any]:
    """All clients until the time is over."""
    bodies = [Path(name).read_bytes() for name in job["bodies"]]
    results = Results()
    began = time.perf_counter()
    end = began + job["seconds"]
    clients = [Client(job, results).run(i, bodies, end) for i in range(job["clients"])]
    await asyncio.gather(*clients)
    took = time.perf_counter() - began
    ordered = sorted(results.seconds) or [0.0]
    return {
        "calls_per_second": len(results.seconds) / took,
        "p50_ms": 1000 * ordered[len(ordered) // 2],
        "p99_ms": 1000 * ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))],
        "calls": len(results.seconds),
        "errors": results.errors[:5],
        "error_count": len(results.errors),
        "ranges": results.ranges,
        "revisions": sorted(results.revisions),
        "processor_seconds": time.process_time(),
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(json.loads(sys.argv[1])))))
