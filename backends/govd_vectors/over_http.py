"""Embeddings of texts from an HTTP endpoint, as servers of embeddings answer: in portions that the
server takes, again where it is busy for a moment, and in the order of the texts.
"""

from __future__ import annotations

import base64
import binascii
import os
import time
from collections.abc import Callable, Sequence
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from govd.errors import MachineFault, PluginFault

if TYPE_CHECKING:
    import httpx

TIMEOUT_SECONDS: Final = 60
PORTION: Final = 64
"""Texts of one call, while the server takes as many."""
TOKEN: Final = "GOVD_ENCODER_TOKEN"
"""The environment variable whose value is sent as a bearer token."""
BUSY: Final = frozenset({429, 502, 503, 504})
TOO_MANY: Final = frozenset({400, 413, 422, 500})
"""What servers answer to more texts than they take, and to other faults as well."""
PAUSES: Final = (1.0, 2.0)
"""Seconds before a call is tried again where the server does not say when."""
PATIENCE_SECONDS: Final = 30.0
"""The longest `Retry-After` that is waited for."""
ANSWERED: Final = 'It must answer {"data": [{"index": 0, "embedding": [...]}, ...]}.'


class Endpoint:
    """One address; `how` is it, with the model's name behind `#`."""

    def __init__(self, how: str, pause: Callable[[float], None] = time.sleep) -> None:
        self.address, _, self.model = how.partition("#")
        self.pause = pause
        self.portion = PORTION

    def __call__(self, texts: Sequence[str]) -> list[Any]:
        """The embeddings as they were answered, in the order of `texts`.

        Raises:
            MachineFault: it cannot be reached, refuses, or stays busy. PluginFault: its answer is
                no embeddings, or does not tell which text each is of.
        """
        rows: list[Any] = []
        while len(rows) < len(texts):
            portion = list(texts[len(rows) : len(rows) + self.portion])
            response = self._answer(portion)
            if response.status_code in TOO_MANY and len(portion) > 1:
                self.portion = (len(portion) + 1) // 2
                continue
            if response.status_code != 200:
                raise self._refused(response)
            rows += self._in_order(response, len(portion))
        return rows

    def _answer(self, texts: list[str]) -> httpx.Response:
        for pause in (*PAUSES, None):
            response = self._asked(texts)
            if response.status_code not in BUSY or pause is None:
                break
            seconds = _seconds(response.headers.get("Retry-After", ""))
            if seconds is not None and seconds > PATIENCE_SECONDS:
                break
            self.pause(pause if seconds is None else seconds)
        return response

    def _asked(self, texts: list[str]) -> httpx.Response:
        import httpx

        body = {"model": self.model or "default", "input": texts}
        try:
            return httpx.post(
                self.address,
                json=body,
                headers=_bearer(),
                timeout=TIMEOUT_SECONDS,
            )
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as fault:
            raise self._unreached(str(fault)) from None

    def _unreached(self, why: str, advice: str = "") -> MachineFault:
        return MachineFault(
            f"the text encoder cannot be asked ({why})",
            where=self.address,
            advice=(advice or "Start it, or correct text_encoders in govd.toml.")
            + " Nothing was changed.",
        )

    def _refused(self, response: httpx.Response) -> MachineFault:
        status = response.status_code
        why = f"HTTP {status}" + "".join(f": {words}" for words in _words(response))
        advice = ""
        if status in BUSY:
            again = response.headers.get("Retry-After", "")
            advice = f"It is busy (Retry-After: {again})." if again else "It is busy."
            advice += " Try again later."
        elif status in {401, 403}:
            advice = f"Put the token that it wants into the environment, as {TOKEN}."
        elif 300 <= status < 400:
            location = response.headers.get("Location", "")
            advice = f"It is at {location}: correct text_encoders in govd.toml."
        return self._unreached(why, advice)

    def _in_order(self, response: httpx.Response, count: int) -> list[Any]:
        try:
            data = response.json()["data"]
            places = [item.get("index") for item in data]
            rows = [_numbers(item["embedding"]) for item in data]
        except (KeyError, TypeError, AttributeError, ValueError):
            sentence = "".join(f": {words}" for words in _words(response))
            raise PluginFault(
                f"the text encoder's answer has no embeddings{sentence}",
                where=self.address,
                advice=ANSWERED,
            ) from None
        if len(rows) != count:
            raise PluginFault(
                f"the text encoder answered {count} texts with {len(rows)} embeddings",
                where=self.address,
                advice=ANSWERED,
            )
        if len(set(places)) == 1:
            return rows
        if None in places or len(set(places)) < count:
            raise PluginFault(
                "the text encoder's answer does not tell which text each embedding is of: their"
                f" indices are {places[:8]}",
                where=self.address,
                advice=ANSWERED,
            )
        return [rows[i] for i in sorted(range(len(rows)), key=lambda i: int(places[i]))]


def _bearer() -> dict[str, str]:
    token = os.environ.get(TOKEN, "").strip()
    if not token:
        return {}
    if not (token.isascii() and token.isprintable()):
        raise MachineFault(
            f"{TOKEN} has characters that no header may have",
            advice="Set it to the token alone, letters and digits as they were given.",
        )
    return {"Authorization": f"Bearer {token}"}


def _numbers(embedding: Any) -> Any:
    """An embedding as a list, or what one in base64 (float32, little-endian) stands for."""
    if not isinstance(embedding, str):
        return embedding
    try:
        return np.frombuffer(base64.b64decode(embedding, validate=True), "<f4")
    except binascii.Error as fault:
        raise ValueError(str(fault)) from None


def _seconds(header: str) -> float | None:
    """Seconds of a `Retry-After`; None where it says nothing."""
    if header.strip().isdecimal():
        return float(header)
    try:
        return max(parsedate_to_datetime(header).timestamp() - time.time(), 0.0)
    except (TypeError, ValueError, OverflowError):
        return None


def _words(response: httpx.Response) -> list[str]:
    """What a server says of a fault, one sentence or none; of a page for browsers nothing."""
    try:
        answer = response.json()
    except ValueError:
        answer = {} if "<" in response.text else {"message": response.text}
    if not isinstance(answer, dict):
        return []
    if isinstance(answer.get("error"), dict):
        answer = answer["error"]
    sentences = [answer[key] for key in ("message", "error", "detail") if key in answer]
    return [" ".join(str(words).split())[:300] for words in sentences[:1] if words]
