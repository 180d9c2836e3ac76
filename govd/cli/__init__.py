"""The command line: thin, loads each command's work when it is asked for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from govd.cli.audit import app as audit_app
from govd.cli.common import HomeOption, JsonOption, ReasonOption, opened, print_json, put
from govd.errors import GovdError, Usage

app = typer.Typer(
    name="govd", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="CLIP-like models that can forget."
)
model_app = typer.Typer(no_args_is_help=True, help="Register models: add, list, show, remove.")
request_app = typer.Typer(no_args_is_help=True, help="Forget requests: list, show, approve, reject, withdraw, retry.")
revision_app = typer.Typer(no_args_is_help=True, help="Revisions of a model: list, show, diff.")
token_app = typer.Typer(no_args_is_help=True, help="Bearer tokens: create, list, revoke.")
for name, group in (("model", model_app), ("request", request_app), ("revision", revision_app), ("audit", audit_app), ("token", token_app)):
    app.add_typer(group, name=name)

ModelOption = Annotated[str, typer.Option("--model", help="The registered model.")]
BUG = "https://github.com/govd/govd/issues"


def _split(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def _lines(path: Path | None, what: str) -> list[str] | None:
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise Usage(f"the {what} cannot be read ({fault})", where=str(path)) from None
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


@app.callback()
def root() -> None:
    """CLIP-like models that can forget."""


@app.command()
def demo(
    home: Annotated[Path | None, typer.Option("--home", help="Work in this home instead of a temporary one.")] = None,
    report: Annotated[Path, typer.Option("--report", help="Where the HTML report goes.")] = Path("govd-demo.html"),
    from_scratch: Annotated[bool, typer.Option("--from-scratch", help="Encode everything anew and compare.")] = False,
) -> None:
    """The whole story on the model that comes with govd, in under a minute."""
    from govd.cli.demo import run

    run(home, report, from_scratch)


@app.command()
def serve(
    home: HomeOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 8765,
    log_level: Annotated[str, typer.Option("--log-level", help="debug, info, warning or error.")] = "info",
) -> None:
    """The daemon: HTTP API and reconciler."""
    from govd.home import default_home
    from govd.web.daemon import serve as run

    run(home or default_home(), host, port, log_level)


@app.command()
def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Models, published revisions, what waits and why, size and head of the ledger."""
    from govd.cli.show import show_status

    with opened(home) as api:
        put(api.status(), as_json, show_status)


