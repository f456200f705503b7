"""Starting and ending the control plane of this installation, in front or in the background."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from phoenix.adapters import drivers
from phoenix.adapters.alone import alone
from phoenix.adapters.control_plane import state
from phoenix.adapters.control_plane.processes import begin_anew
from phoenix.adapters.free_ports import free_ports, is_free
from phoenix.domain.errors import DependencyError, StateError
from phoenix.domain.record import Driver
from phoenix.services.control_plane.parts import Ports, Wanted, layout
from phoenix.services.control_plane.refusing import refuse_impossible
from phoenix.services.control_plane.supervising import Call, Supervisor

PREFECT_PORT = 4200
"""Prefect's own."""

API_PORT = 8080
"""Of the Phoenix API, as `phoenix server` has it too."""

DOWN_SECONDS = 120.0
"""Flow runs have a minute, and each part ten seconds."""

Say = Callable[[str], None]

_PASSING = (state.Stage.STARTING, state.Stage.STOPPING)


class ControlPlanes:
    """The control plane of one state folder.

    Args:
        home: The state folder.
        environ: Our environment.
        this_process: Who we are.
    """

    def __init__(self, home: Path, environ: Mapping[str, str], this_process: Callable[[], Driver]) -> None:
        self._home = home
        self._environ = environ
        self._this_process = this_process

    @property
    def logs(self) -> Path:
        """The folder of its logs."""
        return self._home / "logs"

    def running(self) -> state.ControlPlane | None:
        """How it stands; None where it does not run."""
        return state.running(self._home)

    def settled(self, say: Say) -> state.ControlPlane | None:
        """How it stands when it neither starts nor ends any more; None where it does not run."""
        told = ""
        while (found := self.running()) is not None and found.stage in _PASSING:
            if found.words not in ("", told):
                told = found.words
                say(told)
            time.sleep(0.1)
        return found

    def hold(self, wanted: Wanted, call: Call, say: Say) -> None:
        """Start it and hold it up, in this process, until called; see `Supervisor.run`.

        Raises:
            StateError: It runs already, or what is wanted is not possible.
        """
        refuse_impossible(wanted, self._environ)
        with alone(self._home / state.LOCK_FILE) as is_ours:
            if not is_ours:
                raise self._is_up_already()
            us = self._this_process()
            mark = f"{us.pid}:{us.started}"
            ports = Ports(
                prefect=0 if wanted.prefect_url else _port_for(wanted.port, PREFECT_PORT, say),
                api=_port_for(wanted.api_port, API_PORT, say),
            )
            plan = layout(self._home, wanted, ports, mark, self._environ)
            Supervisor(self._home, plan, us, call, say).run()

    def start(self, wanted: Wanted, say: Say) -> state.ControlPlane:
        """Start it in the background and wait until it is ready.

        Raises:
            StateError: What is wanted is not possible.
            DependencyError: It did not come up; what there was of it is gone.
        """
        refuse_impossible(wanted, self._environ)
        self.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        log = self.logs / "supervisor.log"
        begin_anew(log)
        with log.open("xb") as output:
            child = subprocess.Popen(
                # -P: what lies in the folder of whoever starts it is not ours to import.
                [sys.executable, "-P", "-m", "phoenix.supervisor"],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**self._environ, "PHOENIX_HOME": str(self._home.absolute())},
                start_new_session=True,
            )
        if child.stdin is not None:
            with suppress(BrokenPipeError), child.stdin:
                child.stdin.write(json.dumps(asdict(wanted)).encode())
        try:
            return self._ready(child, log, say)
        except BaseException:
            child.terminate()
            child.wait()
            raise

    def end(self, say: Say) -> bool:
        """End it and wait until nothing of it runs.

        Returns:
            Whether there was anything to end.

        Raises:
            DependencyError: It is not gone in time.
        """
        found = self.running()
        if found is None:
            return False
        drivers.signal_to(found.supervisor, signal.SIGTERM)
        told = ""
        deadline = time.monotonic() + DOWN_SECONDS
        while drivers.lives(found.supervisor):
            now = self.running()
            if now is not None and now.stage is state.Stage.STOPPING and now.words not in ("", told):
                told = now.words
                say(told)
            if time.monotonic() > deadline:
                raise DependencyError(
                    f"The control plane does not end: process {found.supervisor.pid} still runs "
                    f"after {DOWN_SECONDS:.0f} s.",
                    hint=f"its logs are in {self.logs}; phoenix down again hastens it",
                )
            time.sleep(0.1)
        return True

    def _ready(self, child: subprocess.Popen[bytes], log: Path, say: Say) -> state.ControlPlane:
        with log.open(encoding="utf-8", errors="replace") as said:
            while True:
                ended = child.poll() is not None
                for line in said:
                    say(line.rstrip("\n"))
                found = self.running()
                if found is not None and found.stage is state.Stage.READY:
                    return found
                if ended and (other := self.settled(say)) is not None:
                    return other  # somebody started it at the same moment
                if ended:
                    raise DependencyError(
                        "The control plane did not come up.", hint=f"its logs are in {self.logs}"
                    )
                time.sleep(0.1)

    def _is_up_already(self) -> StateError:
        found = self.running()
        who = (
            f", held by process {found.supervisor.pid} since {found.since:%Y-%m-%d %H:%M} UTC"
            if found
            else ""
        )
        return StateError(
            f"The control plane of {self._home} is up already{who}.",
            code="already_up",
            hint="phoenix up status shows it; phoenix down ends it",
        )


def _port_for(wanted: int | None, default: int, say: Say) -> int:
    if wanted:
        return wanted
    if wanted is None:
        if is_free(default):
            return default
        say(f"port {default} is taken; another is used")
    (port,) = free_ports(1)
    return port
