"""`python -m tests.benchmarks.ledger [ENTRIES]`: appends, verification, proofs and questions on a generated ledger (1,000,000 entries).

The history is plausible, not real: forgets of one model with votes, approvals, denials, reverts, revisions of at most thirty forgets,
entries of a few hundred bytes (no per-class tables), one contribution, edit and basis for all. Times are of one run; what a user would take
instead (bare SQLite commits, `pymerkle`) runs in the same process on the same disk.
"""

import random
import resource
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pymerkle

from govd.edit import Edit
from govd.home import Home
from govd.ledger.entry import Draft
from govd.ledger.store import Ledger
from govd.service import Service, open_service
from govd.types import Json

BATCH = 1000
STANDING = 30
WORDS = ("dog", "cat", "house", "umbrella", "apple", "rocket", "train", "car", "bear", "guitar", "tree", "clock")
WHO = ("ann", "bob", "carol", "legal", "dpo")


def history(entries: int, artifact: str) -> Iterator[Draft]:
    """So many entries, nearly."""
    draw, standing, number, made = random.Random(1), [], 0, 1
    facts: dict[str, Json] = {"reference": "generated", "hf_revision": None, "digest": "0" * 64, "files": {}, "backend": "none"}
    facts |= {"device": "cpu", "dim": 4, "side": "image", "use": "labels", "basis": artifact, "evaluation": None, "publish_to": None}
    facts |= {"domains": ["line", "colour"], "labels": 100, "anchors": 1000, "pool": 0, "from_scratch": False, "logit_scale": 100.0}
    yield Draft("model.add", "m", "ann", "m", facts)
    i = 0
    while made < entries:
        i += 1
        request, who = f"r{i:011x}", draw.choice(WHO)
        concept = {"name": f"{draw.choice(WORDS)} {i % 997}", "aliases": []}
        domains = ["line"] if draw.random() < 0.2 else []
        body: dict[str, Json] = {"kind": "forget", "model": "m", "concepts": [concept], "domains": domains, "strength": 1.0}
        body |= {
            "method": "bilateral",
            "target": "unnamed",
            "prototypes": 0,
            "reason": f"case {i}",
            "basis": "contract",
            "ticket": f"T-{i}",
        }
        story = [Draft("request.file", request, who, "m", {**body, "reverts": None, "idempotency_key": None, "private": None})]
        vote = {
            "moment": "filed",
            "policy": "bounds",
            "version": "0.1.0",
            "reason": "within the bound of 0.050",
            "inputs": {"found": 0.031},
        }
        if draw.random() < 0.05:
            story.append(Draft("request.vote", request, "govd", "m", {**vote, "decision": "deny"}))
            story.append(Draft("request.deny", request, "govd", "m", {"reason": "bounds: over the bound"}))
        else:
            digest = f"{i:064x}"
            story.append(Draft("contribution.make", digest, "govd", "m", {"artifact": artifact, "method": "bilateral", "facts": {}}))
            story.append(Draft("request.vote", request, "govd", "m", {**vote, "decision": "allow"}))
            approved = {"reason": "approved", "by": who, "contribution": digest, "predicted": {}}
            story.append(Draft("request.approve", request, who, "m", approved))
            reverted = standing.pop(0) if len(standing) == STANDING else None
            if reverted:
                undo = f"v{i:011x}"
                filed = {
                    "kind": "revert",
                    "model": "m",
                    "reverts": reverted[0],
                    "reason": "no longer needed",
                    "concepts": [],
                    "domains": [],
                }
                story.append(Draft("request.file", undo, who, "m", {**filed, "strength": 1.0, "method": "bilateral"}))
                story.append(Draft("request.approve", undo, who, "m", {"reason": "approved", "by": who}))
            standing.append((request, digest))
            number += 1
            composed = {"edit_digest": digest, "edit": artifact, "rank": len(standing), "side": "image", "facts": {"composed_by": "host"}}
            composed |= {"requests": [r for r, _ in standing], "subsumed": {}, "contributions": sorted(d for _, d in standing)}
            composed |= {"basis": artifact, "software": {"govd": "0.1.0"}, "machine": "x86_64", "plugins": {"clip": "0.1.0"}}
            subject = f"m/{number}"
            story.append(Draft("revision.compose", subject, "govd", "m", composed))
            figures = {"forget_acc": 0.02, "forget_acc_before": 0.9, "retain_acc": 0.894, "retain_acc_before": 0.895, "on": "623 images"}
            story.append(Draft("revision.evaluate", subject, "govd", "m", {"metrics": figures}))
            story.append(Draft("revision.publish", subject, "govd", "m", {"edit_digest": digest}))
            story.append(Draft("request.publish", request, "govd", "m", {"revision": number, "reason": f"revision {number}"}))
            if reverted:
                story.append(Draft("request.revert", reverted[0], "govd", "m", {"reason": f"reverted by {undo}", "by": undo}))
                story.append(Draft("request.publish", undo, "govd", "m", {"revision": number, "reason": "reverted"}))
        yield from story
        made += len(story)


def filled(folder: Path, entries: int) -> float:
    """A home with so many entries; entries per second of the appends, encoding and hashing included."""
    with Home(folder) as home:
        edit = home.artifacts.put(Edit.nothing(4, "image").to_bytes())
        began, spent, batch = 0.0, 0.0, []
        for draft in history(entries, edit):
            batch.append(draft)
            if len(batch) >= BATCH:
                began = time.perf_counter()
                home.ledger.append(batch)
                spent += time.perf_counter() - began
                batch = []
        home.ledger.append(batch)
        home.ledger.checkpoint()
        return home.ledger.size() / spent


