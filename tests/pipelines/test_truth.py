"""The five pipelines of the catalog, for real, over a population that is known: the kernel's table judges them."""

import subprocess
import sys
from itertools import pairwise

import pytest

from tests.pipelines.account import COUNT, CPU, MEMORY, Run
from tests.pipelines.arena import (
    BUDGET,
    BUSY_NAME,
    CRITICAL_NAMES,
    IDLE_NAME,
    INTERVAL,
    KILL_AT,
    LARGE,
    PARAMETERS,
    TICKS,
    K,
)

ISOLATE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
BASELINE, PRIORITY, AGGREGATED, TOPK, ADAPTIVE = PARAMETERS
NAMES = (BUSY_NAME, IDLE_NAME, *LARGE)
"""The simulated processes that are not critical."""

SETTLED = 3
"""Ticks until the CPU scores have forgotten who was started how."""

SCRAPE_SECONDS = 0.5
"""How long before a scrape's last read, whose time the sums carry, its first may be on a busy machine."""

ALIKE = 0.02

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def run(collector_binary, tmp_path_factory):
    if subprocess.run([*ISOLATE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no right to make a PID namespace")
    folder = tmp_path_factory.mktemp("arena")
    command = [*ISOLATE, sys.executable, "-m", "tests.pipelines.arena", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr
    return Run(folder / "run.json")


@pytest.fixture(scope="module")
def settled(run):
    return run.ticks[SETTLED:]


@pytest.mark.parametrize("pipeline", PARAMETERS)
def test_every_critical_process_is_kept_as_itself(run, pipeline):
    for tick in run.ticks[2:]:
        critical = tick.pids(*CRITICAL_NAMES)
        assert len(critical) == len(CRITICAL_NAMES)
        assert critical <= tick.exports[pipeline].pids


def test_baseline_exports_every_process(run):
    """A process that started or ended within an interval may be missing or still be shown."""
    for before, tick in pairwise(run.ticks[1:]):
        shown = tick.exports[BASELINE].pids
        assert shown >= tick.table.keys() & before.table.keys()
        expired = {
            pid for pid, life in run.lives.items() if life.gone < tick.at - 3 * INTERVAL.total_seconds()
        }
        assert shown <= run.lives.keys() - expired
        assert tick.exports[BASELINE].fresh <= tick.table.keys() | before.table.keys()


def test_priority_keeps_the_busy_and_the_large_and_drops_the_idle(run):
    for tick in run.ticks[SETTLED : KILL_AT + 1]:
        shown = tick.exports[PRIORITY].pids
        assert shown >= tick.pids(BUSY_NAME, *LARGE)
        assert not shown & tick.pids(IDLE_NAME)


class TestTopk:
    def test_the_busy_are_kept(self, run):
        """Four before one is killed, the other three after it."""
        survivors = run.ticks[0].pids(BUSY_NAME) & run.ticks[-1].pids(BUSY_NAME)
        assert len(survivors) == K - 1
        for tick in run.ticks[SETTLED : KILL_AT + 1]:
            assert len(tick.pids(BUSY_NAME)) == K
            assert tick.pids(BUSY_NAME) <= tick.exports[TOPK].fresh
        for tick in run.ticks[KILL_AT + 1 :]:
            assert survivors <= tick.exports[TOPK].fresh

    def test_the_kernels_largest_are_kept(self, settled):
        for tick in settled:
            others = [row for row in tick.table.values() if row.name not in CRITICAL_NAMES]
            largest = sorted(others, key=lambda row: row.rss)[-K:]
            assert {row.name for row in largest} == set(LARGE)
            assert {row.pid for row in largest} <= tick.exports[TOPK].fresh

    def test_no_more_than_k_and_k_and_the_critical_are_kept(self, settled):
        for tick in settled:
            assert len(tick.exports[TOPK].fresh) <= 2 * K + len(CRITICAL_NAMES)

    def test_the_rest_is_folded(self, run, settled):
        for tick in settled:
            export = tick.exports[TOPK]
            possible = {run.living(at) for at in (export.newest, export.newest - SCRAPE_SECONDS)}
            assert export.folded(COUNT, "(rest)") + len(export.fresh) in possible


class TestAggregated:
    def test_cpu_sums_are_the_kernels_totals_also_after_an_exit(self, run, settled):
        """What the dead one had used when it was last scraped stays in the sum."""
        busy = [pid for pid, name in run.names.items() if name == BUSY_NAME]
        assert len(busy) == K + 1
        for tick in settled:
            export = tick.exports[AGGREGATED]
            total = export.folded(CPU, BUSY_NAME)
            latest = run.kernel_cpu(busy, export.newest, AGGREGATED)
            earliest = run.kernel_cpu(busy, export.newest - SCRAPE_SECONDS, AGGREGATED)
            assert (1 - ALIKE) * earliest <= total <= (1 + ALIKE) * latest

    @pytest.mark.parametrize("name", NAMES)
    def test_memory_sums_are_the_kernels(self, settled, name):
        for tick in settled:
            if name != BUSY_NAME or len(tick.pids(name)) == tick.exports[AGGREGATED].folded(COUNT, name):
                assert tick.exports[AGGREGATED].folded(MEMORY, name) == pytest.approx(
                    tick.rss(name), rel=ALIKE
                )

    @pytest.mark.parametrize("name", NAMES)
    def test_counts_are_exact(self, run, settled, name):
        for tick in settled:
            export = tick.exports[AGGREGATED]
            possible = {run.living(at, name) for at in (export.newest, export.newest - SCRAPE_SECONDS)}
            assert export.folded(COUNT, name) in possible

    def test_no_sum_falls(self, run):
        for before, now in pairwise(run.exports(AGGREGATED)):
            was, used = before.cpu(), now.cpu()
            assert all(used[key] >= was[key] for key in used.keys() & was.keys())
            # A name without a living process goes on: nothing that was once summed disappears.
            assert {key for key in was if key[0] is None} <= used.keys()


class TestAdaptive:
    def test_the_budget_holds(self, run):
        assert max(export.series for export in run.exports(ADAPTIVE)) <= BUDGET

    def test_the_budget_binds(self, run):
        """There is no room for one more process beside the tenth that is held free for critical ones."""
        each = sum(point.name == CRITICAL_NAMES[0] for point in run.ticks[-1].exports[ADAPTIVE].points)
        assert each > 0
        assert max(export.series for export in run.exports(ADAPTIVE)) + each > BUDGET * 0.9


@pytest.mark.parametrize("pipeline", [BASELINE, AGGREGATED, TOPK, ADAPTIVE])
def test_what_is_kept_and_what_is_folded_account_for_all_cpu(run, pipeline):
    exports = run.exports(pipeline)[SETTLED:]
    first, last = (run.kernel_cpu(run.lives, export.newest, pipeline) for export in (exports[0], exports[-1]))
    assert run.growth(exports) == pytest.approx(last - first, rel=ALIKE)


def test_all_ticks_were_taken(run):
    assert len(run.ticks) == TICKS
    assert all(len(tick.pids(IDLE_NAME)) == 296 for tick in run.ticks)


def test_nothing_is_left(run):
    """By the host's word, by the kernel's table, and on the disk beside what a host keeps for ever."""
    assert run.left["by_host"] == []
    assert run.left["by_mark"] == []
    assert {name.rpartition("/")[2] for name in run.left["files"]} <= {"fence", "lock", "revision"}
