"""Who lives: by pid and start time where they mean the same as here."""

import os
from dataclasses import replace

import pytest

from phoenix.adapters import drivers


def test_a_machine_without_a_name_sees_its_own_processes(monkeypatch):
    read = drivers._read
    monkeypatch.setattr(drivers, "_read", lambda path: "" if path == "/etc/machine-id" else read(path))
    me = drivers.process(os.getpid())
    assert me is not None
    assert drivers.lives(me) is True
    assert drivers.lives(replace(me, started=me.started + 1)) is False


@pytest.mark.parametrize("nameless", [False, True])
def test_of_another_machine_nothing_is_known(monkeypatch, nameless):
    if nameless:
        read = drivers._read
        monkeypatch.setattr(drivers, "_read", lambda path: "" if path == "/etc/machine-id" else read(path))
    me = drivers.process(os.getpid())
    assert me is not None
    assert drivers.lives(replace(me, machine="other/pid:[1]/boot")) is None
