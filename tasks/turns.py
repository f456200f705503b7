"""Wait for the turn on the hosts: of runs that want the same host, the later ones queue."""

import os
from collections.abc import Generator
from contextlib import contextmanager

from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL, PREFECT_SERVER_UI_ENABLED

from phoenix.adapters.ports import HostTurns
from phoenix.adapters.prefect.api import PrefectApi
from phoenix.adapters.prefect.host_turns import PrefectHostTurns
from phoenix.domain.phases import Phase
from phoenix.services.run import queueing
from phoenix.services.run.context import Run
from tasks.step import step

_PATIENCE_SECONDS = 5.0


@contextmanager
def turns_on_hosts() -> Generator[HostTurns | None]:
    """What `await_turn` takes is given back at the end of the body, however it ends."""
    url = PREFECT_API_URL.value()
    # A server without a UI lives as long as its only run does.
    if not url or not flow_run.id or not PREFECT_SERVER_UI_ENABLED.value():
        yield None
        return
    turns = PrefectHostTurns(PrefectApi(url, os.environ, _PATIENCE_SECONDS), flow_run.id)
    try:
        yield turns
    finally:
        turns.give_back()


@step("await-turn")
def await_turn(run: Run, purpose: Phase, turns: HostTurns | None) -> None:
    queueing.await_turn(run, purpose, turns)
