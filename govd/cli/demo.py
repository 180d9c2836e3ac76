"""`govd demo`: the whole story on the model that comes with govd, in pictures and numbers that are computed as they are shown."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.markup import escape

from govd.cli.progress import bar
from govd.cli.show_audit import show_verdict
from govd.cli.tables import console, scope, share, table
from govd.edit import Edit, EvaluationData, compose, metrics
from govd.edit.factors import tensors_from_bytes
from govd.edit.strength import auc
from govd.embeddings import file_digest
from govd.errors import Unsupported, VerificationFailed
from govd.methods.baselines import Ccup
from govd.models import Given
from govd.requests import ForgetOptions, spec_of
from govd.service import HONEST, Service, open_service
from govd.types import Floats, ForgetSpec, Json, Record

MODEL = "mini"
EVERYWHERE, CELL, WHOLE = "dog", ("umbrella", "line"), "colour"
WISHES = (
    ("a concept everywhere", ForgetOptions(concepts=(EVERYWHERE,), reason="demo: this class must go")),
    ("a concept in one domain", ForgetOptions(concepts=(CELL[0],), domains=(CELL[1],), reason="demo: not in line drawings")),
    ("a whole domain", ForgetOptions(all_concepts=True, domains=(WHOLE,), reason="demo: nothing in colour")),
)
HOW = (
    ("govd", "[bold]govd[/]"),
    ("nullspace", "nullspace, plain"),
    ("ccup", "ccup, Wᵀ on images"),
    ("ccup_other", "ccup, W on images"),
    ("label", "deleting the label"),
)
ACTOR = "demo"


@dataclass
class Story:
    """What the demo found, for the screen and for the report."""

    facts: dict[str, Json]
    requests: list[Record]
    rows: list[dict[str, Json]]
    leaks: list[dict[str, Json]]
    store: list[dict[str, Json]]
    digests: dict[str, str]
    cells: list[dict[str, Json]]
    verdict: Record
    seconds: float


def run(home: Path | None, report: Path, from_scratch: bool) -> None:
    """Tell the story; write the report."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="govd-demo-") as temporary:
        story = _story(home or Path(temporary) / "home", Path(temporary), from_scratch, began)
        from govd.cli.report import write

        report.write_text(write(story), encoding="utf-8")
    out = console()
    out.print(f"\nReport with pictures: [bold]{escape(str(report.absolute()))}[/] ({story.seconds:.0f} s in all)")
    out.print("Next: govd model add mini mini · govd preview dog --model mini · govd forget dog --model mini · govd audit verify")


def _add(folder: Path, from_scratch: bool) -> Service:
    with bar() as progress:
        service = open_service(folder, progress)
        try:
            service.add_model(MODEL, MODEL, Given(from_scratch=from_scratch), ACTOR)
        except Unsupported:
            service.close()
            raise Unsupported(
                "the demo needs the CLIP backend with its model", advice="pip install 'govd[clip]', then try again."
            ) from None
        except BaseException:
            service.close()
            raise
    return service


def _file(service: Service, options: ForgetOptions) -> Record:
    request = service.forget(MODEL, options, ACTOR)
    service.reconcile()
    request = service.requests.show(request["id"])
    if request["state"] == "waiting":
        console().print(f"  [yellow]{escape(request['state_reason'])}[/] → the demo approves it as a person would")
        service.requests.decide(request["id"], "approve", "the demo's user accepts the cost", ACTOR)
        service.reconcile()
        request = service.requests.show(request["id"])
    return request


def _take_back(service: Service, request: Record) -> float:
    began = time.monotonic()
    service.revert(request["id"], "demo: taken back", ACTOR)
    service.reconcile()
    return time.monotonic() - began


