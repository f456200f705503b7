"""Looks whether a control plane would work, and starts nothing: `phoenix up --check`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from phoenix.adapters.control_plane import state
from phoenix.adapters.free_ports import is_free
from phoenix.adapters.prefect.api import PrefectApi
from phoenix.adapters.prefect.server import of_own_server
from phoenix.adapters.store.looking import is_migrated, place_of
from phoenix.domain.errors import PhoenixError
from phoenix.services.control_plane.checking_server import look_at_server
from phoenix.services.control_plane.findings import Check, failed, ok, warning
from phoenix.services.control_plane.parts import API, Wanted
from phoenix.services.control_plane.places import nearest_folder_is_writable
from phoenix.services.control_plane.refusing import (
    DATABASE_VARIABLES,
    is_postgresql,
    prefect_database,
    refuse_url,
)
from phoenix.services.control_plane.verbs import API_PORT, PREFECT_PORT


@dataclass(frozen=True, slots=True)
class Checking:
    """Checks the configuration of one installation.

    Attributes:
        home: The state folder.
        cache: The folder of what can be made again.
        store_url: Of the store; may hold a password.
        environ: Our environment.
        has_collector: Whether the collector is installed.
    """

    home: Path
    cache: Path
    store_url: str
    environ: Mapping[str, str]
    has_collector: Callable[[], bool]

    def run(self, wanted: Wanted) -> Iterator[Check]:
        """One finding for each thing that can be wrong, as it is found."""
        running = state.running(self.home)
        yield from self._folders()
        yield self._store()
        yield self._collector()
        yield self._prefect_home(wanted)
        if wanted.prefect_url is None:
            yield _port(wanted, running)
        yield _api_port(wanted, running)
        yield from self._databases(wanted)
        yield from self._server(wanted, running)

    def _folders(self) -> Iterator[Check]:
        for name, folder in (("state folder", self.home), ("cache folder", self.cache)):
            if nearest_folder_is_writable(folder):
                yield ok(name, f"{folder} can be written")
            else:
                yield failed(name, f"{folder} cannot be written", "another PHOENIX_HOME or PHOENIX_CACHE")

    def _store(self) -> Check:
        try:
            found = is_migrated(self.store_url)
        except PhoenixError as fault:
            return failed("store", fault.message, fault.hint or "PHOENIX_DATABASE_URL")
        place = place_of(self.store_url)
        if found is None:
            return ok("store", f"{place} is made when it is first used")
        if not found:
            return warning(
                "store", f"{place} has an older schema", "the next command brings it up to date: keep a copy"
            )
        return ok("store", f"{place} can be reached, at the newest schema")

    def _collector(self) -> Check:
        try:
            if self.has_collector():
                return ok("collector", "installed")
        except PhoenixError as fault:
            return failed("collector", fault.message, fault.hint)
        return failed(
            "collector", "not installed, and every experiment needs it", "phoenix collector install"
        )

    def _prefect_home(self, wanted: Wanted) -> Check:
        ours = self.home / "prefect"
        named = self.environ.get("PREFECT_HOME")
        if wanted.prefect_url is not None:
            return ok("Prefect home", f"{named or '~/.prefect'}, as of any client of a server of your own")
        if named and Path(named).absolute() != ours.absolute():
            return warning(
                "Prefect home",
                f"PREFECT_HOME is not used: the server keeps to {ours}",
                "nothing, if so intended",
            )
        return ok("Prefect home", f"{ours}, apart from your own")

    def _databases(self, wanted: Wanted) -> Iterator[Check]:
        url = prefect_database(self.environ)
        if wanted.prefect_url is not None:
            yield ok("Prefect database", "the concern of the server that is there")
        elif url is None:
            yield self._without_database(wanted)
        else:
            yield _reached(url, wanted)
        if url is not None and place_of(url) == place_of(self.store_url):
            yield failed(
                "two databases",
                f"the store and Prefect are both in {place_of(url)}",
                f"a database of its own for each: PHOENIX_DATABASE_URL, {DATABASE_VARIABLES[0]}",
            )
        else:
            yield ok("two databases", "the store and Prefect have one each")

    def _without_database(self, wanted: Wanted) -> Check:
        place = self.home / "prefect/prefect.db"
        if wanted.workers > 1:
            return _needs_postgresql(wanted.workers, str(place))
        return ok("Prefect database", f"SQLite, {place}; enough for one worker")

    def _server(self, wanted: Wanted, running: state.ControlPlane | None) -> Sequence[Check]:
        url = (
            wanted.prefect_url
            or (running.api_url if running else None)
            or self.environ.get("PREFECT_API_URL")
        )
        if not url:
            return [ok("Prefect server", "none runs; phoenix up starts one")]
        try:
            refuse_url(url)
        except PhoenixError as fault:
            return [failed("Prefect server", fault.message, fault.hint)]
        is_several_on_sqlite = wanted.prefect_url is None and not is_postgresql(
            prefect_database(self.environ)
        )
        is_ours = running is not None and running.api_url == url
        environ = of_own_server(self.environ) if is_ours else self.environ
        return list(
            look_at_server(
                PrefectApi(url, environ, patience_seconds=5),
                url,
                self.store_url,
                is_up=is_ours,
                only_one_worker=is_several_on_sqlite,
            )
        )


def _port(wanted: Wanted, running: state.ControlPlane | None) -> Check:
    if running is not None and running.owns_server and running.api_url:
        return ok("port", f"{running.api_url}, by the control plane that is up")
    return _free("port", wanted.port, PREFECT_PORT, "--port")


def _api_port(wanted: Wanted, running: state.ControlPlane | None) -> Check:
    api = running.part(API) if running is not None else None
    if api is not None and api.url:
        return ok("API port", f"{api.url}, by the control plane that is up")
    return _free("API port", wanted.api_port, API_PORT, "--api-port")


def _free(what: str, wanted: int | None, default: int, option: str) -> Check:
    if wanted == 0:
        return ok(what, "any free one")
    port = wanted or default
    if is_free(port):
        return ok(what, f"{port} is free")
    if wanted is None:
        return warning(what, f"{port} is taken", f"nothing: another is taken then; {option} chooses one")
    return failed(what, f"{port} is taken", f"another {option}, or {option} 0")


def _reached(url: str, wanted: Wanted) -> Check:
    place = place_of(url)
    if not is_postgresql(url):
        if wanted.workers > 1:
            return _needs_postgresql(wanted.workers, place)
        return ok("Prefect database", f"{place}; enough for one worker")
    try:
        is_migrated(url.replace("+asyncpg", "", 1))  # its driver is Prefect's; where it leads is the same
    except PhoenixError as fault:
        return failed("Prefect database", fault.message, DATABASE_VARIABLES[0])
    return ok("Prefect database", f"{place} can be reached")


def _needs_postgresql(workers: int, place: str) -> Check:
    return failed(
        "Prefect database",
        f"{workers} workers on SQLite ({place}) lock each other out (PrefectHQ/prefect#18934)",
        f"{DATABASE_VARIABLES[0]}=postgresql+asyncpg://..., or one worker",
    )
