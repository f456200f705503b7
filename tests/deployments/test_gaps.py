"""A scraper that never stops reads what serves, through a switch there and a switch back: how long it reads nothing."""

import socket
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import contextmanager, suppress
from datetime import timedelta

import psutil
import pytest

from phoenix.adapters.free_ports import free_ports
from phoenix.composition import compose
from phoenix.domain.errors import PhoenixError
from tests.support.deployed import assert_one_serves, collectors, delete, deploy, folder_of, write_pipeline
from tests.support.waiting import eventually

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("collector_binary", "home")]

SHORT = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def nothing_serves_afterwards(home):
    yield
    delete()


class Scraper:
    """Reads again and again, without a pause; `longest` is the longest time without data, s."""

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.longest = 0.0
        self.good = 0

    def _run(self) -> None:
        last = None
        while not self._stop.is_set():
            with suppress(PhoenixError, OSError):
                if b"\nprocess_cpu_time" in self._read():
                    now = time.monotonic()
                    self.longest = max(self.longest, now - (last or now))
                    last = now
                    self.good += 1
            time.sleep(0.01)

    @contextmanager
    def reading(self):
        self._thread.start()
        eventually(lambda: self.good > 3, what="data before the switch")
        try:
            yield
            seen = self.good
            eventually(lambda: self.good > seen + 3, what="data after the switch")
        finally:
            self._stop.set()
            self._thread.join()


def back() -> None:
    (ended,) = compose().deployments.roll_back(["local"])
    assert ended.fault is None, ended.fault


def test_data_never_stops_where_both_can_run_beside_each_other(tmp_path):
    deploy(write_pipeline(tmp_path, "old", interval="2s"))
    host = compose().hosts.open("local")
    scraper = Scraper(lambda: host.fetch(host.active().metrics_url, SHORT))
    with scraper.reading():
        deploy(write_pipeline(tmp_path, "new", interval="2s"))
        back()
    print(f"longest gap beside each other: {scraper.longest:.3f} s of an interval of 2 s")
    assert scraper.longest <= 2.0
    assert_one_serves(compose())


def test_data_stops_for_less_than_an_interval_where_both_want_one_port(tmp_path):
    (port,) = free_ports(1)
    interval = 4.0
    files = [
        write_pipeline(tmp_path, name, port=port, interval="4s", initial_delay=None)
        for name in ("old", "new")
    ]
    deploy(files[0])

    def read() -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=1) as answer:
            return answer.read()

    scraper = Scraper(read)
    with scraper.reading():
        deploy(files[1])
        back()
    print(f"longest gap at one port: {scraper.longest:.3f} s of an interval of {interval:g} s")
    assert scraper.longest <= interval
    assert_one_serves(compose())


def test_a_receivers_port_goes_over_with_the_switch(tmp_path):
    (port,) = free_ports(1)
    for name in ("old", "new"):
        deploy(write_pipeline(tmp_path, name, otlp=port))
        assert_one_serves(compose())
        (pid,) = collectors(folder_of())
        listening = {
            one.laddr.port for one in psutil.Process(pid).net_connections("tcp4") if one.status == "LISTEN"
        }
        assert port in listening


def test_a_port_that_a_stranger_holds_leaves_the_old_one_serving(tmp_path):

    (port,) = free_ports(1)
    deploy(write_pipeline(tmp_path, "old"))
    digest = assert_one_serves(compose())
    with socket.create_server(("127.0.0.1", port)):
        phoenix = compose()
        new = phoenix.pipelines.named(write_pipeline(tmp_path, "new", port=port))
        (ended,) = phoenix.deployments.deploy(new, ["local"], name="web")
    assert ended.fault.code == "collector_died"
    assert "address already in use" in ended.fault.hint
    assert assert_one_serves(compose()) == digest
    assert len(collectors(folder_of())) == 1
