"""The verbs of a connection, with a real sshd; judged by the kernel's process table."""

import hashlib
import http.server
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import psutil
import pytest

from phoenix.adapters.machines import ssh_login
from phoenix.domain.errors import DependencyError, SpecError
from phoenix.domain.targets import SshTarget
from tests.support.sshd import Client, Sshd
from tests.support.waiting import eventually

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[3]
SOON = timedelta(seconds=20)
MIB = 1 << 20

HOSTILE = ["", " ", "a b", "'", '"', "$(touch x)", "`touch x`", ";", "\n", "a\nb", "\\", "*", "-rf", "é☃", "!!", "$HOME", "#"]  # fmt: skip


def alive(token: str) -> list[int]:
    """Processes that have `token` as one of their arguments."""
    found = []
    for one in psutil.process_iter(["cmdline", "status"]):
        if token in (one.info["cmdline"] or ()) and one.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(one.pid)
    return found


def read_all(descriptor: int, seconds: float = 20) -> bytes:
    """What comes until the end, or until nothing comes."""
    data = b""
    while select.select([descriptor], [], [], seconds)[0]:
        if not (chunk := os.read(descriptor, MIB)):
            return data
        data += chunk
    raise AssertionError(f"no end after {data!r}")


class Zeros:
    """So many MiB, and the most memory this process had while they were read."""

    def __init__(self, mib: int) -> None:
        self.left = mib
        self.digest = hashlib.sha256()
        self.peak = 0

    def read(self, _size: int) -> bytes:
        self.peak = max(self.peak, psutil.Process().memory_info().rss)
        if not self.left:
            return b""
        self.left -= 1
        chunk = os.urandom(MIB)
        self.digest.update(chunk)
        return chunk


def once(folder: Path) -> list[str]:
    """A program that hangs at its first run only, and counts its runs."""
    script = 'echo >> "$1"; [ "$(wc -l < "$1")" -gt 1 ] || sleep 300'
    return ["sh", "-c", script, "sh", str(folder / "runs")]


def runs(folder: Path) -> int:
    path = folder / "runs"
    return len(path.read_text().splitlines()) if path.exists() else 0


class TestRun:
    def test_hostile_arguments_arrive_as_they_are(self, connect, tmp_path):
        done = connect().run(["printf", "%s\\0", *HOSTILE], timeout=SOON)
        assert done.out.decode().split("\0")[:-1] == HOSTILE
        assert not list(tmp_path.glob("**/x"))

    def test_status_and_both_outputs_are_told_apart(self, connect):
        done = connect().run(["sh", "-c", "echo out; echo err >&2; exit 7"], timeout=SOON)
        assert (done.status, done.out, done.err) == (7, b"out\n", b"err\n")

    def test_a_signal_is_a_status_above_128(self, connect):
        assert connect().run(["sh", "-c", "kill -SEGV $$"], timeout=SOON).status == 128 + signal.SIGSEGV

    def test_input_of_any_bytes_is_read(self, connect):
        data = bytes(range(256)) * 20_000
        assert connect().run(["cat"], stdin=data, timeout=SOON).out == data

    def test_input_that_nobody_reads_stops_nothing(self, connect):
        assert connect().run(["true"], stdin=bytes(5 * MIB), timeout=SOON).status == 0

    def test_an_environment_is_all_there_is(self, connect):
        done = connect().run(["/usr/bin/env"], env={"A": "x y;$(id)"}, timeout=SOON)
        assert done.out == b"A=x y;$(id)\n"

    def test_nothing_of_ours_is_handed_over(self, connect, client, sshd, monkeypatch):
        monkeypatch.setenv("LC_SECRET", "x")
        client.config.unlink()
        client.configure(
            "web", sshd, "SendEnv LC_*", "ForwardAgent yes", "RequestTTY force", "RemoteCommand id"
        )
        done = connect().run(["sh", "-c", "env; tty"], timeout=SOON)
        assert b"LC_SECRET" not in done.out
        assert b"SSH_AUTH_SOCK" not in done.out
        assert b"not a tty" in done.out

    def test_a_nul_is_refused_before_anything_starts(self, connect, sshd):
        before = sshd.log()
        with pytest.raises(SpecError):
            connect().run(["true", "a\0b"], timeout=SOON)
        assert sshd.log() == before

    def test_too_much_output_is_cut_off(self, connect):
        connection = connect(longest_output=MIB)
        with pytest.raises(DependencyError, match="more than 1,048,576 bytes") as caught:
            connection.run(["cat", "/dev/zero"], timeout=SOON)
        assert caught.value.code == "host_output"
        assert connection.run(["echo", "fine"], timeout=SOON).out == b"fine\n"

    def test_a_program_that_takes_too_long_is_killed_on_the_host(self, connect):
        connection = connect()
        connection.run(["true"], timeout=SOON)
        began = time.monotonic()
        with pytest.raises(
            DependencyError, match=r"^sleep on ssh://web does not end within 0\.5 s$"
        ) as caught:
            connection.run(["sleep", "300.501"], timeout=timedelta(seconds=0.5))
        assert caught.value.code == "host_timeout"
        assert time.monotonic() - began < 5
        eventually(lambda: not alive("300.501"), seconds=10, what="the end of the program")
        assert connection.run(["echo", "fine"], timeout=SOON).out == b"fine\n"

    def test_sixteen_threads_share_one_connection(self, connect, sshd):
        connection = connect()
        logged_in = sshd.log().count("Accepted publickey")

        def talk(number: int) -> list[bytes]:
            return [connection.run(["echo", str(number)], timeout=SOON).out for _ in range(5)]

        with ThreadPoolExecutor(16) as pool:
            heard = list(pool.map(talk, range(16)))
        assert heard == [[f"{number}\n".encode()] * 5 for number in range(16)]
        assert sshd.log().count("Accepted publickey") == logged_in + 1

    def test_a_host_that_allows_few_sessions_is_waited_for(self, connect, client, serve):
        server = serve("few", "MaxSessions 2")
        client.knows(server.known()).configure("few", server)
        connection = connect("few")
        with ThreadPoolExecutor(8) as pool:
            heard = list(pool.map(lambda n: connection.run(["echo", str(n)], timeout=SOON).out, range(8)))
        assert heard == [f"{n}\n".encode() for n in range(8)]


