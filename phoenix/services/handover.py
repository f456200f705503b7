"""Hands production on one host over to another revision: beside the old one, with data flow, then the switch.

    start beside -> data flows -> the `active` link moves -> the old one is ended, and kept as last known good

Two collectors cannot listen on one fixed port. Where both name one, the new one shows its data flow beside the old one
on ports of the kernel's choice; then the old one ends and the new one takes its ports:

    trial beside -> data flows -> the old one is ended -> the new one starts, data flows -> the link moves

Whatever fails, what served before serves then. The link moves last to what is proven, so that whoever finds a
hand-over that nobody finishes can tell its end from the host alone.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from phoenix.adapters.hosts.binary import referenced_environment, referenced_names
from phoenix.adapters.hosts.configs import digest_of
from phoenix.adapters.hosts.marks import revision_number, revision_place
from phoenix.adapters.ports import CollectorLaunch, Host, Lease, RunningCollector
from phoenix.adapters.scraping.scraper import ArmReading, ArmScraper
from phoenix.adapters.stores import DeploymentStore
from phoenix.adapters.yaml.documents import dump_yaml, parse_mapping
from phoenix.domain.deployment import Revision, RevisionState
from phoenix.domain.errors import DependencyError, PhoenixError, SpecError, StateError
from phoenix.domain.record import Driver
from phoenix.domain.trees import mapping_at, strings_at
from phoenix.manifests.collector import OwnPart, scrape_interval_of
from phoenix.manifests.fixed_ports import contend, listeners, trial_config
from phoenix.manifests.slots import MEASUREMENT_EXPORTER

DATA_FLOW_PATIENCE = timedelta(seconds=20)
"""On top of three scrape intervals: what a new collector may take until its first points leave it, everywhere."""

_SHORTEST_SECRET = 4
"""Shorter values are words and numbers that stand everywhere."""

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 0.4
_GROWTH = 1.5
"""Of the pauses between two looks: on a busy machine many that wait must not be what keeps it busy."""

_PULSE_SECONDS = 1.0

Pulse = Callable[[], None]
"""Called about once a second while something is waited for: keeps the lease, and raises to end the waiting."""


class NotRestoredError(DependencyError):
    """A hand-over failed, and what served before could not be brought back: recovery must try again."""

    default_code = "not_restored"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What shall serve on a host, and who wants it.

    Attributes:
        owner: See `Revision.owner`.
        name: The deployment's name.
        pipeline: The pipeline's display name.
        version: sha256 of its own part.
        config: The whole configuration, YAML text.
        reason: See `Revision.reason`.
        by: Who asked for it.
        driver: The process that carries it out.
        parameters: What the pipeline was rendered with.
    """

    owner: str
    name: str
    pipeline: str
    version: str
    config: str
    reason: str
    by: str
    driver: Driver | None
    parameters: Mapping[str, object]


def revision_of(host: Host, store: DeploymentStore, wanted: Wanted) -> Revision:
    """The next revision of a host, whose lease the caller holds; nothing is written.

    Its number is above every number that the host or the ledger ever gave: an intent whose driver died may not have
    reached the host, and a host may have been made anew.
    """
    history = store.history(host.name)
    known = history[0].number if history else 0
    return Revision(
        host=host.name,
        number=max(host.next_revision(), known + 1),
        owner=wanted.owner,
        name=wanted.name,
        pipeline=wanted.pipeline,
        version=wanted.version,
        digest=digest_of(wanted.config),
        config=wanted.config,
        reason=wanted.reason,
        by=wanted.by,
        created_at=datetime.now(UTC),
        parameters=wanted.parameters,
        variables=referenced_names(wanted.config),
        previous=_previous(host, history),
        driver=wanted.driver,
    )


