"""What every test may rely on: a home of its own, one Prefect server a session, and skips that CI does not accept."""

import os
import signal
from pathlib import Path

import hypothesis
import pytest

from tests.support import time_budget
from tests.support.leftovers import processes_using
from tests.support.time_budget import OUT_OF_TIME
from tests.support.waiting import eventually

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("phoenix", deadline=None)
hypothesis.settings.load_profile("phoenix")

REQUIRE_ALL = os.environ.get("PHOENIX_TEST_REQUIRE") == "all"


def pytest_configure(config: pytest.Config):
    """Keep to the time there is, and heed what a background job's shell, or nohup, has its children ignore.

    The tests' commands would inherit it.
    """
    config.pluginmanager.register(time_budget.from_environment())
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A state folder of the test's own, used by every process that the test starts."""
    folder = tmp_path / "home"
    monkeypatch.setenv("PHOENIX_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def collector_binary() -> Path:
    """The real collector; `make test` builds it first."""
    from phoenix.composition import compose

    found = compose().installer.find()
    if found is None:
        pytest.skip("the collector is not built: phoenix collector install")
    return found.path


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory):
    """One real Prefect server for the whole session; its flows find it by PREFECT_API_URL."""
    from phoenix.adapters.prefect.server import owned_server

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(tmp_path_factory.mktemp("prefect")))
        with owned_server() as url:
            patch.setenv("PREFECT_API_URL", url)
            yield url


@pytest.fixture(scope="session")
def vm_host_pool(tmp_path_factory):
    """The session's real hosts; a test asks for `vm_hosts`, a wider fixture for this one."""
    from tests.support.vm_pool import VmHosts, why_no_hosts
    from tests.support.vm_rootfs import Unavailable, rootfs

    if reason := why_no_hosts():
        pytest.skip(reason)
    try:
        root = rootfs()
    except Unavailable as error:
        pytest.skip(str(error))
    with VmHosts(tmp_path_factory.mktemp("vm-hosts"), root) as hosts:
        yield hosts


@pytest.fixture
def vm_hosts(vm_host_pool):
    """Real hosts with systemd and sshd: `shared(name)` stays for the session, `fresh()` ends with the test."""
    with vm_host_pool.for_one_test() as hosts:
        yield hosts


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Where everything must be there, a skip for want of something is a failure; its reason is kept."""
    report = yield
    is_wanting = (
        report.skipped and not hasattr(report, "wasxfail") and OUT_OF_TIME not in str(report.longrepr)
    )
    if REQUIRE_ALL and is_wanting:
        report.outcome = "failed"
        report.longrepr = f"skipped although PHOENIX_TEST_REQUIRE=all: {report.longrepr[2]}"
    return report


@pytest.fixture(scope="session", autouse=True)
def no_process_outlives_the_tests(tmp_path_factory):
    """Whatever these tests started must be gone in the end, by the kernel's process table."""
    folder = tmp_path_factory.getbasetemp()
    yield
    eventually(lambda: not processes_using(folder), what=f"no process that uses {folder}")
