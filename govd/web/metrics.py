"""What Prometheus reads (text exposition format 0.0.4): calls and their durations, the ledger, what
waits, what fails.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from govd.types import Json, Record
from govd.web.context import Context, Here, Reader
from govd.web.gauges import (
    age_seconds,
    free_bytes,
    lateness,
    peak_bytes,
    resident_bytes,
)
from govd.web.strict import Strict

BUCKETS = (0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0)
"""Upper bounds of durations, in seconds."""
ENDLESS = "/v1/events"
"""Streams: how long they last says nothing."""
Labels = tuple[tuple[str, str], ...]
OPEN_STATES = ("filed", "waiting", "approved", "failed")
"""States of requests that nothing serves yet."""
router = APIRouter(tags=["health"], route_class=Strict)


class Meter:
    """Counts calls by method, route and status, and how long they take. Routes, not paths: ids
    would make a series each.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.calls: Counter[Labels] = Counter()
        self.buckets: Counter[tuple[Labels, float]] = Counter()
        self.seconds: dict[Labels, float] = defaultdict(float)

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """One call."""
        route_labels = (("method", method), ("route", route))
        with self._lock:
            self.calls[(*route_labels, ("status", str(status)))] += 1
            if route == ENDLESS:
                return
            self.seconds[route_labels] += seconds
            for bound in (*BUCKETS, float("inf")):
                self.buckets[route_labels, bound] += seconds <= bound

    def lines(self) -> list[str]:
        """What was counted."""
        with self._lock:
            calls = dict(self.calls)
            buckets = dict(self.buckets)
            seconds = dict(self.seconds)
        out = _metric(
            "govd_http_requests_total",
            "counter",
            "Calls by method, route and status.",
            calls.items(),
        )
        name = "govd_http_request_duration_seconds"
        out += _head(name, "histogram", "How long calls took.")
        for route_labels, total in seconds.items():
            bounds = [
                *((bound, f"{bound:g}") for bound in BUCKETS),
                (float("inf"), "+Inf"),
            ]
            out += [
                _sample(
                    f"{name}_bucket",
                    (*route_labels, ("le", text)),
                    buckets[route_labels, bound],
                )
                for bound, text in bounds
            ]
            out += [
                _sample(f"{name}_sum", route_labels, total),
                _sample(
                    f"{name}_count", route_labels, buckets[route_labels, float("inf")]
                ),
            ]
        return out


class Metered:
    """Notes every call, whatever becomes of it."""

    def __init__(self, app: ASGIApp, meter: Meter) -> None:
        self.app = app
        self.meter = meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, sent)
        finally:
            route = _route(scope)
            self.meter.note(
                scope["method"] if scope["method"] in METHODS else "other",
                route,
                status,
                time.perf_counter() - began,
            )


def _route(scope: Scope) -> str:
    """The route's template. FastAPI says it without the prefix that its router was included with,
    so the path says the beginning.
    """
    template = getattr(scope.get("route"), "path", None)
    if template is None:
        return "other"
    tail = str(template).split("/")[1:]
    parts = str(scope["path"]).split("/")
    return "/".join([*parts[: len(parts) - len(tail)], *tail])


METHODS = ("GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS")


@router.get("/metrics")
def metrics(request: Request, context: Here, actor: Reader) -> Response:
    """Metrics for Prometheus."""
    return Response(
        exposition(context, request.app.state.meter),
        media_type="text/plain; version=0.0.4; charset=utf-8",
    )


def exposition(context: Context, meter: Meter) -> str:
    """All metrics as text."""
    status = context.service.status()
    parts = [
        *_ledger(status["ledger"]),
        *_models(status["models"]),
        *_reconciler(context, status["waiting"]),
        *_late(context),
        *_untold(status["notices"]),
        *_machine(context),
        *meter.lines(),
    ]
    return "\n".join(parts) + "\n"


def _ledger(head: Json) -> list[str]:
    """How long the ledger is, and whether it grows."""
    return [
        *_metric(
            "govd_ledger_entries_total",
            "counter",
            "Entries of the ledger.",
            [((), head["size"])],
        ),
        *_metric(
            "govd_ledger_refuses_entries",
            "gauge",
            "Whether the ledger takes no entries, as its database was changed.",
            [((), int(bool(head["fault"])))],
        ),
    ]


