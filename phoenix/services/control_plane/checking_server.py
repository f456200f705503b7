"""Looks at a Prefect server that is there: its version, the work pool, the workers, the deployments."""

from collections.abc import Iterator
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from phoenix.adapters.prefect.api import PrefectApi
from phoenix.adapters.prefect.names import POOL, is_store_tag, store_tag
from phoenix.adapters.yaml.documents import load_mapping
from phoenix.domain.errors import PhoenixError
from phoenix.services.control_plane.findings import Check, failed, ok, warning

REGISTER = "phoenix up, or python -m flows.registration"
_TAG = "phoenix"


def look_at_server(
    api: PrefectApi, url: str, store_url: str, *, is_up: bool, only_one_worker: bool
) -> Iterator[Check]:
    """One finding for each thing that can be wrong with a server.

    Args:
        api: Of the server.
        url: Its API URL.
        store_url: Of the store that its workers are to use.
        is_up: Whether it is that of a control plane that is up: then what is missing is a fault.
        only_one_worker: Its database stands no more than one.
    """
    try:
        if api.get("/health") is None:
            yield failed("Prefect server", f"there is no Prefect API at {url}", "its URL ends with /api")
            return
        yield _version(api, url)
        pool = api.get(f"/work_pools/{POOL}")
        if pool is None:
            missing = failed if is_up else warning
            yield missing("work pool", f"there is none called {POOL}", REGISTER)
        else:
            yield _pool(pool.body)
            yield _workers(api, only_one_worker=only_one_worker)
        yield from _deployments(api, store_url)
    except PhoenixError as fault:
        yield failed("Prefect server", fault.message, fault.hint)


def _version(api: PrefectApi, url: str) -> Check:
    answer = api.get("/admin/version")
    theirs, ours = str(answer.body) if answer else "?", version("prefect")
    if theirs.partition(".")[0] != ours.partition(".")[0]:
        return failed(
            "Prefect server",
            f"{url} is Prefect {theirs}, ours is {ours}",
            "a server of the same major version",
        )
    if theirs != ours:
        return warning(
            "Prefect server", f"{url} is Prefect {theirs}, ours is {ours}", "the same version, to be sure"
        )
    return ok("Prefect server", f"{url}, Prefect {theirs}")


def _pool(pool: dict[str, Any]) -> Check:
    if pool["type"] != "process":
        return failed(
            "work pool",
            f"{POOL} is of type {pool['type']}, workers of type process take nothing of it",
            f"prefect work-pool delete {POOL}, then {REGISTER}",
        )
    if pool["is_paused"]:
        return warning("work pool", f"{POOL} is paused: nothing starts", f"prefect work-pool resume {POOL}")
    return ok("work pool", f"{POOL}, of type process")


def _workers(api: PrefectApi, *, only_one_worker: bool) -> Check:
    wanted = {"workers": {"status": {"any_": ["ONLINE"]}}, "limit": 200}
    answer = api.post(f"/work_pools/{POOL}/workers/filter", wanted)
    names = sorted(entry["name"] for entry in answer.body) if answer else []
    if not names:
        return warning("workers", "none is online: nothing starts", "phoenix up")
    if len(names) > 1 and only_one_worker:
        return failed(
            "workers",
            f"{len(names)} are online ({', '.join(names)}) and Prefect's database is not known to be PostgreSQL",
            "one worker, or PostgreSQL: docs/scale-out.md",
        )
    return ok("workers", f"online: {', '.join(names)}")


def _deployments(api: PrefectApi, store_url: str) -> Iterator[Check]:
    described: Any = load_mapping(Path(str(files("deployments").joinpath("prefect.yaml"))))["deployments"]
    wanted = {entry["name"]: str(entry["version"]) for entry in described}
    answer = api.post("/deployments/filter", {"deployments": {"tags": {"all_": [_TAG]}}, "limit": 200})
    found = {entry["name"]: entry for entry in answer.body} if answer else {}
    if missing := sorted(wanted.keys() - found.keys()):
        yield warning("deployments", f"not there: {', '.join(missing)}", REGISTER)
    old = sorted(name for name in wanted.keys() & found.keys() if str(found[name]["version"]) != wanted[name])
    if old:
        yield warning("deployments", f"of another version of Phoenix: {', '.join(old)}", REGISTER)
    tag = store_tag(store_url)
    of_others = sorted(
        name
        for name in wanted.keys() & found.keys()
        if any(is_store_tag(one) for one in found[name]["tags"]) and tag not in found[name]["tags"]
    )
    if of_others:
        yield failed(
            "deployments",
            f"their workers use another store: {', '.join(of_others)}",
            f"the same PHOENIX_DATABASE_URL (or PHOENIX_HOME) everywhere, then {REGISTER}",
        )
    if not (missing or old or of_others):
        yield ok("deployments", f"all {len(wanted)} are there, of this version and store")
