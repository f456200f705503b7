"""A driver that is killed at any change it makes leaves exactly one pipeline serving, once somebody recovers.

Real collectors; judged by the kernel's process table. Every moment once here, and twenty times in `make soak`.
"""

import signal

import pytest

from phoenix.adapters.free_ports import free_ports
from phoenix.composition import compose
from tests.support.deployed import (
    Mortals,
    assert_nothing_left,
    assert_one_serves,
    collectors,
    delete,
    deploy,
    folder_of,
    write_pipeline,
)

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("collector_binary", "home")]

ROUNDS = pytest.mark.parametrize("rounds", [1, pytest.param(20, marks=pytest.mark.soak)])
LOCAL = ["local"]


@pytest.fixture
def mortals(home):
    started = Mortals()
    yield started
    started.close()
    delete()


def digest_of(number: int) -> str:
    return compose().deployment_store.get("local", number).digest


def assert_recovered() -> str:
    """Recovery brings it to an end in which one serves, and has nothing to do after it."""
    phoenix = compose()
    phoenix.deployment_recovery.recover()
    digest = assert_one_serves(phoenix)
    serving = phoenix.hosts.open("local").active()
    history = phoenix.deployment_store.history("local")
    assert phoenix.deployment_recovery.recover() == ()
    assert (phoenix.hosts.open("local").active(), phoenix.deployment_store.history("local")) == (
        serving,
        history,
    )
    return digest


def give_back_what_expires(changes) -> None:
    """A lease that was taken, and nothing else: it is nobody's after two minutes, which nobody here waits for."""
    if changes == ["host.acquire"]:
        host = compose().hosts.open("local")
        host.release(host.lease().holder)


def killed_at_every_moment(mortals, verb, arguments, prepare, judge) -> list[str]:
    """Let a verb die at its first change, then at its second, until it lives; returns all its changes."""
    moment = 0
    while True:
        moment += 1
        prepare()
        code, changes = mortals.run(verb, arguments, moment)
        assert code in (0, -signal.SIGKILL), (verb, moment, changes)
        give_back_what_expires(changes)
        judge(changes, is_dead=code != 0)
        if code == 0:
            assert moment > 3
            return changes


@ROUNDS
@pytest.mark.parametrize("is_contended", [False, True], ids=["any port", "one port"])
def test_a_deployment_that_is_killed_ends_with_one_of_the_two(mortals, tmp_path, is_contended, rounds):
    port = free_ports(1)[0] if is_contended else None
    old, new = (write_pipeline(tmp_path, name, port=port) for name in ("old", "new"))
    digests = {}

    def prepare():
        digests["old"] = digest_of(deploy(old)[0].revision)

    def judge(changes, *, is_dead):
        found = assert_recovered()
        has_switched = "host.activate" in changes
        assert (found != digests["old"]) == has_switched

    for _ in range(rounds):
        changes = killed_at_every_moment(mortals, "deploy", [new, LOCAL], prepare, judge)
        ours = [change for change in changes if change != "host.release"]
        trial = ["host.start_collector", "host.retire"] if is_contended else []
        assert ours == [
            "host.acquire",
            "ledger.begin",
            *trial,
            "host.start_collector",
            "host.activate",
            "host.retire",
            "ledger.activate",
            "host.clear",
        ]


@ROUNDS
def test_a_first_deployment_that_is_killed_serves_or_is_gone(mortals, tmp_path, rounds):
    new = write_pipeline(tmp_path, "new")

    def judge(changes, *, is_dead):
        phoenix = compose()
        phoenix.deployment_recovery.recover()
        if "host.activate" in changes:
            assert_one_serves(phoenix)
        else:
            assert collectors(folder_of()) == set()
            assert phoenix.hosts.open("local").active() is None
            assert phoenix.deployment_store.active() == ()
            if "ledger.begin" in changes:
                assert_nothing_left(phoenix)

    for _ in range(rounds):
        killed_at_every_moment(mortals, "deploy", [new, LOCAL], delete, judge)


@ROUNDS
def test_a_rollback_that_is_killed_ends_with_one_of_the_two(mortals, tmp_path, rounds):
    first, second = (write_pipeline(tmp_path, name) for name in ("first", "second"))
    digests = {}

    def prepare():
        digests["first"] = digest_of(deploy(first)[0].revision)
        digests["second"] = digest_of(deploy(second)[0].revision)

    def judge(changes, *, is_dead):
        found = assert_recovered()
        assert found == (digests["first"] if "host.activate" in changes else digests["second"])

    for _ in range(rounds):
        killed_at_every_moment(mortals, "rollback", [LOCAL], prepare, judge)


@ROUNDS
def test_a_deletion_that_is_killed_is_finished_or_was_never_begun(mortals, tmp_path, rounds):
    first, second = (write_pipeline(tmp_path, name) for name in ("first", "second"))

    def prepare():
        deploy(first)
        deploy(second)

    def judge(changes, *, is_dead):
        phoenix = compose()
        phoenix.deployment_recovery.recover()
        if "ledger.owe" not in changes:
            assert_one_serves(phoenix)
            return
        assert collectors(folder_of()) == set()
        host = phoenix.hosts.open("local")
        assert (host.active(), host.revisions(), host.lease()) == (None, (), None)
        assert phoenix.deployment_store.active() == phoenix.deployment_store.owed() == ()
        assert phoenix.deployment_recovery.recover() == ()

    for _ in range(rounds):
        killed_at_every_moment(mortals, "delete", [LOCAL], prepare, judge)


@ROUNDS
def test_a_deployment_that_fails_and_is_killed_on_the_way_leaves_the_old_one(mortals, tmp_path, rounds):
    old = write_pipeline(tmp_path, "old")
    broken = write_pipeline(tmp_path, "broken", exporters={"file": {"path": "/proc/no/such/folder/x"}})

    def judge(changes, *, is_dead):
        assert assert_recovered() == digest_of(compose().deployment_store.active()[0].number)
        assert "host.activate" not in changes

    for _ in range(rounds):
        deploy(old)
        killed_at_every_moment(mortals, "deploy", [broken, LOCAL], lambda: None, judge)


@ROUNDS
def test_a_recovery_that_is_killed_is_finished_by_the_next(mortals, tmp_path, rounds):
    old, new = (write_pipeline(tmp_path, name) for name in ("old", "new"))

    def prepare():
        deploy(old)
        mortals.run("deploy", [new, LOCAL], 5)  # switched, and nothing ended or written down yet

    def judge(changes, *, is_dead):
        assert_recovered()

    for _ in range(rounds):
        killed_at_every_moment(mortals, "recover", [], prepare, judge)
