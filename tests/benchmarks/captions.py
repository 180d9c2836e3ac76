"""`python -m tests.benchmarks.captions FOLDER --model MODEL --forget WORD …`: retrieval on pictures
with captions, before and after.

The protocol of CLIPErase (Yang et al., arXiv 2410.23330): R@1, 5 and 10 of text → image and image →
text, on pairs whose caption has a forgotten word and on all others. Rows: the captions with the
word (low is wanted), the same captions without it (the reference: what the rest of the sentence
finds, which a model that does not know the word can do, too), and the others (as before is wanted).

FOLDER holds pictures and one file that names them: `metadata.csv` or `metadata.jsonl` as
`datasets.ImageFolder` reads them (`file_name`, and `text` or `caption`), or `captions.txt` with a
line `file<tab>caption` or `file,caption`, with a header or without; Flickr8k's `file#0` is
understood. A picture may have several captions. No picture of the folder is fitted on: a pool is
given by `--pool`, else it is the one that the model brings, else there is none.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from govd.edit import Edit, exact
from govd.edit.metrics import scores
from govd.edit.retrieval import DEPTHS
from govd.errors import BadFile, GovdError
from govd.models.given import Given
from govd.service.service import Service, open_service
from govd.types import Concept, ForgetSpec, Scope

MODEL = "captions"
FILES: Final = (
    "metadata.csv",
    "metadata.jsonl",
    "captions.txt",
    "captions.csv",
    "captions.tsv",
)
NAMED: Final = ("file_name", "image", "file", "filename")
SAYING: Final = ("text", "caption", "captions")
LAYOUT: Final = (
    "Lay it out as pictures with metadata.csv "
    "(file_name,text) or captions.txt (file<tab>caption)."
)


@dataclass(frozen=True)
class Pair:
    """A picture, by its place, and a caption of it."""

    picture: int
    caption: str


@dataclass(frozen=True)
class Captioned:
    """Pictures and their captions. `missing`: files that are named and not there."""

    paths: tuple[Path, ...]
    pairs: tuple[Pair, ...]
    missing: int = 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table for each method and target."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.captions", description=__doc__
    )
    parser.add_argument("folder", type=Path, help="pictures with captions")
    parser.add_argument(
        "--model",
        default="mini",
        help="what `govd model add` takes: a folder, a Hugging Face id, mini",
    )
    parser.add_argument("--forget", nargs="+", required=True, metavar="WORD")
    parser.add_argument(
        "--pool",
        default=None,
        help="unlabelled pictures or embeddings, others than those of the folder",
    )
    parser.add_argument("--use", default=None, choices=("labels", "open", "search"))
    parser.add_argument("--methods", default="auto,nullspace")
    parser.add_argument(
        "--targets", default="unnamed,level", help="of methods that have targets"
    )
    given = parser.parse_args(arguments)
    captioned = read(given.folder)
    with (
        tempfile.TemporaryDirectory() as home,
        open_service(Path(home) / "home") as service,
    ):
        service.add_model(
            MODEL, given.model, Given(pool=given.pool, use=given.use), "benchmark"
        )
        groups = Groups.of(captioned, given.forget)
        record, sizes = (
            service.models.show(MODEL),
            ", ".join(f"{len(pairs)} {name}" for name, pairs in groups.pairs.items()),
        )
        pool = f"{record['pool']} embeddings" if record["pool"] else "none"
        print(
            f"{given.model}, {len(captioned.paths)} pictures; captions: {sizes}; pool: {pool};"
            f" forgotten: {', '.join(given.forget)}"
        )
        if captioned.missing:
            print(
                f"{captioned.missing} captions name files that are not there; they are left out"
            )
        vectors = Vectors.of(service, captioned, groups)
        for method in given.methods.split(","):
            for target in (
                given.targets.split(",")
                if method not in ("nullspace", "ccup")
                else [""]
            ):
                title = f"{method}, target {target}" if target else method
                try:
                    rows = table(
                        vectors, groups, edit_of(service, method, target, given.forget)
                    )
                except GovdError as error:
                    rows = f"cannot be done: {error.message}"
                print(f"\n{title}\n\n{rows}", flush=True)


# -- reading


def read(folder: Path) -> Captioned:
    """Pictures with captions; files that are named and not there are counted.

    Raises:
        BadFile: there is no file of captions, or none of its pictures is there.
    """
    listing = next((folder / name for name in FILES if (folder / name).is_file()), None)
    if listing is None:
        raise BadFile("no captions in this folder", where=str(folder), advice=LAYOUT)
    places: dict[Path, int] = {}
    pairs, missing = [], 0
    for name, caption in _lines(listing):
        path = _place(folder, name)
        if path is None or not caption.strip():
            missing += 1
            continue
        pairs.append(
            Pair(places.setdefault(path, len(places)), " ".join(caption.split()))
        )
    if not pairs:
        raise BadFile(
            "none of the pictures that have captions is there",
            where=str(listing),
            advice=LAYOUT,
        )
    return Captioned(tuple(places), tuple(pairs), missing)


def _place(folder: Path, name: str) -> Path | None:
    """A picture beside the captions, or in Flickr8k's folder of them."""
    for path in (folder / name, folder / "Images" / name, folder / "images" / name):
        if path.is_file():
            return path
    return None