def _story(folder: Path, temporary: Path, from_scratch: bool, began: float) -> Story:
    out = console()
    out.rule("1. A model that knows too much")
    with _add(folder, from_scratch) as service:
        facts = dict(service.models.show(MODEL))
        base = service.evaluate(MODEL, None, base=True)["metrics"]
        out.print(
            f"{facts['architecture'] or 'CLIP'} [bold]{MODEL}[/], opened by the plugin {facts['backend']} on {facts['device']}: "
            f"{facts['labels']} labels in {', '.join(facts['domains'])}; {base['on']} of vendors it never saw, "
            f"zero-shot {share(base['accuracy'])}."
        )
        if from_scratch:
            _compare(service)
        out.rule("2. Three things must go")
        requests: list[Record] = []
        stages = [_store(service)]
        for title, options in WISHES:
            at = time.monotonic()
            request = _file(service, options)
            requests.append(dict(request))  # as it is now: later it will be reverted
            out.print(
                f"[bold]{title}[/]: {scope(request)} → {request['state']} by {request['method']}, request {request['id']}, "
                f"served after {time.monotonic() - at:.2f} s"
            )
        out.rule("3. What went, what stayed")
        rows = _rows(service, requests)
        _print_rows(rows)
        cells = service.core.views.published(MODEL)["metrics"]["cells"]  # type: ignore[index]
        facts["shown"], facts["prototypes"] = _shown(service, facts), _shown_prototypes(service)
        out.rule("4. What a stranger can still do")
        leaks = service.evaluate(MODEL, None)["metrics"]["leaks"]
        _print_leaks(requests, leaks)
        stages.append(_store(service))
        out.rule("5. Taking one back")
        digests, seconds = _undo(service, temporary, from_scratch, requests)
        stages.append(_store(service))
        out.print(f"Reverted {scope(requests[1])}: served after {1000 * seconds:.0f} ms.")
        out.print(f"  edit now                        {digests['after']}")
        out.print(f"  of a ledger where it never was  {digests['never']}  [green]the same, to the last bit[/]")
        _take_back(service, requests[0])
        stages.append(_store(service))
        _take_back(service, requests[2])
        digests["weights"] = _base_weights(service, temporary)
        out.print(f"Reverted all: the published weights are the base file, SHA-256 {digests['weights'][:16]}…")
        out.rule("6. Stored vectors, never encoded again")
        store = _print_store(stages)
        out.rule("7. The ledger")
        verdict = service.evidence.verify()
        show_verdict(verdict)
        if not verdict["holds"]:
            raise VerificationFailed("the demo's own ledger does not hold", advice="This is a bug; please report it.")
        return Story(facts, requests, rows, leaks, store, digests, cells, verdict, time.monotonic() - began)


def _compare(service: Service) -> None:
    """After encoding everything anew: how far the embeddings that are shipped are from it."""
    from govd.embeddings import Known

    model = service.core.opened(MODEL).model
    shipped = Known.read(model.facts.defaults["embeddings"], model.facts)
    fresh = service.core.opened(MODEL).encoder.known
    both = [(shipped.texts[t], v) for t, v in fresh.texts.items() if t in shipped.texts]
    both += [(shipped.images[d], v) for d, v in fresh.images.items() if d in shipped.images]
    far = max((float(np.abs(a - b).max()) for a, b in both), default=0.0)
    console().print(f"Encoded {len(both)} texts and pictures anew; the shipped embeddings differ by at most {far:.1e}.")


def _rows(service: Service, requests: Sequence[Record]) -> list[dict[str, Json]]:
    """Each forget alone and all together, by govd, by the plain projection, and by deleting the label."""
    data = service.reconciler.evaluation(MODEL)
    assert data is not None
    opened = service.core.opened(MODEL)
    rows = []
    for chosen in (*([r] for r in requests), list(requests)):
        row: dict[str, Json] = {"what": scope(chosen[0]) if len(chosen) == 1 else "all three together"}
        specs = [spec_of(r) for r in chosen]
        for name, made in (("govd", specs), ("nullspace", [replace(s, method="nullspace", target=None) for s in specs])):
            contributions = [service.requests.contribute(MODEL, s) for s in made]
            edit = compose(opened.basis, contributions, service.core.methods)
            row[name] = metrics.on_images(opened.basis, edit, contributions, data)
        for name, reading in (("ccup", Ccup()), ("ccup_other", Ccup(transposed=False))):
            row[name] = _ccup(service, reading, specs, data)
        row["label"] = _without_label(opened.basis.anchors, chosen, data)
        rows.append(row)
    return rows


