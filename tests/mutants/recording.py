"""A plugin of pytest that writes what each test cost, as JSON, into the file that the environment
variable `GOVD_TEST_COSTS` names: seconds of processor time by test, null where it did not pass.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Generator
from pathlib import Path
from typing import Final

import pytest

COSTS: Final[dict[str, float | None]] = {}
PASSED: Final[set[str]] = set()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(
    item: pytest.Item,
) -> Generator[None, bool | None, bool | None]:
    began = time.process_time()
    outcome = yield
    seconds = round(time.process_time() - began, 4)
    COSTS[item.nodeid] = seconds if item.nodeid in PASSED else None
    return outcome


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and report.passed:
        PASSED.add(report.nodeid)
    if report.failed:
        PASSED.discard(report.nodeid)


def pytest_sessionfinish() -> None:
    Path(os.environ["GOVD_TEST_COSTS"]).write_text(json.dumps(COSTS), encoding="utf-8")
