"""From the verdict to a host without the candidate: as fast as systemd itself, and one scrape interval at most."""

import time

import psutil
import pytest

from phoenix.composition import compose
from phoenix.domain.record import EventKind
from tests.support.experiments import Command, dropping_candidate, newest, phoenix, write_spec
from tests.support.waiting import eventually
from tests.vm.conftest import serving

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("collector_binary", "prefect_server")]

INTERVAL_SECONDS = 1.0


def seconds_to_stop(host, place: str) -> float:
    """What a bare `systemctl stop` of a collector takes."""
    began = time.monotonic()
    assert host.run("systemctl", "stop", f"phoenix-collector-{place}.service").returncode == 0
    return time.monotonic() - began


def test_a_candidate_is_gone_as_soon_as_it_lost(fleet, tmp_path):
    host = fleet[0]
    deployed = phoenix(
        "pipeline", "deploy", "process-baseline-v1", "--set", "scrape_interval=1s", "--target-host", host.uri
    )
    assert deployed.code == 0, deployed.err
    before = serving(host)
    spec = write_spec(
        tmp_path, "loses", candidate=dropping_candidate(tmp_path), targets=[host.uri], onPromote="auto"
    )
    running = Command("experiment", "run", "-f", spec, "-o", "json")

    def candidates() -> list[int]:
        return [pid for pid, place in serving(host).items() if place == "candidate"]

    (candidate,) = eventually(candidates, seconds=90, what="the candidate")
    psutil.Process(candidate).wait(120)
    gone = time.time()
    ended = running.result()
    assert ended.code == 10, ended.err
    assert serving(host) == before
    events = compose().store.events(newest().id)
    # The first line that the verdict writes; the comparison for the record comes after it.
    (verdict,) = [e.at for e in events if e.kind is EventKind.INTENT and e.step.startswith("withdraw:")]
    place = next(iter(before.values()))
    limit = seconds_to_stop(host, place) + INTERVAL_SECONDS
    taken = gone - verdict.timestamp()
    print(f"verdict to candidate gone: {taken:.2f} s; limit {limit:.2f} s")
    assert 0 < taken <= limit
    assert phoenix("pipeline", "delete", "--target-host", host.uri, "--yes").code == 0