def _ccup(service: Service, reading: Ccup, specs: Sequence[ForgetSpec], data: EvaluationData) -> dict[str, Json] | None:
    """The published form in one of its two readings; it knows concepts, not whole domains."""
    if any(s.scope.paradigm == "domains" for s in specs):
        return None
    opened = service.core.opened(MODEL)
    contributions = [service.requests.contribute(MODEL, replace(s, method="ccup", target=None, strength=1.0)) for s in specs]
    edit = compose(opened.basis, contributions, {**service.core.methods, "ccup": reading})
    return metrics.on_images(opened.basis, edit, contributions, data)


def _without_label(anchors: tuple[tuple[str, ...], Floats], chosen: Sequence[Record], data: EvaluationData) -> dict[str, Json] | None:
    """Deleting the label: possible for a concept everywhere; the vectors still know, so a search for the word finds as before."""
    if len(chosen) > 1 or chosen[0]["domains"]:
        return None
    names, texts = anchors
    gone = {c["name"] for c in chosen[0]["concepts"]}
    kept = [i for i, n in enumerate(names) if n not in gone]
    true = np.array([names.index(c) for c in data.classes])[data.class_of]
    found = np.array(kept)[(data.vectors @ texts[kept].T).argmax(1)]
    mine = np.array([names[i] in gone for i in true])
    own = data.vectors @ texts[[i for i in range(len(names)) if i not in kept]].T
    return {
        "forget_acc": float((found == true)[mine].mean()),
        "retain_acc": float((found == true)[~mine].mean()),
        "text_auc": auc(own[mine, 0], own[~mine, 0]),
    }


def _print_rows(rows: Sequence[Mapping[str, Any]]) -> None:
    lines = []
    for row in rows:
        for name, title in HOW:
            m = row[name]
            if m is None:
                continue
            auc = m["text_auc"] if "text_auc" in m else next((c["text_auc"] for c in m.get("concepts", []) if "text_auc" in c), None)
            full = "forget_acc_before" in m
            lines.append(
                (
                    row["what"] if name == "govd" else "",
                    title,
                    f"{share(m['forget_acc_before'])} → {share(m['forget_acc'])}" if full else f"→ {share(m['forget_acc'])}",
                    f"{share(m['retain_acc_before'])} → {share(m['retain_acc'])}" if full else f"→ {share(m['retain_acc'])}",
                    share(m.get("retain_agreement")) if full else "–",
                    "–" if auc is None else f"{auc:.2f}",
                )
            )
    out = console()
    out.print(table("forgotten", "how", "its accuracy", "the rest's accuracy", "same answers", "search AUC", rows=lines))
    out.print(
        "These are the figures of mini, a very small model. Search AUC: how well the word still finds its pictures (0.5: not at all)."
    )


def _print_leaks(requests: Sequence[Record], leaks: Sequence[Mapping[str, Any]]) -> None:
    out = console()
    rows = []
    for leak in leaks:
        if "probe_after" not in leak:
            continue
        what = {"concepts": leak["scope"]["concepts"], "domains": leak["scope"]["domains"]}
        shots = list(leak["examples_after"])[-1]
        pairs = [("few-shot (" + shots + " examples)", leak["examples_before"][shots], leak["examples_after"][shots])]
        pairs += [("nearest neighbour", leak["knn_before"], leak["knn_after"]), ("linear probe", leak["probe_before"], leak["probe_after"])]
        for i, (name, was, now) in enumerate(pairs):
            rows.append(
                (scope(what) if i == 0 else "", name, f"{was:.2f}", f"[red]{now:.2f} works[/]" if now > 0.65 else f"[green]{now:.2f}[/]")
            )
    out.print(table("forgotten", "somebody with labelled pictures", "AUC before", "AUC after", rows=rows))
    out.print(f"[red]{escape(HONEST)}[/]")


