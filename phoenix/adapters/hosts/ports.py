"""Ports on the loopback of a host's machine, as its kernel lists them."""

import random
from collections.abc import Iterator
from pathlib import Path

from phoenix.adapters.machines.machine import Machine
from phoenix.domain.errors import DependencyError

LOOPBACK = "127.0.0.1"

FIRST, LAST = 20_000, 30_000
"""Below what kernels give away by themselves (32768 and up): a pipeline finds its ports free again after a reboot."""

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTEN = "0A"


def free_ports(machine: Machine, count: int) -> tuple[int, ...]:
    """Different free ports. Somebody may take one before it is used: the user must retry with others."""
    taken = {port for port, _, _ in _sockets(machine)}
    free = [port for port in range(FIRST, LAST) if port not in taken]
    if len(free) < count:
        raise DependencyError(f"no {count} ports are free between {FIRST} and {LAST}", code="no_free_port")
    return tuple(random.sample(free, count))


def listens(machine: Machine, pid: int, port: int) -> bool:
    """Whether `port` is that process's: another one may have won a race for the same free port."""
    inodes = [inode for number, state, inode in _sockets(machine) if number == port and state == _LISTEN]
    if not inodes:
        return False
    wanted = [word for inode in inodes for word in ("-o", "-lname", f"socket:\\[{inode}\\]")][1:]
    return bool(machine.run(["find", f"/proc/{pid}/fd", *wanted], repeatable=True).out.strip())


def _sockets(machine: Machine) -> Iterator[tuple[int, str, str]]:
    """Local port, state and inode of each TCP socket (proc(5), net/tcp)."""
    for table in machine.read_all(*_TABLES):
        for line in (table or "").splitlines()[1:]:
            fields = line.split()
            yield int(fields[1].rpartition(":")[2], 16), fields[3], fields[9]
