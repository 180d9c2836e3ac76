"""`govd.toml`: every setting with its default, what it means, and what it may be."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from govd.errors import BadFile, instead
from govd.home.unlearning import jobs_of
from govd.ledger.signing import Key
from govd.ledger.times import interval_seconds
from govd.types import ExternalJob, Json

LONGEST_SECONDS: Final = 604_800.0
IN_PROCESS: Final = "in-process"
"""The batch runner that govd is itself."""
TABLES: Final = ("batch", "stores")
"""Tables of the file: `runner` of `[batch]` is the field `batch_runner`."""
Check = Callable[[Any], str]
"""What is wrong with a value, as advice; empty where nothing is."""


def setting(default: Any, meaning: str, check: Check | None = None) -> Any:
    """A field of `Settings`: its default, its meaning for people, what a value must be beyond its
    type.
    """
    return field(default=default, metadata={"meaning": meaning, "check": check})


def _one_of(*values: str) -> Check:
    return lambda value: "" if value in values else f"It is {' or '.join(values)}."


def _share(value: float) -> str:
    return "" if 0 <= value <= 1 else "It is a share, from 0 to 1: 0.05 is 5 %."


def _at_least(least: int) -> Check:
    return lambda value: "" if value >= least else f"It is at least {least}."


def _seconds(value: float) -> str:
    return "" if 0 < value < LONGEST_SECONDS else "It is over 0, and a week at most."


def _brief(value: float) -> str:
    return "" if 0 <= value <= 1 else "It is from 0 to 1."


def _interval(text: str) -> str:
    return "" if not text or interval_seconds(text) else "Write 24h, 7d or 2w."


def _witnesses(values: tuple[str, ...]) -> str:
    for witness in values:
        try:
            Key.parse(witness.strip().partition(" ")[2])
        except BadFile as error:
            return f'The witness {witness!r} has no key ({error.what}): write "URL NAME+HASH+KEY".'
    return ""


def _encoders(values: tuple[str, ...]) -> str:
    wrong = next((text for text in values if len(text.split(maxsplit=1)) < 2), None)
    if wrong is None:
        return ""
    return (
        f'{wrong!r} says no address or command: write "FILE ADDRESS" or "FILE COMMAND"; * is'
        " any file."
    )


@dataclass(frozen=True)
class Settings:
    """What an operator decides for a home; each field's meaning is in its metadata, and `govd
    config` prints it.
    """

    approval: str = setting(
        "self",
        "self: a request that no policy holds back is approved in the name of who filed it; person:"
        " somebody must approve each.",
        _one_of("self", "person"),
    )
    four_eyes: bool = setting(
        False,
        "true: whoever files a revert cannot approve it, and a legal hold ends when two people have"
        " asked for it; these are the ready policies four-eyes and four-eyes-release.",
    )
    expiry: str = setting(
        "ask",
        "What becomes of a forget that has expired. ask: its revert is filed and waits for a"
        " person; revert: it is reverted; off: it stays. This is the ready policy expiry, which is"
        " added once a forget with an expiry date is in force.",
        _one_of("ask", "revert", "off"),
    )
    max_predicted_disagreement: float = setting(
        0.05,
        "Requests that may change more of the other answers (to pictures of labels) wait.",
        _share,
    )
    max_total_disagreement: float = setting(
        0.2, "So do those with which all in force would change more than this.", _share
    )
    max_scope_share: float = setting(
        0.2,
        "How much is asked for: the share of pictures that one request, or all, may be about.",
        _share,
    )
    max_lost_elsewhere: float = setting(
        0.5,
        "A request for some domains waits where more than this share of the same pictures in other"
        " domains may lose their name.",
        _share,
    )
    max_worst_cell: float = setting(
        1.0, "The same for a label in one domain, by its answers; 1: no bound.", _share
    )
    max_concepts: int = setting(
        1000, "Concepts and aliases that one request may name.", _at_least(1)
    )
    deadline_days: int = setting(
        30,
        "When a forget without a date of its own is due, in days after its filing.",
        _at_least(1),
    )
    extended_days: int = setting(
        45, "How far that may be extended, in days after the filing.", _at_least(1)
    )
    witnesses: tuple[str, ...] = setting(
        (),
        'Who cosigns log checkpoints: "URL NAME+HASH+KEY" each (C2SP tlog-witness).',
        _witnesses,
    )
    timestamp_authorities: tuple[str, ...] = setting(
        (), "Addresses of RFC 3161 services that stamp log checkpoints."
    )
    inference_log: float = setting(
        0.0,
        "The share of answers that is noted with its revision (govd audit answer).",
        _share,
    )
    batch_wait_seconds: float = setting(
        0.005,
        "Seconds for which pictures of several calls gather for a batch while the model works on"
        " another one; an idle model is asked at once.",
        _brief,
    )
    max_waiting_pictures: int = setting(
        1024,
        "Pictures of all calls that the daemon has taken and not answered yet; a call over that is"
        " refused with 503 and Retry-After.",
        _at_least(1),
    )
    max_waiting_bytes: int = setting(
        536_870_912,
        "Bytes of the bodies of such calls, in the same way.",
        _at_least(1),
    )
    disabled_plugins: tuple[str, ...] = setting(
        (), "Names of plugins that are not loaded."
    )
    allowed_hosts: tuple[str, ...] = setting(
        (),
        "Names besides loopback under which the daemon may be asked for (serve --allow-host).",
    )
    text_encoders: tuple[str, ...] = setting(
        (),
        'For models of vectors: "FILE HOW", the file\'s name (or *) and the address or command that'
        " embeds texts it lacks.",
        _encoders,
    )
    unlearning: tuple[ExternalJob, ...] = setting(
        (),
        "Tables [unlearning.NAME]: commands that compute what a forget adds to a model of the"
        " reference delta:FOLDER#NAME, and that evaluate it.",
    )
    compose_on: str = setting(
        "host",
        "host: the same bytes on any machine; device: a backend composes on its accelerator, equal"
        " to 1e-6.",
        _one_of("host", "device"),
    )
    batch_runner: str = setting(
        IN_PROCESS,
        "[batch] runner: where stores are patched and large folders of pictures encoded."
        " in-process: in threads of this process; ray: on the cluster at [batch] address"
        " (govd[ray]); others by plugins.",
    )
    batch_address: str = setting(
        "",
        "[batch] address: of those machines; for ray HOST:PORT of its head, and auto, or nothing,"
        " for the cluster that this machine belongs to.",
    )
    stores_verify_every: str = setting(
        "",
        "[stores] verify_every: how often the daemon verifies each store; empty: never.",
        _interval,
    )
    keep_published: int = setting(
        3,
        "How many revisions before the published one stay in the folder of --publish-to.",
        _at_least(0),
    )
    plugin_seconds: float = setting(
        10.0,
        "How long a plugin's vote, gate or notice is waited for, in seconds.",
        _seconds,
    )
    plugin_work_seconds: float = setting(
        3600.0,
        "The same for what computes: opening a model, a method, an evaluation, in seconds.",
        _seconds,
    )
    notice_attempts: int = setting(
        8,
        "How often a notice is tried, with longer and longer pauses, until its receiver has"
        " failed.",
        _at_least(1),
    )
    notice_seconds: float = setting(
        15.0, "How long one attempt to send a notice may take, in seconds.", _seconds
    )
    smtp_host: str = setting(
        "", "The mail server that notices to mailto: addresses go through."
    )
    smtp_port: int = setting(587, "Its port.", _at_least(1))
    smtp_tls: str = setting(
        "starttls",
        "starttls: the connection is encrypted before anything is said; tls: from its beginning;"
        " none: never.",
        _one_of("starttls", "tls", "none"),
    )
    smtp_user: str = setting(
        "", "The account at the mail server; empty where it needs none."
    )
    smtp_password_file: str = setting(
        "", "The file that holds the account's password, alone."
    )
    smtp_from: str = setting("", "The address that notices come from.")

    def text_encoder(self, reference: str) -> str | None:
        """The address or command that is asked for texts of a model of vectors; None where none is
        configured.
        """
        pairs = dict(encoder.split(maxsplit=1) for encoder in self.text_encoders)
        return pairs.get(Path(reference).name, pairs.get("*"))

    def unlearning_job(self, reference: str) -> ExternalJob | None:
        """The job that a reference names after its last `#`; the only one where it names none."""
        job_name = reference.rpartition("#")[2] if "#" in reference else ""
        jobs = [job for job in self.unlearning if not job_name or job.name == job_name]
        return jobs[0] if len(jobs) == 1 else None

    @staticmethod
    def read(path: Path) -> Settings:
        """The settings in a file; the defaults where there is none.

        Raises:
            BadFile: not TOML, an unknown key, or a value of another type or out of its range.
        """
        if not path.exists():
            return Settings()
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            raise BadFile(
                f"not TOML: {error}",
                where=str(path),
                advice="`govd config` shows every setting.",
            ) from None
        settings = {setting.name: setting for setting in fields(Settings)}
        checked: dict[str, Json] = {}
        for name, value in _flat(values, path).items():
            if name not in settings:
                raise BadFile(
                    f"unknown setting {name}",
                    where=str(path),
                    advice=instead(name, settings, how="`govd config` lists all."),
                )
            if name == "unlearning":
                checked[name] = jobs_of(value, path)
                continue
            checked[name] = _of_kind(name, value, type(settings[name].default), path)
            check = settings[name].metadata["check"]
            wrong = check(checked[name]) if check else ""
            if wrong:
                raise BadFile(f"{name} is {value!r}", where=str(path), advice=wrong)
        return Settings(**checked)

    def as_rows(self) -> list[dict[str, Json]]:
        """Every setting: `name`, `value` in force, `default`, `meaning`."""
        return [
            {
                "name": setting.name,
                "value": _plain(getattr(self, setting.name)),
                "default": _plain(setting.default),
                "meaning": setting.metadata["meaning"],
            }
            for setting in fields(self)
        ]


