"""What is asked wrongly is exit 2 and nothing is recorded; what a host does not allow is exit 3 and nothing is left."""

from pathlib import Path

import pytest

from phoenix.composition import compose
from phoenix.domain.load.run import LoadEnd
from tests.support.commands import metered
from tests.support.inline import inline
from tests.support.leftovers import processes_using
from tests.support.load_processes import marked, started

pytestmark = pytest.mark.real

WRONG = {
    "an unknown profile": (("-p", "heavy"), "'heavy'"),
    "a profile that is nearly known": (("-p", "realistc"), "realistic"),
    "a file that is not there": (("-p", "./gone.yaml"), "gone.yaml"),
    "a negative count": (("--process-count", "-5"), "--process-count"),
    "no process": (("--process-count", "0"), "--process-count"),
    "a count over the cap": (("--process-count", "100000"), "5000"),
    "a negative churn rate": (("--churn-rate", "-1"), "--churn-rate"),
    "a churn rate over the cap": (("-p", "process-churn", "--churn-rate", "100000"), "200"),
    "a churn rate of a profile without churn": (("-p", "custom", "--churn-rate", "5"), "churn"),
    "a negative seed": (("--seed", "-1"), "--seed"),
    "a duration without a unit": (("-d", "30"), "--duration: '30' is not a duration"),
    "no duration at all": (("-d", "0s"), "above zero"),
    "an unknown setting": (("--set", "patterns.0.colour=red"), "colour"),
    "a setting without a value": (("--set", "seed"), "NAME=VALUE"),
    "a name with a slash": (("-p", "custom", "--set", "names=bin/sh"), "names"),
    "a name with NUL": (("-p", "custom", "--set", "names=a\\x00b"), "names"),
    "a name that no run can have": (("--name", "a b"), "'a b'"),
    "an unknown target": (("--target-host", "ftp://web"), "ftp://"),
    "two kinds of target": (("quick", "--target-host", "local"), "--target-host"),
    "a port that is none": (("--metrics-port", "70000"), "--metrics-port"),
    "rows of one object": (("-o", "csv"), "csv"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_asked_wrongly_starts_and_records_nothing(case, home):
    arguments, words = WRONG[case]
    done = inline("loadsim", "start", *arguments)
    assert done.code == 2, (done.out, done.err)
    assert words in done.err
    assert "Traceback" not in done.err
    assert done.out == ""
    assert not home.exists()


def test_a_refusal_costs_less_than_a_second_of_cpu(home):
    """The best of a few: a processor that others use costs more for the same."""
    tries = (metered("loadsim", "start", "-p", "heavy") for _ in range(4))
    assert any(done.code == 2 and done.cpu_seconds < 1 for done in tries)
    assert not processes_using(home)


USAGE = {
    "nothing to stop": (("stop",), "--all"),
    "one and all": (("stop", "x", "--all"), "--all"),
    "no verb": ((), "phoenix loadsim"),
    "two hosts to record": (("record", "--target-host", "local", "--target-host", "local://b"), "one host"),
    "a name that no profile can have": (("record", "--name", "A B"), "'A B'"),
}


@pytest.mark.parametrize("case", USAGE)
def test_wrong_usage(case, home):
    arguments, words = USAGE[case]
    done = inline("loadsim", *arguments)
    assert done.code == 2, done.err
    assert words in done.err
    assert not home.exists()


@pytest.mark.parametrize("verb", ["stop", "status"])
def test_an_unknown_load_is_told_with_what_is_near(verb):
    assert started("--name", "evening", processes=2)
    done = inline("loadsim", verb, "evenig")
    assert done.code == 3
    assert "did you mean 'evening'" in done.err


def test_an_unknown_experiment_is_told():
    done = inline("loadsim", "start", "nosuch")
    assert done.code == 3
    assert "'nosuch'" in done.err
    assert compose().loads.newest() == ()


NOT_ALLOWED = {
    "an unknown user": (("--set", "user=nobody-of-that-name"), "nobody-of-that-name"),
    "more memory than there is": (("--set", "memory.bytes=64GiB"), "bytes"),
    "more cores than there are": (("--set", "cpu.shape=steady", "--set", "cpu.cores=1", "--process-count", "4000"), "cores"),
}  # fmt: skip


@pytest.mark.parametrize("case", NOT_ALLOWED)
def test_what_the_host_does_not_allow_is_told_and_nothing_is_left(case, bystander):
    arguments, words = NOT_ALLOWED[case]
    done = inline("loadsim", "start", "-p", "custom", *arguments)
    assert done.code == 3, (done.out, done.err)
    assert words in done.err
    assert "Traceback" not in done.err
    (run,) = compose().loads.newest()
    assert run.is_over
    assert (run.ending.why, run.ending.actor) == (LoadEnd.FAILED, "operator")
    assert marked(run.id) == []


def test_one_host_that_does_not_allow_it_ends_the_others():
    taken = started("--name", "first", "--metrics-port", "0", "--target-host", "local://other")
    port = next(iter(taken.hosts.values())).metrics_url.rpartition(":")[2].partition("/")[0]
    done = inline(
        "loadsim", "start", "-p", "custom", "--metrics-port", port,
        "--target-host", "local://a", "--target-host", "local://b",
    )  # fmt: skip
    assert done.code == 3, (done.out, done.err)
    assert port in done.err
    run = compose().loads.newest()[0]
    assert run.is_over
    assert marked(run.id) == []


def test_a_name_is_not_given_twice_at_a_time():
    run = started("--name", "evening", processes=2)
    done = inline("loadsim", "start", "--name", "evening")
    assert done.code == 3
    assert "evening" in done.err
    assert [one.id for one in compose().loads.unfinished()] == [run.id]


def test_a_recording_does_not_overwrite(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text("kept")
    done = inline("loadsim", "record", "-o", file)
    assert done.code == 3
    assert "--force" in done.err
    assert file.read_text() == "kept"
