"""The recovery of the schedule: one at a time on a machine, and it waits for nobody."""

from phoenix.adapters.alone import alone
from phoenix.composition import compose
from tasks.recovery import LOCK, recover_everything


def test_what_is_due_while_the_last_one_is_at_work_leaves_everything_to_it(home, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with alone(home / LOCK):
        assert recover_everything().message == "left to the recovery that is still at work"
    assert recover_everything().message == "nothing to recover"
    assert compose().settings.home == home