def _lines(listing: Path) -> Iterator[tuple[str, str]]:
    """A file's name and a caption, line by line."""
    text = listing.read_text(encoding="utf-8-sig")
    if listing.suffix == ".jsonl":
        yield from _of_records(
            map(json.loads, filter(str.strip, text.splitlines())), listing
        )
    elif listing.name == "metadata.csv":
        yield from _of_records(csv.DictReader(text.splitlines()), listing)
    else:
        tabs = "\t" in text.partition("\n")[0]
        rows = csv.reader(
            text.splitlines(),
            delimiter="\t" if tabs else ",",
            quoting=csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL,
        )
        for at, row in enumerate(rows):
            if len(row) < 2 or (at == 0 and row[0].strip().lower() in NAMED):
                continue
            yield (
                re.sub(r"#\d+$", "", row[0].strip()),
                (" " if tabs else ",").join(row[1:]),
            )


def _of_records(
    records: Iterable[Mapping[str, Any]], listing: Path
) -> Iterator[tuple[str, str]]:
    for record in records:
        name, caption = (
            next((record[key] for key in keys if record.get(key)), None)
            for keys in (NAMED, SAYING)
        )
        if name is None or caption is None:
            raise BadFile(
                f"a line without {'a file' if name is None else 'a caption'}",
                where=str(listing),
                advice=LAYOUT,
            )
        for one in caption if isinstance(caption, list) else [caption]:
            yield str(name), str(one)


# -- groups


def without(caption: str, words: Sequence[str]) -> str:
    """A caption without the words, singular or plural, whole and in any case; articles that are
    left before nothing go, too.
    """
    found = _pattern(words).sub(" ", caption)
    found = re.sub(
        r"\b(?:an?|the)\b\s*(?=[.,;!?]|$)",
        " ",
        " ".join(found.split()),
        flags=re.IGNORECASE,
    )
    return " ".join(re.sub(r"\s+([.,;!?])", r"\1", found).split()).strip(" ,;")


def _pattern(words: Sequence[str]) -> re.Pattern[str]:
    return re.compile(
        rf"\b(?:{'|'.join(re.escape(word) for word in words)})(?:s|es)?\b",
        re.IGNORECASE,
    )


@dataclass(frozen=True)
class Groups:
    """Pairs by what is asked of them: `forgotten`, the same as `reference` without the word, and
    `others`.
    """

    pairs: Mapping[str, tuple[Pair, ...]]

    @staticmethod
    def of(captioned: Captioned, words: Sequence[str]) -> Groups:
        """Captions that have one of the words; those that are nothing else have no reference.

        Raises:
            BadFile: no caption has one, or all have.
        """
        forgotten = tuple(
            pair for pair in captioned.pairs if _pattern(words).search(pair.caption)
        )
        others = tuple(
            pair for pair in captioned.pairs if not _pattern(words).search(pair.caption)
        )
        if not forgotten or not others:
            what = "no caption has" if not forgotten else "every caption has"
            raise BadFile(
                f"{what} one of the words {', '.join(words)}",
                advice="Name words that some captions have: --forget WORD.",
            )
        stripped = (
            Pair(pair.picture, without(pair.caption, words)) for pair in forgotten
        )
        return Groups(
            {
                "forgotten": forgotten,
                "reference": tuple(p for p in stripped if p.caption),
                "others": others,
            }
        )

    def captions(self, name: str) -> list[str]:
        """A group's captions, equal ones once."""
        return list(dict.fromkeys(pair.caption for pair in self.pairs[name]))

    def shows(self, name: str, pictures: int) -> np.ndarray:
        """Which pictures `(n, m)` each of them is of."""
        place = {caption: at for at, caption in enumerate(self.captions(name))}
        relevant = np.zeros((pictures, len(place)), bool)
        for pair in self.pairs[name]:
            relevant[pair.picture, place[pair.caption]] = True
        return relevant