def p99(work: Callable[[int], object], times: int) -> str:
    took = []
    for i in range(times):
        began = time.perf_counter()
        work(i)
        took.append(1000 * (time.perf_counter() - began))
    return f"{statistics.median(took):.2f} ms, p99 {sorted(took)[int(0.99 * (times - 1))]:.2f} ms"


def singles(ledger: Ledger, folder: Path, rounds: int = 5, each: int = 400) -> tuple[float, float, float]:
    """Single appends a second, bare SQLite commits a second, the median of their ratios: in turns, so that the disk is the same."""
    bare = sqlite3.connect(folder / "bare.db", isolation_level=None)
    bare.execute("PRAGMA journal_mode=WAL")
    bare.execute("PRAGMA synchronous=FULL")
    bare.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)")
    draft, found = [Draft("note", "x", "ann", "m", {"reason": "a" * 200})], []
    for k in range(rounds):
        began = time.perf_counter()
        for _ in range(each):
            ledger.append(draft)
        mine = each / (time.perf_counter() - began)
        began = time.perf_counter()
        for i in range(each):
            bare.execute("BEGIN IMMEDIATE")
            bare.execute("INSERT INTO t VALUES (?, ?)", (k * each + i, b"x" * 340))
            bare.execute("COMMIT")
        found.append((mine, each / (time.perf_counter() - began)))
    bare.close()
    return statistics.median(m for m, _ in found), statistics.median(b for _, b in found), statistics.median(m / b for m, b in found)


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


def questions(service: Service, folder: Path) -> Iterator[tuple[str, str, str]]:
    draw, ledger = random.Random(2), service.core.ledger
    size = ledger.size()
    records = service.core.views.records
    ids = [r["id"] for at in range(0, size, size // 40) for r in service.requests.all(after=at, limit=5)]
    times = [e["time"] for e in ledger.some([draw.randrange(size) for _ in range(200)])]
    yield "inclusion proof", p99(lambda i: ledger.inclusion(draw.randrange(size), size), 500), "p99 < 5 ms"
    yield "consistency proof", p99(lambda i: ledger.consistency(draw.randrange(1, size), size), 500), ""
    yield "`audit log` of a subject", p99(lambda i: service.audit.log(subject=draw.choice(ids)), 300), "p99 < 20 ms"
    yield (
        "`audit log` of a kind, a page of 100",
        p99(lambda i: service.audit.log(draw.randrange(size), 100, kind="request.vote"), 300),
        "p99 < 20 ms",
    )
    yield "`audit log` of a concept", p99(lambda i: service.audit.log(concept=f"dog {draw.randrange(997)}"), 300), "p99 < 20 ms"
    yield "`audit log` between two times", p99(lambda i: service.audit.log(since=draw.choice(times)), 300), "p99 < 20 ms"
    yield "`audit trail`", p99(lambda i: service.audit.trail(draw.choice(ids)), 300), "p99 < 20 ms"
    yield "`audit as-of`", p99(lambda i: service.audit.as_of(draw.choice(times)), 300), "p99 < 20 ms"
    last = int(service.core.views.heads["m"]["last"])
    yield "`audit why`", p99(lambda i: service.audit.why("m", draw.randrange(1, last)), 100), ""
    served = [r for r in ids if (service.core.views.request(r) or {}).get("revision")]
    yield "bundle of one request", p99(lambda i: service.evidence.bundle(folder / f"{i}.zip", request=draw.choice(served)), 20), "< 1 s"
    plan = records._db.execute("EXPLAIN QUERY PLAN SELECT seq FROM log WHERE subject = ? ORDER BY seq LIMIT 100", ("x",)).fetchall()
    assert "USING" in plan[0][-1], plan


def main(entries: int = 1_000_000) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        rate = filled(folder / "home", entries)
        print(f"| {entries:,} entries | measured | wanted |\n|---|---|---|")
        print(f"| append in batches of {BATCH}, synchronous=FULL | {rate:,.0f} entries/s | ≥ 10,000/s |", flush=True)
        began = time.perf_counter()
        service = open_service(folder / "home")
        print(f"| making the views from the entries, once | {time.perf_counter() - began:.0f} s | |", flush=True)
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
            verdict = service.evidence.verify()
            took = time.perf_counter() - began
            assert verdict["holds"], verdict["faults"]
            print(f"| whole verification | {took:.1f} s | < 10 s |")
            began, tree, size = time.perf_counter(), pymerkle.InmemoryTree(algorithm="sha256"), 0
            for _, body in service.core.ledger.bodies():
                tree.append_entry(body)
                size += 1
                if size == 100_000:
                    break
            root = tree.get_root()
            theirs = (time.perf_counter() - began) * service.core.ledger.size() / size
            assert root == service.core.ledger.root(size)
            print(
                f"| … pymerkle's tree of them, nothing else (from {size:,}) | {theirs:.1f} s | {theirs / took:.1f} × govd's |",
                flush=True,
            )
            peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
            print(f"| largest resident memory of a process so far | {peak:.0f} MiB | flat |")
            for name, found, wanted in questions(service, folder):
                print(f"| {name} | {found} | {wanted} |", flush=True)
            mine, bare, ratio = singles(service.core.ledger, folder)
            print(f"| single appends | {mine:,.0f}/s, {100 * ratio:.0f} % of bare SQLite commits ({bare:,.0f}/s) | ≥ 80 % |")
            print(f"| … by eight callers at once | {grouped(service.core.ledger):,.0f}/s | |")


if __name__ == "__main__":
    main(int(sys.argv[1].replace("_", "").replace(",", "")) if len(sys.argv) > 1 else 1_000_000)
