"""The generator's loop on a clock of its own: hours of a load pass in milliseconds, each to the microsecond."""

import math
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phoenix.agent.load import generator, request
from phoenix.agent.load.population import Member

SPAWN_SECONDS = 0.0002


class Processes:
    """Stands for a `Population`: whoever is told to end has ended at the next look."""

    def __init__(self, clock):
        self.alive = {}
        self.spawned = self.exited = 0
        self.exited_cpu = 0.0
        self.refusal = None
        self.lives = []
        self._clock = clock
        self._began = {}
        self._gone = []

    @property
    def standing(self):
        return sum(member.number >= 0 for member in self.alive.values())

    def spawn(self, child, index=-1):
        self._clock.now += SPAWN_SECONDS
        self.spawned += 1
        pid = next(pid for pid in range(2, 10**6) if pid not in self.alive)  # as soon as it can, given again
        self.alive[pid] = Member(index, child.name)
        self._began[pid] = self._clock.now
        return pid

    def end(self, pid):
        if pid in self.alive and pid not in self._gone:
            self._gone.append(pid)

    def reap(self):
        gone, self._gone = self._gone, []
        members = [(self.alive.pop(pid), pid) for pid in gone]
        self.exited += len(gone)
        self.lives += [(m.path, self._clock.now - self._began[pid]) for m, pid in members]
        return [(member.number, pid) for member, pid in members if member.number >= 0]


class Run:
    """A load from its begin to its deadline; `at` holds what happens to it meanwhile, by the second."""

    def __init__(self, monkeypatch, patterns, seconds=60.0, at=None, **fields):
        self.now = 1000.0
        self.messages = []
        self._at = sorted((at or {}).items(), reverse=True)
        where = {"run_dir": "/x", "owner": "o", "deadline_seconds": seconds}
        start = request.read_start(
            {"v": 1, "type": "start", "seed": 5, **where, "patterns": patterns, **fields}
        )
        self.processes = Processes(self)
        clock = SimpleNamespace(monotonic=lambda: self.now, process_time=lambda: 0.0)
        monkeypatch.setattr(generator, "time", clock)
        monkeypatch.setattr(generator, "select", SimpleNamespace(select=self._wait))
        monkeypatch.setattr(generator.protocol, "emit", self._tell)
        monkeypatch.setattr(generator.protocol, "emit_if_ready", self._tell)
        around = generator.Surroundings(-1, -1, None, None, "", ())
        requests = SimpleNamespace(eof=False, take_backlog=list)
        self.generator = generator.Generator(start, self.processes, requests, around)
        self.generator.run()

    def status(self, second):
        """The last that was said by then."""
        return [one for one in self.messages if one["elapsed_s"] <= second][-1]

    def _tell(self, kind, **fields):
        self.messages.append({"type": kind, **fields})

    def _wait(self, _read, _write, _other, seconds):
        until = self.now + max(seconds, 1e-6)
        while self._at and 1000.0 + self._at[-1][0] <= until:
            at, event = self._at.pop()
            until = max(self.now, 1000.0 + at)
            event(self.processes)
        self.now = max(self.now, until)
        return [], [], []


@pytest.fixture
def run(monkeypatch):
    return lambda *arguments, **options: Run(monkeypatch, *arguments, **options)


def _idle(name="idle-{n}", count=1, **fields):
    return {"name": name, "count": count, "cpu": {"shape": "idle"}, **fields}


def _job(**fields):
    return {"name": "job", "cpu": {"shape": "idle"}, "churn_weight": 1, "lifetime_seconds": [1, 1], **fields}


def _kill(name):
    def event(processes):
        processes.end(next(pid for pid, member in processes.alive.items() if member.path == name))

    return event


def test_a_ramp_does_not_turn_off_what_ended_for_good(run):
    once = _idle("once-{n}", 4, lifetime_seconds=[1, 1], restart=False)
    found = run([_idle("stays-{n}", 4), once], seconds=20, ramp=[[0, 1], [5, 1], [10, 0.5]])
    assert (found.status(4)["requested"], found.status(4)["achieved"]) == (4, 4)
    assert (found.status(20)["requested"], found.status(20)["achieved"]) == (4, 4)


def test_what_ended_early_does_not_end_the_next_of_its_pid(run):
    old = _idle("old", lifetime_seconds=[30, 30], restart=False)
    found = run([old, _idle("other")], at={1: _kill("old"), 2: _kill("other")}, seconds=60)
    assert found.processes.lives[0][0] == "old"
    assert found.status(60)["died_total"] == 2
    assert [name for name, _ in found.processes.lives] == ["old", "other"]


def test_a_late_start_still_lives_as_long_as_it_should(run):
    def stall(processes):
        processes._clock.now += 0.9

    found = run([_job(lifetime_seconds=[0.5, 0.5])], churn_per_second=20, at={5.01: stall}, seconds=10)
    assert found.status(10)["lateness_p99_s"] > 0.5
    assert all(seconds > 0.499 for _, seconds in found.processes.lives)


def test_the_rate_is_that_of_the_time_in_which_short_lived_ones_are_due(run, monkeypatch):
    """Not of the seconds before, in which the standing ones were started."""
    monkeypatch.setitem(globals(), "SPAWN_SECONDS", 0.01)
    found = run([_idle(count=500), _job(lifetime_seconds=[0.1, 0.1])], churn_per_second=10, seconds=25)
    (ready,) = (one for one in found.messages if one["type"] == "ready")
    assert 5 <= ready["elapsed_s"] < 6
    assert found.status(ready["elapsed_s"])["achieved_rate"] is None
    rates = [one["achieved_rate"] for one in found.messages if one["elapsed_s"] > ready["elapsed_s"] + 1.5]
    assert all(rate == pytest.approx(10, rel=0.11) for rate in rates), rates


def test_the_cap_counts_all_that_the_kernel_counts(run):
    """Where short-lived ones do not end, fewer are started: a cap of the kernel would end the load."""
    limits = {"processes": 30, "memory_bytes": 0, "cpu_cores": 0}

    def freeze(processes):
        processes.end = lambda _pid: None

    found = run([_idle(count=5), _job()], churn_per_second=10, limits=limits, at={5: freeze}, seconds=60)
    assert found.status(60)["active"] == 30 - request.OWN_PROCESSES
    assert found.generator.reason == "deadline"


@settings(deadline=None)
@given(
    points=st.dictionaries(st.integers(0, 20), st.sampled_from([0, 0.25, 0.5, 0.8, 1]), max_size=5),
    lifetime=st.sampled_from([0, 0.3, 2, 7]),
    restart=st.booleans(),
    count=st.integers(1, 12),
)
def test_whatever_the_ramp_what_is_asked_for_stands(points, lifetime, restart, count):
    patterns = [_idle(count=count, lifetime_seconds=[lifetime, lifetime], restart=restart), _idle("b-{n}", 3)]
    ramp = sorted(points.items())
    with pytest.MonkeyPatch.context() as patch:
        found = Run(patch, patterns, seconds=30, ramp=ramp)
    last = found.messages[-1]
    assert all(0 <= one["requested"] <= count + 3 for one in found.messages)
    assert last["achieved"] == last["requested"]
    share = ramp[-1][1] if ramp else 1
    if restart or not lifetime:
        assert last["requested"] == math.floor(share * (count + 3) + 1e-9)
    assert last["died_total"] == 0
