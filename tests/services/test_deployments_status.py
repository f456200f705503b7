"""What a status says of each host, and what it does not pretend to know."""

from datetime import timedelta

import pytest

from phoenix.adapters.scraping import scraper
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import ExperimentRecord
from phoenix.services.deployments.holding import LEASE_LIFETIME
from phoenix.services.deployments.status import Health
from tests.support.clocks import START
from tests.support.fleets import EXPORT, TELEMETRY, Fleet, answer, silence


def status(fleet, *targets):
    (one,) = fleet.verbs.statuses().read(targets)
    return one


def measured(
    version: str, reduction: float | None, seconds: int = 0, name: str = "exp-11111111"
) -> ExperimentRecord:
    effect = None if reduction is None else {"estimate": reduction}
    result = {"verdict": "PROMOTE", "metrics": {"series": {"effect": effect}}}
    document = {"plan": {"candidate": {"version": version}}}
    at = START + timedelta(seconds=seconds)
    return ExperimentRecord(name, name, document, Phase.COMPLETED, Outcome.REPORTED, at, result)


def test_what_serves_is_told_with_its_figures(fleet):
    fleet.deploy(k=1, name="web")
    one = status(fleet)
    assert (one.health, one.reason, one.name, one.pipeline) == (Health.SERVING, "", "web", "process-topk-v1")
    assert (one.revision, one.since, one.drift) == (1, fleet.active().activated_at, ())
    flow = one.flow
    assert (flow.points_in, flow.points_out, flow.cpu_cores, flow.window_seconds) == (9.0, 3.0, 0.2, 10.0)
    assert (flow.series, flow.memory_bytes) == (1, 50_000_000)


def test_a_watch_tells_the_rates_of_the_last_intervals(fleet, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(scraper.time, "monotonic", lambda: clock[0])
    fleet.deploy(k=1)  # every 10 s
    received = [90]

    def counted(running, kind):
        return EXPORT if kind == "metrics" else TELEMETRY.replace(b" 90\n", f" {received[0]}\n".encode())

    fleet.host.answers = counted
    statuses = fleet.verbs.statuses()
    told = []
    for _ in range(4):
        (one,) = statuses.read()
        told.append((one.flow.points_in, one.flow.window_seconds))
        clock[0] += 15
        received[0] += 300
    # Since its start, until three intervals were seen; then over those.
    assert told == [(9.0, 10.0), (39.0, 10.0), (20.0, 30.0), (20.0, 30.0)]


def test_figures_begin_anew_with_another_process(fleet):
    fleet.deploy(k=1)
    statuses = fleet.verbs.statuses()
    statuses.read()
    fleet.deploy(k=2)
    assert statuses.read()[0].flow.window_seconds == 10.0


def test_the_reduction_is_that_of_the_newest_experiment_with_this_version(fleet):
    fleet.deploy(k=1)
    version = fleet.active().version
    assert status(fleet).reduction is None
    fleet.experiments.create(measured(version, 0.5))
    fleet.experiments.create(measured(version, 0.75, 1, "exp-22222222"))
    fleet.experiments.create(measured("f" * 64, 0.9, 2, "exp-33333333"))
    assert status(fleet).reduction == 0.75


def test_a_reduction_that_was_not_computed_is_not_known(fleet):
    fleet.deploy(k=1)
    fleet.experiments.create(measured(fleet.active().version, None))
    assert status(fleet).reduction is None


def test_a_dead_one_says_why(fleet):
    fleet.deploy(k=1)
    fleet.host.kill("revision-1", "exited with code 1\npanic: no")
    one = status(fleet)
    assert (one.health, one.drift) == (Health.DEAD, ("its process does not run",))
    assert one.reason.endswith("panic: no")
    assert one.flow is None


def test_one_that_runs_and_does_not_answer_is_stalled(fleet):
    fleet.deploy(k=1)

    def mute(running, kind):
        raise silence()

    fleet.host.answers = mute
    assert status(fleet).health is Health.STALLED


@pytest.mark.parametrize(("uptime", "health"), [(10, Health.STARTING), (100, Health.STALLED)])
def test_one_without_output_is_starting_and_then_stalled(fleet, uptime, health):
    fleet.deploy(k=1)
    told = TELEMETRY.replace(b"uptime 10", f"uptime {uptime}".encode())
    fleet.host.answers = lambda running, kind: b"" if kind == "metrics" else told
    one = status(fleet)
    assert (one.health, one.reason) == (health, "no point comes out of it")


def test_points_that_an_exporter_gave_up_are_told(fleet):
    fleet.deploy(k=1)
    lost = TELEMETRY + b'otelcol_exporter_send_failed_metric_points{exporter="otlp_http"} 1234\n'
    fleet.host.answers = lambda running, kind: EXPORT if kind == "metrics" else lost
    one = status(fleet)
    assert (one.health, one.reason) == (Health.SERVING, "otlp_http gave up 1,234 points since it started")


def test_a_silent_host_is_a_row_with_its_reason():
    fleet = Fleet("local://a", "local://b")
    fleet.deploy(k=1)
    fleet.silence("local://a")
    first, second = fleet.verbs.statuses().read()
    assert (first.host, first.health, first.reason) == (
        "local://a",
        Health.UNREACHABLE,
        "the host does not answer",
    )
    assert (first.pipeline, first.revision) == ("process-topk-v1", 1)
    assert second.health is Health.SERVING
    fleet.mend("local://a")
    assert fleet.verbs.statuses().read()[0].health is Health.SERVING


def test_a_host_that_answers_again_is_seen_in_the_same_watch(fleet):
    fleet.deploy(k=1)
    statuses = fleet.verbs.statuses()
    fleet.silence()
    assert statuses.read()[0].health is Health.UNREACHABLE
    fleet.mend()
    assert statuses.read()[0].health is Health.SERVING


def test_a_host_without_a_pipeline_is_told_where_it_is_named(fleet):
    assert fleet.verbs.statuses().read() == ()
    assert status(fleet, "local").health is Health.NOTHING


def test_a_host_that_lost_its_pipeline_is_drift(fleet):
    fleet.deploy(k=1)
    fleet.host.activate(None, fleet.host.acquire("somebody", LEASE_LIFETIME))
    one = status(fleet)
    assert (one.health, one.revision, one.since) == (Health.NOTHING, 1, None)
    assert one.drift == ("nothing is active where the ledger has revision 1",)


def test_what_somebody_else_deployed_is_shown_as_it_is(fleet):
    theirs = Fleet()
    theirs.hosts = fleet.hosts
    theirs.deploy("local", k=2)
    fleet.host.answers = answer
    one = status(fleet, "local")
    assert (one.health, one.pipeline, one.revision, one.name) == (Health.SERVING, "process-topk-v1", 1, None)
    assert "which this ledger does not know" in one.drift[1]
