"""The hand-written program: its bytes are its listing's, and it does what its tables say, on arm64 too."""

import mmap
import os
import platform
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoenix.agent.load import image
from phoenix.agent.load.image import Behaviour, Steps

SOURCES = Path(image.__file__).parent / "elf"
NATIVE = platform.machine()
WORDS, HEADERS = 56, 64 + 2 * 56
MS = 1_000_000
LEVEL = 32 << 20
"""Memory is told by multiples of this: an emulator has less of its own."""

NOBODY = 65534
IS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not IS_ROOT, reason="only root becomes another user")
MACHINES = pytest.mark.parametrize("machine", sorted(image.CODE))


def _tool(machine, name):
    tool = name if machine == NATIVE else f"{machine}-linux-gnu-{name}"
    if not shutil.which(tool):
        pytest.skip(f"{tool} is not installed (binutils)")
    return tool


@MACHINES
def test_bytes_are_what_the_listing_assembles_to(machine, tmp_path):
    assembled, binary = tmp_path / "child.o", tmp_path / "child.bin"
    subprocess.run([_tool(machine, "as"), SOURCES / f"child-{machine}.S", "-o", assembled], check=True)
    objcopy = [_tool(machine, "objcopy"), "-O", "binary", "-j", ".text", assembled, binary]
    subprocess.run(objcopy, check=True)
    assert binary.read_bytes() == image.CODE[machine] + bytes(WORDS)


@st.composite
def _steps(draw, highest):
    values = draw(st.lists(st.integers(0, highest), min_size=1, max_size=70))
    return Steps(tuple(values), draw(st.integers(1, 2**40)), draw(st.integers(0, len(values) - 1)))


_ids = st.none() | st.integers(0, 2**32 - 2)
_behaviours = st.builds(
    Behaviour,
    period_ns=st.integers(0, 2**62),
    phase_ns=st.integers(0, 2**62),
    busy_ns=_steps(2**62),
    memory_bytes=_steps(2**61),
    uid=_ids,
    gid=_ids,
)


def _read_table(content, offset):
    hold, loop, count = struct.unpack_from("<3Q", content, offset)
    return Steps(struct.unpack_from(f"<{count}Q", content, offset + 24), hold, loop), offset + 24 + 8 * count


@MACHINES
@given(behaviour=_behaviours, parent=st.integers(0, 2**22))
def test_the_file_holds_what_was_asked_for_and_nothing_else(machine, behaviour, parent):
    content = image.build(machine, parent, behaviour)
    assert content[:16] == b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    kind, number, _, entry, programs, sections, _, *sizes = struct.unpack_from("<HHIQQQI6H", content, 16)
    assert (kind, number) == (2, {"x86_64": 62, "aarch64": 183}[machine])
    assert (programs, sections, sizes) == (64, 0, [64, 56, 2, 0, 0, 0])
    load = struct.unpack_from("<IIQQQQQQ", content, 64)
    address = load[3]
    assert load == (1, 5, 0, address, address, len(content), len(content), 65536)
    assert struct.unpack_from("<II", content, 120) == (0x6474E551, 6)
    assert entry == address + HEADERS
    params = HEADERS + len(image.CODE[machine])
    assert content[HEADERS:params] == image.CODE[machine]
    *words, cpu_table = struct.unpack_from("<7Q", content, params)
    ids = [2**64 - 1 if number is None else number for number in (behaviour.uid, behaviour.gid)]
    memory, end = _read_table(content, params + WORDS)
    assert words == [parent, *ids, max(memory.values), behaviour.period_ns, behaviour.phase_ns]
    assert memory[1:] == behaviour.memory_bytes[1:]
    for pages, size in zip(memory.values, behaviour.memory_bytes.values, strict=True):
        assert pages % mmap.PAGESIZE == 0
        assert 0 <= pages - size < mmap.PAGESIZE
    assert end == params + cpu_table
    assert _read_table(content, end) == (behaviour.busy_ns, len(content))


