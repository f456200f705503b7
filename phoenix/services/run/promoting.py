"""Hands production over to the candidate on every host, and takes it back.

The ledger's intent holds what was active before, so that whoever finds it can restore that.
"""

import time
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from phoenix.adapters.ports import CollectorLaunch, Host, RunningCollector
from phoenix.adapters.scraping.scraper import ArmReading, ArmScraper
from phoenix.adapters.yaml.documents import dump_yaml
from phoenix.domain.errors import DependencyError
from phoenix.domain.phases import Phase
from phoenix.domain.record import EventKind
from phoenix.domain.trees import mapping_at, strings_at
from phoenix.manifests.plan import Arm
from phoenix.services.run.context import Run

TAKE_BACK = "take_back"
"""The ledger's note that a promotion is being undone: whoever finds it must finish that."""

TAKE_BACK_INCOMPLETE = "take_back_incomplete"
"""Code of the error that leaves production as it should not stay; the experiment is not over then."""

DATA_FLOW_PATIENCE = timedelta(seconds=20)
"""On top of three scrape intervals: what a new collector may take until its first points leave it, everywhere."""


def hand_over(run: Run) -> None:
    """Start the candidate beside the active pipeline, see data flow, switch, end the old one; host by host.

    Raises:
        DependencyError: If data does not flow or a host fails; every host is back to what was active before.
    """
    run.enter(Phase.PROMOTING)
    try:
        for host in run.hosts:
            run.check_stop()
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
        patience = 3 * run.spec.scrape_interval + DATA_FLOW_PATIENCE
        await_data_flow(host, running, patience, _exporters_in_use(arm))
        host.activate(place, run.lease_of(host))
        if previous is not None:
            host.stop_collector(previous.place)
        outcome.update(pid=running.pid, version=running.version)


def await_data_flow(
    host: Host, running: RunningCollector, patience: timedelta, exporters: Collection[str]
) -> None:
    """Wait until points arrive, and leave through every one of the user's exporters.

    Raises:
        DependencyError: If they do not within `patience`; a healthy start is not a working pipeline. The collector
            was stopped then, for its last words.
    """
    scraper = ArmScraper(host, running)
    deadline = time.monotonic() + patience.total_seconds()
    lacking = "it was not read"
    while time.monotonic() < deadline:
        lacking = _lacking(scraper.read(), exporters)
        if not lacking:
            return
        if reason := host.exit_reason(running.place):
            raise DependencyError(f"The new pipeline on {host.name} died: {reason}")
        time.sleep(0.1)
    log = [line for line in host.stop_collector(running.place).splitlines() if _names(line, exporters)]
    hint = "see whether its backends answer and its credentials hold; the previous pipeline stays active"
    raise DependencyError(
        f"No data flows through the new pipeline on {host.name} after {patience.total_seconds():.0f} s: {lacking}.",
        code="no_data_flow",
        hint="\n".join([hint, *log[-1:]]),
        details={"log": log},
    )


def _lacking(reading: ArmReading, exporters: Collection[str]) -> str:
    """What a pipeline that works would show and this one does not; "" if it works."""
    export, telemetry = reading.export, reading.telemetry
    if export is None or telemetry is None:
        return reading.error
    if not telemetry.points_received:
        return "its receivers accepted no point"
    if not telemetry.points_sent or not export.points:
        return "no point comes out of it"
    unsent = [name for name in sorted(exporters) if not telemetry.sent_to.get(name)]
    failed = [(name, telemetry.failed_to.get(name, 0.0)) for name in unsent]
    return "; ".join(
        f"its exporter {name} sent no point" + (f" and gave up {count:.0f}" if count else "")
        for name, count in failed
    )


def _names(line: str, exporters: Collection[str]) -> bool:
    """Whether a log line is of one of them: what a collector writes last is mostly a stack trace."""
    return any(f'"{name}"' in line for name in exporters)


def _exporters_in_use(arm: Arm) -> set[str]:
    """The user's exporters that a pipeline of the production configuration sends to."""
    pipelines = mapping_at(arm.production_config(), "service", "pipelines").values()
    used = {name for pipeline in pipelines for name in strings_at(pipeline, "exporters")}
    return used & arm.production.exporters.keys()


def take_back(run: Run) -> None:
    """Restore on every host what was active before this run's promotion; nothing where it promoted nothing.

    Raises:
        DependencyError: Code `take_back_incomplete`, if a host could not be restored; the others are.
    """
    faults: list[Exception] = []
    for host in run.hosts:
        try:
            if promoted := _standing(run, host):
                run.note(TAKE_BACK, {"host": host.name})
                _take_back(run, host, promoted)
                data = {"active": _place_of(host.active())}
                run.store.append(run.id, EventKind.UNDONE, _step_on(host), data)
        except Exception as fault:  # noqa: BLE001 - the other hosts must be restored as well; all are raised below
            faults.append(fault)
    if faults:
        raise DependencyError(
            f"Production was not restored everywhere: {'; '.join(map(str, faults))}",
            code=TAKE_BACK_INCOMPLETE,
            hint="phoenix recover tries again",
        ) from faults[0]


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
    # A machine that slept may have let the lease expire; it is ours again unless somebody else took the host.
    host.renew(run.lease_of(host), run.lease_lifetime)
    if _place_of(host.active()) == promoted["place"]:
        host.activate(_revive(run, host, previous) if previous else None, run.lease_of(host))
    host.stop_collector(promoted["place"])
    if previous:
        # An earlier try that died before the switch left a second copy of the previous pipeline; the active one stays.
        host.clear(previous["owner"])


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
