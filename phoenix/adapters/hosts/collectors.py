"""Collectors in places: validated, started, waited for, ended."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import psutil

from phoenix.adapters.hosts import binary, durable, process_table
from phoenix.adapters.hosts.configs import Configs, digest_of
from phoenix.adapters.hosts.detached import DetachedSupervisor
from phoenix.adapters.hosts.endings import end_all
from phoenix.adapters.hosts.fetching import Fetcher
from phoenix.adapters.hosts.free_ports import LOOPBACK, free_ports
from phoenix.adapters.hosts.leases import LeaseFile
from phoenix.adapters.hosts.marks import CHECK, HostMarks, revision_number
from phoenix.adapters.hosts.places import PlaceRecord, Places
from phoenix.adapters.hosts.process_table import Row
from phoenix.adapters.hosts.revisions import Revisions
from phoenix.adapters.ports import CollectorLaunch, Lease
from phoenix.domain.errors import DependencyError, PhoenixError, SpecError

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
    """What the collectors of one host share."""

    marks: HostMarks
    binary: Callable[[], Path]
    places: Places
    configs: Configs
    revisions: Revisions
    leases: LeaseFile
    fetcher: Fetcher
    supervisor: DetachedSupervisor


class Collectors:
    """The collectors of one host."""

    def __init__(self, house: CollectorHouse, environ: Callable[[], dict[str, str]]) -> None:
        self._house = house
        self._environ = environ
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
        present = self._house.places.read(place)
        if present and self._is_same(present, launch):
            self._await_ready(present)
            return present
        self._demand_valid(place, launch)
        for _ in range(_ATTEMPTS - 1):
            with suppress(_PortTakenError):
                return self._start_once(place, launch, lease)
        return self._start_once(place, launch, lease)

    def exit_reason(self, place: str) -> str | None:
        house = self._house
        record = house.places.read(place)
        if record is None:
            return f"nothing was started in {place}"
        if house.supervisor.is_running(record.identity):
            return None
        lines = house.places.log_lines(place, _LINES)
        return "\n".join([f"the collector in {place} {self._exit_words(record)}", *lines])

    def _exit_words(self, record: PlaceRecord) -> str:
        folder = self._house.places.path(record.place)
        return self._house.supervisor.exit_words(folder, record.identity, record.lifetime)

    def stop(self, place: str) -> str:
        """See `Host.stop_collector`."""
        house = self._house
        self.end(place)
        tail = "\n".join(house.places.log_lines(place, _TAIL))
        if place in house.places.names():
            with durable.locked(house.marks.folder):
                house.places.remove(place)
                house.configs.sweep(record.digest for record in house.places.records())
        return tail

    def end(self, place: str) -> None:
        """End every process of `place`; its files stay."""
        record = self._house.places.read(place)
        if record:
            for port in (record.metrics, record.telemetry):
                self._house.fetcher.forget(f"http://{LOOPBACK}:{port}/")
        end_all(lambda: self._members(place, record))

    def drafts_of(self, owner: str) -> list[Path]:
        """Configurations that were being checked when their owner died; no place has a dot in its name."""
        if not self._drafts.is_dir():
            return []
        ends = (f"{owner}.yaml", f"{owner}.yaml{durable.TEMPORARY}")
        return [path for path in self._drafts.iterdir() if path.name.partition(".")[2] in ends]

    def _members(self, place: str, record: PlaceRecord | None) -> list[Row]:
        """By session, which holds when an environment was replaced, and by marks, which hold when a record is lost."""
        identity = record.identity if record else None
        apart = process_table.own_lineage()
        return [
            one
            for one in process_table.rows()
            if one.pid not in apart
            and (
                self._house.supervisor.in_session(one, identity)
                or self._house.marks.place_of(process_table.environment(one.pid)) == place
            )
        ]

    def _is_same(self, record: PlaceRecord, launch: CollectorLaunch) -> bool:
        same = (record.owner, record.digest) == (launch.owner, digest_of(launch.config))
        return same and self._house.supervisor.is_running(record.identity)

    def _demand_valid(self, place: str, launch: CollectorLaunch) -> None:
        """Ask the binary before anything is touched: what runs in the place goes on running if this is refused."""
        environ = self._environment(self._intent(place, launch), launch.config, CHECK)
        if revision_number(place) is not None:
            binary.demand_environment(launch.config, environ)
        draft = self._drafts / f"{place}.{launch.owner}.yaml"
        durable.make_folder(self._drafts)
        try:
            durable.write(draft, launch.config)
            binary.demand_valid(self._house.binary(), draft, environ)
        finally:
            draft.unlink(missing_ok=True)

    def _start_once(self, place: str, launch: CollectorLaunch, lease: Lease) -> PlaceRecord:
        house = self._house
        self.end(place)
        record = self._intent(place, launch)
        with durable.locked(house.marks.folder):
            house.leases.check(lease)
            house.revisions.note(place)
            house.places.write(record)
            house.places.clean(place)
            house.configs.put(launch.config)
            house.configs.sweep(one.digest for one in house.places.records())
        try:
            record = self._spawn(record, launch)
            self._await_ready(record)
        except BaseException as error:
            self._undo(place, error)
            raise
        return record

    def _intent(self, place: str, launch: CollectorLaunch) -> PlaceRecord:
        metrics, telemetry, health = free_ports(3)
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

    def _spawn(self, record: PlaceRecord, launch: CollectorLaunch) -> PlaceRecord:
        house = self._house
        command = [str(house.binary().resolve()), f"--config={house.configs.path(record.digest)}"]
        environ = self._environment(record, launch.config, record.place)
        folder = house.places.path(record.place)
        identity = house.supervisor.spawn(command, environ, folder, launch.lifetime)
        started = replace(record, identity=identity)
        house.places.write(started)
        return started

    def _environment(self, record: PlaceRecord, config: str, mark: str) -> dict[str, str]:
        """Secrets that a user's exporters need reach the pipeline that exports to the user, and no other."""
        is_production = revision_number(record.place) is not None
        return {
            **(binary.referenced_environment(config) if is_production else {}),
            **self._environ(),
            **self._house.marks.environ(record.owner, mark),
            "PHOENIX_METRICS_ADDRESS": f"{LOOPBACK}:{record.metrics}",
            "PHOENIX_TELEMETRY_HOST": LOOPBACK,
            "PHOENIX_TELEMETRY_PORT": str(record.telemetry),
            "PHOENIX_HEALTH_ADDRESS": f"{LOOPBACK}:{record.health}",
        }

    def _await_ready(self, record: PlaceRecord) -> None:
        """Return once its telemetry answers, from a port that is really its own."""
        url = record.running().telemetry_url
        deadline = time.monotonic() + READY_SECONDS
        while self._house.supervisor.is_running(record.identity):
            with suppress(DependencyError):
                self._house.fetcher.get(url, _PROBE)
                if _listens(record):
                    return
            if time.monotonic() > deadline:
                raise self._failure(
                    record.place, f"its telemetry does not answer after {READY_SECONDS:.0f} s"
                )
            time.sleep(_PAUSE)
        raise self._failure(record.place, f"it {self._exit_words(record)}")

    def _failure(self, place: str, why: str) -> DependencyError:
        lines = self._house.places.log_lines(place, _TAIL)
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


def _listens(record: PlaceRecord) -> bool:
    """Whether the telemetry port is the collector's: another one may have won a race for the same free port."""
    pid = record.identity.pid if record.identity else 0
    try:
        found = psutil.Process(pid).net_connections("tcp")
    except psutil.Error:
        return False
    return any(one.status == psutil.CONN_LISTEN and one.laddr[1] == record.telemetry for one in found)
