"""Hands production over to the candidate on every host, and takes it back.

The ledger's intent holds what was active before, so that whoever finds it can restore that.
"""

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from phoenix.adapters.ports import CollectorLaunch, Host, RunningCollector
from phoenix.adapters.scraping.scraper import ArmScraper
from phoenix.adapters.yaml.documents import dump_yaml
from phoenix.domain.errors import DependencyError
from phoenix.domain.phases import Phase
from phoenix.domain.record import EventKind
from phoenix.services.run.context import Run

DATA_FLOW_PATIENCE = timedelta(seconds=20)
"""On top of three scrape intervals: what a new collector may take until its first points leave it."""


def hand_over(run: Run) -> None:
    """Start the candidate beside the active pipeline, see data flow, switch, end the old one; host by host.

    Raises:
        DependencyError: If data does not flow or a host fails; every host is back to what was active before.
    """
    run.enter(Phase.PROMOTING)
    try:
        for host in run.hosts:
            run.check_stop()
            run.keep_leases()
            _hand_over(run, host)
    except BaseException:
        take_back(run)
        raise


def _hand_over(run: Run, host: Host) -> None:
    arm = run.plan.candidate
    previous = host.active()
    place = f"revision-{host.next_revision()}"
    with run.step(_step_on(host), {"place": place, "previous": _remembered(host, previous)}) as outcome:
        config = dump_yaml(arm.production_config())
        launch = CollectorLaunch(run.id, arm.pipeline, arm.version, config, None)
        running = host.start_collector(place, launch, run.lease_of(host))
        await_data_flow(host, running, 3 * run.spec.scrape_interval + DATA_FLOW_PATIENCE)
        host.activate(place, run.lease_of(host))
        if previous is not None:
            host.stop_collector(previous.place)
        outcome.update(pid=running.pid, version=running.version)


def await_data_flow(host: Host, running: RunningCollector, patience: timedelta) -> None:
    """Wait until points both arrive and leave.

    Raises:
        DependencyError: If they do not within `patience`; a healthy start is not a working pipeline.
    """
    scraper = ArmScraper(host, running)
    deadline = time.monotonic() + patience.total_seconds()
    while time.monotonic() < deadline:
        reading = scraper.read()
        if reading.export is not None and reading.telemetry is not None:
            received, sent = reading.telemetry.points_received, reading.telemetry.points_sent
            if received and sent and reading.export.points:
                return
        if reason := host.exit_reason(running.place):
            raise DependencyError(f"The new pipeline on {host.name} died: {reason}")
        time.sleep(0.1)
    raise DependencyError(
        f"No data flows through the new pipeline on {host.name} after {patience.total_seconds():.0f} s.",
        hint="look at its log; the previous pipeline stays active",
    )


def take_back(run: Run) -> None:
    """Restore on every host what was active before this run's promotion; nothing where it promoted nothing."""
    for host in run.hosts:
        if promoted := _standing(run, host):
            _take_back(run, host, promoted)
            data = {"active": _place_of(host.active())}
            run.store.append(run.id, EventKind.UNDONE, _step_on(host), data)


def end_previous(run: Run) -> None:
    """End what this run's promotion replaced, on every host, where its driver did not come to that."""
    for host in run.hosts:
        promoted = _standing(run, host)
        previous = promoted["previous"] if promoted else None
        if previous and previous["place"] != _place_of(host.active()):
            host.stop_collector(previous["place"])


def _step_on(host: Host) -> str:
    return f"promote@{host.name}"


def _standing(run: Run, host: Host) -> Mapping[str, Any] | None:
    """What this run's last promotion there set out to do; None if there was none or it was taken back."""
    ours = [e for e in run.store.events(run.id) if e.step == _step_on(host)]
    last = next((e for e in reversed(ours) if e.kind in (EventKind.INTENT, EventKind.UNDONE)), None)
    return last.data if last and last.kind is EventKind.INTENT else None


def _take_back(run: Run, host: Host, promoted: Mapping[str, Any]) -> None:
    previous = promoted["previous"]
    if _place_of(host.active()) == promoted["place"]:
        host.activate(_revive(run, host, previous) if previous else None, run.lease_of(host))
    host.stop_collector(promoted["place"])


def _revive(run: Run, host: Host, previous: Mapping[str, Any]) -> str:
    """The previous pipeline's place, running; a new one with the same configuration where it was ended."""
    place = str(previous["place"])
    if host.collector(place) is not None and host.exit_reason(place) is None:
        return place
    place = f"revision-{host.next_revision()}"
    launch = CollectorLaunch(
        previous["owner"], previous["pipeline"], previous["version"], previous["config"], None
    )
    host.start_collector(place, launch, run.lease_of(host))
    return place


def _remembered(host: Host, running: RunningCollector | None) -> dict[str, object] | None:
    if running is None:
        return None
    return {
        "place": running.place,
        "owner": running.owner,
        "pipeline": running.pipeline,
        "version": running.version,
        "config": host.config(running.place),
    }


def _place_of(running: RunningCollector | None) -> str | None:
    return running.place if running else None