@dataclass(frozen=True)
class Vectors:
    """Unit embeddings of the pictures `(n, d)` and of each group's captions `(m, d)`, of the
    unedited model.
    """

    images: np.ndarray
    captions: Mapping[str, np.ndarray]

    @staticmethod
    def of(service: Service, captioned: Captioned, groups: Groups) -> Vectors:
        """Captions are encoded as they stand, in no template."""
        encoder = service.core.models.opened(MODEL).encoder
        images = np.asarray(encoder.files(list(captioned.paths))[0], np.float64)
        texts = {
            name: np.asarray(
                encoder.texts(groups.captions(name), keep=False), np.float64
            )
            for name in groups.pairs
        }
        return Vectors(exact.unit(images), texts)


def edit_of(service: Service, method: str, target: str, words: Sequence[str]) -> Edit:
    """The edit when each word is forgotten by a request of its own.

    Raises:
        GovdError: the method cannot do that.
    """
    opened = service.core.models.opened(MODEL)
    contributions = service.contributions
    named = (
        ("fitted" if opened.basis.has_pool else "oblique")
        if method == "auto"
        else method
    )
    specs = [
        ForgetSpec(Scope((Concept(word),)), named, target or None) for word in words
    ]  # type: ignore[arg-type]
    return contributions.composing.edit(
        opened.basis,
        [contributions.computing.compute(spec, opened, keep=False) for spec in specs],
    )


# -- counting


def recalls(
    scored: np.ndarray, shows: np.ndarray, beside: np.ndarray, beside_shows: np.ndarray
) -> dict[str, float]:
    """Recall of a group: `t2i@k`, a picture of a caption is among its k best of all pictures;
    `i2t@k`, a caption of a picture is among its k best of the group's and the others. Of equal
    scores the first wins.

    `scored` (n, m) are all pictures' scores with the group's captions, `shows` (n, m) which are of
    which, `beside` and `beside_shows` (n, l) the same of others.
    """
    best = np.argsort(-scored, axis=0, kind="stable")[: max(DEPTHS)]
    hit = np.take_along_axis(shows, best, axis=0)
    shares = {f"t2i@{k}": float(hit[:k].any(0).mean()) for k in DEPTHS}
    rows = shows.any(1)
    whole, of_whole = (
        np.concatenate(pair, axis=1)[rows]
        for pair in ((scored, beside), (shows, beside_shows))
    )
    order = np.argsort(-whole, axis=1, kind="stable")[:, : max(DEPTHS)]
    hit = np.take_along_axis(of_whole, order, axis=1)
    return shares | {f"i2t@{k}": float(hit[:, :k].any(1).mean()) for k in DEPTHS}


def measured(
    vectors: Vectors, groups: Groups, edit: Edit
) -> dict[str, dict[str, float]]:
    """Recalls of each group after an edit; forgotten captions and their reference never compete
    with each other.
    """
    scored = {
        name: scores(edit, vectors.images, texts)
        for name, texts in vectors.captions.items()
    }
    shows = {name: groups.shows(name, len(vectors.images)) for name in groups.pairs}
    beside = {"forgotten": "others", "reference": "others", "others": "forgotten"}
    return {
        name: recalls(scored[name], shows[name], scored[other], shows[other])
        for name, other in beside.items()
        if groups.captions(name)
    }


SAID: Final = {
    "forgotten": "with the word",
    "reference": "the same without it",
    "others": "all others",
}
WAYS: Final = {"t2i": "text → image", "i2t": "image → text"}


def table(vectors: Vectors, groups: Groups, edit: Edit) -> str:
    """Markdown: recall in per cent before → after."""
    nothing = Edit.nothing(edit.dim, edit.side)
    before, after = measured(vectors, groups, nothing), measured(vectors, groups, edit)
    lines = [
        f"| captions | search | {' | '.join(f'R@{k}' for k in DEPTHS)} |",
        f"|{'---|' * (2 + len(DEPTHS))}",
    ]
    for name in before:
        for way, words in WAYS.items():
            cells = (
                f"{100 * before[name][f'{way}@{k}']:.1f} → {100 * after[name][f'{way}@{k}']:.1f} %"
                for k in DEPTHS
            )
            lines.append(f"| {SAID[name]} | {words} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
