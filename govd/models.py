"""Registering models: reading what a user gives, encoding what must be known, one entry at the end."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from govd.core import Core, Opened
from govd.edit import EvaluationData, Ingredients, build, exact
from govd.edit.factors import tensors_from_bytes, tensors_to_bytes
from govd.embeddings import Encoder, Known
from govd.errors import BadFile, Conflict, GovdError, UnreadableImage, Usage
from govd.ledger.entry import Draft
from govd.types import SIDES, USES, Floats, Json, ModelReference, Record

if TYPE_CHECKING:
    from govd.requests import Requests

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
TEMPLATES = ("a photo of a {}.", "a picture of a {}.", "a drawing of a {}.", "an image of a {}.")
IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
PROMPTED = 200
"""Concepts that domains are prompted with at most."""
LONGEST = 200
"""Characters of a label, phrase or domain at most."""


@dataclass(frozen=True)
class Given:
    """The options of `govd model add`; None: what the checkpoint brings, else the default."""

    labels: Sequence[str] | None = None
    anchors: Sequence[str] | None = None
    templates: Sequence[str] | None = None
    domains: Sequence[str] = ()
    images: str | None = None
    pool: str | None = None
    use: str | None = None
    side: str = "image"
    publish_to: str | None = None
    hf_revision: str | None = None
    prototypes: int = 0
    from_scratch: bool = False


class Models:
    """The nouns of `govd model`."""

    def __init__(self, core: Core) -> None:
        self.core = core

    def all(self) -> list[Record]:
        """All registered models, by name."""
        return [self._shown(record) for _, record in sorted(self.core.views.models.items())]

    def show(self, name: str) -> Record:
        """One model with the revision that it serves."""
        return self._shown(self.core.model(name))

    def _shown(self, record: Record) -> Record:
        published = self.core.views.published(str(record["name"]))
        return {**record, "revision": published["number"] if published else None}

    def remove(self, name: str, actor: str) -> Record:
        """Take a model out of service; its entries stay.

        Raises:
            Conflict: forgets are in force on it.
        """
        record = self.core.model(name)
        wanted = self.core.views.wanted(name)
        if wanted:
            raise Conflict(f"{len(wanted)} forgets are in force on {name}", advice="Revert them first.")
        self.core.record([Draft("model.remove", name, actor, name, {})])
        return record

    def add(self, name: str, reference: str, given: Given, actor: str) -> Record:
        """Register a model: encode its labels, anchors, domains, pool and evaluation images, and compute its basis.

        Raises:
            Conflict: the name is taken. Usage, BadFile, BadCheckpoint: something given is wrong; nothing is registered.
        """
        core = self.core
        if not NAME.fullmatch(name):
            raise Usage(f"{name!r} is no name for a model", advice="Use letters, digits, dot, dash and underscore.")
        if name in core.views.models:
            raise Conflict(f"a model is called {name} already", advice=f"`govd model show {name}`, or choose another name.")
        opened, payload = self._prepared(reference, given)
        core.record([Draft("model.add", name, actor, name, payload)])
        core.keep(name, opened)
        core.progress("storing", 1, 1)
        return self.show(name)

    def update(self, name: str, given: Given, actor: str, requests: Requests, reference: str | None = None) -> Record:
        """Change what a model is registered with, or (`reference`: rebase) the checkpoint itself; what is not given stays.

        Every forget in force is computed anew; model and contributions change in one append, and reconciling publishes what follows.

        Raises:
            Conflict: a forget cannot be computed anew (its text was destroyed, its domain is gone); nothing is changed. The rest as `add`.
        """
        core, old = self.core, self.core.model(name)
        basis, rebased = core.basis(old), reference is not None
        if rebased and basis.has_pool and given.pool is None and basis.pool_kind == "pool" and not core.ask_defaults(reference, "pool"):
            advice = "Give --pool of embeddings by the new one, or a folder of pictures."
            raise Usage("the pool has embeddings of the checkpoint that there is now", where=name, advice=advice)
        keep = replace(
            given,
            labels=given.labels if given.labels is not None else list(basis.labels),
            anchors=given.anchors if given.anchors is not None else list(basis.vocabulary),
            templates=given.templates if given.templates is not None else list(basis.templates),
            domains=given.domains or list(basis.domains),
            images=given.images or old["images"],
            use=given.use or old["use"],
            side=old["side"],
            publish_to=given.publish_to or old["publish_to"],
            hf_revision=given.hf_revision if rebased else old["hf_revision"],
            from_scratch=given.from_scratch or bool(old["from_scratch"]),
        )
        pool = (basis.tensors["pool"], basis.pool_kind) if basis.has_pool and given.pool is None and not rebased else None
        opened, payload = self._prepared(reference or str(old["reference"]), keep, pool)
        drafts = [Draft("model.update", name, actor, name, {**payload, "rebased": rebased})]
        for request in core.views.open.values():
            if request["model"] == name and request["kind"] == "forget" and request["contribution"]:
                drafts += self._again(request, opened, requests, actor)
        core.record(drafts)
        core.keep(name, opened)
        return self.show(name)

    def _again(self, request: Record, opened: Opened, requests: Requests, actor: str) -> list[Draft]:
        """A forget on another basis: its contribution and what it is predicted to do."""
        name = str(request["model"])
        if request.get("shredded_at"):
            advice = f"Revert it first, or register the new model under another name: {name} stays as it is."
            raise Conflict("its text was destroyed: nobody can compute it for another model", where=str(request["id"]), advice=advice)
        gone = [d for d in request["domains"] if d not in opened.basis.domains]
        if gone:
            advice = "Revert it first, or keep the domain; nothing was changed."
            raise Conflict(f"it is about {', '.join(gone)}, which would be no domain any more", where=str(request["id"]), advice=advice)
        try:
            contribution = requests.contribute_for(request, opened)
        except GovdError as error:
            if request.get("private"):
                raise Conflict("it cannot be computed anew", where=str(request["id"]), advice="Revert it first.") from None
            raise Conflict(f"it cannot be computed anew: {error.message}", where=str(request["id"]), advice="Revert it first.") from error
        made = {"artifact": requests.store(contribution), "method": contribution.spec.method, "facts": dict(contribution.facts)}
        said = {"contribution": contribution.digest, "predicted": request["predicted"], "reason": "the model was changed"}
        known = self.core.views.contribution(contribution.digest)
        drafts = [] if known else [Draft("contribution.make", contribution.digest, actor, name, made)]
        return [*drafts, Draft("request.recompute", str(request["id"]), actor, name, said)]

    def _prepared(self, reference: str, given: Given, known_pool: tuple[Floats, str] | None = None) -> tuple[Opened, dict[str, Json]]:
        """A model opened and encoded, and what its entry says; nothing but artifacts is written."""
        core = self.core
        if given.side not in SIDES or given.use not in (None, *USES):
            raise Usage(f"side is {given.side!r}, use is {given.use!r}", advice=f"Sides: {', '.join(SIDES)}; uses: {', '.join(USES)}.")
        model = core.ask_open(ModelReference(reference, given.hf_revision))
        facts, defaults = model.facts, model.facts.defaults
        known = defaults.get("embeddings")
        encoder = Encoder(model, Known.read(known, facts) if known and not given.from_scratch else None)
        labels = _phrases(given.labels, defaults.get("labels"), "label")
        anchors = _phrases(given.anchors, None, "anchor") if given.anchors is not None else default_vocabulary()
        taken = set(labels)
        vocabulary = [word for word in anchors if word not in taken]
        templates = _templates(given.templates, defaults.get("templates"))
        domains = _domains(given.domains or _lines(defaults.get("domains")))
        use = given.use or ("labels" if labels else "open")
        pool, pool_kind = known_pool or self._pool(given, defaults, encoder, labels, domains)
        plain = encoder.averaged(labels or vocabulary, templates, core.progress)
        ingredients = Ingredients(
            facts.digest,
            use,
            given.side,
            labels,
            plain if labels else np.zeros((0, facts.dim)),
            vocabulary,
            encoder.averaged(vocabulary, templates, core.progress),
            domains,
            self._domain_prompts(encoder, domains, labels or vocabulary),
            exact.mean(plain),
            templates,
            pool,
            pool_kind,
        )
        basis = build(ingredients)
        images = given.images or (str(defaults["images"]) if "images" in defaults else None)
        evaluation = self._evaluation(images, encoder, labels, domains, defaults, templates) if images else None
        core.progress("storing", 0, 1)
        payload: dict[str, Json] = {
            "reference": reference,
            "hf_revision": facts.hf_revision,
            "digest": facts.digest,
            "files": dict(facts.files),
            "backend": facts.backend,
            "device": facts.device,
            "architecture": facts.architecture,
            "dim": facts.dim,
            "logit_scale": facts.logit_scale,
            "use": use,
            "side": given.side,
            "labels": len(labels),
            "anchors": len(vocabulary),
            "domains": domains,
            "templates": templates,
            "pool": 0 if pool is None else len(pool),
            "pool_kind": basis.pool_kind,
            "hard": basis.hard,
            "soft_because": basis.facts.get("hard_reason", ""),
            "basis": core.artifacts.put(basis.to_bytes()),
            "evaluation": core.artifacts.put(evaluation_bytes(evaluation)) if evaluation else None,
            "images": images,
            "publish_to": str(Path(given.publish_to).absolute()) if given.publish_to else None,
            "from_scratch": given.from_scratch,
        }
        return Opened(model, encoder, basis), payload

    def _pool(
        self, given: Given, defaults: Mapping[str, Path], encoder: Encoder, labels: Sequence[str], domains: Sequence[str]
    ) -> tuple[Floats | None, str]:
        if given.pool is not None:
            return read_pool(Path(given.pool), encoder, self.core.progress), "pool"
        if given.prototypes:
            if not labels:
                raise Usage("a synthesised pool needs a label set", advice="Give --labels or --pool.")
            prompts = [_prompt(d, word) for d in (domains or [""]) for word in labels]
            found = [encoder.model.synthesise(prompts, seed=i, progress=self.core.progress).embeddings for i in range(given.prototypes)]
            return np.concatenate(found), "prototype"
        if "pool" in defaults:
            return read_pool(defaults["pool"], encoder, self.core.progress), "pool"
        return None, ""

    def _domain_prompts(self, encoder: Encoder, domains: Sequence[str], words: Sequence[str]) -> Floats | None:
        if not domains:
            return None
        prompts = [_prompt(d, word) for d in domains for word in words[:PROMPTED]]
        rows: Floats = encoder.texts(prompts, self.core.progress).reshape(len(domains), -1, encoder.model.facts.dim)
        return rows

    def _evaluation(
        self,
        folder: str,
        encoder: Encoder,
        labels: Sequence[str],
        domains: Sequence[str],
        defaults: Mapping[str, Path],
        templates: Sequence[str],
    ) -> EvaluationData:
        data = read_images(Path(folder), encoder, domains, self.core.progress)
        unknown = sorted(set(data.classes) - set(labels)) if labels else []
        if unknown:
            advice = "Name the folders as the labels are spelled."
            raise Usage(f"evaluation classes that are no labels: {', '.join(unknown[:5])}", where=folder, advice=advice)
        words = json.loads(defaults["paraphrases"].read_text(encoding="utf-8")) if "paraphrases" in defaults else {}
        said = {name: encoder.averaged(words[name], templates) for name in data.classes if words.get(name)}
        return EvaluationData(data.vectors, data.classes, data.domains, data.class_of, data.domain_of, said, data.skipped)


def _prompt(domain: str, word: str) -> str:
    return f"a {domain} of a {word}" if domain else f"a picture of a {word}"


def default_vocabulary() -> list[str]:
    """The everyday nouns that come with govd."""
    text = files("govd").joinpath("data/nouns.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _lines(path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as fault:
        raise BadFile(f"cannot be read as text ({fault})", where=str(path)) from None
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _phrases(given: Sequence[str] | None, default: Path | None, what: str) -> list[str]:
    phrases = _lines(default) if given is None else [p.strip() for p in given]
    for phrase in phrases:
        check_phrase(phrase, what)
    twice = sorted({p for p in phrases if phrases.count(p) > 1}) if len(set(phrases)) < len(phrases) else []
    if twice:
        raise Usage(f"{what} given twice: {', '.join(twice[:5])}", advice="Name each once.")
    return phrases


def check_phrase(phrase: str, what: str) -> None:
    """Refuse what cannot be a phrase.

    Raises:
        Usage: empty, too long, or with control characters.
    """
    if not phrase.strip():
        raise Usage(f"an empty {what}", advice=f"A {what} needs at least one letter.")
    if len(phrase) > LONGEST or any(ord(c) < 32 for c in phrase):
        raise Usage(f"{what} {phrase[:40]!r}… is too long or has control characters", advice=f"At most {LONGEST} characters.")


def _templates(given: Sequence[str] | None, default: Path | None) -> list[str]:
    templates = list(given) if given is not None else _lines(default) or list(TEMPLATES)
    for template in templates:
        if template.count("{}") != 1:
            raise Usage(f"the template {template!r} has {template.count('{}')} places for the label", advice="Write {} exactly once.")
    return templates


def _domains(given: Sequence[str]) -> list[str]:
    domains = [d.strip() for d in given]
    for domain in domains:
        check_phrase(domain, "domain")
    if len(set(domains)) < len(domains):
        raise Usage("a domain is named twice", advice="Name each once.")
    return domains


def read_pool(path: Path, encoder: Encoder, progress: Any) -> Floats:
    """Unlabelled image embeddings: a `.npy`, `.npz` or Parquet file, or a folder of pictures.

    Raises:
        BadFile: not such a file, of another width, or with values that are not finite.
    """
    dim = encoder.model.facts.dim
    if path.is_dir():
        paths = sorted(p for p in path.rglob("*") if p.suffix.lower() in IMAGES)
        if not paths:
            raise BadFile("no pictures in this folder", where=str(path))
        return encoder.files(paths, progress)[0]
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as found:
                rows = found[found.files[0]] if len(found.files) == 1 else found["vectors"]
        elif path.suffix == ".parquet":
            rows = _parquet(path)
        else:
            rows = np.load(path, allow_pickle=False)
    except (OSError, ValueError, KeyError, EOFError) as fault:
        advice = "Give a .npy, a .npz with one array (or one called vectors), a Parquet file, or a folder of pictures."
        raise BadFile(f"no pool of embeddings ({fault})", where=str(path), advice=advice) from None
    if rows.ndim != 2 or rows.shape[1] != dim or rows.dtype.kind != "f":
        raise BadFile(f"the pool is {rows.dtype} of shape {rows.shape}", where=str(path), advice=f"This model's embeddings are (n, {dim}).")
    if not np.isfinite(rows).all():
        raise BadFile("the pool has values that are not finite", where=str(path), advice="Take those rows out.")
    return np.asarray(rows, np.float64)


def _parquet(path: Path) -> Floats:
    try:
        import pyarrow.parquet as pq
    except ImportError:
        raise BadFile("Parquet needs pyarrow", where=str(path), advice="pip install pyarrow") from None
    table = pq.read_table(path)
    column = table.column(table.schema.names[-1] if "vector" not in table.schema.names else "vector")
    return np.stack([np.asarray(row, np.float64) for row in column.to_pylist()])


def read_images(folder: Path, encoder: Encoder, domains: Sequence[str], progress: Any) -> EvaluationData:
    """An evaluation set: `DIR/<domain>/<class>/*.png` or `DIR/<class>/*.png`. What cannot be read is skipped and counted.

    Raises:
        BadFile: no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise BadFile("no such folder", where=str(folder))
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in IMAGES and not p.name.startswith("."))
    rows = [(p, p.relative_to(folder).parts) for p in paths]
    rows = [(p, parts) for p, parts in rows if len(parts) in (2, 3)]
    if not rows:
        advice = "Lay it out as DIR/<domain>/<class>/*.png or DIR/<class>/*.png."
        raise BadFile("no pictures in this folder", where=str(folder), advice=advice)
    found = sorted({parts[0] for _, parts in rows if len(parts) == 3})
    unknown = [d for d in found if domains and d not in domains]
    if unknown:
        raise Usage(
            f"evaluation folders of unknown domains: {', '.join(unknown)}", where=str(folder), advice=f"Known: {', '.join(domains)}."
        )
    names = list(domains) if domains else found
    kept, vectors, skipped = _readable(rows, encoder, progress)
    classes = sorted({parts[-2] for _, parts in kept})
    class_of = np.array([classes.index(parts[-2]) for _, parts in kept])
    domain_of = np.array([names.index(parts[0]) if len(parts) == 3 else -1 for _, parts in kept])
    return EvaluationData(np.asarray(vectors, np.float64), tuple(classes), tuple(names), class_of, domain_of, None, skipped)


