"""Collectors in places: validated, started, waited for, ended."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from phoenix.adapters.hosts.configs import Configs, digest_of
from phoenix.adapters.hosts.drafts import Drafts
from phoenix.adapters.hosts.endings import end_all
from phoenix.adapters.hosts.fetching import Fetcher
from phoenix.adapters.hosts.leases import LeaseFile
from phoenix.adapters.hosts.marks import OWNER, HostMarks, revision_number
from phoenix.adapters.hosts.places import PlaceRecord, Places
from phoenix.adapters.hosts.ports import LOOPBACK, free_ports, listens
from phoenix.adapters.hosts.revisions import Revisions
from phoenix.adapters.hosts.supervisor import Program, Standing, Supervisor
from phoenix.adapters.hosts.variables import Secrets, Variables
from phoenix.adapters.machines.machine import Machine, Row, Text
from phoenix.adapters.ports import CollectorLaunch, Lease
from phoenix.adapters.yaml.documents import parse_mapping
from phoenix.domain.errors import DependencyError, PhoenixError, SpecError, StateError
from phoenix.manifests.systemd import capabilities_for, secret_files

READY_SECONDS = 20.0
"""A collector answers 0.1 s after its start; the rest is for a busy host."""

KEPT_REVISIONS = 3
"""Replaced pipelines whose configuration and environment a host keeps, so that going back needs nothing else."""

_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 0.1
_GROWTH = 1.3
"""Of the pauses between two looks: many that start at once must not be slowed down by being watched."""

_PROBE = timedelta(seconds=2)
_ATTEMPTS = 3
_LINES = 5
_TAIL = 40
_IN_USE = "address already in use"


class _PortTakenError(DependencyError):
    """Somebody took a port between our look and the collector's start."""


@dataclass(frozen=True, slots=True)
class CollectorHouse:
    """What the collectors of one host share.

    Attributes:
        binary: Brings the collector there if it is not, and says where it is.
    """

    machine: Machine
    marks: HostMarks
    binary: Callable[[], Path]
    places: Places
    configs: Configs
    drafts: Drafts
    variables: Variables
    revisions: Revisions
    leases: LeaseFile
    fetcher: Fetcher
    supervisor: Supervisor