@app.command()
def doctor(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Devices, versions, database, keys and plugins: what is wrong and what to do."""
    from govd.cli.show import show_doctor
    from govd.doctor import examine

    found = examine(home)
    put(found, as_json, show_doctor)
    if found["faults"]:
        raise typer.Exit(4)


@model_app.command("add")
def model_add(
    name: str,
    reference: str,
    labels: Annotated[Path | None, typer.Option(help="The label set, one a line.")] = None,
    anchors: Annotated[Path | None, typer.Option(help="More words to keep, one a line.")] = None,
    templates: Annotated[Path | None, typer.Option(help="Prompts with {}, one a line.")] = None,
    domains: Annotated[str, typer.Option(help="Names of domains: a,b")] = "",
    images: Annotated[Path | None, typer.Option(help="Evaluation pictures: DIR/<domain>/<class>/*.png")] = None,
    pool: Annotated[Path | None, typer.Option(help="Unlabelled image embeddings (.npy, .npz, .parquet) or a folder of pictures.")] = None,
    prototypes: Annotated[int, typer.Option(help="Without a pool: synthesise one, N pictures for each label (and domain).")] = 0,
    use: Annotated[str | None, typer.Option(help="labels, open or search.")] = None,
    side: Annotated[str, typer.Option(help="Which tower carries the edit: image or text.")] = "image",
    publish_to: Annotated[Path | None, typer.Option("--publish-to", help="Keep DIR/current on the published checkpoint.")] = None,
    hf_revision: Annotated[str | None, typer.Option("--hf-revision", help="Commit of a Hub repository.")] = None,
    from_scratch: Annotated[bool, typer.Option("--from-scratch", help="Do not use embeddings that come with the checkpoint.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register a model: a folder or a Hugging Face id; `mini` comes with govd."""
    from govd.cli.show import show_record

    options = {
        "labels": _lines(labels, "label set"),
        "anchors": _lines(anchors, "anchor vocabulary"),
        "templates": _lines(templates, "templates"),
        "domains": _split(domains) or [],
        "images": str(images.absolute()) if images else None,
        "pool": str(pool.absolute()) if pool else None,
        "prototypes": prototypes,
        "use": use,
        "side": side,
        "publish_to": str(publish_to.absolute()) if publish_to else None,
        "hf_revision": hf_revision,
        "from_scratch": from_scratch,
    }
    with opened(home) as api:
        put(api.add_model(name, reference, **options), as_json, show_record)


@model_app.command("list")
def model_list(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Registered models."""
    from govd.cli.show import show_models

    with opened(home) as api:
        put(api.models(), as_json, show_models)


@model_app.command("show")
def model_show(name: str, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """One model."""
    from govd.cli.show import show_record

    with opened(home) as api:
        put(api.model(name), as_json, show_record)


def _change(
    name: str,
    reference: str | None,
    labels: Path | None,
    anchors: Path | None,
    templates: Path | None,
    domains: str,
    images: Path | None,
    pool: Path | None,
    use: str | None,
    publish_to: Path | None,
    hf_revision: str | None,
    home: Path | None,
    as_json: bool,
) -> None:
    from govd.cli.show import show_record

    options = {"labels": _lines(labels, "label set"), "anchors": _lines(anchors, "anchor vocabulary"), "use": use}
    options |= {"templates": _lines(templates, "templates"), "domains": _split(domains) or [], "hf_revision": hf_revision}
    options |= {k: str(p.absolute()) if p else None for k, p in (("images", images), ("pool", pool), ("publish_to", publish_to))}
    with opened(home) as api:
        put(api.update_model(name, reference, **options), as_json, show_record)


LabelsOption = Annotated[Path | None, typer.Option("--labels", help="The label set, one a line.")]
AnchorsOption = Annotated[Path | None, typer.Option("--anchors", help="More words to keep, one a line.")]
TemplatesOption = Annotated[Path | None, typer.Option("--templates", help="Prompts with {}, one a line.")]
DomainsOption = Annotated[str, typer.Option("--domains", help="Names of domains: a,b")]
ImagesOption = Annotated[Path | None, typer.Option("--images", help="Evaluation pictures: DIR/<domain>/<class>/*.png")]
PoolOption = Annotated[Path | None, typer.Option("--pool", help="Unlabelled image embeddings, or a folder of pictures.")]
UseOption = Annotated[str | None, typer.Option("--use", help="labels, open or search.")]
PublishOption = Annotated[Path | None, typer.Option("--publish-to", help="Keep DIR/current on the published checkpoint.")]


@model_app.command("update")
def model_update(
    name: str,
    labels: LabelsOption = None,
    anchors: AnchorsOption = None,
    templates: TemplatesOption = None,
    domains: DomainsOption = "",
    images: ImagesOption = None,
    pool: PoolOption = None,
    use: UseOption = None,
    publish_to: PublishOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change what a model is registered with; what is not given stays. Every forget in force is computed anew and published."""
    _change(name, None, labels, anchors, templates, domains, images, pool, use, publish_to, None, home, as_json)


@model_app.command("rebase")
def model_rebase(
    name: str,
    reference: str,
    labels: LabelsOption = None,
    anchors: AnchorsOption = None,
    templates: TemplatesOption = None,
    domains: DomainsOption = "",
    images: ImagesOption = None,
    pool: PoolOption = None,
    use: UseOption = None,
    publish_to: PublishOption = None,
    hf_revision: Annotated[str | None, typer.Option("--hf-revision", help="Commit of a Hub repository.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put another checkpoint in a model's place: every forget in force is computed anew for it and published."""
    _change(name, reference, labels, anchors, templates, domains, images, pool, use, publish_to, hf_revision, home, as_json)


@model_app.command("remove")
def model_remove(name: str, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Take a model out of service; its entries stay."""
    from govd.cli.show import show_record

    with opened(home) as api:
        put(api.remove_model(name), as_json, show_record)


ConceptsArgument = Annotated[list[str] | None, typer.Argument(help="Concepts: phrases, as a person would name them.")]
DomainOption = Annotated[list[str] | None, typer.Option("--domain", help="Only in this domain; may be repeated.")]
AliasOption = Annotated[list[str] | None, typer.Option("--alias", help="Another phrase for the single concept; may be repeated.")]
AllOption = Annotated[bool, typer.Option("--all-concepts", help="Everything in the domains named.")]
TargetOption = Annotated[str | None, typer.Option("--target", help="unnamed, level or shift.")]
StrengthOption = Annotated[float, typer.Option("--strength", help="1 is as solved for the target.")]
MethodOption = Annotated[str, typer.Option("--method", help="auto, or a method by name.")]
ExampleOption = Annotated[list[Path] | None, typer.Option("--example", help="A picture of the single concept; may be repeated.")]
PrototypesOption = Annotated[int, typer.Option("--prototypes", help="Synthesise N pictures for each concept.")]


@app.command()
def forget(
    model: ModelOption,
    concepts: ConceptsArgument = None,
    domain: DomainOption = None,
    alias: AliasOption = None,
    all_concepts: AllOption = False,
    target: TargetOption = None,
    strength: StrengthOption = 1.0,
    method: MethodOption = "auto",
    prototypes: PrototypesOption = 0,
    example: ExampleOption = None,
    reason: ReasonOption = "",
    basis: Annotated[str, typer.Option("--basis", help="The legal or contractual basis.")] = "",
    ticket: Annotated[str, typer.Option("--ticket", help="A reference elsewhere.")] = "",
    due: Annotated[str | None, typer.Option("--due", help="Must be in force by this date.")] = None,
    expires: Annotated[str | None, typer.Option("--expires", help="A date after which it may be reverted.")] = None,
    key: Annotated[str | None, typer.Option("--idempotency-key", help="The same key files the same request once.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Return when it is decided and served.")] = False,
    private: Annotated[bool, typer.Option("--private", help="The ledger holds a commitment; names and reasons can be destroyed.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """File a forget request: concepts everywhere, concepts in some domains, or everything in some domains."""
    from govd.cli.show import show_request

    options = _scope(domain, alias, all_concepts, target, strength, method, prototypes, example)
    said: dict[str, object] = {"reason": reason, "basis": basis, "ticket": ticket, "due": due, "expires": expires, "idempotency_key": key}
    said["private"] = private
    with opened(home) as api:
        found = api.forget(*(concepts or ()), model=model, wait=wait, **options, **said)
        put(found, as_json, show_request)
    if found["state"] in ("denied", "failed"):
        raise typer.Exit(1)


@app.command()
def preview(
    model: ModelOption,
    concepts: ConceptsArgument = None,
    domain: DomainOption = None,
    alias: AliasOption = None,
    all_concepts: AllOption = False,
    target: TargetOption = None,
    strength: StrengthOption = 1.0,
    method: MethodOption = "auto",
    prototypes: PrototypesOption = 0,
    example: ExampleOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What a forget would do; files nothing."""
    from govd.cli.show import show_preview

    options = _scope(domain, alias, all_concepts, target, strength, method, prototypes, example)
    with opened(home) as api:
        put(api.preview(*(concepts or ()), model=model, **options), as_json, show_preview)


def _scope(
    domain: list[str] | None,
    alias: list[str] | None,
    everything: bool,
    target: str | None,
    strength: float,
    method: str,
    prototypes: int,
    example: list[Path] | None,
) -> dict[str, object]:
    named = {"domains": domain or [], "aliases": alias or [], "all_concepts": everything, "examples": [_picture(p) for p in example or []]}
    return {**named, "target": target, "strength": strength, "method": method, "prototypes": prototypes}


def _picture(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise Usage(f"the example cannot be read ({fault.strerror})", where=str(path)) from None


@app.command()
def revert(
    request_id: str,
    reason: ReasonOption = "",
    key: Annotated[str | None, typer.Option("--idempotency-key", help="The same key files the same request once.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Return when it is served.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a forget back: what is published is then as if it had never been."""
    from govd.cli.show import show_request

    with opened(home) as api:
        put(api.revert(request_id, reason=reason, idempotency_key=key, wait=wait), as_json, show_request)


@request_app.command("list")
def request_list(
    state: Annotated[str | None, typer.Option("--state")] = None,
    model: Annotated[str | None, typer.Option("--model")] = None,
    concept: Annotated[str | None, typer.Option("--concept")] = None,
    domain: Annotated[str | None, typer.Option("--domain")] = None,
    policy: Annotated[str | None, typer.Option("--policy", help="Voted on by this policy.")] = None,
    filed_by: Annotated[str | None, typer.Option("--filed-by")] = None,
    since: Annotated[str | None, typer.Option("--since", help="Filed from this time on.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Filed before this time.")] = None,
    after: Annotated[int | None, typer.Option("--after", help="Those after this entry: seq of the last one of the page before.")] = None,
    limit: Annotated[int | None, typer.Option("--limit")] = None,
    form: Annotated[str, typer.Option("--format", help="table, json, csv or ndjson.")] = "table",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Requests in the order of their filing."""
    from govd.cli.audit import put_rows
    from govd.cli.show import show_requests

    filters = {"state": state, "model": model, "concept": concept, "domain": domain, "policy": policy, "filed_by": filed_by}
    with opened(home) as api:
        found = api.requests(since=since, until=until, after=after, limit=limit, **filters)
    put_rows(found, form, as_json, show_requests, found)


@request_app.command("show")
def request_show(
    request_id: str,
    reveal: Annotated[bool, typer.Option("--reveal", help="With the text of a private request; the reading is recorded.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """One request."""
    from govd.cli.show import show_request

    with opened(home) as api:
        put(api.reveal(request_id) if reveal else api.request(request_id), as_json, show_request)


def _decision(event: str, text: str) -> None:
    def command(request_id: str, reason: ReasonOption = "", home: HomeOption = None, as_json: JsonOption = False) -> None:
        from govd.cli.show import show_request

        with opened(home) as api:
            put(getattr(api, event)(request_id, reason), as_json, show_request)

    command.__doc__ = text
    request_app.command(event)(command)


_decision("approve", "A person's approval of a request that waits.")
_decision("reject", "A person's refusal; needs a reason.")
_decision("withdraw", "Take back a request that is not in force yet.")
_decision("shred", "Destroy the text of a private request; every proof stays valid. Needs a reason.")
_decision("hold", "A legal hold: the request is neither reverted, withdrawn, rejected nor shredded until it is released.")
_decision("release", "End a legal hold.")
_decision("retry", "Try a failed request again.")


@request_app.command("extend")
def request_extend(
    request_id: str,
    due: Annotated[str, typer.Option("--due", help="The new date.")],
    reason: ReasonOption = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """More time for a forget that is not in force yet; needs a reason."""
    from govd.cli.show import show_request

    with opened(home) as api:
        put(api.extend(request_id, due, reason), as_json, show_request)


@revision_app.command("list")
def revision_list(model: ModelOption, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """A model's revisions."""
    from govd.cli.show import show_revisions

    with opened(home) as api:
        put(api.revisions(model), as_json, show_revisions)


@revision_app.command("show")
def revision_show(model: str, number: int, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """One revision."""
    from govd.cli.show import show_record

    with opened(home) as api:
        put(api.revision(model, number), as_json, show_record)


@revision_app.command("diff")
def revision_diff(model: str, first: int, second: int, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """What one revision has that another has not."""
    from govd.cli.show import show_record

    with opened(home) as api:
        put(api.diff(model, first, second), as_json, show_record)


@app.command()
def export(
    model: str,
    folder: Path,
    revision: Annotated[int | None, typer.Option("--revision")] = None,
    format: Annotated[str, typer.Option("--format", help="hf (a checkpoint) or edit (the factors).")] = "hf",
    disclose: Annotated[bool, typer.Option("--disclose", help="Also with private forgets in it.")] = False,
    recipient: Annotated[str, typer.Option("--recipient", help="Who gets it: recorded, to be told of later changes.")] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the edited model, or its edit, into a new folder."""
    from govd.cli.show import show_record

    with opened(home) as api:
        how = {"disclose": disclose, "recipient": recipient}
        put(api.export(model, str(folder.absolute()), revision=revision, format=format, **how), as_json, show_record)


@app.command()
def classify(
    model: str,
    images: list[Path],
    labels: Annotated[str | None, typer.Option("--labels", help="a,b,c (default: the model's label set).")] = None,
    revision: Annotated[int | None, typer.Option("--revision")] = None,
    base: Annotated[bool, typer.Option("--base", help="Ask the unedited model.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The best label for each picture, by the published revision."""
    from govd.cli.show import show_answers

    with opened(home) as api:
        found = api.classify(model, [str(i) for i in images], labels=_split(labels), revision=revision, base=base)
        put(found, as_json, show_answers)
    if any(answer["label"] is None for answer in found):
        raise typer.Exit(1)


@app.command()
def evaluate(
    model: str,
    images: Annotated[Path | None, typer.Option("--images", help="DIR/<domain>/<class>/*.png (default: the model's own).")] = None,
    revision: Annotated[int | None, typer.Option("--revision")] = None,
    base: Annotated[bool, typer.Option("--base")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Metrics on labelled pictures, with what a stranger can still do."""
    from govd.cli.show import show_evaluation

    with opened(home) as api:
        found = api.evaluate(model, str(images.absolute()) if images else None, revision=revision, base=base)
        put(found, as_json, show_evaluation)


@token_app.command("create")
def token_create(
    role: Annotated[str, typer.Option("--role", help="owner, operator, reader or inference.")],
    name: Annotated[str, typer.Option("--name", help="Who will use it: the actor of what is done with it.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """A new token; it is shown this once."""
    from govd.cli.show import show_record

    with opened(home) as api:
        put(api.create_token(role, name), as_json, show_record)


@token_app.command("list")
def token_list(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """All tokens, without their secrets."""
    with opened(home) as api:
        found = api.tokens()
    if as_json:
        print_json(found)
        return
    from govd.cli.show import console, table

    rows = [(t["id"], t["name"], t["role"], t["created_at"][:19], (t["revoked_at"] or "")[:19]) for t in found]
    console().print(table("id", "name", "role", "created", "revoked", rows=rows))


@token_app.command("revoke")
def token_revoke(token_id: str, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """End a token."""
    from govd.cli.show import show_record

    with opened(home) as api:
        put(api.revoke_token(token_id), as_json, show_record)


@app.command()
def backup(file: Path, home: HomeOption = None) -> None:
    """Ledger, artifacts, keys and settings in one file; works while a daemon runs."""
    from govd.backup import backup as run
    from govd.home import default_home

    print(run(home or default_home(), file))


@app.command()
def restore(file: Path, home: HomeOption = None) -> None:
    """A backup into a home that does not exist yet."""
    from govd.backup import restore as run
    from govd.home import default_home

    print(run(file, home or default_home()))


def _plugin_commands() -> None:
    """Commands that plugins add; one that fails is for `govd doctor` to tell."""
    from govd.plugins import ask_each, load

    ask_each(load()[0], "govd_commands", app=app)


def main() -> None:
    """The entry point: errors of govd become a message and their exit code; a bug is reported as one."""
    known = {c.name or getattr(c.callback, "__name__", "") for c in app.registered_commands} | {g.name for g in app.registered_groups}
    words = [w for w in sys.argv[1:] if not w.startswith("-")]
    if words and words[0] not in known:
        _plugin_commands()  # only then: loading plugins costs time
    try:
        app()
    except GovdError as error:
        print(f"govd: {error.message}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except Exception:  # noqa: BLE001 - the last net: whatever it is, it is a bug and is told as one
        import traceback

        traceback.print_exc()
        print(f"govd: this is a bug in govd. Please report it with the lines above: {BUG}", file=sys.stderr)
        raise SystemExit(70) from None
