"""A time budget for a run of all tests: what comes late on a machine that is too slow is not begun, and that is said.

Without PHOENIX_TEST_MINUTES there is none. With it the cheap tests come first, then those with real parts in the order of
what the product is for, so that a slow machine leaves out what it can be left out with the least loss.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

OUT_OF_TIME = "not begun: the time for the tests was over"

_BEFORE_OTHERS = ("flows", "api", "control_plane", "deployments", "pipelines", "contracts", "cli", "services")
"""Folders of tests with real parts, the most wanted first."""


class TimeBudget:
    """Of one session.

    Args:
        minutes: Since now; None for no limit.
    """

    def __init__(self, minutes: float | None) -> None:
        self._end = None if minutes is None else time.monotonic() + 60 * minutes

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """The cheap ones first; a module's tests stay together, for they share what is dear."""
        if self._end is not None:
            items.sort(key=_place)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        if self._end is not None and time.monotonic() > self._end:
            pytest.skip(OUT_OF_TIME)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        left: Sequence[pytest.TestReport] = [
            report for report in terminalreporter.getreports("skipped") if OUT_OF_TIME in str(report.longrepr)
        ]
        if left:
            modules = sorted({report.nodeid.partition("::")[0] for report in left})
            terminalreporter.section("OUT OF TIME", red=True, bold=True)
            terminalreporter.line(
                f"{len(left)} tests were not begun, this machine is too slow. Nothing is known of:"
            )
            for module in modules:
                terminalreporter.line(f"  {module}")


def from_environment() -> TimeBudget:
    """The budget that PHOENIX_TEST_MINUTES gives."""
    minutes = os.environ.get("PHOENIX_TEST_MINUTES")
    return TimeBudget(float(minutes) if minutes else None)


def _place(item: pytest.Item) -> tuple[bool, int]:
    if not any(item.iter_markers("real")):
        return False, 0
    folder = Path(item.nodeid).parts[1]
    return True, _BEFORE_OTHERS.index(folder) if folder in _BEFORE_OTHERS else len(_BEFORE_OTHERS)
