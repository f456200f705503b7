"""The program that a simulated process runs: a complete ELF file of some 900 bytes, written by hand.

The kernel shows a process under its file's name, so simulating `nginx` needs a file of that name; an interpreter or
`sleep` behind it would cost MiB and open other files. This image costs an idle process a few pages and no CPU. Its source is
`elf/child-*.S`; `as child-x86_64.S -o child.o && objcopy -O binary -j .text child.o child.bin` gives the bytes below.

It becomes its user, dies with its parent from then on (PR_SET_PDEATHSIG), checks that its parent is still the one that
started it, and follows two tables of steps: what memory it holds and what CPU time it uses, cycle by cycle.
"""

from __future__ import annotations

import mmap
import struct
from typing import NamedTuple, Sequence

EXIT_PARENT_GONE, EXIT_NO_MEMORY, EXIT_USER_REFUSED = 3, 4, 5
"""How it ends by itself: its parent died before, its memory cannot be mapped, it may not become that user."""

_X86_64 = bytes.fromhex(
    """
    488d1d210200004883ec20488b43084823431048ffc0745c41bf05000000b87400000031ff31f60f0585c00f85630100
    00b877000000488b7b104889fe4889fa0f0585c00f854a010000b875000000488b7b084889fe4889fa0f0585c00f8531
    010000b89d000000bf04000000be010000000f05b89d000000bf01000000be090000000f05b86e0000000f0541bf0300
    0000483b030f85f9000000488b73184885f67443b80900000031ffba0300000041ba2240000049c7c0ffffffff4531c9
    0f0541bf040000004885c00f88c30000004889c5b81c0000004889ef488b7318ba0f0000000f054531e44531ffe8ac00
    000048837b20000f848e0000004531edbf01000000e8fe0000004989c64c0373284c89f031d2b900ca9a3b48f7f14889
    04244889542408b8e6000000bf01000000be010000004889e24531d20f0585c075cfe857000000488b73304801dee889
    0000004901c549ffc7bf02000000e8a50000004c39e8730bb9204e0000ffc975fcebe64c037320bf01000000e8870000
    004939c6738b4989c6eb86b8220000000f05ebf7b8e70000004489ff0f05488d7338e8350000004c39e0731b488d7c05
    004c89e64829c64989c4ba04000000b81c0000000f05c34939c4730f42c6442500014981c400100000ebecc34c89f831
    d248f736483b46107218488b4e10482b4e08482b460831d248f7f1480356084889d0488b44c618c3b8e4000000488d74
    24080f05486944240800ca9a3b4803442410c30000000000
    """
)
_AARCH64 = bytes.fromhex(
    """
    53120010ff8300d1184099d25873a7f269aa40a929010a8a3f0500b1e0020054b90080d2e81380d2000080d2010080d2
    010000d4800b0035a81280d2600a40f9e10300aae20300aa010000d4c00a0035681280d2600640f9e10300aae20300aa
    010000d4000a0035e81480d2800080d2210080d2010000d4e81480d2200080d2210180d2010000d4a81580d2010000d4
    790080d2690240f91f0009eb41080054610e40f9e10100b4c81b80d2000080d2620080d2430488d204008092050080d2
    010000d4990080d2e006f8b7f40300aa281d80d2610e40f9e20180d2010000d4150080d2190080d232000094691240f9
    c90400b4160080d2200080d24d000094691640f91700098be90ad89a2add189be92b00a9680e80d2200080d2210080d2
    e2030091030080d2010000d4e0feff3520000094611a40f92100138b30000094d602008b39070091400080d239000094
    1f0016eba200005409c489d2290500f1e1ffff54f9ffff17691240f9f702098b200080d22f000094ff0200eb62fcff54
    f70300aae1ffff17280980d2000080d2010080d2020080d2030080d2010000d4faffff17e00319aac80b80d2010000d4
    fa031eaa61e20091110000941f0015eb02010054a10200cbf50300aa8002008b820080d2281d80d2010000d440035fd6
    bf0200eba200005429008052896a3538b5064091fbffff1740035fd6292840a92b0840f92c0bc99a9f010bebc3000054
    6b010acb8c010acb8d09cb9aacb10b9b8c010a8b2160009120786cf8c0035fd6280e80d2e1030091010000d4e92b40a9
    2029189bc0035fd6
    """
)

CODE = {"x86_64": _X86_64, "aarch64": _AARCH64}
"""Machine code by `os.uname().machine`, without the parameter words and tables that stand behind it."""