def _flat(values: dict[str, Json], path: Path) -> dict[str, Json]:
    """The values of a file, those of its tables by the names of their fields.

    Raises:
        BadFile: what should be a table is none.
    """
    flat = {name: value for name, value in values.items() if name not in TABLES}
    for table in TABLES:
        inner = values.get(table, {})
        if not isinstance(inner, dict):
            raise BadFile(
                f"{table} is {inner!r}",
                where=str(path),
                advice=f"It must be a table: [{table}].",
            )
        flat |= {f"{table}_{name}": value for name, value in inner.items()}
    return flat


def _of_kind(name: str, value: Any, kind: type, path: Path) -> Any:
    accepted = list if kind is tuple else (int, float) if kind is float else kind
    if not isinstance(value, accepted) or isinstance(value, bool) != (kind is bool):
        words = {
            tuple: "a list",
            float: "a number",
            int: "a whole number",
            str: "a text",
            bool: "true or false",
        }
        raise BadFile(
            f"{name} is {value!r}", where=str(path), advice=f"It must be {words[kind]}."
        )
    if isinstance(value, list) and not all(isinstance(item, str) for item in value):
        fault = f"{name} is {value!r}"
        raise BadFile(fault, where=str(path), advice="It must be a list of texts.")
    return tuple(value) if isinstance(value, list) else value


def _plain(value: Any) -> Json:
    if isinstance(value, tuple):
        return [
            asdict(item) if isinstance(item, ExternalJob) else item for item in value
        ]
    return value
