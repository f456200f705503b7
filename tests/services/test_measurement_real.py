"""Two real collectors, a real table, a PID namespace of its own so that nobody else's processes are counted."""

import json
import subprocess
import sys

import pytest

from tests.support.measured_run import WARMUP

IDLE = 10
TICKS = 14
ISOLATE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
SERIES_PER_PROCESS = 8


@pytest.fixture(scope="module")
def run(collector_binary, tmp_path_factory):
    if subprocess.run([*ISOLATE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no right to make a PID namespace")
    folder = tmp_path_factory.mktemp("run")
    command = [sys.executable, "-m", "tests.support.measured_run", str(collector_binary), str(folder)]
    done = subprocess.run(
        [*ISOLATE, *command, str(IDLE), str(TICKS)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def measured(run):
    return run[WARMUP:]


@pytest.fixture(scope="module")
def last(run):
    return run[-1]


@pytest.mark.real
class TestRealCollectors:
    def test_no_scrape_fails(self, run):
        assert [line[arm]["error"] for line in run for arm in ("baseline", "candidate")] == [""] * 2 * TICKS

    def test_the_baseline_has_eight_series_a_process(self, last):
        assert last["baseline"]["series"] == SERIES_PER_PROCESS * last["processes"]

    def test_the_baseline_sends_every_series_every_second(self, last):
        assert last["baseline"]["datapoints_per_second"] == pytest.approx(last["baseline"]["series"], rel=0.1)

    def test_topk_exports_a_fraction(self, last):
        assert last["candidate"]["series"] < last["baseline"]["series"] / 2

    @pytest.mark.parametrize("arm", ["baseline", "candidate"])
    def test_all_cpu_and_memory_is_accounted_for(self, last, arm):
        assert last[arm]["cpu_coverage"] == pytest.approx(1, abs=0.05)
        assert last[arm]["memory_coverage"] == pytest.approx(1, abs=0.05)

    @pytest.mark.parametrize("arm", ["baseline", "candidate"])
    def test_exported_cpu_time_is_the_kernels(self, last, arm):
        assert last[arm]["value_error"] <= 0.01

    @pytest.mark.parametrize("arm", ["baseline", "candidate"])
    def test_both_nginx_are_required_and_exported(self, measured, arm):
        assert [line[arm]["critical"] for line in measured] == [2] * len(measured)
        assert [line[arm]["missed"] for line in measured] == [[]] * len(measured)

    def test_both_variants_received_the_same(self, last):
        received = [last[arm]["received"] for arm in ("baseline", "candidate")]
        assert min(received) > 0
        assert received[0] == pytest.approx(received[1], rel=0.1)

    def test_a_new_process_is_found_by_the_baseline(self, last):
        assert 0 < last["baseline"]["detection_delay_seconds"] < 4

    def test_after_the_alignment_both_are_read_between_their_rounds(self, measured):
        ages = [line[arm]["age"] for line in measured for arm in ("baseline", "candidate")]
        assert sorted(ages)[len(ages) // 20] > 0.1
