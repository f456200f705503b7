"""The link between this machine and the tests' own hosts, and what a killed owner leaves in the kernel."""

import ipaddress
import json
import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.support.vm_rootfs import locked
from tests.support.waiting import eventually

# RFC 2544: for benchmarks between two devices, routed nowhere. A packet that strays meets nobody.
RANGE = ipaddress.IPv4Network("198.18.0.0/15")
PREFIX = "px"
CGROUPS = Path("/sys/fs/cgroup")
LINKS = Path("/sys/class/net")


class Network:
    """A bridge of this process's own, with an address range that nothing else on this machine uses.

    A bridge rather than a link per host: it stays when a host loses its power, so what is sent to that host
    is lost and never leaves by this machine's default route.
    """

    def __init__(self) -> None:
        self.bridge = f"{PREFIX}{os.getpid()}"
        with locked("network"):
            self.range = _free_range()
            ip("link", "add", self.bridge, "type", "bridge")
            Path(f"/proc/sys/net/ipv6/conf/{self.bridge}/disable_ipv6").write_text("1")
            ip("address", "add", f"{self.range[1]}/24", "dev", self.bridge)
            ip("link", "set", self.bridge, "up")

    def machine(self, slot: int) -> str:
        """What the kernel's things of a host are named after: its owner's pid and its place in the range."""
        return f"{self.bridge}-{slot:02x}"

    def address(self, slot: int) -> str:
        """The address of the host in a slot, 2 to 254.

        The neighbour's entry never ages, as behind a router: what is sent to a host that is off or cut off is
        lost in silence instead of being refused by our own kernel after a few seconds.
        """
        address = str(self.range[slot])
        ip("neigh", "replace", address, "lladdr", self.mac(slot), "dev", self.bridge, "nud", "permanent")
        return address

    def mac(self, slot: int) -> str:
        return f"02:70:78:00:00:{slot:02x}"

    def close(self) -> None:
        ip("link", "delete", self.bridge)


def link_of(machine: str) -> str:
    """The host end of a machine's link, as systemd-nspawn names it."""
    return f"vb-{machine}"


def ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def processes_of(machine: str) -> set[int]:
    """Every process of a machine, its nspawn included, by the cgroups they are in."""
    found: set[int] = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                groups = (entry / "cgroup").read_text()
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            # A zombie runs nothing and holds nothing; when it goes is up to this machine's first process.
            if state != "Z" and any(machine in line.split("/") for line in groups.splitlines()):
                found.add(int(entry.name))
    return found


def remove_traces(machine: str) -> None:
    """Ends what runs of a machine and removes its link and its cgroups; nothing to do is fine."""
    eventually(lambda: not kill(processes_of(machine)), what=f"no process of {machine}")
    link = link_of(machine)
    if (LINKS / link).exists():
        # The kernel may be about to remove it, with the namespace of its other end.
        subprocess.run(["ip", "link", "delete", link], capture_output=True, check=False)
        eventually(lambda: not (LINKS / link).exists(), what=f"no link {link}")
    eventually(lambda: not _remove_groups(cgroups_of(machine)), what=f"no cgroup of {machine}")


def cgroups_of(machine: str) -> list[Path]:
    """The top cgroups of a machine, one in each hierarchy."""
    return _cgroups(lambda name: name == machine)


def sweep(*, own: bool = False) -> None:
    """Removes what owners left behind that are dead.

    Args:
        own: also what bears this process's pid, which has made nothing yet: an earlier one with it did.
    """
    with locked("network"):
        _sweep(own=own)


def _sweep(*, own: bool) -> None:
    owners: dict[str, set[str]] = {}
    for path in [*_cgroups(lambda name: _owner(name) != 0), *LINKS.iterdir()]:
        machine = path.name.removeprefix("vb-")
        if (owner := _owner(machine)) and (
            (own and owner == os.getpid()) or not Path(f"/proc/{owner}").exists()
        ):
            owners.setdefault(f"{PREFIX}{owner}", set()).add(machine)
    for bridge, machines in owners.items():
        for machine in machines - {bridge}:
            remove_traces(machine)
        if (LINKS / bridge).exists():
            ip("link", "delete", bridge)


def _owner(machine: str) -> int:
    match = re.fullmatch(rf"{PREFIX}(\d+)(-[0-9a-f]{{2}})?", machine)
    return int(match[1]) if match else 0


def kill(pids: set[int]) -> set[int]:
    """Kills all of them that are still there; returns them."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return pids


def _cgroups(is_wanted: Callable[[str], bool]) -> list[Path]:
    found: list[Path] = []
    for folder, names, _ in os.walk(CGROUPS):
        wanted = {name for name in names if is_wanted(name)}
        found.extend(Path(folder) / name for name in wanted)
        names[:] = [name for name in names if name not in wanted]
    return found


def _remove_groups(tops: list[Path]) -> list[Path]:
    for top in tops:
        for folder, _, _ in os.walk(top, topdown=False):
            try:
                Path(folder).rmdir()
            except OSError:  # a process that is dying is still in it: the caller comes again
                continue
    return tops


def _free_range() -> ipaddress.IPv4Network:
    taken: list[ipaddress.IPv4Network] = []
    for route in json.loads(ip("-4", "-json", "route", "show", "table", "all")):
        if route["dst"] != "default":
            taken.append(ipaddress.IPv4Network(route["dst"], strict=False))
    for candidate in RANGE.subnets(new_prefix=24):
        if not any(candidate.overlaps(network) for network in taken):
            return candidate
    raise RuntimeError(f"every part of {RANGE} is in use on this machine")