@pytest.mark.parametrize(
    "fault",
    [
        {"busy_ns": Steps(())},
        {"memory_bytes": Steps(())},
        {"busy_ns": Steps((1, 2), loop=2)},
        {"busy_ns": Steps((1, 2), loop=-1)},
        {"memory_bytes": Steps((1, 2), hold=0)},
        {"memory_bytes": Steps((-1,))},
        {"busy_ns": Steps((2**63,))},
        {"period_ns": -1},
        {"phase_ns": 2**63},
        {"uid": 2**32 - 1},
        {"gid": -1},
    ],
)
def test_what_the_program_could_not_follow_is_refused(fault):
    with pytest.raises(ValueError):
        image.build("x86_64", 1, Behaviour(**fault))


@pytest.fixture
def folder():
    """One that every user may enter, unlike tmp_path."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(params=sorted(image.CODE))
def run(request, folder):
    """Runs a behaviour on each machine, by emulation where it is not this one."""
    machine = request.param
    emulator = [] if machine == NATIVE else [shutil.which(f"qemu-{machine}")]
    if None in emulator:
        pytest.skip(f"qemu-{machine} is not installed (qemu-user)")
    started = []

    def write(parent, **behaviour):
        path = folder / f"{machine}{len(started)}"
        path.write_bytes(image.build(machine, parent, Behaviour(**behaviour)))
        path.chmod(0o755)
        return [*emulator, path]

    def start(parent=None, options=None, **behaviour):
        command = write(parent or os.getpid(), **behaviour)
        started.append(subprocess.Popen(command, **(options or {})))
        return started[-1]

    def start_under(parent, **behaviour):
        """The process, started by another (of PARENT) instead of us."""
        line = " ".join(map(str, write(parent.pid, **behaviour)))
        parent.stdin.write(f"{line}\n")
        parent.stdin.flush()
        return psutil.Process(int(parent.stdout.readline()))

    start.under = start_under
    yield start
    for process in started:
        process.kill()
        process.wait()


PARENT = "import subprocess; print(subprocess.Popen(input().split()).pid, flush=True); input()"


@pytest.fixture
def parent():
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=pipe, stdout=pipe, text=True) as process:
        yield process
        process.kill()


def _level(process):
    return process.memory_info().rss // LEVEL


def _cpu_seconds(process):
    return sum(process.cpu_times()[:2])


@pytest.mark.real
def test_it_refuses_to_live_without_its_parent(run):
    assert run(parent=1).wait(10) == image.EXIT_PARENT_GONE


@pytest.mark.real
def test_it_says_when_there_is_no_memory(run):
    assert run(memory_bytes=Steps((4096, 2**62))).wait(10) == image.EXIT_NO_MEMORY


@pytest.mark.real
@pytest.mark.parametrize("ids", [{"uid": 0, "gid": 0}, {"uid": 0}, {"gid": 0}])
def test_it_says_when_it_may_not_become_that_user(run, ids):
    nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if IS_ROOT else {}
    assert run(options=nobody, **ids).wait(10) == image.EXIT_USER_REFUSED


@pytest.mark.real
def test_it_idles(run, tools):
    process = run()
    watched = psutil.Process(process.pid)
    tools.wait_until(lambda: watched.status() == psutil.STATUS_SLEEPING, "it sleeps")
    assert process.poll() is None


@pytest.mark.real
def test_idle_it_holds_its_first_memory_and_uses_no_cpu(run, tools):
    steps = {"memory_bytes": Steps((2 * LEVEL, 0)), "busy_ns": Steps((MS,))}
    watched = psutil.Process(run(**steps).pid)
    tools.wait_until(lambda: _level(watched) == 2, "it has its memory")
    looks = []

    def look():
        now = _level(watched), watched.num_ctx_switches()
        looks[:] = [*looks, now] if now in looks else [now]
        return len(looks) > 20

    tools.wait_until(look, "nothing happens any more")
    assert looks[-1][0] == 2


def _watch(process, levels):
    """Append the level of memory that is seen now, unless it is that of the last look."""
    if not levels or levels[-1] != _level(process):
        levels.append(_level(process))


# Neighbours differ by one level, so what is seen on the way from one to the next is one of the two.
_UP_AND_DOWN = tuple(level * LEVEL for level in (0, 1, 2, 1))
_CYCLE = {"period_ns": 50 * MS, "busy_ns": Steps((20 * MS,))}


@pytest.mark.real
@pytest.mark.parametrize(("loop", "expected"), [(0, [0, 1, 2, 1, 0, 1, 2]), (1, [0, 1, 2, 1, 2, 1, 2])])
def test_memory_goes_up_and_down_and_begins_anew(run, tools, loop, expected):
    watched = psutil.Process(run(memory_bytes=Steps(_UP_AND_DOWN, 8, loop), **_CYCLE).pid)
    seen = []
    tools.wait_until(lambda: _watch(watched, seen) or len(seen) >= len(expected), "it went round")
    assert seen == expected


@pytest.mark.real
def test_memory_stays_at_the_last(run, tools):
    watched = psutil.Process(run(memory_bytes=Steps(_UP_AND_DOWN, 8, 3), **_CYCLE).pid)
    seen = []
    # Two rounds of the table take 64 cycles of 20 ms.
    tools.wait_until(lambda: _watch(watched, seen) or _cpu_seconds(watched) > 1.28, "it worked on")
    assert seen == [0, 1, 2, 1]


@pytest.mark.real
def test_cpu_comes_in_bursts_and_is_exact_over_time(run, tools):
    """40 ms in one of four cycles of 50 ms: a fifth of a core, and long pauses."""
    start = time.monotonic()
    watched = psutil.Process(run(period_ns=50 * MS, busy_ns=Steps((40 * MS, 0, 0, 0))).pid)
    looks = []

    def look():
        looks.append((time.monotonic() - start, _cpu_seconds(watched)))
        return looks[-1][0] > 3

    tools.wait_until(look, "3 s went by")
    elapsed, used = looks[-1]
    assert 0.1 < used / elapsed < 0.3
    pauses = [later - at for at, cpu in looks for later, then in looks if later > at and then - cpu < 0.005]
    assert max(pauses) > 0.075


@pytest.mark.real
def test_cpu_holds_each_value_and_stays_at_the_last(run, tools):
    """10 cycles of 40 ms, then none for ever: 0.4 s and not more, whatever time goes by."""
    busy = Steps((40 * MS, 0), hold=10, loop=1)
    watched = psutil.Process(run(period_ns=50 * MS, phase_ns=1000, busy_ns=busy).pid)
    tools.wait_until(lambda: _cpu_seconds(watched) >= 0.38, "it used its CPU")
    end = time.monotonic() + 1
    tools.wait_until(lambda: time.monotonic() > end, "20 cycles went by")
    assert _cpu_seconds(watched) < 0.6


@pytest.mark.real
@needs_root
def test_it_becomes_its_user_whom_the_kernel_lets_look(run, tools):
    process = run(uid=NOBODY, gid=NOBODY - 1, memory_bytes=Steps((LEVEL,)))
    watched = psutil.Process(process.pid)
    tools.wait_until(lambda: _level(watched) == 1, "it has its memory")
    assert set(watched.uids()) == {NOBODY}
    assert set(watched.gids()) == {NOBODY - 1}
    assert "\nGroups:\t \n" in Path(f"/proc/{process.pid}/status").read_text()
    assert Path(f"/proc/{process.pid}").stat().st_uid == NOBODY
    same = {"user": NOBODY, "group": NOBODY - 1, "extra_groups": []}
    link = subprocess.run(["readlink", f"/proc/{process.pid}/exe"], capture_output=True, check=True, **same)
    assert link.stdout.strip().decode() == watched.exe()


@pytest.mark.real
@needs_root
def test_user_and_group_change_alone(run, tools):
    for ids, expected in (({"uid": NOBODY}, (NOBODY, 0)), ({"gid": NOBODY}, (0, NOBODY))):
        watched = psutil.Process(run(memory_bytes=Steps((LEVEL,)), **ids).pid)
        tools.wait_until(lambda: _level(watched) == 1, "it has its memory")  # noqa: B023 - awaited here
        assert (watched.uids().effective, watched.gids().effective) == expected


@pytest.mark.real
@pytest.mark.parametrize(
    "ids",
    [{}, pytest.param({"uid": NOBODY, "gid": NOBODY}, marks=needs_root)],
    ids=["same user", "other user"],
)
def test_it_dies_with_its_parent(run, parent, tools, ids):
    child = run.under(parent, memory_bytes=Steps((LEVEL,)), **ids)
    tools.wait_until(lambda: _level(child) == 1, "it is past its start")
    parent.kill()
    tools.wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "it is gone")
