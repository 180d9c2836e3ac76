"""`govd audit`: evidence for a third party: log checkpoints, proofs, bundles, verification."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import typer

from govd.cli.access import opened
from govd.cli.options import HomeOption, JsonOption, ReasonOption
from govd.cli.output import print_json, put
from govd.errors import BadFile, Usage, VerificationFailed, reason_of
from govd.models.phrases import LINE_END, text_in


def checkpoint(
    size: Annotated[
        int | None,
        typer.Option(
            "--size",
            help="That of so many entries (default: signs the ledger as it is).",
        ),
    ] = None,
    witnessed: Annotated[
        bool,
        typer.Option("--witnessed", help="The newest that a witness has cosigned."),
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The signed log checkpoint. Keep one elsewhere: `verify --since` proves that the log only
    grew.
    """
    with opened(home) as api:
        note = api.audit_checkpoint(size, witnessed)
    if not as_json:
        print(note, end="")
        return
    from govd.ledger.signing import LogCheckpoint

    log_checkpoint = LogCheckpoint.read(note)
    print_json(
        {
            "origin": log_checkpoint.origin,
            "size": log_checkpoint.size,
            "root": log_checkpoint.root.hex(),
            "note": note,
        }
    )


def key(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """The public key that log checkpoints are signed with."""
    with opened(home) as api:
        public_key = api.audit_key()
    put({"key": public_key}, as_json, lambda said: print(said["key"]))


def model_key(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """The public key that model checkpoints are signed with (P-256, PEM), for `model_signing`."""
    with opened(home) as api:
        public_key = api.audit_model_key()
    put({"key": public_key}, as_json, lambda said: print(str(said["key"]).strip()))


def rotate_key(
    reason: ReasonOption = "", home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """A new signing key; both sign the change, the old private key is destroyed, old checkpoints
    stay verifiable.
    """
    from govd.cli.tables import show_record

    with opened(home) as api:
        put(api.audit_rotate_key(reason), as_json, show_record)


def witness(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Hand the newest log checkpoint to the configured witnesses now; the daemon does it by
    itself.
    """
    from govd.cli.show_audit import show_witnesses

    with opened(home) as api:
        answers = api.audit_witness()
    put(answers, as_json, show_witnesses)
    if any(answer["fault"] for answer in answers):
        raise typer.Exit(1)


OthersOption = Annotated[
    bool,
    typer.Option(
        "--with-others",
        help=(
            "Of a request: also the others in its revisions, so that it recomposes (else"
            " digests only)."
        ),
    ),
]


def bundle(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A file that is not there yet.")
    ],
    number: Annotated[
        int | None,
        typer.Argument(
            metavar="[N]", help="The revision's number, after --revision MODEL."
        ),
    ] = None,
    request: Annotated[
        str | None, typer.Option("--request", help="Evidence of one request.")
    ] = None,
    revision: Annotated[
        str | None,
        typer.Option("--revision", metavar="MODEL N", help="Evidence of one revision."),
    ] = None,
    since: Annotated[
        Path | None,
        typer.Option(
            "--since", help="A log checkpoint that was kept: with the proof from there."
        ),
    ] = None,
    with_others: OthersOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Evidence in one file that verifies offline: of a request (others as digests only), of a
    revision, or of everything.
    """
    from govd.cli.tables import show_record

    note = None if since is None else _note(since)
    with opened(home) as api:
        bundled = api.audit_bundle(
            str(file.absolute()),
            request,
            revision,
            number,
            note,
            with_others=with_others,
        )
        put(bundled, as_json, show_record)


def proof(
    entry: Annotated[int, typer.Argument(metavar="ENTRY", help="The entry's number.")],
    size: Annotated[
        int | None,
        typer.Option(
            "--size",
            help="In the log of so many entries (default: the newest log checkpoint).",
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The inclusion proof of one entry, for whoever checks it with a tool of his own."""
    from govd.cli.tables import show_record

    with opened(home) as api:
        put(api.audit_proof(entry, size), as_json, show_record)


def consistency(
    old: Annotated[
        int, typer.Argument(metavar="OLD", help="Entries of the older checkpoint.")
    ],
    new: Annotated[
        int | None,
        typer.Argument(
            metavar="[NEW]", help="Entries of the newer one (default: the newest)."
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The proof that the log of one log checkpoint begins with that of an older one."""
    from govd.cli.tables import show_record

    with opened(home) as api:
        put(api.audit_consistency(old, new), as_json, show_record)


FileArgument = Annotated[
    Path | None,
    typer.Argument(
        help=(
            "An evidence bundle, or the folder of a signed checkpoint (default: the ledger of the"
            " home)."
        )
    ),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key", help="The log's public key, known from elsewhere, or a file with it."
    ),
]
RecomputeOption = Annotated[
    bool,
    typer.Option(
        "--recompute",
        help="Compose the edits again from their contributions and compare.",
    ),
]
SinceOption = Annotated[
    list[Path] | None,
    typer.Option("--since", help="A log checkpoint that was kept (a file, or - )."),
]
WitnessOption = Annotated[
    list[str] | None,
    typer.Option("--witness", help="A witness's public key; may be repeated."),
]
TimestampRootOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--timestamp-root",
        help="Root certificate (PEM) of a time stamp authority; may be repeated.",
    ),
]
EverythingOption = Annotated[
    bool,
    typer.Option(
        "--all", help="Every line that is proven, recorded or open, page by page."
    ),
]


def verify(
    file: FileArgument = None,
    key: KeyOption = None,
    recompute: RecomputeOption = False,
    since: SinceOption = None,
    witness: WitnessOption = None,
    timestamp_root: TimestampRootOption = None,
    everything: EverythingOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a bundle or a signed checkpoint, offline, or the ledger of the home: every entry,
    signature, proof and artifact. Exit 1 where something is wrong.
    """
    from govd.cli.show_verdict import show_verdict, show_whole_verdict

    if file is not None and file.is_dir():
        if recompute or since or witness or timestamp_root:
            advice = "Of a signed checkpoint: govd audit verify DIR --key KEY."
            raise Usage(
                "a folder is checked by its key alone", where=str(file), advice=advice
            )
        _verify_folder(file, _key(key), everything, as_json)
        return

    log_key = _key(key)
    checkpoints = [_note(path) for path in since or []]
    roots = [_text(path) for path in timestamp_root or []]
    witnesses = [_key(w) or "" for w in witness or []]
    if file is not None:
        from govd.verify.offline import verify_offline

        verdict = verify_offline(
            file, log_key, witnesses, recompute, checkpoints, roots
        )
    else:
        with opened(home) as api:
            verdict = api.audit_verify(
                checkpoints, log_key, recompute, witnesses, roots
            )
    put(verdict, as_json, show_whole_verdict if everything else show_verdict)
    if not verdict["holds"]:
        raise typer.Exit(1)


def _verify_folder(
    folder: Path, key: str | None, everything: bool, as_json: bool
) -> None:
    from govd.cli.show_verdict import show_signed
    from govd.verify.signed_folder import verify_folder

    record = verify_folder(folder, key)
    put(record, as_json, lambda said: show_signed(said, everything))
    if not record["holds"]:
        raise typer.Exit(1)


def _text(path: Path) -> str:
    """A file, or standard input, as text with bare line feeds."""
    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        return LINE_END.sub("\n", text_in(data))
    except (OSError, UnicodeDecodeError) as fault:
        raise BadFile(f"cannot be read ({reason_of(fault)})", where=str(path)) from None


def _note(path: Path) -> str:
    """A log checkpoint that was kept: letters and shells take or add blank lines at its end.

    Raises:
        BadFile: it is no signed note, which says nothing of the ledger.
    """
    from govd.ledger.signing import split

    note = f"{_text(path).strip()}\n"
    try:
        split(note)
    except VerificationFailed as fault:
        advice = "`govd audit checkpoint > FILE` keeps one."
        raise BadFile(fault.what, where=str(path), advice=advice) from None
    return note


def _key(given: str | None) -> str | None:
    if given is None:
        return None
    path = Path(given)
    return _text(path).strip() if len(given) < 4000 and path.is_file() else given


COMMANDS: Final[tuple[Callable[..., None], ...]] = (
    checkpoint,
    key,
    model_key,
    rotate_key,
    witness,
    bundle,
    proof,
    consistency,
    verify,
)
"""What is added to `govd audit`."""