class TestLoss:
    @pytest.fixture
    def server(self, serve, client) -> Sshd:
        server = serve("mortal")
        client.knows(server.known()).configure("mortal", server)
        return server

    def test_a_lost_connection_is_made_anew_by_the_next_verb(self, connect, server):
        connection = connect("mortal")
        connection.run(["true"], timeout=SOON)
        server.drop_sessions()
        assert connection.run(["echo", "again"], timeout=SOON).out == b"again\n"

    def test_a_program_that_may_be_repeated_is(self, connect, server, tmp_path):
        with ThreadPoolExecutor(1) as pool:
            lifetime = timedelta(seconds=3)
            doing = pool.submit(connect("mortal").run, once(tmp_path), timeout=lifetime, repeatable=True)
            eventually(lambda: runs(tmp_path) == 1, what="the first run")
            server.drop_sessions()
            assert doing.result(20).status == 0
        assert runs(tmp_path) == 2
        eventually(
            lambda: not alive(str(tmp_path / "runs")), what="the end of the first run, which nobody hears of"
        )

    def test_any_other_is_not(self, connect, server, tmp_path):
        connection = connect("mortal")
        with ThreadPoolExecutor(1) as pool:
            doing = pool.submit(connection.run, once(tmp_path), timeout=timedelta(seconds=3))
            eventually(lambda: runs(tmp_path) == 1, what="the first run")
            server.drop_sessions()
            with pytest.raises(DependencyError, match="was lost while sh ran") as caught:
                doing.result(20)
        assert caught.value.code == "connection_lost"
        assert runs(tmp_path) == 1
        assert connection.run(["echo", "again"], timeout=SOON).out == b"again\n"
        eventually(
            lambda: not alive(str(tmp_path / "runs")), what="the end of the run, which nobody hears of"
        )

    def test_a_pipe_that_is_lost_says_so(self, connect, server):
        pipe = connect("mortal").open(["cat"])
        server.drop_sessions()
        assert pipe.wait(SOON)
        assert pipe.status() == 255
        assert "onnection" in pipe.last_words()
        assert read_all(pipe.stdout) == b""
        pipe.close()

    def test_a_server_that_does_not_come_back_is_unreachable(self, connect, server):
        connection = connect("mortal")
        connection.run(["true"], timeout=SOON)
        server.stop()
        with pytest.raises(DependencyError) as caught:
            connection.run(["true"], timeout=SOON, repeatable=True)
        assert caught.value.code == "unreachable"

    def test_a_host_that_falls_silent_is_given_up(self, connect, server, monkeypatch):
        monkeypatch.setattr(ssh_login, "KEEPALIVE_SECONDS", 0.3)
        connection = connect("mortal")
        pipe = connection.open(["cat"])
        server.freeze_sessions()
        assert pipe.wait(SOON)
        assert pipe.status() == 255
        assert "not responding" in pipe.last_words()
        assert connection.run(["echo", "again"], timeout=SOON).out == b"again\n"
        pipe.close()

    def test_a_closed_connection_is_not_used_again(self, connect):
        connection = connect()
        connection.run(["true"], timeout=SOON)
        connection.close()
        connection.close()
        with pytest.raises(DependencyError, match="closed by us"):
            connection.run(["true"], timeout=SOON)


