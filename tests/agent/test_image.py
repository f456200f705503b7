"""The hand-written program: its bytes are its listing's, and it runs, on arm64 too."""

import os
import platform
import shutil
import subprocess
from pathlib import Path

import psutil
import pytest

from phoenix.agent.load import image
from phoenix.agent.load.image import Behaviour

SOURCES = Path(image.__file__).parent / "elf"
NATIVE = platform.machine()
WORDS = 56


def _tool(machine, name):
    tool = name if machine == NATIVE else f"{machine}-linux-gnu-{name}"
    if not shutil.which(tool):
        pytest.skip(f"{tool} is not installed (binutils)")
    return tool


@pytest.mark.parametrize("machine", sorted(image.CODE))
def test_bytes_are_what_the_listing_assembles_to(machine, tmp_path):
    assembled, binary = tmp_path / "child.o", tmp_path / "child.bin"
    subprocess.run([_tool(machine, "as"), SOURCES / f"child-{machine}.S", "-o", assembled], check=True)
    objcopy = [_tool(machine, "objcopy"), "-O", "binary", "-j", ".text", assembled, binary]
    subprocess.run(objcopy, check=True)
    assert binary.read_bytes() == bytes(WORDS) + image.CODE[machine]


@pytest.fixture(params=sorted(image.CODE))
def run(request, tmp_path):
    """Runs a behaviour on each machine, by emulation where it is not this one."""
    machine = request.param
    emulator = [] if machine == NATIVE else [shutil.which(f"qemu-{machine}")]
    if None in emulator:
        pytest.skip(f"qemu-{machine} is not installed (qemu-user)")
    started = []

    def start(parent=None, **behaviour):
        path = tmp_path / f"{machine}{len(started)}"
        path.write_bytes(image.build(machine, parent or os.getpid(), Behaviour(**behaviour)))
        path.chmod(0o700)
        started.append(subprocess.Popen([*emulator, path]))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.real
def test_it_refuses_to_live_without_its_parent(run):
    assert run(parent=1).wait(10) == 3


@pytest.mark.real
def test_it_says_when_there_is_no_memory(run):
    assert run(memory_bytes=4096, reserve_bytes=2**62).wait(10) == 4


@pytest.mark.real
def test_it_idles(run, tools):
    process = run()
    watched = psutil.Process(process.pid)
    tools.wait_until(lambda: watched.status() == psutil.STATUS_SLEEPING, "it sleeps")
    assert process.poll() is None


@pytest.mark.real
def test_it_uses_cpu_and_grows(run, tools):
    mib = 1 << 20
    busy = {"busy_ns": 20_000_000, "period_ns": 50_000_000, "phase_ns": 1000}
    watched = psutil.Process(run(growth_bytes=mib, reserve_bytes=8 * mib, **busy).pid)
    tools.wait_until(lambda: sum(watched.cpu_times()[:2]) >= 0.3, "it used 0.3 s of CPU")
    tools.wait_until(lambda: watched.memory_info().rss >= 8 * mib, "it grew to its maximum")
    assert watched.memory_info().rss < 8 * mib + 16 * mib  # an emulator has memory of its own