_ELF_MACHINE = {"x86_64": 62, "aarch64": 183}
_BASE = 0x400000
_HEADERS = 64 + 2 * 56
_LOAD, _GNU_STACK = 1, 0x6474E551
_READ_WRITE, _READ_EXECUTE = 6, 5
_ALIGNMENT = 0x10000  # the largest page that arm64 kernels use
_WORDS = struct.Struct("<7Q")
_STAY = 2**64 - 1  # setresuid(2): -1 leaves an ID as it is
_MAXIMUM_ID = 2**32 - 2
_MAXIMUM = 2**62  # bytes, nanoseconds: their sums fit a register for ever


class Steps(NamedTuple):
    """A quantity over the cycles of a process.

    Attributes:
        values: One after the other; at least one.
        hold: Cycles that each value stays.
        loop: Index of the value that follows the last one: 0 begins anew, len(values) - 1 stays at the last.
    """

    values: tuple[int, ...] = (0,)
    hold: int = 1
    loop: int = 0


class Behaviour(NamedTuple):
    """What the program does.

    Attributes:
        period_ns: Length of a cycle; 0 is idle for ever, with the first of `memory_bytes`.
        phase_ns: Wait before the first cycle.
        busy_ns: CPU time used in each cycle, by the process's own CPU clock; what the start and the memory cost counts.
            A cycle that took longer than its period puts off all that follow.
        memory_bytes: Resident from each cycle on, rounded up to whole pages; the first value from the start on.
        uid: Who it becomes, without supplementary groups; None stays.
        gid: Likewise.
    """

    period_ns: int = 0
    phase_ns: int = 0
    busy_ns: Steps = Steps()
    memory_bytes: Steps = Steps()
    uid: int | None = None
    gid: int | None = None

    @property
    def reserve_bytes(self) -> int:
        """The most memory that it ever holds, in whole pages."""
        return _whole_pages(max(self.memory_bytes.values))


def build(machine: str, parent_pid: int, behaviour: Behaviour) -> bytes:
    """The file to execute, on a machine with pages of this one's size.

    Args:
        machine: A key of CODE.
        parent_pid: Who must be its parent when it starts, as its own PID namespace numbers it.
        behaviour: Written behind the code.

    Raises:
        ValueError: A table that leads nowhere, or a number out of bounds.
    """
    code, data = CODE[machine], _data(parent_pid, behaviour)
    size = _HEADERS + len(code) + len(data)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)  # 64 bit, little-endian, System V
    header = ident + struct.pack(
        "<HHIQQQIHHHHHH", 2, _ELF_MACHINE[machine], 1, _BASE + _HEADERS, 64, 0, 0, 64, 56, 2, 0, 0, 0
    )
    # One segment, never writable: parameters are only read and state lives in registers.
    load = struct.pack("<IIQQQQQQ", _LOAD, _READ_EXECUTE, 0, _BASE, _BASE, size, size, _ALIGNMENT)
    # Without this header old kernels make the stack executable, which hardened hosts refuse.
    stack = struct.pack("<IIQQQQQQ", _GNU_STACK, _READ_WRITE, 0, 0, 0, 0, 0, 16)
    return header + load + stack + code + data


def _data(parent_pid: int, behaviour: Behaviour) -> bytes:
    """The words at `params` in `elf/child-*.S`, the memory table and the CPU table."""
    pages = [_whole_pages(_quantity(value)) for value in behaviour.memory_bytes.values]
    memory = _table(behaviour.memory_bytes, pages)
    words = _WORDS.pack(
        parent_pid,
        _identity(behaviour.uid),
        _identity(behaviour.gid),
        behaviour.reserve_bytes,
        _quantity(behaviour.period_ns),
        _quantity(behaviour.phase_ns),
        _WORDS.size + len(memory),
    )
    return words + memory + _table(behaviour.busy_ns, behaviour.busy_ns.values)


def _table(steps: Steps, values: Sequence[int]) -> bytes:
    if not (0 < steps.hold <= _MAXIMUM and 0 <= steps.loop < len(values)):
        raise ValueError(f"hold must be above 0 and loop one of {len(values)} values: {steps}")
    words = steps.hold, steps.loop, len(values), *map(_quantity, values)
    return struct.pack(f"<{len(words)}Q", *words)


def _quantity(value: int) -> int:
    if not 0 <= value <= _MAXIMUM:
        raise ValueError(f"not within 0 and 2^62: {value}")
    return value


def _identity(number: int | None) -> int:
    if number is None:
        return _STAY
    if not 0 <= number <= _MAXIMUM_ID:
        raise ValueError(f"not a user's or group's number: {number}")
    return number


def _whole_pages(size: int) -> int:
    return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