def _previous(host: Host, history: Sequence[Revision]) -> int | None:
    """What serves there; where somebody removed the `active` link, what served by the ledger, if it still stands."""
    active = host.active()
    if active is not None:
        return revision_number(active.place)
    recorded = next((one.number for one in history if one.state is RevisionState.ACTIVE), None)
    return recorded if recorded and host.collector(revision_place(recorded)) is not None else None


def hand_over(
    host: Host,
    lease: Lease,
    store: DeploymentStore,
    revision: Revision,
    *,
    environment_of: str | None = None,
    pulse: Pulse = lambda: None,
) -> RunningCollector:
    """Let `revision` serve on `host`; the ledger knows of it before anything is started.

    Args:
        host: The host.
        lease: In force, and kept so by `pulse`.
        store: The ledger.
        revision: From `revision_of`.
        environment_of: A place of the host whose variables stand in for those that are not set here.
        pulse: See `Pulse`.

    Returns:
        What serves now.

    Raises:
        NotRestoredError: What served before does not; the revision stays pending, for recovery.
        PhoenixError: It does not serve, and what served before does; the revision has failed.
    """
    store.begin(revision)
    try:
        running = _Switch(host, lease, revision, environment_of, pulse).run()
    except NotRestoredError:
        raise
    except BaseException as error:
        store.fail(host.name, revision.number, _without_values(words_of(error), revision.config))
        raise
    store.activate(host.name, revision.number, datetime.now(UTC))
    return running


def _without_values(words: str, config: str) -> str:
    """For the ledger, which holds no secret: a collector that complains may quote what a variable stands for."""
    for name, value in referenced_environment(config).items():
        if len(value) >= _SHORTEST_SECRET:
            words = words.replace(value, f"${{env:{name}}}")
    return words


def words_of(error: BaseException) -> str:
    """Why something failed, for the ledger: the sentence first, then what else is known, such as last log lines."""
    if isinstance(error, PhoenixError):
        return "\n".join(part for part in (error.message, error.hint) if part)
    return (
        "it was interrupted" if isinstance(error, KeyboardInterrupt) else str(error) or type(error).__name__
    )


@dataclass(frozen=True, slots=True)
class _Switch:
    """One hand-over on one host, without its ledger."""

    host: Host
    lease: Lease
    revision: Revision
    environment_of: str | None
    pulse: Pulse

    @property
    def _place(self) -> str:
        return revision_place(self.revision.number)

    def run(self) -> RunningCollector:
        host, number = self.host, self.revision.previous
        previous = host.collector(revision_place(number)) if number else None
        serves = previous is not None and host.exit_reason(previous.place) is None
        try:
            if previous is not None and serves and self._contends_with(previous):
                running = self._take_ports_of(previous)
            else:
                running = self._start(self.revision.config, self.environment_of)
            self._await_flow(running)
            host.activate(self._place, self.lease)
            if previous is not None:
                host.retire(previous.place)
        except BaseException as error:
            self._restore(previous, error, served=serves)
            raise
        return running

    def _take_ports_of(self, previous: RunningCollector) -> RunningCollector:
        trial = self._start(dump_yaml(trial_config(self._config())), self.environment_of)
        self._await_flow(trial)
        # To end one takes no lease: whoever slept through its own must not end what another driver relies on.
        if self.host.lease() != self.lease:
            raise StateError(
                f"The lease of {self.host.name} ran out before the switch; what served before serves.",
                code="lease_outdated",
                hint="try again",
            )
        self.host.retire(previous.place)
        # Its own environment: to retire one may be to forget an older one, and with it what that one kept.
        return self._start(self.revision.config, self._place)

    def _start(self, config: str, environment_of: str | None) -> RunningCollector:
        one = self.revision
        launch = CollectorLaunch(one.owner, one.pipeline, one.version, config, None, environment_of)
        return self.host.start_collector(self._place, launch, self.lease)

    def _await_flow(self, running: RunningCollector) -> None:
        config = self._config()
        interval = scrape_interval_of(OwnPart(config, self.revision.version, ()))
        patience = 3 * interval + DATA_FLOW_PATIENCE
        await_data_flow(self.host, running, patience, _users_exporters(config), self.pulse)

    def _config(self) -> Mapping[str, object]:
        return parse_mapping(self.revision.config, self.revision.pipeline)

    def _contends_with(self, previous: RunningCollector) -> bool:
        return bool(listeners(self._config())) and _contend(
            self.revision.config, self.host.config(previous.place)
        )

    def _restore(self, previous: RunningCollector | None, error: BaseException, *, served: bool) -> None:
        """Bring back what served before; NotRestoredError if that does not succeed."""
        to = previous.place if previous else None
        try:
            give_back(self.host, self.lease, self._place, to, revives=served)
        except Exception as later:  # noqa: BLE001 - whatever it was: what served before does not, and that is said
            raise NotRestoredError(
                f"{words_of(error).splitlines()[0]} Whether what served on {self.host.name} before serves now is not known: {later}",
                hint="phoenix recover tries again",
            ) from error


