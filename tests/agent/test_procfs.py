import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoenix.agent import procfs

NUMBERS = st.lists(st.integers(0, 2**63), min_size=49, max_size=49)
COMM = st.binary(max_size=64).filter(lambda comm: b"\0" not in comm)


@given(comm=COMM, numbers=NUMBERS)
def test_any_name_is_told_from_the_fields(comm, numbers):
    line = b"42 (" + comm + b") S " + b" ".join(b"%d" % n for n in numbers) + b"\n"
    name, fields = procfs.parse_stat(line)
    assert name == comm
    assert fields[procfs.STATE] == b"S"
    # proc(5) counts from 1: pid, comm, state, ppid, ...; utime is 14, starttime 22.
    assert int(fields[procfs.UTIME]) == numbers[14 - 4]
    assert int(fields[procfs.START]) == numbers[22 - 4]


@given(st.binary(max_size=80))
def test_other_content_is_refused_not_misread(data):
    try:
        _, fields = procfs.parse_stat(data)
    except ValueError:
        return
    assert len(fields) > procfs.START


def _no_cmdline():
    raise AssertionError("the command line of a short name must not be read")


@pytest.mark.parametrize(
    ("comm", "cmdline", "name"),
    [
        (b"containerd-shim", b"/usr/bin/containerd-shim-runc-v2\0-namespace\0", "containerd-shim-runc-v2"),
        (b"containerd-shim", b"containerd-shim-runc-v2", "containerd-shim-runc-v2"),
        (b"containerd-shim", b"/opt/containerd-shim-x/\0", "containerd-shim-x"),
        (b"kworker/0:1-events", b"", "kworker/0:1-events"),
        (b"renamed-by-prctl", b"/usr/bin/python3\0", "renamed-by-prctl"),
        (b"exactly-15-byte", b"", "exactly-15-byte"),
        (b"fifteen b\nytes x", b"", "fifteen b\\nytes x"),
        (b" padded to 15  ", b"", "padded to 15"),
        (b"", b"anything\0", ""),
        (b"exactly-15-byte", b"\0\0", "exactly-15-byte"),
    ],
)
def test_long_names_are_completed_as_gopsutil_does(comm, cmdline, name):
    assert procfs.executable_name(comm, lambda: cmdline) == name


@pytest.mark.parametrize(
    ("comm", "name"), [(b"nginx", "nginx"), (b"a\nb \\", "a\nb \\"), (b" x ", " x "), (b"\xff", "�")]
)
def test_short_names_are_taken_as_they_are(comm, name):
    assert procfs.executable_name(comm, _no_cmdline) == name