def _models(models: Sequence[Record]) -> list[str]:
    """What each model serves."""

    def each(key: str) -> list[tuple[Labels, float]]:
        return [((("model", str(model["name"])),), model[key]) for model in models]

    return [
        *_metric(
            "govd_revision",
            "gauge",
            "The published revision; 0: the unedited model.",
            each("revision"),
        ),
        *_metric(
            "govd_forgets_in_force",
            "gauge",
            "Forgets that the published edit carries.",
            each("in_force"),
        ),
        *_metric(
            "govd_edit_rank", "gauge", "Rank of the published edit.", each("rank")
        ),
    ]


def _reconciler(context: Context, waiting: Sequence[Record]) -> list[str]:
    """What is still to do, what failed, and whether the daemon is ready."""
    counts = Counter(request["state"] for request in waiting)
    faults = {"reconcile": 0, "measure": 0, "vouch": 0} | context.faults()
    ready = not (context.trouble() or context.cold())
    return [
        *_metric(
            "govd_requests_open",
            "gauge",
            "Requests that nothing serves yet, by state.",
            [((("state", state),), counts[state]) for state in OPEN_STATES],
        ),
        *_metric(
            "govd_reconcile_faults_total",
            "counter",
            "Steps of the reconciler that failed.",
            [((("step", step),), number) for step, number in faults.items()],
        ),
        *_metric(
            "govd_ready",
            "gauge",
            "Whether the reconciler works and every model has answered.",
            [((), int(ready))],
        ),
    ]


def _late(context: Context) -> list[str]:
    """What waits too long: requests, and entries for their signature."""
    core = context.service.core
    overdue = lateness(core)
    last = core.desk.ledger.last_checkpoint()
    out = _metric(
        "govd_oldest_request_seconds",
        "gauge",
        "Age of the oldest request that nothing serves yet.",
        [((), overdue["oldest_seconds"])],
    )
    help_ = "Age of the oldest request that waits for a person, a plugin or capacity."
    out += _metric(
        "govd_oldest_waiting_seconds",
        "gauge",
        help_,
        [((), overdue["oldest_waiting_seconds"])],
    )
    out += _metric(
        "govd_requests_late",
        "gauge",
        "Open forgets that are past their due date.",
        [((), overdue["late"])],
    )
    out += _metric(
        "govd_forgets_expired",
        "gauge",
        "Forgets in force that are past their expiry.",
        [((), overdue["expired"])],
    )
    if last is not None:
        age = age_seconds(last[1], datetime.now(UTC))
        out += _metric(
            "govd_checkpoint_age_seconds",
            "gauge",
            "Since the last log checkpoint was signed.",
            [((), age)],
        )
    unsigned = core.desk.ledger.size() - (last[0] if last else 0)
    return out + _metric(
        "govd_entries_unsigned",
        "gauge",
        "Entries that no log checkpoint covers yet.",
        [((), unsigned)],
    )


def _untold(receivers: Sequence[Record]) -> list[str]:
    """Receivers that are not told what they should be."""
    counts = Counter(str(receiver["state"]) for receiver in receivers)
    return _metric(
        "govd_receivers_untold",
        "gauge",
        "Receivers of notices that are not told: active ones are tried again, failed ones are not.",
        [((("state", state),), counts[state]) for state in ("active", "failed")],
    )


def _machine(context: Context) -> list[str]:
    """Memory of the process, disk of the home."""
    resident = resident_bytes()
    peak = peak_bytes()
    parts = [
        ((("part", part),), size) for part, size in context.sizes.of_parts().items()
    ]
    out = _metric(
        "govd_home_bytes", "gauge", "Bytes of the home's files, by part.", parts
    )
    free = free_bytes(context.service.core.home.folder)
    out += _metric(
        "govd_disk_free_bytes",
        "gauge",
        "What is left on the home's disk.",
        [((), free)],
    )
    out += _metric(
        "govd_memory_peak_bytes",
        "gauge",
        "The most memory that the process had at once.",
        [((), peak)],
    )
    if resident is None:
        return out
    return out + _metric(
        "process_resident_memory_bytes",
        "gauge",
        "Memory of the process.",
        [((), resident)],
    )


def _metric(
    name: str, kind: str, help_: str, samples: Iterable[tuple[Labels, float]]
) -> list[str]:
    return [
        *_head(name, kind, help_),
        *(_sample(name, labels, value) for labels, value in samples),
    ]


def _head(name: str, kind: str, help_: str) -> list[str]:
    return [f"# HELP {name} {help_}", f"# TYPE {name} {kind}"]


def _sample(name: str, labels: Labels, value: float) -> str:
    pairs = ",".join(f'{key}="{text.translate(_ESCAPES)}"' for key, text in labels)
    return f"{name}{{{pairs}}} {value}" if pairs else f"{name} {value}"


_ESCAPES: Mapping[int, str] = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
