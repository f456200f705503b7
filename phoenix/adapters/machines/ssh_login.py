"""Logging in: the jump hosts first, every host's key checked, nothing ever asked of a person."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import asyncssh

from phoenix.adapters.machines import ssh_trouble
from phoenix.adapters.machines.ssh_plan import Endpoint, Plan, plan_log_in
from phoenix.adapters.machines.ssh_session import Seats
from phoenix.domain.logins import Lent

KEEPALIVE_SECONDS = 15
"""A host that answers nothing is given up after four of these."""

_KEEPALIVES = 3
_LONGEST_CHAIN = 5
_AT_ONCE = 6
"""Log-ins at one host at the same time: sshd drops some beyond 10 (MaxStartups), and a jump host serves a whole fleet."""

_turns: dict[tuple[asyncio.AbstractEventLoop, str, int], asyncio.Semaphore] = defaultdict(
    lambda: asyncio.Semaphore(_AT_ONCE)
)


@dataclass(frozen=True, slots=True)
class Link:
    """An open connection, and the ones that it goes through."""

    connection: asyncssh.SSHClientConnection
    seats: Seats
    below: "Link | None" = None

    @property
    def is_open(self) -> bool:
        return not self.connection.is_closed()

    def close(self) -> None:
        self.connection.close()
        if self.below:
            self.below.close()


async def log_in(
    endpoint: Endpoint,
    config: Path,
    patience: timedelta,
    below: Link | None = None,
    depth: int = 0,
    *,
    lent: Lent | None = None,
) -> Link:
    """Connect and log in, through `below` or through the jump hosts that the configuration names.

    Args:
        endpoint: Where.
        config: Path of the OpenSSH client configuration; it need not exist.
        patience: For each host on the way.
        below: Closed when this fails.
        depth: How many hosts are reached through this one.
        lent: What a block lends for this host; its jump hosts are logged in to without.

    Raises:
        DependencyError: What is in the way; see `ssh_trouble`.
    """
    try:
        plan = await asyncio.to_thread(plan_log_in, endpoint, config, lent)
        for hop in _hops(plan, depth) if below is None else ():
            below = await log_in(hop, config, patience, below, depth + 1)
        connection = await _connected(plan, patience, below)
    except BaseException:
        if below:
            below.close()
        raise
    return Link(connection, Seats(connection), below)


def _hops(plan: Plan, depth: int) -> tuple[Endpoint, ...]:
    if plan.jumps and depth >= _LONGEST_CHAIN:
        raise ssh_trouble.endless(plan)
    return plan.jumps


async def _connected(plan: Plan, patience: timedelta, below: Link | None) -> asyncssh.SSHClientConnection:
    turn = _turns[asyncio.get_running_loop(), plan.host, plan.port]
    try:
        async with asyncio.timeout(patience.total_seconds()), turn:
            return await asyncssh.connect(
                plan.endpoint.host, tunnel=below.connection if below else None, **_options(plan, patience)
            )
    except asyncssh.PermissionDenied as error:
        raise ssh_trouble.refused(plan, await _agent_keys(plan)) from error
    except (OSError, ValueError, asyncssh.Error) as error:
        raise ssh_trouble.not_connected(plan, error, patience, through=below is not None) from error


def _options(plan: Plan, patience: timedelta) -> dict[str, object]:
    """What we settle ourselves; the rest is the configuration's."""
    chosen: dict[str, object] = {
        "config": plan.config_files,
        "client_factory": lambda: plan.trust,
        "known_hosts": plan.trust.lookup,
        "x509_trusted_certs": None,
        "agent_path": plan.agent,
        "ignore_encrypted": True,
        "preferred_auth": ("publickey",),
        "password_auth": False,
        "kbdint_auth": False,
        "host_based_auth": False,
        "gss_auth": False,
        "gss_kex": False,
        "agent_forwarding": False,
        "x11_forwarding": False,
        "request_pty": False,
        "command": None,
        "env": None,
        "send_env": None,
        "connect_timeout": None,
        "login_timeout": patience.total_seconds(),
        "keepalive_interval": KEEPALIVE_SECONDS,
        "keepalive_count_max": _KEEPALIVES,
    }
    if plan.key_kinds:
        chosen["server_host_key_algs"] = plan.key_kinds
    if plan.endpoint.port is not None:
        chosen["port"] = plan.endpoint.port
    if plan.endpoint.user is not None:
        chosen["username"] = plan.endpoint.user
    # Files that do not exist stop asyncssh, but not OpenSSH.
    if plan.keys is not None:
        chosen["client_keys"] = plan.keys
    if plan.certificates is not None:
        chosen["client_certs"] = plan.certificates
    return chosen


async def _agent_keys(plan: Plan) -> list[str]:
    """What the agent calls its keys; none if there is no agent."""
    if not plan.agent:
        return []
    try:
        async with asyncio.timeout(1), asyncssh.connect_agent(plan.agent) as agent:
            return [f"{key.get_comment(errors='replace')} of ssh-agent" for key in await agent.get_keys()]
    except (OSError, ValueError, asyncssh.Error):
        return []
