"""A host over SSH: programs by argument vector, files through their input, ports through the connection.

The verbs are synchronous and may be called from any thread. The connection is made by the first of them, and anew by
the next one after it was lost. Nothing is ever asked of a person, no host is trusted that the user's known hosts do
not vouch for, nothing of ours (agent, terminal, environment) is handed to the host. See docs/ssh.md.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, Self

import asyncssh

from phoenix.adapters.machines import ssh_pipe
from phoenix.adapters.machines.machine import Finished
from phoenix.adapters.machines.ssh_command import PROBE, command_line, killing, reporting
from phoenix.adapters.machines.ssh_errand import Errand
from phoenix.adapters.machines.ssh_forward import Forwards
from phoenix.adapters.machines.ssh_login import Link, log_in
from phoenix.adapters.machines.ssh_loop import wait_for
from phoenix.adapters.machines.ssh_pipe import SshPipe
from phoenix.adapters.machines.ssh_plan import Endpoint
from phoenix.adapters.machines.ssh_session import LOST, Capture, Gone, Refused, Session
from phoenix.domain.errors import DependencyError
from phoenix.domain.logins import Lent
from phoenix.domain.targets import SshTarget

CONNECT_TIMEOUT = timedelta(seconds=10)
LONGEST_OUTPUT = 64 * 1024 * 1024

_CHUNK = 1 << 20
_KILL_TIMEOUT = timedelta(seconds=5)
_CLOSE_SECONDS = 2.0


class SshConnection:
    """The connection to one host.

    Args:
        target: The host.
        config: Path of the OpenSSH client configuration; it need not exist.
        connect_timeout: For each host on the way, from the name to the log-in.
        longest_output: Bytes that a program of `run` or `send` may say.
        lender: Asked each time before we connect; None where the OpenSSH configuration says it all.

    Raises (every verb but `close`): DependencyError, see `ssh_trouble`; besides `host_timeout`, `connection_lost`,
    `sudo_refused`, `login_shell`, `host_refused`, `host_output`. SpecError `invalid_argument` for an argument that no
    program can be given.
    """

    def __init__(
        self,
        target: SshTarget,
        config: Path,
        connect_timeout: timedelta = CONNECT_TIMEOUT,
        longest_output: int = LONGEST_OUTPUT,
        lender: Callable[[], Lent | None] = lambda: None,
    ) -> None:
        self.target = target
        self._name = target.canonical
        self._endpoint = Endpoint(target.host, target.port, target.user, self._name)
        self._config = config
        self._patience = connect_timeout
        self._longest_output = longest_output
        self._lender = lender
        self._link: Link | None = None
        self._linking: asyncio.Future[Link] | None = None
        self._forwards = Forwards(self._linked)
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: timedelta,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        repeatable: bool = False,
    ) -> Finished:
        """Run a program to its end.

        Args:
            argv: Program and arguments; they arrive as they are.
            timeout: From the moment the connection is there. Then the program is killed, by the host itself: also
                when the connection is gone.
            stdin: What it reads.
            env: Its whole environment; that of the log-in if None. Others on the host can read it, and the
                arguments: secrets go by `stdin`.
            repeatable: It may be run twice: do so, once, when the connection is lost while it runs.
        """
        command = command_line(argv, sudo=self.target.sudo, env=env, lifetime=timeout)
        return self._finished(wait_for(self._run(command, argv[0], stdin, timeout, repeatable)))

    def send(
        self,
        source: Path | BinaryIO,
        argv: Sequence[str],
        *,
        timeout: timedelta,
        env: Mapping[str, str] | None = None,
    ) -> Finished:
        """Run a program that reads `source`, at the program's pace; it may end before it has read all.

        Args:
            source: Read to its end, a piece at a time; a stream is left open.
            argv: Program and arguments.
            timeout: For all of it; see `run`.
            env: See `run`.
        """
        if isinstance(source, Path):
            with source.open("rb") as stream:
                return self.send(stream, argv, timeout=timeout, env=env)
        command = command_line(argv, sudo=self.target.sudo, env=env, lifetime=timeout)
        program = argv[0]
        errand = wait_for(self._begun(command, program, timeout))
        try:
            while (chunk := source.read(_CHUNK)) and wait_for(errand.feed(chunk)):
                pass
            return self._finished(wait_for(errand.finish()))
        except Gone as gone:
            raise self._lost(program, gone) from gone
        finally:
            wait_for(errand.abandon())

    def open(self, argv: Sequence[str], env: Mapping[str, str] | None = None) -> SshPipe:
        """Start a program that we talk to; its standard input ends when we do, however we die.

        Args:
            argv: Program and arguments.
            env: See `run`.
        """
        command = command_line(reporting(argv), sudo=self.target.sudo, env=env)
        return wait_for(self._opened(command, argv[0]))

    def forward(self, port: int) -> int:
        """The port of our loopback that leads to `port` of the host's; the same one until `unforward`."""
        return wait_for(self._forwards.add(port, self._name))

    def unforward(self, port: int) -> None:
        """`port` is not needed any more."""
        wait_for(self._forwards.remove(port))

    def close(self) -> None:
        """Release everything; what still runs there reads the end of its input. It cannot be used again."""
        wait_for(self._close())

    def _finished(self, capture: Capture) -> Finished:
        if self.target.sudo and (why := _sudo_refusal(capture)):
            raise DependencyError(
                f"{self._name} does not let us be root: {why}",
                code="sudo_refused",
                hint="sudo must ask for no password (NOPASSWD in sudoers); or log in as root, without ?sudo=true",
            )
        status = LOST if capture.status is None else capture.status
        return Finished(status, bytes(capture.out), bytes(capture.err))

    async def _run(
        self, command: str, program: str, stdin: bytes, lifetime: timedelta, repeatable: bool
    ) -> Capture:
        for is_last in (False, True) if repeatable else (True,):
            errand = await self._begun(command, program, lifetime)
            try:
                await errand.feed(stdin)
                return await errand.finish()
            except Gone as gone:
                if is_last:
                    raise self._lost(program, gone) from gone
            finally:
                await errand.abandon()
        raise AssertionError

    async def _begun(self, command: str, program: str, lifetime: timedelta) -> Errand:
        await self._linked()  # the time that the connection takes is not the program's
        errand = Errand(f"{program} on {self._name}", self._longest_output, lifetime)
        try:
            await errand.begin(lambda session: self._begin(session, command))
        except Gone as gone:
            raise self._lost(program, gone) from gone
        except BaseException:
            await errand.abandon()
            raise
        return errand

    async def _opened(self, command: str, program: str) -> SshPipe:
        async def begin(session: Session) -> ssh_pipe.Kill:
            link = await self._begin(session, command)
            return lambda pid: self._kill(link, pid)

        await self._linked()
        try:
            async with asyncio.timeout(self._patience.total_seconds()):
                return await ssh_pipe.opened(begin)
        except Gone as gone:
            raise self._lost(program, gone) from gone
        except TimeoutError as error:
            raise DependencyError(
                f"{program} on {self._name} does not start within {self._patience.total_seconds():g} s",
                code="host_timeout",
                hint="does its sshd allow more sessions (MaxSessions)?",
            ) from error

    async def _begin(self, session: Session, command: str) -> Link:
        """Start a program; a connection that proves lost before that is made anew, once."""
        for is_last in (False, True):
            link = await self._linked()
            try:
                await link.seats.begin(session, command)
            except Gone as gone:
                if is_last or gone.began:
                    raise
            except Refused as error:
                raise self._refused(error) from error
            else:
                return link
        raise AssertionError

    async def _linked(self) -> Link:
        """The open connection; made once for all who wait for it."""
        if self._is_closed:
            raise DependencyError(f"the connection to {self._name} was closed by us", code="connection_lost")
        if self._link and self._link.is_open:
            return self._link
        if self._linking is None:
            self._linking = asyncio.ensure_future(self._connect())
            self._linking.add_done_callback(self._connected)
        return await asyncio.shield(self._linking)

    def _connected(self, linking: asyncio.Future[Link]) -> None:
        self._linking = None
        if linking.cancelled() or linking.exception():
            return
        if self._is_closed:
            linking.result().close()
        else:
            self._link = linking.result()

    async def _connect(self) -> Link:
        if self._link:
            self._link.close()  # it is lost, but its jump hosts may not be
        link = await self._logged_in(await asyncio.to_thread(self._lender))
        try:
            await self._probe(link)
        except BaseException:
            link.close()
            raise
        return link

    async def _logged_in(self, lent: Lent | None) -> Link:
        try:
            return await log_in(self._endpoint, self._config, self._patience, lent=lent)
        except DependencyError as error:
            if lent is None or not lent.why_not:
                raise
            raise DependencyError(
                f"{error.message}; its key may be in {lent.block}, which could not be read: {lent.why_not}",
                code=error.code,
                hint=error.hint,
                details=error.details,
            ) from error

    async def _probe(self, link: Link) -> None:
        """Have the log-in shell read quotes: all that follows relies on it."""
        errand = Errand(f"the log-in shell of {self._name}", 1 << 16, self._patience)
        try:
            await errand.begin(lambda session: link.seats.begin(session, command_line(PROBE)))
            heard = await errand.finish()
        except (Gone, Refused) as error:
            raise self._refused(error) from error
        finally:
            await errand.abandon()
        if bytes(heard.out) != PROBE[-1].encode():
            said = (bytes(heard.out) + bytes(heard.err)).decode(errors="replace").strip()[:100]
            raise DependencyError(
                f"the log-in shell of {self._name} cannot be used: it answers {said!a}",
                code="login_shell",
                hint="it must be a POSIX shell (sh, bash, dash, zsh) whose start-up files print nothing",
            )

    async def _kill(self, link: Link, pid: int) -> None:
        """Over that very connection: after another boot of the host the process may be anybody."""
        errand = Errand(f"kill on {self._name}", 1 << 16, _KILL_TIMEOUT)
        command = command_line(killing(pid), sudo=self.target.sudo, lifetime=_KILL_TIMEOUT)
        with suppress(DependencyError, Gone, Refused):  # a lost connection ends its input
            await errand.begin(lambda session: link.seats.begin(session, command))
            await errand.finish()

    async def _close(self) -> None:
        self._is_closed = True
        await self._forwards.close()
        if self._link:
            self._link.close()
            with suppress(TimeoutError, asyncssh.Error, OSError):
                await asyncio.wait_for(self._link.connection.wait_closed(), _CLOSE_SECONDS)

    def _refused(self, error: Exception) -> DependencyError:
        return DependencyError(
            f"{self._name} runs no commands for us: {error}",
            code="host_refused",
            hint="look for ForceCommand and the like in its sshd_config and authorized_keys",
        )

    def _lost(self, program: str, gone: Gone) -> DependencyError:
        return DependencyError(
            f"the connection to {self._name} was lost while {program} ran: {gone}",
            code="connection_lost",
            hint="whether it was done is not known; try again",
        )


def _sudo_refusal(capture: Capture) -> str:
    """What sudo itself said; "" if it was not sudo that ended it."""
    words = capture.err.decode(errors="replace").strip().splitlines()
    if capture.status == 1 and words and words[-1].startswith("sudo: "):
        return words[-1].removeprefix("sudo: ")
    if capture.status == 127 and words and "sudo" in words[-1] and "timeout" not in words[-1]:
        return "there is no sudo on it"
    return ""
