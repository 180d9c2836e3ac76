"""What a verified bundle comes to, in sentences: what is proven, what the log records, and what
does not follow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from govd.ledger.signing import LogCheckpoint
from govd.records.actors import spoken
from govd.verify import bounds, claim
from govd.verify.bounds import Bounds
from govd.verify.excerpt import DIGESTS, OTHERS, Excerpt
from govd.verify.honest import honest
from govd.verify.open_bundle import OpenBundle
from govd.verify.safe_text import safe
from govd.verify.sentences import sentence_of
from govd.verify.store_sentences import copies_told, manifest_of

TOLD: Final = 500
"""Entries that are told as sentences."""
EXCERPT: Final = 200_000
"""Entries of a bundle of one request that shows others as digests only."""
MODELS: Final = 20
"""Models whose claims are told."""
NOT_PROVEN: Final = (
    (
        "Whoever holds the signing key could have signed another history for somebody else; only"
        " witnesses or kept checkpoints show that."
    ),
    (
        "What is recorded is what the daemon wrote: who acted is who held a token or the machine's"
        " account, and the figures are as measured there (--recompute checks the edit alone)."
    ),
    (
        "That what answers questions is what was published: compare the SHA-256 of its files with"
        " the statement's subjects."
    ),
)


def tell(
    opened: OpenBundle,
    newest: LogCheckpoint,
    found: Bounds,
    known: bool,
    kept: Sequence[int],
) -> None:
    """Fill in the sentences of a bundle. `known`: the key came from elsewhere; `kept`: sizes of log
    checkpoints that the reader kept.
    """
    verdict = opened.verdict
    _about(opened)
    if not verdict.holds:
        return
    revisions = list(opened.statements) or claim.newest(opened.entries())
    claims = claim.claims_of(opened.entries, revisions[:MODELS])
    opened.claim = " ".join(honest(c) for c in claims.values()) or honest(None)
    if len(revisions) > MODELS:
        opened.claim += f" (And {len(revisions) - MODELS} more revisions.)"
    proven, recorded = bounds.tell(found.found)
    opened.proven = [
        *_proven(opened, newest),
        *opened.proven,
        *(
            f"It begins with the log checkpoint of {n} entries that was kept."
            for n in kept
        ),
        *proven,
    ]
    opened.recorded += [*_recorded(opened), *recorded]
    opened.not_proven = [*_missing(opened, found), *opened.not_proven]
    if not known:
        text = (
            "The key came with the bundle: it says that one signer made all this, not who. Ask for"
            " the key elsewhere, and give --key."
        )
        opened.not_proven.insert(0, text)
    if not any(b.checked for b in found.found):
        opened.not_proven.append(
            "When it happened: the times are those of the daemon's clock, and nothing that was"
            " checked bounds them."
        )
    elif not opened.whole:
        opened.not_proven.append(
            "When it happened, more closely than the witnesses and time stamps above say: times are"
            " the daemon's clock."
        )
    opened.not_proven += NOT_PROVEN


def _proven(opened: OpenBundle, newest: LogCheckpoint) -> list[str]:
    size = newest.size
    verdict = opened.verdict
    whole = (
        f", and they are all: there is none but these up to entry {size - 1}; later ones are not"
        " shown"
        if opened.whole
        else ""
    )
    sentences = [
        (
            f"{verdict.size} entries are in the log {safe(newest.origin)} as it was signed at"
            f" {size} entries, byte for byte{whole}."
        ),
        f"{verdict.artifacts} artifacts have the bytes that the entries name.",
    ]
    for model, number in opened.statements:
        subjects = opened.statements[model, number]["subject"]
        revision_name = f"revision {number} of {safe(model)}"
        sentences.append(
            f"The log's key signed the claim about {revision_name}; the files that it names"
            f" ({len(subjects)}) are those of the entries."
        )
    return sentences


def _recorded(opened: OpenBundle) -> list[str]:
    sentences: list[str] = []
    for entry in opened.entries():
        sentence = sentence_of(entry)
        if not sentence:
            continue
        if len(sentences) == TOLD:
            return [*sentences, "And more, which entries.ndjson has."]
        sentences.append(
            f"Entry {entry['seq']}, {safe(entry['time'][:19])}Z, {safe(spoken(entry['actor']))}:"
            f" {sentence}"
        )
    return [*sentences, *_copies(opened)]


def _copies(opened: OpenBundle) -> list[str]:
    """Which copies of a revision the entries tell of, where the bundle is about one."""
    question = opened.manifest.get("about")
    if not isinstance(question, dict) or set(question) != {"model", "revision"}:
        return []
    model = str(question["model"])
    number = question["revision"]
    if not isinstance(number, int):
        return []
    return [
        safe(sentence)
        for sentence in copies_told(manifest_of(opened.entries(), model, number))
    ]


def _missing(opened: OpenBundle, found: Bounds) -> list[str]:
    sentences: list[str] = []
    kinds = Counter(opened.missing.values())
    for noun, count in sorted(kinds.items()):
        names = [
            f"{digest[:16]}…" for digest, kind in opened.missing.items() if kind == noun
        ][:5]
        more = ""
        if count > len(names):
            more = f" and {count - len(names)} more"
        sentences.append(
            f"What is in the {noun} {', '.join(names)}{more}: the digest is proven, the bytes are"
            " not in this bundle."
        )
    if not opened.statements:
        sentences.append(
            "There is no signed claim about a published revision in this bundle."
        )
    if found.without:
        sentences.append(
            f"{found.without} cosignatures and time stamps are on log checkpoints that are not in"
            " this bundle: they were not checked."
        )
    if not opened.whole:
        sentences.append(
            "That nothing else happened: entries that are not here may exist (a bundle of the whole"
            " ledger shows all)."
        )
    return sentences


def _about(opened: OpenBundle) -> None:
    """That the bundle is about what its manifest says; of a time also what was published then."""
    question = opened.manifest.get("about")
    stated: Mapping[str, Any] = question if isinstance(question, dict) else {}
    if set(stated) == {"everything"}:
        fine = stated["everything"] is True and opened.whole
    elif set(stated) == {"request", OTHERS} and stated[OTHERS] == DIGESTS:
        fine = isinstance(stated["request"], str) and _excerpt(
            opened, stated["request"]
        )
    elif set(stated) == {"request"}:
        fine = any(
            e["kind"] == "request.file" and e["subject"] == stated["request"]
            for e in opened.entries()
        )
    elif set(stated) == {"model", "revision"}:
        subject = f"{stated['model']}/{stated['revision']}"
        fine = any(
            e["kind"] == "revision.compose" and e["subject"] == subject
            for e in opened.entries()
        )
    elif {"as_of", "from"} <= set(stated) <= {"as_of", "from", "model"}:
        fine = _as_of(opened, stated)
    else:
        fine = False
    if not fine:
        opened.verdict.fault(
            "the manifest says that the bundle is about something that its entries do not show"
        )


def _excerpt(opened: OpenBundle, request: str) -> bool:
    """The request is shown and nothing of others; what follows from that for the revisions that are
    made of others as well.
    """
    if opened.verdict.full or opened.verdict.size > EXCERPT:
        return False
    excerpt = opened.excerpt = Excerpt.of(opened.entries, request)
    strange = next(
        (entry["seq"] for entry in opened.entries() if not excerpt.shows(entry)), None
    )
    if strange is not None:
        opened.verdict.fault(
            f"entry {strange} is about something else than the request, and others were to be shown"
            " as digests only"
        )
    for composed in excerpt.shared():
        model, _, number = composed.revision.rpartition("/")
        subject = f"revision {number} of {safe(model)}"
        rest = _counted(composed.others, "other")
        contributions = f"{rest}, not of this request"
        if composed.own:
            digest = composed.own[0][:16]
            contributions = f"the contribution {digest}… of this request and of {rest}"
        opened.proven.append(
            f"Entry {composed.entry} records {subject} as composed of {contributions}: those are"
            " shown as digests only."
        )
        opened.not_proven.append(
            f"That the edit of {subject} is what these come to, and how it was measured: its edit,"
            " figures and other contributions would say what others asked for (govd audit bundle"
            " FILE --request ID --with-others brings them, and recomposes)."
        )
    return any(
        entry["kind"] == "request.file" and entry["subject"] == request
        for entry in opened.entries()
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


@dataclass
class _Window:
    """The entries from one to the first that is dated after a time, without a gap."""

    start: int
    stop: int
    """One after the last of them that is not dated later."""
    after: dict[str, Any] | None = None
    """The first that is dated later, where it is here."""
    until: str = ""
    """The time that is known of: that which was asked for, or that of the last entry."""
    added: dict[str, int] = field(default_factory=dict)
    """Models with the entries that registered them, before the time."""
    published: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Models with the last entry that changed what they serve."""

    @classmethod
    def of(cls, entries: Iterable[dict[str, Any]], start: int, time: str) -> _Window:
        window = cls(start, start)
        latest = ""
        for entry in entries:
            # in older ledgers the clock may have been set back
            latest = max(latest, entry["time"])
            if entry["kind"] == "model.add" and latest <= time:
                window.added[entry["subject"]] = entry["seq"]
            if entry["seq"] < start:
                continue
            if entry["seq"] != window.stop:
                break
            window.stop += 1
            if entry["time"] > time:
                window.after, window.until = entry, time
                break
            window.until = entry["time"]  # nothing says what came after the last entry
            if entry["kind"] == "revision.publish":
                window.published[entry["subject"].rpartition("/")[0]] = entry
            elif entry["kind"] == "model.remove":
                window.published[entry["subject"]] = entry
        return window

    def end(self) -> str:
        """The entry that ends it, in words."""
        if self.after is None:
            return f"entry {self.stop - 1}, the last that is signed"
        date = self.after["time"][:19]
        return f"entry {self.after['seq']}, the first that is dated later ({date}Z)"

    def served(self, model: str) -> str:
        """What a model served, and by which entries; "" where they do not say it."""
        entry = self.published.get(model)
        if entry is not None:
            state = f"served revision {entry['subject'].rpartition('/')[2]}"
            if entry["kind"] == "model.remove":
                state = "was taken out of service"
            return (
                f"{state}, by entry {entry['seq']}; from there to {self.end()}, no entry is missing"
                " and none publishes another"
            )
        if self.added.get(model, -1) >= self.start:
            return (
                f"served the unedited model, registered by entry {self.added[model]}; from there to"
                f" {self.end()}, none publishes a revision"
            )
        return ""


def _as_of(opened: OpenBundle, about: Mapping[str, Any]) -> bool:
    """Entries from `from` to the first one after the time, without a gap: so nothing was published
    between them.
    """
    time = about["as_of"]
    start = about["from"]
    if not isinstance(time, str) or type(start) is not int:
        return False
    window = _Window.of(opened.entries(), start, time)
    is_ended = window.after is not None or window.stop == opened.verdict.signed_size
    models = sorted({*window.added, *window.published})
    if "model" in about:
        models = [about["model"]]
    if not is_ended or not all(isinstance(name, str) for name in models):
        return False
    opened.proven.append(
        f"The entries {start} to {window.stop - 1} are all that there are between those numbers."
    )
    opened.not_proven.append(
        "That the daemon's clock was right: which entries come before a time is by the times that"
        " they bear."
    )
    for name in models:
        served = window.served(name)
        if not served:
            return False
        opened.recorded.append(f"On {safe(window.until[:19])}Z {safe(name)} {served}.")
    return True
