"""Whoever dies, and however: nothing of a load is left after two seconds, by the kernel's process table."""

import signal
from collections.abc import Callable

import pytest

from phoenix.composition import compose
from phoenix.domain.load.run import LoadEnd, LoadRun, LoadState
from tests.support.inline import inline
from tests.support.leftovers import files_below
from tests.support.load_processes import (
    GONE_SECONDS,
    assert_gone,
    generators,
    keeper,
    kill,
    marked,
    over,
    simulated,
    started,
)
from tests.support.waiting import eventually

pytestmark = pytest.mark.real

FEW = 3
MANY = 50
DEADLINE_SECONDS = 6
COUNT = 12

TIMES = [pytest.param(FEW, id="few"), pytest.param(MANY, id="soak", marks=pytest.mark.soak)]


def kill_keeper(run: LoadRun) -> None:
    kill(signal.SIGKILL, keeper(run.id))


def kill_generator(run: LoadRun) -> None:
    kill(signal.SIGKILL, *generators(run.id))


def kill_first_generator(run: LoadRun) -> None:
    kill(signal.SIGKILL, generators(run.id)[0])


def kill_last_generator(run: LoadRun) -> None:
    kill(signal.SIGKILL, generators(run.id)[-1])


def kill_both(run: LoadRun) -> None:
    kill(signal.SIGKILL, keeper(run.id), *generators(run.id))


def terminate_keeper(run: LoadRun) -> None:
    kill(signal.SIGTERM, keeper(run.id))


def terminate_tree(run: LoadRun) -> None:
    kill(signal.SIGTERM, keeper(run.id), *(one.pid for one in marked(run.id)))


def stop(run: LoadRun) -> None:
    assert inline("loadsim", "stop", run.name).code == 0
    assert marked(run.id) == []


def await_deadline(run: LoadRun) -> None:
    eventually(lambda: compose().loads.get(run.id).ending, what="its deadline")


ENDS: dict[str, tuple[Callable[[LoadRun], None], set[LoadEnd]]] = {
    "kill the keeper": (kill_keeper, {LoadEnd.LOST}),
    "kill the generator": (kill_generator, {LoadEnd.FAILED}),
    "kill the first of the generator": (kill_first_generator, {LoadEnd.FAILED}),
    "kill the last of the generator": (kill_last_generator, {LoadEnd.FAILED}),
    "kill both": (kill_both, {LoadEnd.LOST}),
    "terminate the keeper": (terminate_keeper, {LoadEnd.STOPPED}),
    "terminate the tree": (terminate_tree, {LoadEnd.STOPPED, LoadEnd.FAILED}),
    "stop": (stop, {LoadEnd.STOPPED}),
    "deadline": (await_deadline, {LoadEnd.DEADLINE}),
}


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("how", ENDS)
def test_nothing_is_left(how, times, home, bystander):
    end, why = ENDS[how]
    duration = f"{DEADLINE_SECONDS}s" if end is await_deadline else "5m"
    for _ in range(times):
        run = started(duration=duration, processes=COUNT)
        assert simulated(run.id).total() == COUNT
        end(run)
        assert_gone(run.id)
        bystander.assert_lives()
        if why == {LoadEnd.LOST}:
            assert compose().loads.get(run.id).state is LoadState.RUNNING
            assert inline("recover").code == 0
        ended = over(run.id)
        assert ended.ending.why in why
        assert keeper(run.id) is None or eventually(lambda load=run.id: keeper(load) is None)
        assert not [name for name in files_below(home / "hosts") if run.id in name]


@pytest.mark.parametrize("times", TIMES)
def test_a_keeper_that_dies_while_it_starts_leaves_nothing(times, monkeypatch):
    """At other moments each time: before its claim, on its way to the host, while the processes start."""
    from phoenix.adapters.keepers import Keepers

    class Mortal(Keepers):
        seconds = 0.0

        def start(self, load):
            child = super().start(load)
            eventually(lambda: compose().loads.get(load) and _is_due(load, self.seconds), what="its moment")
            child._process.kill()
            child._process.wait()
            return child

    def _is_due(load, share):
        found = len(marked(load))
        return found >= share * COUNT if share else True

    monkeypatch.setattr("phoenix.adapters.keepers.Keepers", Mortal)
    for number in range(times):
        Mortal.seconds = number / times
        done = inline(
            "loadsim", "start", "--profile", "custom", "--process-count", str(COUNT), "--name", f"n{number}"
        )
        assert done.code == 4, (done.out, done.err)
        assert "its keeper ended with code -9" in done.err
        run = compose().loads.get(f"n{number}")
        assert run.is_over
        assert run.ending.why is LoadEnd.LOST
        assert marked(run.id) == []


def test_a_paused_keeper_is_given_up_by_the_host(home):
    """A keeper that hangs says nothing; the generator takes that for the end after twenty seconds."""
    run = started("--name", "paused")
    pid = keeper(run.id)
    kill(signal.SIGSTOP, pid)
    eventually(lambda: not marked(run.id), seconds=20 + 4 + GONE_SECONDS, what="the silence ended it")
    kill(signal.SIGCONT, pid)
    assert over(run.id).ending.why is LoadEnd.FAILED
