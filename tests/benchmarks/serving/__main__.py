"""`python -m tests.benchmarks.serving`: answers over HTTP beside the encoder's own batches, in one
run, with raw PNG bodies.

For each model (`--models mini vit-b-32`): pictures a second of the encoder itself, from the same
PNG bytes in batches of 32, without HTTP; of 32 clients with a picture each; of one client with 32
pictures a call; of the 32 clients while a revision is published each second. They take turns in
`--rounds` rounds, so that what else the machine does meets all of them; each row is the median.
Beside it what somebody would run instead: FastAPI with torch over the exported checkpoint, and
`infinity-emb` where `--infinity COMMAND` says how it is started there (its port is added).

Every answer is compared with what its revision answers when it is asked for by its number. The
clients are a process of their own, on the same processors as the server and the encoder: the
figures are of all three together.
"""

import argparse
import os
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path

from tests.benchmarks.serving import models
from tests.benchmarks.serving.servers import Daemon, NotStarted, Torch, alone, infinity
from tests.benchmarks.serving.swaps import Swaps, check_answers

CLIENTS, BATCH = 32, 32
Rows = dict[str, list[dict[str, float]]]


def measured(name: str, folder: Path, options: argparse.Namespace) -> Rows:
    """Figures of each row, a list with one of each round."""
    reference, given = models.model(name, folder)
    files = models.pictures(name, folder / "pictures")
    rows: Rows = defaultdict(list)
    with Daemon(folder, name, reference, given, files) as daemon:
        encode = alone(reference, files)
        servers = [Torch(daemon.export(), files)]
        servers += (
            [infinity(options.infinity, daemon.export(), files)]
            if options.infinity
            else []
        )
        for round_ in range(options.rounds):
            rows["encoder, batches of 32"].append(encode(options.seconds))
            many, one = (
                daemon.many(CLIENTS, options.seconds),
                daemon.one(BATCH, options.seconds),
            )
            rows[f"govd, {CLIENTS} clients × 1"].append(many)
            rows[f"govd, 1 client × {BATCH}"].append(one)
            with Swaps(daemon, models.forgotten(name)) as swaps:
                swapped = daemon.many(CLIENTS, options.seconds, vectors=True)
            swapped["swaps"] = swaps.count
            swapped["mixed"] = check_answers(daemon, files, swapped)
            rows[f"govd, {CLIENTS} clients × 1, a swap each second"].append(swapped)
            for server in servers if round_ < options.others else []:
                others(server, options.seconds, rows)
    return rows


def others(server: Torch, seconds: float, rows: Rows) -> None:
    """The rows of another server, where it starts with this checkpoint."""
    try:
        with server:
            rows[f"{server.name}, {CLIENTS} clients × 1"].append(
                server.many(CLIENTS, seconds)
            )
            rows[f"{server.name}, 1 client × {BATCH}"].append(
                server.one(BATCH, seconds)
            )
    except NotStarted:
        print(f"{server.name} does not start with this checkpoint", flush=True)


def show(name: str, rows: Rows) -> None:
    """A table of medians."""
    print(f"\n{name}; load {' '.join(f'{load:.1f}' for load in os.getloadavg())}\n")
    print(
        "| | pictures/s | of the encoder | p50 | p99 | p99 ÷ p50 | errors | mixed | swaps |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    base = rows["encoder, batches of 32"]
    for label, rounds in rows.items():
        shares = [r["rate"] / b["rate"] for r, b in zip(rounds, base, strict=False)]
        rate = statistics.median(r["rate"] for r in rounds)
        cells = [f"{rate:.0f}", f"{statistics.median(shares):.0%}"]
        if "p50_ms" in rounds[0]:
            p50, p99 = (
                statistics.median(r[k] for r in rounds) for k in ("p50_ms", "p99_ms")
            )
            cells += [f"{p50:.0f} ms", f"{p99:.0f} ms", f"{p99 / p50:.1f}"]
            cells += [str(sum(int(r["error_count"]) for r in rounds))]
        for key in ("mixed", "swaps"):
            cells += [str(sum(int(r[key]) for r in rounds))] if key in rounds[0] else []
        print(
            f"| {label} | {' | '.join([*cells, *['–'] * (8 - len(cells))])} |",
            flush=True,
        )
        for fault in {str(e) for r in rounds for e in r.get("errors", [])}:  # type: ignore[union-attr]
            print(f"<!-- {fault[:300]} -->")


def main() -> None:
    """Measure the models that are asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--models", nargs="+", default=["mini", "vit-b-32"])
    parser.add_argument(
        "--seconds", type=float, default=4.0, help="of each measurement"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--others", type=int, default=1, help="rounds of the other servers"
    )
    parser.add_argument(
        "--infinity", default="", help="how infinity-emb is started: a command"
    )
    options = parser.parse_args()
    for name in options.models:
        with tempfile.TemporaryDirectory() as folder:
            show(name, measured(name, Path(folder), options))


if __name__ == "__main__":
    main()
