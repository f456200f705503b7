""" "Clone my host": a profile of this machine's real processes, and a load that is made of it."""

import shutil
import subprocess
import sys

import pytest
import yaml

from phoenix.composition import compose
from phoenix.domain.load.profile import parse_profile
from tests.support.experiments import phoenix
from tests.support.inline import inline
from tests.support.load_processes import Bystander, marked, planned, simulated

pytestmark = pytest.mark.real

SECRET = "--token=do-not-record-me"  # noqa: S105 - the test's own


@pytest.fixture
def service(tmp_path):
    """A process that nobody else has, with an argument that is nobody's business."""
    one = Bystander(tmp_path, "my-own-service", SECRET)
    yield one
    one.end()


def names_of(document: dict) -> set[str]:
    return {name for pattern in document["patterns"] for name in pattern["names"]}


def test_a_recorded_host_can_be_loaded_again(service, tmp_path):
    file = tmp_path / "profiles" / "mine.yaml"
    file.parent.mkdir()
    done = phoenix("loadsim", "record", "-o", file, "--seconds", "3")
    assert done.code == 0, done.err
    assert done.out == ""
    assert str(file) in done.err
    text = file.read_text()
    assert "my-own-service" in text
    assert SECRET not in text
    document = yaml.safe_load(text)
    profile = parse_profile(document)
    assert profile.name == "mine"

    started = inline(
        "loadsim", "start", "-p", file, "--process-count", "25", "--churn-rate", "0", "-o", "json"
    )
    assert started.code == 0, started.err
    load = started.document["id"]
    assert simulated(load) == planned(compose().loads.get(load))
    assert simulated(load).total() == 25
    assert inline("loadsim", "stop", "mine").code == 0
    assert marked(load) == []


def test_a_recording_goes_to_standard_output_without_names_on_request(service):
    done = phoenix("loadsim", "record", "--seconds", "2", "--anonymise")
    assert done.code == 0, done.err
    document = yaml.safe_load(done.out)
    assert document["name"] == "anonymous"  # and not the host's
    assert "my-own-service" not in names_of(document)
    assert "timeout" not in names_of(document)


def test_what_records_is_not_recorded(home):
    """In a process table of its own, where nobody else starts and ends things."""
    isolate = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if subprocess.run([*isolate, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no right to make a PID namespace")
    record = [
        sys.executable,
        "-c",
        "from phoenix.cli import main; main()",
        "loadsim",
        "record",
        "--seconds",
        "2",
    ]
    both = ["sh", "-c", '"$0" 60 & sleep 1; "$@"; kill $!', shutil.which("sleep"), *record]
    done = subprocess.run([*isolate, *both], capture_output=True, text=True, check=True, timeout=60)
    assert names_of(yaml.safe_load(done.stdout)) == {"sh", "sleep"}


def test_a_file_is_overwritten_when_that_is_asked_for(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("old")
    done = inline("loadsim", "record", "-o", file, "--seconds", "2", "--force", "--name", "other")
    assert done.code == 0, done.err
    assert yaml.safe_load(file.read_text())["name"] == "other"


def test_a_file_that_cannot_be_written_is_told_before_anybody_looked(tmp_path):
    done = inline("loadsim", "record", "-o", tmp_path / "gone" / "mine.yaml", "--seconds", "60")
    assert done.code == 2
    assert "cannot be written" in done.err
