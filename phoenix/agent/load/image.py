"""The program that a simulated process runs: a complete ELF file of some 600 bytes, written by hand.

The kernel shows a process under its file's name, so simulating `nginx` needs a file of that name; an interpreter or
`sleep` behind it would cost MiB and open other files. This image costs an idle process a few pages and no CPU. Its source is
`elf/child-*.S`; `as child-x86_64.S -o child.o && objcopy -O binary -j .text child.o child.bin` gives the bytes below.

It dies with its parent: PR_SET_PDEATHSIG first, then it checks that its parent is still the one that started it.
Exit 3: the parent was already gone. Exit 4: no memory.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

_X86_64 = bytes.fromhex(
    """
    488d1dc1ffffff4883ec20b89d000000bf01000000be090000000f05b86e0000000f05bf03000000483b030f85fc0000
    00488b73184885f6744eb80900000031ffba0300000041ba2240000049c7c0ffffffff4531c90f05bf040000004885c0
    0f88c70000004889c5b81c0000004889ef488b7318ba0f0000000f054531e4488b5308e8ac00000048837b28000f8491
    0000004531edbf01000000e8a90000004989c64c0373304c89f031d2b900ca9a3b48f7f1488904244889542408b8e600
    0000bf01000000be010000004889e24531d20f0585c075cf4c89e248035310483b53187604488b5318e8460000004c03
    6b20bf02000000e84d0000004c39e8730bb9204e0000ffc975fcebe64c037328bf01000000e82f0000004939c6738849
    89c6eb83b8220000000f05ebf7b8e70000000f054939d4730f42c6442500014981c400100000ebecc3b8e4000000488d
    7424080f05486944240800ca9a3b4803442410c3
    """
)
_AARCH64 = bytes.fromhex(
    """
    53feff10ff8300d1184099d25873a7f2e81480d2200080d2210180d2010000d4a81580d2010000d4690240f96a0080d2
    1f0009eb81080054610e40f9410200b4c81b80d2000080d2620080d2430488d204008092050080d2010000d48a0080d2
    2007f8b7f40300aa281d80d2610e40f9e20180d2010000d4150080d2620640f934000094691640f9090500b4160080d2
    200080d236000094691a40f91700098be90ad89a2add189be92b00a9680e80d2200080d2210080d2e2030091030080d2
    010000d4e0feff35690a40f96a0e40f9a202098b5f000aeb42908a9a1d000094691240f9d602098b400080d220000094
    1f0016eba200005409c489d2290500f1e1ffff54f9ffff17691640f9f702098b200080d216000094ff0200eb22fcff54
    f70300aadfffff17280980d2000080d2010080d2020080d2030080d2010000d4faffff17e0030aaac80b80d2010000d4
    bf0202eba200005429008052896a3538b5064091fbffff17c0035fd6280e80d2e1030091010000d4e92b40a92029189b
    c0035fd6
    """
)

CODE = {"x86_64": _X86_64, "aarch64": _AARCH64}
"""Machine code by `os.uname().machine`, without the parameter words that stand before it."""

_ELF_MACHINE = {"x86_64": 62, "aarch64": 183}
_BASE = 0x400000
_HEADERS = 64 + 2 * 56
_LOAD, _GNU_STACK = 1, 0x6474E551
_READ_WRITE, _READ_EXECUTE = 6, 5
_ALIGNMENT = 0x10000  # the largest page that arm64 kernels use


class Behaviour(NamedTuple):
    """What the program does; the order is that of the words in `elf/child-*.S`.

    Attributes:
        memory_bytes: Touched at the start.
        growth_bytes: Touched further in each cycle.
        reserve_bytes: Where memory stops growing; at least `memory_bytes`.
        busy_ns: CPU time used in each cycle, by the process's own CPU clock.
        period_ns: Length of a cycle; 0 is idle for ever.
        phase_ns: Wait before the first cycle.
    """

    memory_bytes: int = 0
    growth_bytes: int = 0
    reserve_bytes: int = 0
    busy_ns: int = 0
    period_ns: int = 0
    phase_ns: int = 0


def build(machine: str, parent_pid: int, behaviour: Behaviour) -> bytes:
    """The file to execute.

    Args:
        machine: A key of CODE.
        parent_pid: Who must be its parent when it starts.
        behaviour: Patched into the file.
    """
    words = struct.pack("<7Q", parent_pid, *behaviour)
    size = _HEADERS + len(words) + len(CODE[machine])
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)  # 64 bit, little-endian, System V
    entry = _BASE + _HEADERS + len(words)
    header = ident + struct.pack(
        "<HHIQQQIHHHHHH", 2, _ELF_MACHINE[machine], 1, entry, 64, 0, 0, 64, 56, 2, 0, 0, 0
    )
    # One segment, never writable: parameters are only read and state lives in registers.
    load = struct.pack("<IIQQQQQQ", _LOAD, _READ_EXECUTE, 0, _BASE, _BASE, size, size, _ALIGNMENT)
    # Without this header old kernels make the stack executable, which hardened hosts refuse.
    stack = struct.pack("<IIQQQQQQ", _GNU_STACK, _READ_WRITE, 0, 0, 0, 0, 0, 16)
    return header + load + stack + words + CODE[machine]
