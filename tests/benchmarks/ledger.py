"""`python -m tests.benchmarks.ledger [ENTRIES]`: appends, verification, proofs and questions on a
generated ledger (1,000,000 entries).

The history is plausible, not real: forgets of one model with votes, approvals, waiting, denials,
reverts, revisions of at most thirty forgets, figures with a table for each class and domain in
every tenth of them, a witness's cosignature every 20,000 entries, one contribution, edit and basis
for all. Times are of one run; what a user would take instead (bare SQLite commits, `pymerkle`) runs
in the same process on the same disk and is warmed up alike.
"""

import random
import re
import resource
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymerkle

from govd.ledger import canonical, merkle
from govd.ledger.entry import Draft
from govd.ledger.store import Ledger
from govd.service.service import Service, open_service
from govd.views.records import Records
from tests.benchmarks.ledger_history import BATCH, WHO, WORDS, filled
from tests.views.plans import plan


def p99(work: Callable[[int], object], times: int) -> str:
    took = []
    for i in range(times):
        began = time.perf_counter()
        work(i)
        took.append(1000 * (time.perf_counter() - began))
    return f"{statistics.median(took):.2f} ms, p99 {sorted(took)[int(0.99 * (times - 1))]:.2f} ms"


def singles(
    ledger: Ledger, folder: Path, rounds: int = 11, each: int = 400
) -> tuple[float, float, float]:
    """Single appends a second, bare SQLite commits a second, the median of their ratios: in turns,
    so that the disk is the same.

    Both write into a table of many rows and into a write-ahead log that is there already: one that
    grows makes every commit slower.
    """
    bare = sqlite3.connect(folder / "bare.db", isolation_level=None)
    bare.execute("PRAGMA journal_mode=WAL")
    bare.execute("PRAGMA synchronous=FULL")
    bare.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)")
    draft, found = [Draft("note", "x", "ann", "m", {"reason": "a" * 200})], []
    at = 20_000
    for k in range(0, at, BATCH):
        bare.execute("BEGIN IMMEDIATE")
        bare.executemany(
            "INSERT INTO t VALUES (?, ?)", [(k + i, b"x" * 340) for i in range(BATCH)]
        )
        bare.execute("COMMIT")
        ledger.append(draft * BATCH)
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(each):
            ledger.append(draft)
        mine = each / (time.perf_counter() - began)
        began = time.perf_counter()
        for _ in range(each):
            bare.execute("BEGIN IMMEDIATE")
            bare.execute("INSERT INTO t VALUES (?, ?)", (at, b"x" * 340))
            bare.execute("COMMIT")
            at += 1
        found.append((mine, each / (time.perf_counter() - began)))
    bare.close()
    return (
        statistics.median(m for m, _ in found),
        statistics.median(b for _, b in found),
        statistics.median(m / b for m, b in found),
    )


def grouped(ledger: Ledger, callers: int = 8, each: int = 300) -> float:
    draft = [Draft("note", "x", "ann", "m", {"reason": "a" * 200})]

    def call() -> None:
        for _ in range(each):
            ledger.append(draft)

    threads = [threading.Thread(target=call) for _ in range(callers)]
    began = time.perf_counter()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return callers * each / (time.perf_counter() - began)


def scans(plan: Sequence[str]) -> list[str]:
    """Steps of a query plan that read a whole table, or sort what was not picked out one by one
    before.
    """
    whole = [
        step
        for step in plan
        if re.match(r"SCAN (log|records|terms|spans|entries|sqlite)", step)
    ]
    picked = any("SCAN few" in step or "SCAN json_each" in step for step in plan)
    return whole + [step for step in plan if "TEMP B-TREE" in step and not picked]


@contextmanager
def planned(records: Records) -> Iterator[None]:
    """Whatever is asked of the views in here is asked along an index."""
    seen: set[str] = set()
    records._db.set_trace_callback(seen.add)
    try:
        yield
    finally:
        records._db.set_trace_callback(None)
    assert seen
    for statement in seen:
        steps = plan(statement)
        assert not scans(steps), (statement, steps)


