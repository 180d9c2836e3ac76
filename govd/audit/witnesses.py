"""Asking those who vouch for log checkpoints: witnesses for cosignatures, RFC 3161 authorities for
time stamps. What they answer is checked before it becomes an entry.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from govd.errors import BadFile, GovdError, PluginFault, VerificationFailed
from govd.ledger.entry import Draft
from govd.ledger.signing import COSIGNER, Key, seen_at, split
from govd.models.core import Core
from govd.types import Json, Record
from govd.verify import stamps

PATIENCE: Final = 300.0
"""Seconds after which a witness that did not answer is asked again."""


class Witnesses:
    """Those that `govd.toml` lists. `note_of`: the bare signed note of a size."""

    def __init__(self, core: Core, note_of: Callable[[int], str]) -> None:
        self.core = core
        self._note = note_of
        self._failed: dict[str, float] = {}

    def news(self, since: int, size: int) -> bool:
        """Whether there is an entry between two sizes that is not itself about checkpoints."""
        return size - since > len(
            self.core.desk.views.records.seqs(since - 1, 10_000, kind="witness")
        )

    def lines(self, size: int) -> list[str]:
        """The cosignatures of a log checkpoint, as lines of its note."""
        seqs = self.core.desk.views.records.seqs(size - 1, 1000, kind="witness.cosign")
        return [
            e["payload"]["line"]
            for e in self.core.desk.ledger.some(seqs)
            if e["payload"]["size"] == size
        ]

    def ask(self, patient: bool = False) -> list[Record]:
        """Hand the newest log checkpoint to each that has not seen it; what they answered.
        `patient`: spare for a while who failed.
        """
        core = self.core
        last = core.desk.ledger.last_checkpoint()
        if last is None:
            return []
        size = last[0]
        answers: list[Record] = []
        for setting in core.home.settings.witnesses:
            url, key = _witness(setting)
            before = self._size_witnessed(key.name)
            if (before and not self.news(before, size)) or (
                patient and self._quiet(key.name)
            ):
                continue
            note = self._note(size)
            answers.append(
                self._ask(
                    "govd_witness",
                    key.name,
                    size,
                    url=url,
                    checkpoint=note,
                    before=before,
                    key=str(key),
                )
            )
        for setting in core.home.settings.timestamp_authorities:
            address = setting.strip().partition(" ")[0]
            before = self._size_witnessed(address)
            if (before and not self.news(before, size)) or (
                patient and self._quiet(address)
            ):
                continue
            answers.append(
                self._ask(
                    "govd_timestamp",
                    address,
                    size,
                    url=setting,
                    message=self._note(size).encode(),
                )
            )
        return answers

    def _size_witnessed(self, name: str) -> int:
        """The size of the last log checkpoint that a witness vouched for; 0 where it did for
        none.
        """
        witnessed = self.core.desk.views.witnessed.get(name)
        return 0 if witnessed is None else int(witnessed["size"])

    def _quiet(self, name: str) -> bool:
        return time.monotonic() - self._failed.get(name, -PATIENCE) < PATIENCE

    def _ask(self, hook: str, name: str, size: int, **arguments: Any) -> Record:
        core = self.core
        outcome: Record = {"name": name, "size": size, "fault": None}
        try:
            if hook == "govd_witness":
                answer = core.plugins.first(
                    hook,
                    prove=lambda old: (
                        core.desk.ledger.consistency(old, size) if old else []
                    ),
                    **arguments,
                )
                payload = _cosigned(answer, arguments, size)
                event = "witness.cosign"
            else:
                payload = _stamped(
                    core.plugins.first(hook, **arguments), name, arguments, size
                )
                event = "witness.stamp"
        except GovdError as error:
            self._failed[name] = time.monotonic()
            return {**outcome, "fault": error.message}
        core.desk.append(
            [Draft(kind=event, subject=name, actor="govd", payload=payload)]
        )
        return {**outcome, "at": payload["at"]}


def _cosigned(lines: Any, arguments: dict[str, Any], size: int) -> dict[str, Json]:
    key = Key.parse(arguments["key"])
    if lines is None:
        raise PluginFault(
            "no installed plugin can reach a witness at this address",
            where=arguments["url"],
        )
    text, _ = split(arguments["checkpoint"])
    seconds = seen_at(text, lines, key)
    if seconds is None:
        raise VerificationFailed(
            "the witness answered, but not with a cosignature by its key",
            where=arguments["url"],
        )
    (line,) = [line for line in lines if seen_at(text, [line], key) is not None][:1]
    at = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {"name": key.name, "size": size, "at": at, "line": line, "key": str(key)}


def _stamped(
    answer: Any, name: str, arguments: dict[str, Any], size: int
) -> dict[str, Json]:
    if answer is None:
        raise PluginFault(
            "no installed plugin can reach a time stamp authority",
            advice="pip install 'govd[timestamp]'",
        )
    token = bytes(answer["token"])
    stamp = stamps.read(token)
    if not stamp.of(arguments["message"]):
        raise VerificationFailed(
            "the time stamp is for something other than this log checkpoint", where=name
        )
    # the setting names a root certificate, and the plugin has checked it
    verified = bool(arguments["url"].strip().partition(" ")[2])
    return {
        "name": name,
        "size": size,
        "at": stamp.at,
        "token": base64.b64encode(token).decode(),
        "verified": verified,
    }


def _witness(setting: str) -> tuple[str, Key]:
    url, _, text = setting.strip().partition(" ")
    try:
        key = Key.parse(text)
    except BadFile as error:
        raise BadFile(
            f"the witness {setting!r} has no key: {error.what}",
            where="govd.toml",
            advice='Write "URL NAME+HASH+KEY".',
        ) from None
    if key.algorithm != COSIGNER:
        raise BadFile(
            f"the key of the witness {key.name} is not a cosigning key",
            where="govd.toml",
            advice="Its algorithm byte must be 4.",
        )
    return url, key
