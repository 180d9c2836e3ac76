"""The Python client of a daemon.

    with govd.connect("http://127.0.0.1:8765", token=…) as daemon:
        request = daemon.forget("dog", model="mini", domains=["line"], reason="…", wait=True)

Errors of the daemon are raised as the classes of `govd.errors`.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any

import httpx
import numpy as np

from govd import errors
from govd.errors import GovdError, Unreachable
from govd.ledger import canonical, merkle
from govd.ledger.signing import Key, LogCheckpoint
from govd.types import Floats, Json, Record


def connect(url: str | None = None, token: str | None = None, timeout: float = 600.0) -> Daemon:
    """A daemon by its address; without one, the daemon that runs on the default home.

    Raises:
        Unreachable: no address was given and no daemon runs on the home.
    """
    if url is None:
        from govd.home import announced, default_home

        found = announced(default_home())
        if found is None:
            raise Unreachable("no daemon runs on this home", where=str(default_home()), advice="Start one: govd serve.")
        url, token = found
    return Daemon(url, token, timeout)


class Daemon:
    """A daemon over HTTP. Records are plain mappings as the API spells them."""

    def __init__(self, url: str, token: str | None, timeout: float = 600.0) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.url, self._http = url, httpx.Client(base_url=url, headers=headers, timeout=timeout)

    def __enter__(self) -> Daemon:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def _ask(self, method: str, path: str, body: Json = None, **query: Any) -> httpx.Response:
        params = {k: v for k, v in query.items() if v is not None}
        try:
            answer = self._http.request(method, f"/v1/{path}", json=body, params=params)
        except httpx.TransportError as fault:
            advice = "Is it running? `govd serve` starts it; GOVD_URL says where the client looks."
            raise Unreachable(f"the daemon does not answer ({fault})", where=self.url, advice=advice) from None
        if answer.is_error:
            raise _error(answer)
        return answer

    def _get(self, path: str, **query: Any) -> Json:
        return self._ask("GET", path, **query).json()

    def _post(self, path: str, body: Json, **query: Any) -> Json:
        return self._ask("POST", path, body, **query).json()

    def status(self) -> Record:
        """Models, what waits, the ledger's head."""
        return self._get("status")  # type: ignore[no-any-return]

    def models(self) -> list[Record]:
        """All models."""
        return self._get("models")  # type: ignore[no-any-return]

    def model(self, name: str) -> Record:
        """One model."""
        return self._get(f"models/{name}")  # type: ignore[no-any-return]

    def add_model(self, name: str, reference: str, **options: Any) -> Record:
        """Register a model; options as in `govd model add`, paths on the daemon's machine."""
        return self._post("models", {"name": name, "reference": reference, **options})  # type: ignore[no-any-return]

    def update_model(self, name: str, reference: str | None = None, **options: Any) -> Record:
        """Change what a model is registered with; with `reference`, rebase it."""
        return self._ask("PATCH", f"models/{name}", {"reference": reference, **options}).json()  # type: ignore[no-any-return]

    def remove_model(self, name: str) -> Record:
        """Take a model out of service."""
        return self._ask("DELETE", f"models/{name}").json()  # type: ignore[no-any-return]

    def forget(self, *concepts: str, model: str, wait: bool = False, **options: Any) -> Record:
        """File a forget: `domains`, `aliases`, `all_concepts`, `target`, `strength`, `method`, `reason`, `idempotency_key`, …"""
        return self._post("requests", {"model": model, "concepts": list(concepts), **_lists(options)}, wait=wait)  # type: ignore[no-any-return]

    def preview(self, *concepts: str, model: str, **options: Any) -> Record:
        """What a forget would do."""
        return self._post("preview", {"model": model, "concepts": list(concepts), **_lists(options)})  # type: ignore[no-any-return]

    def requests(self, **filters: Any) -> list[Record]:
        """Requests in the order of their filing: `state`, `model`, `concept`, `domain`, `policy`, `filed_by`, `since`, `until`, `after`,
        `limit`."""
        return self._get("requests", **filters)  # type: ignore[no-any-return]

    def request(self, request_id: str) -> Record:
        """One request."""
        return self._get(f"requests/{request_id}")  # type: ignore[no-any-return]

    def _decide(self, request_id: str, event: str, reason: str) -> Record:
        return self._post(f"requests/{request_id}/{event}", {"reason": reason})  # type: ignore[no-any-return]

    def approve(self, request_id: str, reason: str = "") -> Record:
        """Approve a request that waits."""
        return self._decide(request_id, "approve", reason)

    def reject(self, request_id: str, reason: str = "") -> Record:
        """Refuse a request that waits."""
        return self._decide(request_id, "reject", reason)

    def withdraw(self, request_id: str, reason: str = "") -> Record:
        """Take back a request that is not in force."""
        return self._decide(request_id, "withdraw", reason)

    def retry(self, request_id: str, reason: str = "") -> Record:
        """Try a failed request again."""
        return self._decide(request_id, "retry", reason)

    def revert(self, request_id: str, reason: str = "", idempotency_key: str | None = None, wait: bool = False) -> Record:
        """Take a forget back."""
        body = {"reason": reason, "idempotency_key": idempotency_key}
        return self._post(f"requests/{request_id}/revert", body, wait=wait)  # type: ignore[no-any-return]

    def revisions(self, model: str) -> list[Record]:
        """A model's revisions."""
        return self._get(f"models/{model}/revisions")  # type: ignore[no-any-return]

    def revision(self, model: str, number: int) -> Record:
        """One revision."""
        return self._get(f"models/{model}/revisions/{number}")  # type: ignore[no-any-return]

    def diff(self, model: str, first: int, second: int) -> Record:
        """What one revision has that another has not."""
        return self._get(f"models/{model}/revisions/{first}/diff/{second}")  # type: ignore[no-any-return]

    def classify(
        self, model: str, images: Sequence[str], labels: Sequence[str] | None = None, revision: int | None = None, base: bool = False
    ) -> list[Record]:
        """The best label for each picture file on this machine."""
        body = {"images": [_file(i) for i in images], "labels": labels and list(labels), "revision": revision, "base": base}
        answers: list[dict[str, Json]] = self._post(f"models/{model}/classify", body)
        return [{**answer, "path": str(path)} for answer, path in zip(answers, images, strict=True)]

    def embeddings(self, model: str, texts: Sequence[str] = (), images: Sequence[str] = (), base: bool = False) -> Floats:
        """Unit embeddings `(n, d)` of texts, then of picture files, by the published revision."""
        body = {"texts": list(texts), "images": [_file(i) for i in images], "base": base}
        return np.asarray(self._post(f"models/{model}/embeddings", body)["embeddings"], np.float32)

    def evaluate(self, model: str, images: str | None = None, revision: int | None = None, base: bool = False) -> Record:
        """Metrics on a folder of labelled pictures on the daemon's machine."""
        return self._post(f"models/{model}/evaluate", {"images": images, "revision": revision, "base": base})  # type: ignore[no-any-return]

    def export(self, model: str, folder: str, revision: int | None = None, format: str = "hf", **how: Any) -> Record:
        """Write the edited model into a folder on the daemon's machine; `disclose`, `recipient`."""
        return self._post(f"models/{model}/export", {"folder": folder, "revision": revision, "format": format, **how})  # type: ignore[no-any-return]

    def reveal(self, request_id: str) -> Record:
        """A private request with its text (for the role owner); that it was read is an entry."""
        return self._post(f"requests/{request_id}/reveal", {})  # type: ignore[no-any-return]

    def shred(self, request_id: str, reason: str) -> Record:
        """Destroy the text of a private request."""
        return self._post(f"requests/{request_id}/shred", {"reason": reason})  # type: ignore[no-any-return]

    def audit_log(self, **filters: Any) -> list[Record]:
        """Entries in order, filtered."""
        return self._get("audit/log", **filters)["entries"]  # type: ignore[no-any-return]

    def audit_trail(self, request_id: str) -> Record:
        """Everything that happened to a request."""
        return self._get(f"audit/trail/{request_id}")  # type: ignore[no-any-return]

    def audit_as_of(self, time: str, model: str | None = None, proof: bool = False) -> Record:
        """What was served at a time, which forgets were in force, who had approved them."""
        return self._get("audit/as-of", time=time, model=model, proof=proof)  # type: ignore[no-any-return]

    def audit_why(self, model: str, number: int) -> Record:
        """From a revision back to requests, votes, artifacts and software."""
        return self._get(f"audit/why/{model}/{number}")  # type: ignore[no-any-return]

    def audit_deadlines(self, **options: Any) -> Record:
        """What is due, late and extended."""
        return self._get("audit/deadlines", **options)  # type: ignore[no-any-return]

    def audit_sql(self, query: str, seconds: float = 10.0, limit: int = 1000) -> Record:
        """A question in SQL to the views."""
        return self._post("audit/sql", {"query": query, "seconds": seconds, "limit": limit})  # type: ignore[no-any-return]

    def audit_checkpoint(self, size: int | None = None, witnessed: bool = False) -> str:
        """The signed log checkpoint: of the ledger as it is, of a size, or the newest that a witness cosigned."""
        return self._ask("GET", "audit/checkpoint", size=size, witnessed=witnessed or None).text

    def audit_key(self) -> str:
        """The public key of the log."""
        return self._ask("GET", "audit/key").text

    def audit_verify(
        self,
        since: Sequence[str] = (),
        key: str | None = None,
        recompute: bool = False,
        witnesses: Sequence[str] = (),
        roots: Sequence[str] = (),
    ) -> Record:
        """Check the ledger, by the daemon; an auditor checks a bundle for himself. `since`: log checkpoints that were kept; `witnesses`,
        `roots`: keys and root certificates (PEM) of those who vouch for times."""
        body = {"since": list(since), "key": key, "recompute": recompute, "witnesses": list(witnesses), "roots": list(roots)}
        return self._post("audit/verify", body)  # type: ignore[no-any-return]

    def audit_inclusion(self, entry: int, size: int | None = None) -> Record:
        """The proof that an entry is in the log, for others to check."""
        return self._get("audit/proof/inclusion", entry=entry, size=size)  # type: ignore[no-any-return]

    def audit_consistency(self, old: int, new: int | None = None) -> Record:
        """The proof that the log of `new` entries begins with that of `old`, for others to check."""
        return self._get("audit/proof/consistency", old=old, new=new)  # type: ignore[no-any-return]

    def audit_answer(self, key: str) -> Record:
        """Which revision gave an answer (its `Govd-Answer` header), where it was kept."""
        return self._get(f"audit/answers/{key}")  # type: ignore[no-any-return]

    def events(self, after: int = -1) -> Iterator[Record]:
        """Entries as they are made, from the one after entry `after`, without end; a connection that breaks is taken up where it was.

        Raises:
            Unreachable: the daemon does not answer for a minute.
        """
        failures = 0
        while True:
            try:
                last = {"Last-Event-ID": str(after)} if after >= 0 else {}
                with self._http.stream("GET", "/v1/events", headers=last, timeout=60) as found:
                    if found.is_error:
                        found.read()
                        raise _error(found)
                    for line in found.iter_lines():
                        failures = 0
                        if line.startswith("data: "):
                            entry: dict[str, Json] = json.loads(line[6:])
                            after = int(entry["seq"])
                            yield entry
            except httpx.TransportError as fault:
                failures += 1
                if failures > 60:
                    raise Unreachable(f"the daemon does not answer ({fault})", where=self.url) from None
                time.sleep(1)

    def audit_rebuild(self) -> Record:
        """Make the views anew and compare."""
        return self._post("audit/rebuild", {})  # type: ignore[no-any-return]

    def audit_witness(self) -> list[Record]:
        """Hand the newest log checkpoint to the configured witnesses now."""
        return self._post("audit/witness", {})  # type: ignore[no-any-return]

    def audit_rotate_key(self, reason: str) -> Record:
        """A new signing key."""
        return self._post("audit/rotate-key", {"reason": reason})  # type: ignore[no-any-return]

    def audit_bundle(
        self,
        file: str,
        request: str | None = None,
        model: str | None = None,
        revision: int | None = None,
        since: str | None = None,
        as_of: str | None = None,
    ) -> Record:
        """Evidence in a file on this machine."""
        from pathlib import Path

        path = Path(file)
        if path.exists():
            raise errors.Usage("this file exists", where=file, advice="Choose another name; nothing is overwritten.")
        answer = self._ask("GET", "audit/bundle", request=request, model=model, revision=revision, since=since, as_of=as_of)
        try:
            path.write_bytes(answer.content)
        except OSError as fault:
            raise errors.MachineFault(f"cannot be written ({fault.strerror})", where=file) from None
        about = {k: v for k, v in (("request", request), ("model", model), ("revision", revision)) if v is not None}
        return {"file": file, "bytes": len(answer.content), "about": about or {"everything": True}, "key": self.audit_key()}

    def hold(self, request_id: str, reason: str) -> Record:
        """A legal hold."""
        return self._decide(request_id, "hold", reason)

    def release(self, request_id: str, reason: str) -> Record:
        """End a legal hold."""
        return self._decide(request_id, "release", reason)

    def extend(self, request_id: str, due: str, reason: str) -> Record:
        """More time for an open forget."""
        return self._post(f"requests/{request_id}/extend", {"due": due, "reason": reason})  # type: ignore[no-any-return]

    def tokens(self) -> list[Record]:
        """All tokens."""
        return self._get("tokens")  # type: ignore[no-any-return]

    def create_token(self, role: str, name: str) -> Record:
        """A new token."""
        return self._post("tokens", {"role": role, "name": name})  # type: ignore[no-any-return]

    def revoke_token(self, token_id: str) -> Record:
        """End a token."""
        return self._ask("DELETE", f"tokens/{token_id}").json()  # type: ignore[no-any-return]