def _store(service: Service) -> dict[str, Json]:
    """A vector store of the evaluation pictures, edited in place: the ten best for two words."""
    data = service.reconciler.evaluation(MODEL)
    assert data is not None
    edit: Edit = service.serving(MODEL).edit
    vectors = edit.apply(data.vectors)
    found: dict[str, Json] = {"revision": service.serving(MODEL).number}
    names, texts = service.core.opened(MODEL).basis.anchors
    for word in (EVERYWHERE, CELL[0], "house"):
        best = np.argsort(-(vectors @ texts[names.index(word)]), kind="stable")[:10]
        found[word] = int(sum(data.classes[data.class_of[i]] == word for i in best))
    return found


def _print_store(stages: Sequence[Mapping[str, Any]]) -> list[dict[str, Json]]:
    titles = ("before", "three forgets in force", "the middle one reverted", "the first one reverted")
    rows = [(title, *(f"{stage[w]} of 10" for w in (EVERYWHERE, CELL[0], "house"))) for title, stage in zip(titles, stages, strict=True)]
    console().print(table("the ten best pictures for …", EVERYWHERE, CELL[0], "house", rows=rows))
    return [{"when": title, **stage} for title, stage in zip(titles, stages, strict=True)]


def _shown(service: Service, facts: Record) -> list[dict[str, Json]]:
    """Pictures with their labels before and after: of what went, and of what stayed."""
    paths = sorted(Path(str(facts["images"])).rglob("*.png"))
    wanted = [(EVERYWHERE, d, True) for d in facts["domains"]] + [(CELL[0], d, d in (CELL[1], WHOLE)) for d in facts["domains"]]
    wanted += [(name, d, d == WHOLE) for name in ("house", "apple", "rocket", "train") for d in facts["domains"]]
    chosen = []
    for name, domain, forgotten in wanted:
        found = [p for p in paths if p.parts[-2] == name and p.parts[-3] == domain]
        chosen += [(p, name, domain, forgotten) for p in found[:1]]
    images = [(str(p), p) for p, *_ in chosen]
    before, after = service.classify(MODEL, images, base=True), service.classify(MODEL, images)
    return [
        {"path": str(p), "name": name, "domain": domain, "forgotten": forgotten, "before": b["label"], "after": a["label"]}
        for (p, name, domain, forgotten), b, a in zip(chosen, before, after, strict=True)
    ]


def _shown_prototypes(service: Service) -> list[tuple[str, Any]]:
    """The prototypes that came with the model, as pictures."""
    path = service.core.opened(MODEL).model.facts.defaults.get("prototypes")
    if path is None:
        return []
    tensors, said = tensors_from_bytes(path.read_bytes(), str(path))
    return list(zip(json.loads(said["prompts"]), tensors["pictures"], strict=True))


def _undo(service: Service, temporary: Path, from_scratch: bool, requests: Sequence[Record]) -> tuple[dict[str, str], float]:
    """Revert the middle one; compare with a ledger that never had it."""
    before = service.core.views.published(MODEL)["edit_digest"]  # type: ignore[index]
    seconds = _take_back(service, requests[1])
    after = service.core.views.published(MODEL)["edit_digest"]  # type: ignore[index]
    with _add(temporary / "never", from_scratch) as other:
        for i in (2, 0):  # in another order, too
            _file(other, WISHES[i][1])
        never = other.core.views.published(MODEL)["edit_digest"]  # type: ignore[index]
    if after != never:
        raise VerificationFailed("the revert left something", advice="This is a bug; please report it.")
    return {"before": before, "after": after, "never": never}, seconds


def _base_weights(service: Service, temporary: Path) -> str:
    """What is published once nothing is forgotten: the base file itself."""
    folder = temporary / "base"
    folder.mkdir()
    model = service.core.opened(MODEL).model
    model.write_checkpoint(service.serving(MODEL).edit, folder)
    for name, digest in model.facts.files.items():
        if file_digest(folder / name) != digest:
            raise VerificationFailed(f"{name} is not the base file", advice="This is a bug; please report it.")
    return next(d for n, d in model.facts.files.items() if n.endswith(".safetensors"))
