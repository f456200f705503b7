"""Holds a control plane up, until it is told to end; then ends all that it started and nothing else."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from phoenix.adapters.control_plane import state
from phoenix.adapters.control_plane.processes import end_flow_runs
from phoenix.adapters.control_plane.state import ControlPlane, PartState, Stage
from phoenix.domain.errors import DependencyError
from phoenix.domain.record import Driver
from phoenix.services.control_plane.holding import Held
from phoenix.services.control_plane.parts import Layout

FLOW_RUNS_SECONDS = 60.0
"""For flow runs to clean their hosts when they are told to end."""

AFTER_THE_WORKER_SECONDS = 20.0
"""For what did not heed that, once its worker is gone."""

_LOOK_SECONDS = 0.1
_HASTE = 2
"""So many signals mean that nothing is to be waited for."""


class Call(Protocol):
    """What tells a supervisor to end."""

    @property
    def count(self) -> int:
        """How often it was told so."""
        ...

    @property
    def words(self) -> str:
        """By what."""
        ...


class Supervisor:
    """Holds the parts of one control plane.

    Args:
        home: The state folder.
        plan: What is to be held up.
        this_process: Who holds it.
        call: Tells it to end.
        say: Tells people what happens, a line at a time.
    """

    def __init__(
        self, home: Path, plan: Layout, this_process: Driver, call: Call, say: Callable[[str], None]
    ) -> None:
        self._home = home
        self._layout = plan
        self._this_process = this_process
        self._call = call
        self._say = say
        self._stage = Stage.STARTING
        self._since = datetime.now(UTC)
        self._begin = time.monotonic()
        self._doing = ""
        self._has_answered = not plan.owns_server
        self._recovery_is_due = True
        logs = home / "logs"
        logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._parts = [Held(part, logs, self._tell) for part in plan.parts]
        self._recovery = Held(plan.recovery, logs, self._tell)

    def run(self) -> None:
        """Start everything, keep it up, and end it when called.

        Raises:
            DependencyError: If a part does not come up at the start; nothing is left running then.
        """
        state.write(self._home, self._now())
        try:
            self._start()
            while not self._call.count:
                self._keep()
                time.sleep(_LOOK_SECONDS)
            self._say(f"ending: {self._call.words}")
        finally:
            self._end()

    def _start(self) -> None:
        for held in self._parts:
            self._wait_for(held)
            if self._call.count:
                return
        self._become(Stage.READY, "")
        self._say(f"the control plane is up after {time.monotonic() - self._begin:.0f} s")

    def _wait_for(self, held: Held) -> None:
        self._become(Stage.STARTING, held.part.doing)
        self._say(held.part.doing)
        held.start()
        while not held.is_up and not self._call.count:
            for one in self._parts:
                if one.state is not PartState.WAITING and one.look():
                    raise DependencyError(
                        f"The part {one.part.name} did not come up: {one.words}",
                        code="part_failed",
                        hint=f"its log is {self._home / 'logs' / one.part.name}.log; phoenix up --check",
                    )
            time.sleep(_LOOK_SECONDS)
        self._has_answered = True

    def _keep(self) -> None:
        for held in self._parts:
            before = held.state
            if held.look():
                self._say(f"{held.part.name} died and is started again: {held.words}")
            elif held.is_up and before is PartState.STARTING:
                self._say(f"{held.part.name} is up again")
                self._recovery_is_due = True
        stage = Stage.READY if all(held.is_up for held in self._parts) else Stage.DEGRADED
        if stage is not self._stage:
            self._become(stage, "")
        self._recover(stage)

    def _recover(self, stage: Stage) -> None:
        """Once, when all is up: what recovers asks the server too."""
        if self._recovery.pid is None:
            if self._recovery_is_due and stage is Stage.READY:
                self._recovery_is_due = False
                self._recovery.start()
        elif self._recovery.look():
            self._recovery.give_up()  # the schedule tries again
            self._say(f"recovery: {self._recovery.words}")

    def _end(self) -> None:
        self._become(Stage.STOPPING, "ending")
        self._recovery.end()
        self._end_flow_runs()
        for held in reversed(self._parts):
            held.end()
        state.remove(self._home)
        self._say("the control plane is down")

    def _end_flow_runs(self) -> None:
        """They clean up after themselves while their workers take no more; a worker that is told to end kills them."""
        workers = [held for held in self._parts if held.part.has_flow_runs]
        for worker in workers:
            worker.freeze()
        if not end_flow_runs(self._layout.mark, self._patience(FLOW_RUNS_SECONDS), self._say_waiting):
            # What is left reads from its worker's death that it is alone, if it has not heard us.
            for worker in workers:
                worker.kill()
            end_flow_runs(self._layout.mark, self._patience(AFTER_THE_WORKER_SECONDS), self._say_waiting)

    def _patience(self, seconds: float) -> Callable[[float], bool]:
        return lambda waited: waited < seconds and self._call.count < _HASTE

    def _say_waiting(self, left: int) -> None:
        words = f"waiting for {left} flow run{'s' if left > 1 else ''} to clean up (up to {FLOW_RUNS_SECONDS:.0f} s)"
        self._become(Stage.STOPPING, words)
        self._say(words)

    def _become(self, stage: Stage, doing: str) -> None:
        self._stage, self._doing = stage, doing
        self._tell()

    def _tell(self) -> None:
        # A full disk is no reason to let go of everything.
        with suppress(OSError):
            state.write(self._home, self._now())

    def _now(self) -> ControlPlane:
        is_known = self._has_answered
        return ControlPlane(
            supervisor=self._this_process,
            stage=self._stage,
            since=self._since,
            api_url=self._layout.api_url if is_known else None,
            ui_url=self._layout.ui_url if is_known else None,
            owns_server=self._layout.owns_server,
            parts=tuple(held.status() for held in (*self._parts, self._recovery)),
            words=self._doing,
        )