def questions(service: Service, folder: Path) -> Iterator[tuple[str, str, str]]:
    draw, ledger, records = (
        random.Random(2),
        service.core.desk.ledger,
        service.core.desk.views.records,
    )
    size = ledger.size()
    ids = [
        r["id"]
        for at in range(0, size, size // 40)
        for r in service.requests.all(after=at, limit=5)
    ]
    times = [e["time"] for e in ledger.some([draw.randrange(size) for _ in range(200)])]
    concepts = [f"{w} {n}" for w in WORDS for n in range(0, 997, 50)]
    yield (
        "inclusion proof",
        p99(lambda i: ledger.inclusion(draw.randrange(size), size), 500),
        "p99 < 5 ms",
    )
    yield (
        "consistency proof",
        p99(lambda i: ledger.consistency(draw.randrange(1, size), size), 500),
        "",
    )
    states = ("in_force", "reverted", "denied", "rejected", "waiting", "nonsense")
    filters: dict[str, list[dict[str, Any]]] = {
        "a subject": [{"subject": i} for i in ids],
        "a kind or noun, a page of 100": [
            {"kind": k, "after": draw.randrange(size)}
            for k in ("request.vote", "request.deny", "request", "revision", "witness")
        ],
        "an actor": [{"actor": w, "after": draw.randrange(size)} for w in WHO],
        "a concept": [{"concept": c} for c in concepts],
        "a domain": [
            {"domain": "line", "after": draw.randrange(size)} for _ in range(20)
        ],
        "a policy's votes": [
            {"policy": p, "after": draw.randrange(size)} for p in ("bounds", "people")
        ],
        "a state": [{"state": s} for s in states],
        "a model": [{"model": "m", "after": draw.randrange(size)} for _ in range(20)],
        "two times": [{"since": t, "until": "9999-01-01"} for t in times],
        "several filters at once": [
            {
                "actor": draw.choice(WHO),
                "kind": "request",
                "domain": "line",
                "state": draw.choice(states),
                "since": t,
                "model": "m",
            }
            for t in times
        ],
    }
    for name, words in filters.items():
        with planned(records):
            for some in words:
                service.audit.log(**some)
        yield (
            f"`audit log` of {name}",
            p99(lambda _, words=words: service.audit.log(**draw.choice(words)), 300),
            "p99 < 20 ms",
        )
    wishes: list[dict[str, Any]] = [{"state": s, "model": "m"} for s in states] + [
        {"concept": c} for c in concepts[:40]
    ]
    wishes += [
        {"domain": "line", "policy": "people"},
        {"filed_by": "ann", "state": "denied", "domain": "line"},
    ]
    last = int(service.core.desk.views.heads["m"]["last"])
    served = [
        r for r in ids if (service.core.desk.views.request(r) or {}).get("revision")
    ]
    with planned(records):
        for some in wishes:
            service.requests.all(limit=100, **some)
        for key in ids[:20]:
            service.audit.trail(key)
            service.audit.as_of(draw.choice(times))
            service.audit.why("m", draw.randrange(1, last))
        service.bundles.bundle(folder / "planned.zip", request=served[0])
    yield (
        "`request list` with filters",
        p99(lambda i: service.requests.all(limit=100, **draw.choice(wishes)), 300),
        "p99 < 20 ms",
    )
    yield (
        "`audit trail`",
        p99(lambda i: service.audit.trail(draw.choice(ids)), 300),
        "p99 < 20 ms",
    )
    yield (
        "`audit as-of`",
        p99(lambda i: service.audit.as_of(draw.choice(times)), 300),
        "p99 < 20 ms",
    )
    yield (
        "`audit why`",
        p99(lambda i: service.audit.why("m", draw.randrange(1, last)), 100),
        "",
    )
    yield (
        "`audit sql`, a process of its own",
        p99(lambda i: service.audit.sql("SELECT * FROM requests LIMIT 100"), 40),
        "",
    )
    yield (
        "bundle of one request",
        p99(
            lambda i: service.bundles.bundle(
                folder / f"{i}.zip", request=draw.choice(served)
            ),
            20,
        ),
        "< 1 s",
    )


def dominated(service: Service) -> dict[str, float]:
    """What verification spends its time on, each alone in this process: seconds."""
    source, size = service.core.desk.ledger.stored(), service.core.desk.ledger.size()
    clock, bodies, spent = (
        time.perf_counter,
        [],
        {
            "reading the rows": 0.0,
            "that each body is canonical JSON": 0.0,
            "hashing": 0.0,
        },
    )
    for start in range(0, size, BATCH):
        marks = [clock()]
        bodies = [
            body for _, body, _ in source.entries(start, min(start + BATCH, size))
        ]
        marks.append(clock())
        for body in bodies:
            canonical.decode(body)
        marks.append(clock())
        level = [merkle.leaf_hash(body) for body in bodies]
        while len(level) > 1:
            level = [
                merkle.node_hash(level[i], level[i + 1])
                for i in range(0, len(level) - 1, 2)
            ]
        marks.append(clock())
        for name, before, after in zip(spent, marks, marks[1:], strict=False):
            spent[name] += after - before
    return spent


def main(entries: int = 1_000_000) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        rate = filled(folder / "home", entries)
        print(f"| {entries:,} entries | measured | wanted |\n|---|---|---|")
        print(
            f"| append in batches of {BATCH}, synchronous=FULL | {rate:,.0f} entries/s | ≥"
            " 10,000/s |",
            flush=True,
        )
        began = time.perf_counter()
        service = open_service(folder / "home")
        print(
            f"| making the views from the entries, once | {time.perf_counter() - began:.0f} s | |",
            flush=True,
        )
        service.close()
        for name in ("with views", "again"):
            began = time.perf_counter()
            service = open_service(folder / "home")
            took = 1000 * (time.perf_counter() - began)
            if name == "again":
                break
            service.close()
        print(f"| opening the home | {took:.0f} ms | does not grow |", flush=True)
        with service:
            began = time.perf_counter()
            verdict = service.verification.verify()
            took = time.perf_counter() - began
            assert verdict["holds"], verdict["faults"]
            verified = (
                max(
                    resource.getrusage(who).ru_maxrss
                    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
                )
                / 1024
            )
            print(f"| whole verification | {took:.1f} s | < 10 s |")
            print(
                f"| … largest resident memory of a process so far | {verified:.0f} MiB | flat |",
                flush=True,
            )
            began, tree = time.perf_counter(), pymerkle.InmemoryTree(algorithm="sha256")
            for _, body in service.core.desk.ledger.bodies():
                tree.append_entry(body)
            root = tree.get_root()
            theirs = time.perf_counter() - began
            assert root == service.core.desk.ledger.root()
            del tree
            print(
                f"| … pymerkle's tree of the same entries, nothing else | {theirs:.1f} s |"
                f" {theirs / took:.1f} × govd's |",
                flush=True,
            )
            for name, share in dominated(service).items():
                print(f"| … {name} | {share:.1f} s of one core | |", flush=True)
            for name, found, wanted in questions(service, folder):
                print(f"| {name} | {found} | {wanted} |", flush=True)
            mine, bare, ratio = singles(service.core.desk.ledger, folder)
            print(
                f"| single appends | {mine:,.0f}/s, {100 * ratio:.0f} % of bare SQLite commits"
                f" ({bare:,.0f}/s) | ≥ 80 % |"
            )
            print(
                f"| … by eight callers at once | {grouped(service.core.desk.ledger):,.0f}/s | |"
            )


if __name__ == "__main__":
    main(
        int(sys.argv[1].replace("_", "").replace(",", ""))
        if len(sys.argv) > 1
        else 1_000_000
    )
