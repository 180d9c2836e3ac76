"""The store `shop` of tests: how it is set, and what is done with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from govd.requests import ForgetOptions
from govd.service.service import Service
from govd.stores.plans import PatchOptions
from govd.stores.registry import StoreSettings


def settings(path: Path, **how: Any) -> StoreSettings:
    return StoreSettings("shop", path.as_uri(), "m", **{"stamp_as": "base", **how})


def forget(service: Service, name: str = "red") -> str:
    request = service.requests.forget("m", ForgetOptions(concepts=(name,)), "ann")
    service.reconciler.run()
    return str(request["id"])


def patched(service: Service, **how: Any) -> Any:
    service.stores.patch("shop", PatchOptions(**how), "ann")
    service.stores.step()
    return service.stores.show("shop")


def kinds(service: Service) -> list[str]:
    return [str(e["kind"]) for e in service.audit.log(kind="store")]
