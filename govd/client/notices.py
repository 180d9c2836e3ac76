"""Notices of a daemon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from govd.client.files import part_of_path
from govd.client.transport import Transport
from govd.service.api.notices import Notices
from govd.types import Json, Record


class NoticeCalls(Notices):
    """The calls about notices that are not declared as questions; `_http` is the daemon's."""

    _http: Transport

    def _notice(self, path: str, body: Json) -> Record:
        record: Record = self._http.json("POST", path, body)
        return record

    def add_notice(self, address: str, on: Sequence[str], **options: Any) -> Record:
        return self._notice("notices", {"address": address, "on": list(on), **options})

    def remove_notice(self, name: str) -> Record:
        receiver: Record = self._http.json("DELETE", f"notices/{part_of_path(name)}")
        return receiver

    def renew_notice_secret(self, name: str, secret: str | None = None) -> Record:
        return self._notice(f"notices/{part_of_path(name)}/secret", {"secret": secret})

    def test_notice(self, name: str) -> Record:
        return self._notice(f"notices/{part_of_path(name)}/test", {})

    def retry_notice(self, notice: str) -> Record:
        return self._notice(f"notices/{part_of_path(notice)}/retry", {})

    def notice_history(self, name: str | None = None, limit: int = 100) -> list[Record]:
        return self._http.all("notices/history", limit=limit, name=name)
