"""Collectors in places: validated, started, waited for, ended."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from phoenix.adapters.hosts import binary
from phoenix.adapters.hosts.configs import Configs, digest_of
from phoenix.adapters.hosts.endings import end_all
from phoenix.adapters.hosts.environments import environment_in, environment_text
from phoenix.adapters.hosts.fetching import Fetcher
from phoenix.adapters.hosts.leases import LeaseFile
from phoenix.adapters.hosts.marks import CHECK, HostMarks, revision_number
from phoenix.adapters.hosts.places import ENVIRONMENT, PlaceRecord, Places
from phoenix.adapters.hosts.ports import LOOPBACK, free_ports, listens
from phoenix.adapters.hosts.revisions import Revisions
from phoenix.adapters.hosts.supervisor import Program, Supervisor
from phoenix.adapters.machines.durable import TEMPORARY
from phoenix.adapters.machines.machine import Machine, Row
from phoenix.adapters.ports import CollectorLaunch, Lease
from phoenix.adapters.yaml.documents import parse_mapping
from phoenix.domain.errors import DependencyError, PhoenixError, SpecError, StateError
from phoenix.manifests.systemd import capabilities_for, secret_files

READY_SECONDS = 20.0
"""A collector answers 0.1 s after its start; the rest is for a busy host."""

_PAUSE = 0.02
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
    revisions: Revisions
    leases: LeaseFile
    fetcher: Fetcher
    supervisor: Supervisor


class Collectors:
    """The collectors of one host."""

    def __init__(self, house: CollectorHouse) -> None:
        self._house = house
        self._drafts = house.marks.folder / "checks"

    def start(self, place: str, launch: CollectorLaunch, lease: Lease) -> PlaceRecord:
        """See `Host.start_collector`; the same again returns what runs."""
        if launch.lifetime is None and revision_number(place) is None:
            raise SpecError(
                f"a collector in {place} must have a lifetime",
                code="no_deadline",
                hint="only a revision may last",
            )
        self._house.leases.check(lease)
        present = self.current(place)
        if present and self._is_same(present, launch):
            self._await_ready(present)
            return present
        program = self._house.binary()
        self._demand_valid(place, launch, program)
        for _ in range(_ATTEMPTS - 1):
            with suppress(_PortTakenError):
                return self._start_once(place, launch, lease, program)
        return self._start_once(place, launch, lease, program)

    def revive(self, place: str, lease: Lease) -> PlaceRecord:
        """See `Host.revive`."""
        house = self._house
        present = self.current(place)
        config = house.machine.read(house.configs.path(present.digest)) if present else None
        if present is None or config is None:
            raise StateError(f"nothing to start again is kept in {place}", code="nothing_there")
        if not house.supervisor.is_running(present):
            with house.machine.locked(house.marks.folder):
                house.leases.check(lease)
                house.places.clean(place)
            record = replace(present, identity=None, retired=False)
            present = self._spawn(record, config, self._binary_of(present))
        self._await_ready(present)
        return present

    def _binary_of(self, record: PlaceRecord) -> Path:
        """The collector that it ran with, if it is still there: ours may have been upgraded since."""
        kept = Path(record.binary)
        return kept if record.binary and self._house.machine.exists(kept) else self._house.binary()

    def current(self, place: str) -> PlaceRecord | None:
        """What was started there, with the process that runs now."""
        record = self._house.places.read(place)
        return self._house.supervisor.current(record) if record else None

    def exit_reason(self, place: str) -> str | None:
        house = self._house
        record = self.current(place)
        if record is None:
            return f"nothing was started in {place}"
        if house.supervisor.is_running(record):
            return None
        words = house.supervisor.exit_words(record)
        return "\n".join([f"the collector in {place} {words}", *house.supervisor.log_lines(place, _LINES)])

    def stop(self, place: str) -> str:
        """See `Host.stop_collector`."""
        house = self._house
        tail = self.end(place)
        if place in house.places.names():
            with house.machine.locked(house.marks.folder):
                house.places.remove(place)
                house.configs.sweep(record.digest for record in house.places.records())
        return tail

    def retire(self, place: str) -> None:
        """See `Host.retire`."""
        house = self._house
        self.end(place)
        record = house.places.read(place)
        if record is not None:
            with house.machine.locked(house.marks.folder):
                house.places.write(replace(record, identity=None, retired=True))

    def end(self, place: str) -> str:
        """End every process of `place`; its files stay. Returns the end of its log."""
        house = self._house
        record = house.places.read(place)
        if record:
            for port in (record.metrics, record.telemetry):
                house.fetcher.forget(f"http://{LOOPBACK}:{port}/")
        house.supervisor.let_go(place)
        end_all(house.machine, lambda: self._members(place, record))
        return "\n".join(house.supervisor.log_lines(place, _TAIL)) if record else ""

    def drafts_of(self, owner: str) -> list[Path]:
        """What was being checked when its owner died; no place has a dot in its name."""
        found = self._house.machine.names(self._drafts)
        ends = {f"{owner}{ending}{rest}" for ending in (".yaml", ".env") for rest in ("", TEMPORARY)}
        return [self._drafts / name for name in found if name.partition(".")[2] in ends]

    def _members(self, place: str, record: PlaceRecord | None) -> list[Row]:
        """By session, which holds when an environment was replaced, and by marks, which hold when a record is lost."""
        house = self._house
        return [
            one
            for one in house.machine.processes()
            if house.marks.place_of(one.marks) == place or house.supervisor.owns(one, record)
        ]

    def _is_same(self, record: PlaceRecord, launch: CollectorLaunch) -> bool:
        same = (record.owner, record.digest) == (launch.owner, digest_of(launch.config))
        return same and self._house.supervisor.is_running(record)

    def _demand_valid(self, place: str, launch: CollectorLaunch, program: Path) -> None:
        """Ask the binary before anything is touched: what runs in the place goes on running if this is refused."""
        machine = self._house.machine
        environ = self._environment(self._intent(place, launch), launch, CHECK)
        if revision_number(place) is not None:
            binary.demand_environment(launch.config, environ)
        draft = self._drafts / f"{place}.{launch.owner}.yaml"
        variables = draft.with_suffix(".env")
        machine.make_folder(self._drafts)
        try:
            machine.write(draft, launch.config)
            machine.write(variables, environment_text(environ))
            binary.demand_valid(machine, program, draft, variables)
        finally:
            machine.remove(draft, variables)

    def _start_once(self, place: str, launch: CollectorLaunch, lease: Lease, program: Path) -> PlaceRecord:
        house = self._house
        environ = self._environment(record := self._intent(place, launch), launch, place)
        self.end(place)
        with house.machine.locked(house.marks.folder):
            house.leases.check(lease)
            house.revisions.note(place)
            house.places.write(record)
            house.places.clean(place)
            house.machine.write(house.places.path(place) / ENVIRONMENT, environment_text(environ))
            house.configs.put(launch.config)
            house.configs.sweep(one.digest for one in house.places.records())
        try:
            record = self._spawn(record, launch.config, program)
            self._await_ready(record)
        except BaseException as error:
            self._undo(place, error)
            raise
        return record

    def _intent(self, place: str, launch: CollectorLaunch) -> PlaceRecord:
        metrics, telemetry, health = free_ports(self._house.machine, 3)
        return PlaceRecord(
            place=place,
            owner=launch.owner,
            pipeline=launch.pipeline,
            version=launch.version,
            digest=digest_of(launch.config),
            lifetime=launch.lifetime.total_seconds() if launch.lifetime else None,
            metrics=metrics,
            telemetry=telemetry,
            health=health,
        )

    def _spawn(self, record: PlaceRecord, config: str, program: Path) -> PlaceRecord:
        house = self._house
        parsed = parse_mapping(config, record.pipeline)
        lifetime = None if record.lifetime is None else timedelta(seconds=record.lifetime)
        identity = house.supervisor.spawn(
            Program(
                place=record.place,
                folder=house.places.path(record.place),
                command=[str(program), f"--config={house.configs.path(record.digest)}"],
                pipeline=record.pipeline,
                lifetime=lifetime,
                capabilities=capabilities_for(parsed),
                secret_files=secret_files(parsed),
            )
        )
        started = replace(record, identity=identity, binary=str(program))
        house.places.write(started)
        return started

    def _environment(self, record: PlaceRecord, launch: CollectorLaunch, mark: str) -> dict[str, str]:
        """Secrets that a user's exporters need reach the pipeline that exports to the user, and no other."""
        is_production = revision_number(record.place) is not None
        return {
            **(self._secrets(launch) if is_production else {}),
            **self._house.marks.environ(record.owner, mark),
            "PHOENIX_METRICS_ADDRESS": f"{LOOPBACK}:{record.metrics}",
            "PHOENIX_TELEMETRY_HOST": LOOPBACK,
            "PHOENIX_TELEMETRY_PORT": str(record.telemetry),
            "PHOENIX_HEALTH_ADDRESS": f"{LOOPBACK}:{record.health}",
        }

    def _secrets(self, launch: CollectorLaunch) -> Mapping[str, str]:
        """What the configuration refers to: as it is here, else as the host keeps it of the place that is named."""
        kept: dict[str, str] = {}
        if launch.environment_of:
            path = self._house.places.path(launch.environment_of) / ENVIRONMENT
            kept = environment_in(self._house.machine.read(path) or "")
        wanted = binary.referenced_names(launch.config)
        here = binary.referenced_environment(launch.config)
        return {**{name: kept[name] for name in wanted if name in kept}, **here}

    def _await_ready(self, record: PlaceRecord) -> None:
        """Return once its telemetry answers, from a port that is really its own."""
        url = record.running().telemetry_url
        deadline = time.monotonic() + READY_SECONDS
        while self._house.supervisor.is_running(record):
            with suppress(DependencyError):
                self._house.fetcher.get(url, _PROBE)
                if listens(
                    self._house.machine, record.identity.pid if record.identity else 0, record.telemetry
                ):
                    return
            if time.monotonic() > deadline:
                raise self._failure(
                    record.place, f"its telemetry does not answer after {READY_SECONDS:.0f} s"
                )
            time.sleep(_PAUSE)
        raise self._failure(record.place, f"it {self._house.supervisor.exit_words(record)}")

    def _failure(self, place: str, why: str) -> DependencyError:
        lines = self._house.supervisor.log_lines(place, _TAIL)
        kind = _PortTakenError if any(_IN_USE in line for line in lines) else DependencyError
        return kind(
            f"the collector in {place} did not come up: {why}",
            code="collector_died",
            hint="\n".join(["its last words:", *lines[-_LINES:]]) if lines else "it said nothing",
            details={"place": place, "log": lines},
        )

    def _undo(self, place: str, error: BaseException) -> None:
        """Leave nothing of a failed start, except that the record of production stays: it is the last known good."""
        try:
            if self._house.revisions.active() == place:
                self.end(place)
            else:
                self.stop(place)
        except (PhoenixError, OSError) as later:
            error.add_note(f"and the clean-up failed: {later}")