def give_back(host: Host, lease: Lease, place: str, to: str | None, *, revives: bool = True) -> None:
    """Let what stands in `to` serve instead of `place`, and end that; done twice is done once.

    Args:
        host: The host; a third place that serves there stays.
        lease: In force.
        place: What shall not serve.
        to: What served before it; None if nothing did.
        revives: Start `to` again if it does not run.
    """
    if to is not None and revives and host.exit_reason(to) is not None:
        if host.collector(place) is not None and _contend(host.config(place), host.config(to)):
            host.stop_collector(place)  # it holds the port that the old one needs
        host.revive(to, lease)
    active = host.active()
    if active is None or active.place == place:
        host.activate(to, lease)
    host.stop_collector(place)


def _contend(one: str, other: str) -> bool:
    """Whether two configurations may want the same port; so may one that somebody made unreadable on the host."""
    try:
        return contend(parse_mapping(one, "one"), parse_mapping(other, "other"))
    except SpecError:
        return True


def await_data_flow(
    host: Host,
    running: RunningCollector,
    patience: timedelta,
    exporters: Collection[str],
    pulse: Pulse = lambda: None,
) -> None:
    """Wait until points arrive, and leave through every one of the user's exporters.

    Raises:
        DependencyError: If they do not within `patience`; a healthy start is not a working pipeline. The collector
            was stopped then, for its last words.
    """
    scraper = ArmScraper(host, running)
    began = beaten = time.monotonic()
    lacking, pause = "it was not read", _FIRST_PAUSE
    while time.monotonic() - began < patience.total_seconds():
        lacking = _lacking(scraper.read(), exporters)
        if not lacking:
            return
        if reason := host.exit_reason(running.place):
            first, *log = reason.splitlines()
            raise DependencyError(
                f"The new pipeline on {host.name} died: {first}",
                code="collector_died",
                hint="\n".join(log),
                details={"log": log},
            )
        if time.monotonic() - beaten >= _PULSE_SECONDS:
            pulse()
            beaten = time.monotonic()
        time.sleep(pause)
        pause = min(_GROWTH * pause, _LONGEST_PAUSE)
    raise _no_flow(host, running, patience, lacking, exporters)


def _no_flow(
    host: Host, running: RunningCollector, patience: timedelta, lacking: str, exporters: Collection[str]
) -> DependencyError:
    log = [line for line in host.stop_collector(running.place).splitlines() if _names(line, exporters)]
    hint = "see whether its backends answer and its credentials hold; the previous pipeline stays active"
    return DependencyError(
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


def _users_exporters(config: Mapping[str, object]) -> set[str]:
    """The user's exporters that a pipeline of the configuration sends to."""
    pipelines = mapping_at(config, "service", "pipelines").values()
    used = {name for pipeline in pipelines for name in strings_at(pipeline, "exporters")}
    return (used & mapping_at(config, "exporters").keys()) - {MEASUREMENT_EXPORTER}
