"""One at a time: the lock is of whoever has it, and of nobody once it is gone."""

import subprocess
import sys

from phoenix.adapters.alone import alone

HOLD = (
    "import sys; from pathlib import Path; from phoenix.adapters.alone import alone\n"
    "with alone(Path(sys.argv[1])) as is_ours: print(is_ours, flush=True); sys.stdin.read()"
)


def test_a_second_one_is_told_and_does_not_wait(tmp_path):
    with alone(tmp_path / "lock") as first, alone(tmp_path / "lock") as second:
        assert (first, second) == (True, False)
    with alone(tmp_path / "lock") as third:
        assert third


def test_what_a_killed_process_held_is_free(tmp_path):
    place = tmp_path / "folder" / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, place], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"
    with alone(place) as is_ours:
        assert not is_ours
    holder.kill()
    holder.communicate()
    with alone(place) as is_ours:
        assert is_ours
