"""The story, act by act: it is told while it happens, and what it finds is handed to the report."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from govd.cli.demo import look, origins, scratch, tables
from govd.cli.demo.compare import rows
from govd.cli.demo.story import ACTOR, MODEL, WISHES, Story
from govd.cli.demo.tables import command, line, note, rule
from govd.cli.progress import bar
from govd.cli.show_verdict import show_verdict
from govd.cli.tables import scope, share
from govd.errors import Conflict, Denied, Unsupported, VerificationFailed
from govd.models.embeddings import file_digest
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.service import Service, open_service
from govd.types import Json, Record
from govd.verify.offline import verify_offline

BUG = "This is a bug; please report it."


def tell(home: Path | None, temporary: Path, from_scratch: bool) -> Story:
    """Everything from registering to verifying, in `home` or in a temporary one.

    Raises:
        Conflict: the home has a model called `mini` already. Unsupported: the CLIP backend is not
        installed. Denied: a policy of the home says no. VerificationFailed: something that govd
        promises did not hold: a bug.
    """
    began = time.monotonic()
    if from_scratch:
        line(
            "[yellow]Everything that can be is computed anew: two minutes or so on two cores.[/]"
        )
    rule("1. A model that knows too much")
    with _registered(home or temporary / "home", from_scratch) as service:
        model = service.models.show(MODEL)
        base = service.evaluate(MODEL, None, base=True)["metrics"]
        _introduce(model, base)
        anew = _anew(service) if from_scratch else []
        stages = [look.store(service, "before")]
        rule("2. Three things must go")
        requests = [_wish(service, title, options) for title, options in WISHES]
        stages.append(look.store(service, "three forgets in force"))
        rule("3. What went, what stayed")
        tables.print_rows(compared := rows(service, requests))
        cells = _cells(service)
        pictures, drawn = look.pictures(service), look.prototypes(service, requests)
        works = origins.origins(service, len(pictures))
        tables.print_origins(works)
        leaks = _leaks(service)
        digests = _taken_back(service, requests, temporary, from_scratch, stages)
        rule("7. The ledger")
        verdict, bundle = _verified(service, home, temporary)
        return Story(
            model,
            base,
            anew,
            requests,
            works,
            compared,
            leaks,
            stages,
            digests,
            cells,
            pictures,
            drawn,
            verdict,
            bundle,
            time.monotonic() - began,
        )


def _cells(service: Service) -> Json:
    """What was measured of each class in each domain."""
    number = service.serving(MODEL).number
    return service.revision(MODEL, number)["metrics"]["cells"]


def _leaks(service: Service) -> Json:
    rule("4. What a stranger can still do")
    leaks = service.evaluate(MODEL, None)["metrics"]["leaks"]
    tables.print_leaks(leaks)
    return leaks


def _taken_back(
    service: Service,
    requests: Sequence[Record],
    temporary: Path,
    from_scratch: bool,
    stages: list[dict[str, Json]],
) -> dict[str, str]:
    """One forget taken back, then the others; digests of before and after. `stages` gets what
    stored vectors find then.
    """
    rule("5. Taking one back")
    digests = _undo(service, requests[1], temporary, from_scratch)
    stages.append(look.store(service, f"{scope(requests[1])}: reverted"))
    for request in (requests[0], requests[2]):
        _take_back(service, request)
    stages.append(look.store(service, "all reverted"))
    digests["weights"] = _base_weights(service, temporary)
    rule("6. Stored vectors, never encoded again")
    tables.print_store(stages)
    return digests


def _registered(folder: Path, from_scratch: bool) -> Service:
    """A home with `mini` in it, which it did not have."""
    with bar() as progress:
        service = open_service(folder, progress)
        try:
            if MODEL in service.core.desk.views.models:
                advice = (
                    "Leave --home out for a temporary home, or name a folder that does not exist"
                    " yet."
                )
                raise Conflict(
                    f"this home has a model called {MODEL} already, and the demo registers it anew",
                    where=str(folder),
                    advice=advice,
                )
            service.add_model(MODEL, MODEL, Given(from_scratch=from_scratch), ACTOR)
        except Unsupported as error:
            service.close()
            raise Unsupported(
                f"the demo needs the CLIP backend with its model ({error.what})",
                advice="pip install 'govd[clip]'",
            ) from None
        except BaseException:
            service.close()
            raise
    return service


def _introduce(model: Record, base: Record) -> None:
    line(
        f"{escape(str(model['architecture'] or 'CLIP'))} [bold]{MODEL}[/], opened by the plugin"
        f" {model['backend']} on {model['device']}: {model['labels']} labels in"
        f" {', '.join(model['domains'])}; {base['on']}, of vendors that it never saw: zero-shot"
        f" {share(base['accuracy'])}."
    )


def _anew(service: Service) -> list[str]:
    """Compare what was encoded anew, and draw the prototypes anew, which takes longest."""
    line("Comparing with what came with the model; its prototypes are drawn anew:")
    with bar() as progress:
        service.core.progress = progress
        comparison = scratch.compared(service)
    for text in comparison:
        note(escape(text))
    return comparison


def _wish(service: Service, title: str, options: ForgetOptions) -> Record:
    """File one, see it through, tell what happened."""
    at = time.monotonic()
    request, approvals = _file(service, options)
    line(f"[bold]{title}[/]: {scope(request)}")
    for reason in approvals:
        note(f"[yellow]{escape(reason)}[/]")
        note(f"approved as a person would: govd request approve {request['id']}")
    note(
        f"{request['state']} by {request['method']}, request {request['id']}, served after"
        f" {time.monotonic() - at:.2f} s"
    )
    return request


def _file(service: Service, options: ForgetOptions) -> tuple[Record, list[str]]:
    """File a forget and see it through: the request as it is then, and why it had to wait for a
    person.
    """
    request, approvals = _through(
        service, service.requests.forget(MODEL, options, ACTOR)
    )
    return dict(request), approvals  # a copy: later it will be reverted


def _take_back(service: Service, request: Record) -> float:
    """Revert one; seconds until that was served."""
    began = time.monotonic()
    _through(service, service.requests.revert(request["id"], "demo: taken back", ACTOR))
    return time.monotonic() - began


def _through(service: Service, request: Record) -> tuple[Record, list[str]]:
    """Reconcile until a request is served; where a policy or the home's settings ask for a person,
    approve it.
    """
    approvals: list[str] = []
    service.reconciler.run()
    now = service.requests.show(request["id"])
    if now["state"] == "waiting":
        approvals = origins.decisions(service, now)
        service.requests.decide(
            now["id"], "approve", "the demo's user accepts the cost", ACTOR
        )
        service.reconciler.run()
        now = service.requests.show(now["id"])
    if now["state"] not in ("in_force", "done"):
        raise Denied(
            f"{scope(now)} is {now['state']}: {now['state_reason']}",
            where=str(now["id"]),
            advice="Try another --home.",
        )
    return now, approvals


def _undo(
    service: Service, request: Record, temporary: Path, from_scratch: bool
) -> dict[str, str]:
    """Revert the middle one; compare with a ledger that never had it."""
    before, seconds = service.serving(MODEL).edit.digest, _take_back(service, request)
    after = service.serving(MODEL).edit.digest
    line(f"Reverted [bold]{scope(request)}[/]: served after {1000 * seconds:.0f} ms.")
    line(
        "For comparison a second ledger, in another temporary home: the same model, and only the"
        " other two requests, in the opposite order."
    )
    with _registered(temporary / "never", from_scratch) as other:
        for title, options in (WISHES[2], WISHES[0]):
            filed, approvals = _file(other, options)
            remark = (
                "; a policy asked for a person here, too: approved" if approvals else ""
            )
            note(f"second ledger, {title}: {scope(filed)} → {filed['state']}{remark}")
        never = other.serving(MODEL).edit.digest
    if after != never:
        raise VerificationFailed(
            "the revert left something",
            where=f"{after[:16]}… is not {never[:16]}…",
            advice=BUG,
        )
    tables.print_digests(after, never)
    return {"before": before, "after": after, "never": never}


def _base_weights(service: Service, temporary: Path) -> str:
    """What is published once nothing is forgotten: the base file itself."""
    folder = temporary / "base"
    folder.mkdir()
    model = service.core.models.opened(MODEL).model
    model.write_checkpoint(service.serving(MODEL).factors, folder)
    for name, digest in model.facts.files.items():
        if file_digest(folder / name) != digest:
            raise VerificationFailed(f"{name} is not the base file", advice=BUG)
    weights = next(
        d for n, d in model.facts.files.items() if n.endswith(".safetensors")
    )
    line(
        "Reverted the other two as well: the weights that are published now are the base model's"
        " file, SHA-256"
    )
    note(weights)
    return weights


def _verified(
    service: Service, home: Path | None, temporary: Path
) -> tuple[Record, Record]:
    """The ledger verified where it is, and a bundle of it without the home."""
    verdict = service.verification.verify()
    show_verdict(verdict)
    file, home_option = temporary / "evidence.zip", f" --home {home}" if home else ""
    service.bundles.bundle(file)
    key = service.checkpoints.key()
    line(
        "The same for somebody who has neither this machine nor its trust: a bundle, verified"
        " offline with the key alone."
    )
    command(f"govd audit bundle evidence.zip{home_option}")
    command(f"govd audit verify evidence.zip --recompute --key {key}")
    bundle: dict[str, Json] = dict(verify_offline(file, key, again=True))
    for record in (verdict, bundle):
        if not record["holds"]:
            raise VerificationFailed(
                f"the demo's own ledger does not hold: {'; '.join(record['faults'])}",
                advice=BUG,
            )
    tables.print_bundle(bundle)
    if not home:
        line(
            "(The demo's home was a temporary one and is gone when it ends; with --home DIR it"
            " stays, and both can be typed.)"
        )
    return verdict, bundle
