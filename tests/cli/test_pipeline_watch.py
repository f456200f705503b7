"""What a watch shows on a terminal and elsewhere."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from phoenix.cli.pipeline_watch import REFRESH_SECONDS, follow
from phoenix.services.deployments.flow import Flow
from phoenix.services.deployments.status import Health, HostStatus

FLOW = Flow(
    series=167,
    points_in=3145.2,
    points_out=167.0,
    cpu_cores=0.09,
    window_seconds=30.0,
    memory_bytes=55.2 * 2**20,
    uptime=timedelta(minutes=5),
    interval=timedelta(seconds=10),
    given_up=(),
)
SERVING = HostStatus(
    host="local",
    health=Health.SERVING,
    pipeline="process-topk-v1",
    revision=4,
    flow=FLOW,
    reduction=0.947,
    since=datetime(2026, 3, 1, 12, tzinfo=UTC),
)
LOST = HostStatus(
    host="ssh://ops@web-1",
    health=Health.UNREACHABLE,
    reason="no route\x1b[31m to it",
    pipeline="process-topk-v1",
    revision=2,
    drift=("its process does not run",),
)


def watched(*looks: tuple[HostStatus, ...], is_terminal: bool) -> str:
    """Everything that a watch wrote until it was interrupted."""
    screen = Console(file=io.StringIO(), force_terminal=is_terminal, width=160, color_system=None)
    left = list(looks)
    paused = []

    def look():
        if not left:
            raise KeyboardInterrupt
        return left.pop(0)

    with pytest.raises(KeyboardInterrupt):
        follow(look, console=screen, pause=paused.append)
    assert paused == [REFRESH_SECONDS] * len(looks)
    return screen.file.getvalue()


@pytest.mark.parametrize("is_terminal", [True, False])
def test_every_host_is_shown_with_its_figures_and_its_reason(is_terminal):
    shown = watched((SERVING, LOST), (SERVING, LOST), is_terminal=is_terminal)
    for words in ("3145", "167", "94.7 %", "0.090 cores", "55.2 MiB", "serving", "unreachable", "no route"):
        assert words in shown
    assert "\x1b[31m" not in shown


def test_lines_carry_the_time_and_leave_out_what_is_not_known():
    first, second = watched((SERVING, LOST), is_terminal=False).splitlines()
    assert first.split()[1:3] == ["local", "pipeline=process-topk-v1"]
    assert "in/s=" not in second
    assert second.endswith("drift=its process does not run (no route to it)")


def test_a_watch_of_nothing_says_so():
    assert "nothing is deployed" in watched((), is_terminal=True)
