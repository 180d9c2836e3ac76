"""Fixtures of the tests beside it."""

import json
from pathlib import Path

import pytest

from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.service import open_service
from tests.ledger.forging import unzipped
from tests.verify.forged import Made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, pictures: Path, pool: Path) -> Made:
    """A bundle of everything: two forgets, evaluated and measured, written to a folder."""
    from tests.conftest import DOMAINS, NAMES, POINTS

    folder = tmp_path_factory.mktemp("forged")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("govd.asking.plugins.found_entry_points", lambda: POINTS)
        given = Given(
            labels=NAMES,
            anchors=("wood", "sea"),
            domains=DOMAINS,
            pool=str(pool),
            images=str(pictures),
        )
        with open_service(folder / "home") as service:
            service.add_model("m", "colours", given, "ann")
            for name in ("red", "blue"):
                request = service.requests.forget(
                    "m", ForgetOptions(concepts=(name,), reason="a reason"), "ann"
                )
                service.reconciler.run()
                if service.requests.show(request["id"])["state"] == "waiting":
                    service.requests.decide(request["id"], "approve", "seen", "bob")
                    service.reconciler.run()
            service.reconciler.measure()
            service.bundles.bundle(folder / "all.zip")
            signer = service.core.desk.ledger.signer
    files = unzipped((folder / "all.zip").read_bytes())
    rows = [json.loads(line) for line in files["entries.ndjson"].splitlines()]
    return Made(
        files,
        rows,
        {n[10:]: d for n, d in files.items() if n.startswith("artifacts/")},
        signer,
    )