class TestOpen:
    def test_what_is_written_is_read(self, connect):
        pipe = connect().open(["cat"])
        os.write(pipe.stdin, b"hello\n")
        assert select.select([pipe.stdout], [], [], 10)[0]
        assert os.read(pipe.stdout, 100) == b"hello\n"
        assert pipe.status() is None
        assert not pipe.wait(timedelta(0))
        pipe.end_input()
        assert pipe.wait(SOON)
        assert pipe.status() == 0
        assert read_all(pipe.stdout) == b""
        pipe.close()
        pipe.close()

    def test_its_input_does_not_block_and_waits_for_who_does_not_read(self, connect):
        pipe = connect().open(["sh", "-c", "read go < /dev/null; sleep 300.502"])
        written = 0
        while select.select([], [pipe.stdin], [], 0.5)[1]:
            written += os.write(pipe.stdin, bytes(1 << 16))
            assert written < 16 * MIB  # the rest is not kept in memory: it is not taken
        with pytest.raises(BlockingIOError):
            os.write(pipe.stdin, bytes(1 << 16))
        pipe.close()
        assert not alive("300.502")

    def test_megabytes_go_both_ways_at_once(self, connect):
        pipe = connect().open(["cat"])
        data = os.urandom(5 * MIB)

        def write() -> None:
            left = memoryview(data)
            while left:
                select.select([], [pipe.stdin], [], 10)
                left = left[os.write(pipe.stdin, left[: 1 << 16]) :]
            pipe.end_input()

        writer = threading.Thread(target=write)
        writer.start()
        heard = read_all(pipe.stdout)
        writer.join()
        pipe.close()
        assert heard == data

    def test_its_last_words_are_kept_however_much_it_says(self, connect):
        script = "head -c 10000000 /dev/zero | tr '\\0' x >&2; echo the end >&2; exit 3"
        pipe = connect().open(["sh", "-c", script])
        assert pipe.wait(SOON)
        assert pipe.status() == 3
        eventually(lambda: pipe.last_words().endswith("the end"), what="its last words")
        assert len(pipe.last_words()) <= 4096
        assert "phoenix-pid" not in pipe.last_words()
        pipe.close()

    def test_closing_ends_what_does_not_heed_the_end_of_its_input(self, connect):
        pipe = connect().open(["sh", "-c", "trap '' TERM HUP INT; sleep 300.503; sleep 300.503"])
        eventually(lambda: alive("300.503"), what="the program")
        pipe.close()
        assert not alive("300.503")

    def test_our_death_ends_its_input(self, client, tmp_path):
        said = tmp_path / "said"
        driver = subprocess.Popen(
            [sys.executable, "-m", "tests.adapters.machines.ssh_opener", str(client.config), str(said)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        assert driver.stdout
        assert driver.stdout.readline() == b"ready\n"
        assert alive(str(said))
        driver.kill()
        driver.wait()
        driver.stdout.close()
        eventually(lambda: not alive(str(said)), what="the end of the program")
        assert said.read_text() == "the input ended\n"


class TestSend:
    def test_a_hundred_megabytes_go_at_once_and_not_into_memory(self, connect):
        connection = connect()
        connection.run(["true"], timeout=SOON)
        source = Zeros(100)
        before = psutil.Process().memory_info().rss
        began = time.monotonic()
        done = connection.send(source, ["sha256sum"], timeout=timedelta(seconds=60))
        seconds = time.monotonic() - began
        assert done.out.split()[0].decode() == source.digest.hexdigest()
        assert source.peak - before < 40 * MIB
        assert seconds < 20  # 0.7 s on a quiet machine

    def test_a_file_is_sent(self, connect, tmp_path):
        path = tmp_path / "binary"
        path.write_bytes(os.urandom(3 * MIB + 17))
        done = connect().send(path, ["sha256sum"], timeout=SOON)
        assert done.out.split()[0].decode() == hashlib.sha256(path.read_bytes()).hexdigest()

    def test_a_program_need_not_read_all(self, connect):
        source = Zeros(10_000)
        done = connect().send(
            source, ["sh", "-c", "head -c 5 > /dev/null; echo full >&2; exit 1"], timeout=SOON
        )
        assert (done.status, done.err) == (1, b"full\n")
        assert source.left > 9_000

    def test_a_program_that_reads_nothing_is_killed_in_time(self, connect):
        with pytest.raises(DependencyError) as caught:
            connect().send(Zeros(100), ["sleep", "300.504"], timeout=timedelta(seconds=1))
        assert caught.value.code == "host_timeout"
        eventually(lambda: not alive("300.504"), seconds=10, what="the end of the program")


@pytest.fixture
def web() -> "Callable[[], int]":
    """An HTTP server on the host's loopback; its port."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"x" * 300_000
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


class TestForward:
    def get(self, port: int) -> int:
        with urlopen(f"http://127.0.0.1:{port}/", timeout=20) as response:
            return len(response.read())

    def test_a_port_of_the_host_is_reached(self, connect, web):
        connection = connect()
        port = connection.forward(web)
        assert port != web
        assert self.get(port) == 300_000
        assert connection.forward(web) == port

    def test_many_read_at_once(self, connect, web):
        port = connect().forward(web)
        with ThreadPoolExecutor(16) as pool:
            assert set(pool.map(lambda _: self.get(port), range(48))) == {300_000}

    def test_the_port_stays_the_same_when_the_connection_is_made_anew(self, connect, serve, client, web):
        server = serve("mortal")
        client.knows(server.known()).configure("mortal", server)
        port = connect("mortal").forward(web)
        assert self.get(port) == 300_000
        server.drop_sessions()
        assert self.get(port) == 300_000

    def test_where_nobody_listens_the_connection_is_dropped(self, connect):
        connection = connect()
        port = connection.forward(1)
        with pytest.raises(OSError, match=r"reset|closed|without response"):
            self.get(port)
        assert connection.run(["echo", "fine"], timeout=SOON).out == b"fine\n"

    @pytest.mark.parametrize("end", ["unforward", "close"])
    def test_a_port_that_is_not_needed_is_closed(self, connect, web, end):
        connection = connect()
        port = connection.forward(web)
        connection.unforward(web) if end == "unforward" else connection.close()
        with pytest.raises(URLError, match="refused"):
            self.get(port)

    def test_a_host_that_forwards_nothing_says_so(self, connect, serve, client, web):
        server = serve("shut", "AllowTcpForwarding no")
        client.knows(server.known()).configure("shut", server)
        with pytest.raises(DependencyError, match="forwards no ports") as caught:
            connect("shut").forward(web)
        assert caught.value.code == "forwarding_refused"


class TestSudo:
    """sudo itself is a stand-in: whether it asks for a password is its configuration's, what it says is what counts."""

    def target(self, serve, client: Client, script: str) -> SshTarget:
        server = serve("sudo", PATH=f"{client.folder}:/usr/bin:/bin")
        client.knows(server.known()).configure("sudo", server)
        if script:
            sudo = client.folder / "sudo"
            sudo.write_text(f"#!/bin/sh\n{script}\n")
            sudo.chmod(0o755)
        return SshTarget("sudo", sudo=True)

    def test_every_command_goes_through_it(self, connect, serve, client):
        script = '[ "$1 $2" = "-n --" ] || exit 9; shift 2; BY=sudo exec "$@"'
        connection = connect(self.target(serve, client, script))
        assert connection.run(["sh", "-c", "echo $BY"], timeout=SOON).out == b"sudo\n"
        pipe = connection.open(["sh", "-c", "echo $BY"])
        assert read_all(pipe.stdout) == b"sudo\n"
        pipe.close()

    def test_a_password_is_never_asked_for(self, connect, serve, client):
        connection = connect(self.target(serve, client, 'echo "sudo: a password is required" >&2; exit 1'))
        with pytest.raises(DependencyError, match="a password is required") as caught:
            connection.run(["true"], timeout=SOON)
        assert caught.value.code == "sudo_refused"
        assert "NOPASSWD" in caught.value.hint

    def test_a_program_that_fails_by_itself_is_not_taken_for_it(self, connect, serve, client):
        connection = connect(self.target(serve, client, 'shift 2; exec "$@"'))
        assert connection.run(["sh", "-c", "echo no >&2; exit 1"], timeout=SOON).status == 1
        assert connection.run(["no-such-program"], timeout=SOON).status == 127

    def test_a_host_without_it_says_so(self, connect, serve, client):
        target = self.target(serve, client, "")
        if Path("/usr/bin/sudo").exists():
            pytest.skip("this machine has sudo: there is no host without it")
        with pytest.raises(DependencyError, match="there is no sudo") as caught:
            connect(target).run(["true"], timeout=SOON)
        assert caught.value.code == "sudo_refused"
