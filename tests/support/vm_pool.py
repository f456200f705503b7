"""The hosts of one test session: their names, their keys, and the ssh configuration that knows them."""

import os
import shutil
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.vm_hosts import HostOptions, Place, VmHost, new_key
from tests.support.vm_network import Network, sweep

TOOLS = (
    "systemd-nspawn",
    "nsenter",
    "unshare",
    "setpriv",
    "ip",
    "ssh",
    "ssh-keygen",
    "ssh-keyscan",
    "mkfs.ext4",
)


def why_no_hosts() -> str:
    """Why this machine cannot have hosts of the tests' own; empty when it can."""
    if os.geteuid() != 0:
        return "hosts of the tests' own need root"
    if missing := [tool for tool in TOOLS if not shutil.which(tool)]:
        return f"hosts of the tests' own need {', '.join(missing)}"
    if "\toverlay\n" not in Path("/proc/filesystems").read_text():
        return "hosts of the tests' own need the kernel's overlay file system"
    return ""


class VmHosts:
    """Named hosts, started when first asked for; leaving the context stops them all.

    Attributes:
        home: a home folder whose `.ssh` holds `config`, the keys and `known_hosts`: with HOME set to it, a
            program that reads the user's ssh configuration reaches the hosts by name.
        config: an ssh configuration that names every host: user root, `identity`, strict about host keys.
        known_hosts: the host keys that the hosts had when they were made.
        identity: the private key that root, ops and plain accept.
        other_identity: a private key that nobody accepts.
    """

    def __init__(self, folder: Path, rootfs: Path) -> None:
        self.home = folder / "home"
        ssh = self.home / ".ssh"
        self.config = ssh / "config"
        self.known_hosts = ssh / "known_hosts"
        self.identity = ssh / "id_ed25519"
        self.other_identity = ssh / "id_unauthorised"
        self._folder = folder
        self._rootfs = rootfs
        self._shared: dict[str, VmHost] = {}
        self._fresh: dict[str, VmHost] = {}
        self._slots: dict[int, VmHost] = {}
        self._made = 0
        self._named = ""
        ssh.mkdir(parents=True, mode=0o700)
        self._public_key = new_key(self.identity, "tests")
        new_key(self.other_identity, "nobody")

    def __enter__(self) -> Self:
        sweep(own=True)
        # What is started dies with the thread that started it: a killed session leaves no host behind.
        self._launcher = ThreadPoolExecutor(max_workers=1)
        self._network = Network()
        self._write_configuration()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ExitStack() as all_of_it:  # each in turn, whatever becomes of the others
            all_of_it.callback(self._launcher.shutdown)
            all_of_it.callback(self._network.close)
            for host in self._slots.values():
                all_of_it.callback(host.stop)

    def shared(self, name: str) -> VmHost:
        """A plain host that stays until the session ends; up and connected, whatever a test did to it."""
        return self.several(name)[0]

    def several(self, *names: str) -> list[VmHost]:
        """Shared hosts, which boot at the same time."""
        for name in names:
            if name not in self._shared:
                self._shared[name] = self._make(name, HostOptions())
        hosts = [self._shared[name] for name in names]
        for host in hosts:
            host.restore_network()
            host.start()
        return [host.wait_until_up() for host in hosts]

    def fresh(
        self,
        name: str = "",
        *,
        systemd: bool = True,
        python: bool = True,
        disk_mib: int | None = None,
        machine: str | None = None,
        boot: bool = True,
    ) -> VmHost:
        """A host of the test's own, stopped after the test; options as in `HostOptions`.

        Args:
            boot: False returns it off, so that several can `start` together before `wait_until_up`.
        """
        self._made += 1
        options = HostOptions(systemd=systemd, python=python, disk_mib=disk_mib, machine=machine)
        host = self._make(name or f"fresh-{self._made}", options)
        self._fresh[host.name] = host
        return host.boot() if boot else host

    @contextmanager
    def for_one_test(self) -> Generator["VmHosts"]:
        """Stops in the end what `fresh` made meanwhile."""
        before = set(self._fresh)
        try:
            yield self
        finally:
            with ExitStack() as all_of_it:
                for name in set(self._fresh) - before:
                    all_of_it.callback(self._remove, self._fresh.pop(name))

    def configuration(
        self, name: str, *, identity: Path | None = None, known_hosts: Path | None = None
    ) -> Path:
        """A copy of `config` as it is now, beside it, with another key or other known hosts."""
        for_all = f"""\
Host *
  User root
  IdentityFile {identity or self.identity}
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile {known_hosts or self.known_hosts}
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  BatchMode yes
"""
        path = self.config.with_name(name)
        _replace(path, self._named + for_all)
        return path

    def _make(self, name: str, options: HostOptions) -> VmHost:
        if name in self._shared or name in self._fresh:
            raise ValueError(f"there is a host {name} already")
        slot = min(set(range(2, 255)) - self._slots.keys())
        disk = self._folder / "disks" / f"{slot}-{name}"
        place = Place(self._network, slot, self._rootfs, disk, self._launcher)
        host = VmHost(name, place, options, self._public_key)
        self._slots[slot] = host
        self._write_configuration()
        return host

    def _remove(self, host: VmHost) -> None:
        host.stop()
        self._slots = {slot: other for slot, other in self._slots.items() if other is not host}
        self._write_configuration()

    def _write_configuration(self) -> None:
        """The configuration and the known keys of the hosts there are, replaced whole: others read them."""
        hosts = [self._slots[slot] for slot in sorted(self._slots)]
        self._named = "".join(f"Host {host.name}\n  HostName {host.address}\n\n" for host in hosts)
        self.configuration("config")
        keys = (f"{host.name},{host.address} {' '.join(host.host_key.split()[:2])}\n" for host in hosts)
        _replace(self.known_hosts, "".join(keys))


def _replace(path: Path, content: str) -> None:
    aside = path.with_name(f"{path.name}.new")
    aside.write_text(content)
    aside.replace(path)