def _readable(rows: list[tuple[Path, tuple[str, ...]]], encoder: Encoder, progress: Any) -> tuple[list[Any], Floats, int]:
    kept, skipped = list(rows), 0
    while kept:
        try:
            return kept, encoder.files([p for p, _ in kept], progress)[0], skipped
        except UnreadableImage as error:
            bad = error.details["path"]
            kept = [(p, parts) for p, parts in kept if str(p) != bad]
            skipped += 1
    raise BadFile("not one picture of this folder can be read", where=str(rows[0][0].parent))


def evaluation_bytes(data: EvaluationData) -> bytes:
    """An evaluation set's embeddings as an artifact."""
    words = dict(data.paraphrases or {})
    said = {"classes": json.dumps(data.classes), "domains": json.dumps(data.domains), "skipped": str(data.skipped)}
    said["paraphrases"] = json.dumps({name: len(rows) for name, rows in words.items()})
    tensors: dict[str, Any] = {"vectors": data.vectors, "class_of": data.class_of, "domain_of": data.domain_of}
    tensors["paraphrases"] = np.concatenate(list(words.values())) if words else np.zeros((0, data.vectors.shape[1]))
    return tensors_to_bytes(tensors, said)


def evaluation_from(data: bytes) -> EvaluationData:
    """Read what `evaluation_bytes` wrote."""
    tensors, said = tensors_from_bytes(data)
    counts: dict[str, int] = json.loads(said["paraphrases"])
    ends = np.cumsum(list(counts.values()))
    parts = np.split(tensors["paraphrases"], ends[:-1]) if counts else []
    return EvaluationData(
        tensors["vectors"],
        tuple(json.loads(said["classes"])),
        tuple(json.loads(said["domains"])),
        tensors["class_of"],
        tensors["domain_of"],
        dict(zip(counts, parts, strict=True)),
        int(said["skipped"]),
    )