class Collectors:
    """The collectors of one host."""

    def __init__(self, house: CollectorHouse) -> None:
        self._house = house

    def start(self, place: str, launch: CollectorLaunch, lease: Lease) -> PlaceRecord:
        """See `Host.start_collector`; the same again returns what runs."""
        house = self._house
        if launch.lifetime is None and revision_number(place) is None:
            raise SpecError(
                f"a collector in {place} must have a lifetime",
                code="no_deadline",
                hint="only a revision may last",
            )
        house.leases.check(lease)
        present = self.look(place)
        if present and present.runs and _is_same(present.record, launch):
            return self._await_ready(present.record)
        # Read before anything is touched: it may be this very place that keeps them.
        secrets = house.variables.secrets_for(place, launch)
        record = self._with_ports(_intent(place, launch, house.binary()))
        house.drafts.demand_valid(record, launch.config, secrets)
        return self._start(record, launch.config, secrets, lease)

    def revive(self, place: str, lease: Lease) -> PlaceRecord:
        """See `Host.revive`. Whether it is production's history is for the switch to say, not for this."""
        house = self._house
        present = self.look(place)
        config = house.machine.read(house.configs.path(present.record.digest)) if present else None
        if present is None or config is None:
            raise StateError(f"nothing to start again is kept in {place}", code="nothing_there")
        if present.runs:
            return self._await_ready(present.record)
        house.leases.check(lease)
        record = replace(present.record, identity=None, binary=str(self._binary_of(present.record)))
        secrets = house.variables.secrets_of(place, config)
        return self._start(record, config, secrets, lease, keeps=True)

    def _binary_of(self, record: PlaceRecord) -> Path:
        """The collector that it ran with, if it is still there: ours may have been upgraded since."""
        kept = Path(record.binary)
        return kept if record.binary and self._house.machine.exists(kept) else self._house.binary()

    def look(self, place: str) -> Standing | None:
        """What was started there, with the process that runs now."""
        record = self._house.places.read(place)
        return self._house.supervisor.look(record) if record else None

    def exit_reason(self, place: str) -> str | None:
        standing = self.look(place)
        if standing is None:
            return f"nothing was started in {place}"
        if standing.runs:
            return None
        record = standing.record
        words = "was replaced" if record.retired else self._house.supervisor.exit_words(record)
        return "\n".join([f"the collector in {place} {words}", *self._last_lines(place, _LINES)])

    def stop(self, place: str, of: str | None = None) -> str:
        """See `Host.stop_collector`.

        Args:
            place: Where.
            of: Its owner; what another one put there meanwhile stays. Whoever it is of if None.
        """
        house = self._house
        record = house.places.read(place)
        if of is not None and (record is None or record.owner != of):
            return ""
        self.end(place, record, of)
        if record is None and not house.machine.exists(house.places.path(place)):
            return ""
        tail = "\n".join(self._last_lines(place, _TAIL)) if record else ""
        with house.machine.locked(house.marks.folder):
            kept = house.places.all()
            now = kept.pop(place, None)
            if of is None or now is None or now.owner == of:
                self._remove(place, [one.digest for one in kept.values() if one])
        return tail

    def _remove(self, place: str, referenced: list[str]) -> None:
        house = self._house
        (names,) = house.machine.names(house.configs.folder)
        house.machine.remove(*house.places.files(place), *house.configs.unreferenced(names, referenced))

    def retire(self, place: str) -> None:
        """See `Host.retire`. It is written down first: from then on nobody takes it for something left behind."""
        house = self._house
        with house.machine.locked(house.marks.folder):
            kept = house.places.all()
            record = kept.get(place)
            if record and not record.retired:
                house.places.write(replace(record, retired=True))
        self.end(place, record)
        if record:
            active = house.revisions.active()
            history = [
                name for name, one in kept.items() if one and one.retired and name not in (active, place)
            ]
            for old in sorted(history, key=_number)[: -(KEPT_REVISIONS - 1)]:
                self.stop(old)

    def end(self, place: str, record: PlaceRecord | None = None, of: str | None = None) -> None:
        """End every process of `place`; its files stay.

        Args:
            place: Where.
            record: What stands there; read if None.
            of: See `stop`.
        """
        house = self._house
        record = record or house.places.read(place)
        if record:
            for port in (record.metrics, record.telemetry):
                house.fetcher.forget(f"http://{LOOPBACK}:{port}/")
        house.supervisor.let_go(place)
        end_all(house.machine, lambda: self._members(place, record, of))

    def _members(self, place: str, record: PlaceRecord | None, of: str | None) -> list[Row]:
        """By session, which holds when an environment was replaced, and by marks, which hold when a record is lost."""
        house = self._house
        return [
            one
            for one in house.machine.processes()
            if house.supervisor.owns(one, record)
            or (house.marks.place_of(one.marks) == place and of in (None, one.marks.get(OWNER)))
        ]

    def _start(
        self, record: PlaceRecord, config: str, secrets: Secrets, lease: Lease, *, keeps: bool = False
    ) -> PlaceRecord:
        """Start what `record` says; on other ports where somebody was quicker.

        Args:
            record: With the ports to be tried first.
            config: Its configuration.
            secrets: What it is given beside our own variables.
            lease: Of who asks.
            keeps: The place stays, though nothing runs there, when the start fails.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            self._prepare(record, config, secrets, lease)
            try:
                return self._await_ready(self._spawn(record, config))
            except BaseException as error:
                self._undo(record, error, keeps=keeps)
                if not isinstance(error, _PortTakenError) or attempt == _ATTEMPTS:
                    raise
            record = self._with_ports(record)
        raise AssertionError

    def _prepare(self, record: PlaceRecord, config: str, secrets: Secrets, lease: Lease) -> None:
        """The intent and all that the start needs, in the place of what was there."""
        house, place = self._house, record.place
        self.end(place)
        with house.machine.locked(house.marks.folder):
            house.leases.check(lease)
            texts: list[Text] = [
                *house.revisions.note(place),
                house.places.text(record),
                house.variables.text(record, secrets),
                house.configs.text(config),
            ]
            house.machine.change(texts, house.places.notes(place))

    def _with_ports(self, record: PlaceRecord) -> PlaceRecord:
        metrics, telemetry, health = free_ports(self._house.machine, 3)
        return replace(record, metrics=metrics, telemetry=telemetry, health=health)

    def _spawn(self, record: PlaceRecord, config: str) -> PlaceRecord:
        house = self._house
        parsed = parse_mapping(config, record.pipeline)
        identity = house.supervisor.spawn(
            Program(
                place=record.place,
                folder=house.places.path(record.place),
                command=[record.binary, f"--config={house.configs.path(record.digest)}"],
                pipeline=record.pipeline,
                lifetime=None if record.lifetime is None else timedelta(seconds=record.lifetime),
                capabilities=capabilities_for(parsed),
                secret_files=secret_files(parsed),
            )
        )
        started = replace(record, identity=identity)
        house.places.write(started)
        return started

    def _await_ready(self, record: PlaceRecord) -> PlaceRecord:
        """Return once its telemetry answers, from a port that is really its own."""
        house, url = self._house, record.running().telemetry_url
        deadline, pause = time.monotonic() + READY_SECONDS, _FIRST_PAUSE
        while (standing := house.supervisor.look(record)).runs:
            pid = standing.record.identity.pid if standing.record.identity else 0
            with suppress(DependencyError):
                house.fetcher.get(url, _PROBE)
                if listens(house.machine, pid, record.telemetry):
                    return standing.record
            if time.monotonic() > deadline:
                raise self._failure(
                    record.place, f"its telemetry does not answer after {READY_SECONDS:.0f} s"
                )
            time.sleep(pause)
            pause = min(_GROWTH * pause, _LONGEST_PAUSE)
        raise self._failure(record.place, f"it {house.supervisor.exit_words(record)}")

    def _failure(self, place: str, why: str) -> DependencyError:
        lines = self._last_lines(place, _TAIL)
        kind = _PortTakenError if any(_IN_USE in line for line in lines) else DependencyError
        return kind(
            f"the collector in {place} did not come up: {why}",
            code="collector_died",
            hint="\n".join(["its last words:", *lines[-_LINES:]]) if lines else "it said nothing",
            details={"place": place, "log": lines},
        )

    def _last_lines(self, place: str, count: int) -> list[str]:
        return self._house.variables.hidden(place, self._house.supervisor.log_lines(place, count))

    def _undo(self, record: PlaceRecord, error: BaseException, *, keeps: bool) -> None:
        """Leave nothing of a failed start, except that production's record stays: it is the last known good."""
        try:
            if keeps or self._house.revisions.active() == record.place:
                self.end(record.place)
            else:
                self.stop(record.place, record.owner)
        except (PhoenixError, OSError) as later:
            error.add_note(f"and the clean-up failed: {later}")


def _intent(place: str, launch: CollectorLaunch, program: Path) -> PlaceRecord:
    """Without its ports."""
    return PlaceRecord(
        place=place,
        owner=launch.owner,
        pipeline=launch.pipeline,
        version=launch.version,
        digest=digest_of(launch.config),
        lifetime=launch.lifetime.total_seconds() if launch.lifetime else None,
        metrics=0,
        telemetry=0,
        health=0,
        binary=str(program),
    )


def _is_same(record: PlaceRecord, launch: CollectorLaunch) -> bool:
    return (record.owner, record.digest) == (launch.owner, digest_of(launch.config))


def _number(place: str) -> int:
    return revision_number(place) or 0