class Follower:
    """Who reads entries from the first one on and need not believe them: what was read is compared with signed log checkpoints.

    follower = Follower(key)
    for entry in daemon.events():
        follower.add(entry)
        …
    follower.check(daemon.audit_checkpoint(size=…))
    """

    def __init__(self, key: str) -> None:
        self.key, self._tree = Key.parse(key), merkle.Growing()
        self._roots: dict[int, bytes] = {}

    @property
    def size(self) -> int:
        """How many entries were read."""
        return self._tree.size

    def add(self, entry: Record) -> None:
        """The next entry.

        Raises:
            VerificationFailed: one is missing before it, or came twice.
        """
        if entry["seq"] != self._tree.size:
            raise errors.VerificationFailed(f"entry {self._tree.size} should be next, not {entry['seq']}")
        self._tree.add(merkle.leaf_hash(canonical.encode(entry)))
        self._roots[self._tree.size] = self._tree.root()

    def check(self, note: str) -> int:
        """Whether what was read is what was signed; the size up to which that is so.

        Raises:
            VerificationFailed: it is not, or the checkpoint is of more than was read.
        """
        said = LogCheckpoint.open(note, self.key)
        if said.size not in self._roots:
            raise errors.VerificationFailed(f"{said.size} entries were signed, {self.size} were read", advice="Read on, then check again.")
        if self._roots[said.size] != said.root:
            raise errors.VerificationFailed("the entries that were read are not those that were signed")
        return said.size


def _lists(options: dict[str, Any]) -> dict[str, Any]:
    said = {k: list(v) if isinstance(v, tuple) else v for k, v in options.items()}
    if said.get("examples"):
        said["examples"] = [base64.b64encode(data).decode() for data in said["examples"]]
    return said


def _file(path: str) -> str:
    from pathlib import Path

    try:
        return base64.b64encode(Path(path).read_bytes()).decode()
    except OSError as fault:
        raise errors.UnreadableImage(f"cannot be read ({fault.strerror})", where=str(path), path=str(path)) from None


def _error(answer: httpx.Response) -> GovdError:
    """The daemon's problem as the error that it was."""
    try:
        said = answer.json()
    except ValueError:
        return Unreachable(f"HTTP {answer.status_code}", where=str(answer.url))
    name = "".join(part.title() for part in str(said.get("type", "")).rpartition(":")[2].split("-"))
    found = getattr(errors, name, None)
    made = found if isinstance(found, type) and issubclass(found, GovdError) else GovdError
    return made(str(said.get("detail") or said.get("title") or answer.reason_phrase))
