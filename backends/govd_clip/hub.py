"""What somebody typed, as a folder on this machine: a path, or a Hugging Face id at a pinned
commit.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from govd.errors import BadCheckpoint, NotFound, Unreachable
from govd.types import ModelReference
from govd_clip.checkpoint import ADAPTER, PICTURES, TOKENIZER
from govd_clip.families import fault_of, of_type
from govd_clip.headers import INDEX, SINGLE
from govd_clip.layouts import (
    CONFIG,
    MAP,
    MODEL_TYPES,
    OPEN_CONFIG,
    OPEN_WEIGHTS,
    is_open_clip,
)
from govd_clip.regular import read_json

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
SHARDS = "model-*-of-*.safetensors"
FILES: Final = (
    *(CONFIG, *PICTURES, *TOKENIZER),
    *(SINGLE, INDEX, SHARDS, ADAPTER, MAP),
)
OPEN_FILES: Final = (OPEN_CONFIG, OPEN_WEIGHTS, *TOKENIZER)
"""Files of a repository that are downloaded, of transformers and of open_clip."""
SHIPPED = "mini"


def is_clip_folder(folder: Path) -> bool:
    """Whether a folder is a CLIPModel's, be it broken."""
    path = folder / "config.json"
    if path.exists() or path.is_symlink():
        try:
            if read_json(path).get("model_type") in MODEL_TYPES:
                return True
        except BadCheckpoint:
            return True
    if is_open_clip(folder):
        return True
    if path.exists() or fault_of(folder) is not None:
        return False
    return any(folder.glob("model*.safetensors")) or any(
        folder.glob("pytorch_model*.bin")
    )


def locate(reference: ModelReference) -> tuple[Path, str | None] | None:
    """The checkpoint's folder and its commit where it is of the Hub; None where this is nothing
    that is known here.

    Raises:
        BadCheckpoint: it is a model of another kind, which is named.
    """
    path = Path(reference.reference).expanduser()
    if reference.reference == SHIPPED and not path.exists():
        path = Path(__file__).parent / SHIPPED
    if path.exists():
        if path.is_dir() and is_clip_folder(path):
            return path, None
        fault = fault_of(path)
        if fault is not None:
            raise fault
        return None
    if not HUB_ID.fullmatch(reference.reference):
        return None
    return download(reference.reference, reference.hf_revision)


OFFLINE: Final = "Check the network, or give the folder of a downloaded checkpoint."
SPELLING: Final = (
    "Check the spelling; for a folder, check that it exists; for a private repository, log in with"
    " `hf auth login`."
)


def download(repo: str, revision: str | None) -> tuple[Path, str] | None:
    """A Hub repository's checkpoint files at one commit: all of them or none. Their folder and the
    commit; None where the repository is no checkpoint.

    `repo`: its id, `OWNER/NAME`. `revision`: a branch, tag or commit (None: the default branch).

    Raises:
        NotFound: the Hub knows no such repository or revision. Unreachable: it does not answer.
        BadCheckpoint: there are no safetensors weights.
    """
    from huggingface_hub.errors import (
        EntryNotFoundError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )
    from huggingface_hub.errors import RevisionNotFoundError as NoRevision

    try:
        folder, commit = _snapshot(repo, revision)
    except NoRevision:
        raise NotFound(
            f"the Hub knows no revision {revision!r} of it",
            where=repo,
            advice="Give a commit of this repository.",
        ) from None
    except RepositoryNotFoundError:
        raise NotFound(
            "is neither a folder here nor a repository of the Hub",
            where=repo,
            advice=SPELLING,
        ) from None
    except LocalEntryNotFoundError as error:
        raise Unreachable(
            "the Hub does not answer and the files are not cached",
            where=repo,
            advice=OFFLINE,
        ) from error
    except EntryNotFoundError:
        return None
    except (HfHubHTTPError, OSError) as error:
        fault = f"the Hub does not answer ({error})"
        raise Unreachable(fault, where=repo, advice="Try again later.") from error
    _check_weights(folder, repo, commit)
    return folder, commit


def _snapshot(repo: str, revision: str | None) -> tuple[Path, str]:
    """The folder and the commit of a repository's checkpoint files, once they are downloaded."""
    from huggingface_hub import snapshot_download

    config = _config(repo, revision)
    commit = config.parent.name
    patterns = OPEN_FILES if config.name == OPEN_CONFIG else FILES
    folder = snapshot_download(repo, revision=commit, allow_patterns=[*patterns])
    return Path(folder), commit


def _config(repo: str, revision: str | None) -> Path:
    """The file of a repository that says its model's shape: of transformers, or else of open_clip.

    Raises:
        BadCheckpoint: the model is of another kind. EntryNotFoundError: there is none.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    other = None
    try:
        config = Path(hf_hub_download(repo, CONFIG, revision=revision))
        model_type = read_json(config).get("model_type")
        if model_type in MODEL_TYPES:
            return config
        other = of_type(model_type, repo)
    except LocalEntryNotFoundError:
        raise
    except EntryNotFoundError:
        pass
    try:
        return Path(hf_hub_download(repo, OPEN_CONFIG, revision=revision))
    except EntryNotFoundError:
        if other is not None:
            raise other from None
        raise


def _check_weights(folder: Path, repo: str, commit: str) -> None:
    """That a downloaded checkpoint has weights that are read.

    Raises:
        BadCheckpoint: it has none. Unreachable: the cache has none.
    """
    if not any((folder / name).exists() for name in (SINGLE, INDEX, OPEN_WEIGHTS)):
        from huggingface_hub.constants import HF_HUB_OFFLINE

        # what is not in the cache may well be there
        if HF_HUB_OFFLINE and not any(folder.glob("pytorch_model*.bin")):
            raise Unreachable(
                "its weights are not cached, and the Hub is not asked (HF_HUB_OFFLINE)",
                where=f"{repo}@{commit}",
                advice=OFFLINE,
            )
        convert = (
            f"from transformers import CLIPModel; CLIPModel.from_pretrained({repo!r},"
            f" revision={commit!r}).save_pretrained('converted')"
        )
        advice = (
            f'Where torch is installed, run: python -c "{convert}", copy its other files along, and'
            " give that folder."
        )
        raise BadCheckpoint(
            "has no safetensors weights", where=f"{repo}@{commit}", advice=advice
        )
