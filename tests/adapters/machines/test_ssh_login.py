"""Who is logged in to, by which key, through whom; and what is said when that is not possible."""

import shlex
import socket
import subprocess
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from phoenix.domain.errors import DependencyError
from phoenix.domain.targets import SshTarget
from tests.support.sshd import USER, Agent, Sshd, make_key, public, sign

pytestmark = pytest.mark.real

SOON = timedelta(seconds=20)


def refusal(connection) -> DependencyError:
    """Why nothing can be run."""
    with pytest.raises(DependencyError) as caught:
        connection.run(["true"], timeout=SOON)
    error = caught.value
    assert "\n" not in error.message + error.hint
    assert error.hint
    return error


def assert_runs(connection) -> None:
    assert connection.run(["echo", "fine"], timeout=SOON).out == b"fine\n"


def by_hand(command: str, *options: str) -> subprocess.CompletedProcess[bytes]:
    """Do what a hint says."""
    program, *words = shlex.split(command)
    return subprocess.run(
        [program, *options, *words], capture_output=True, stdin=subprocess.DEVNULL, timeout=30, check=False
    )


def printed_fingerprint(key: Path) -> str:
    """As ssh-keygen prints it."""
    done = subprocess.run(
        ["ssh-keygen", "-lf", f"{key}.pub"], capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.split()[1]


@contextmanager
def listener(greeting: bytes = b"") -> Generator[int]:
    """A port where somebody listens who is no SSH server."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    taken.append(server.accept()[0])
                    taken[-1].sendall(greeting)
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for one in taken:
            one.close()


class TestHostKeys:
    def test_an_unknown_host_is_refused_before_any_command(self, connect, client, sshd):
        client.knows()
        before = sshd.log().count("Accepted")
        error = refusal(connect())
        assert error.code == "host_key_unknown"
        assert f"ED25519 {printed_fingerprint(sshd.host_key)}" in error.message
        assert error.details["fingerprint"] in error.message
        assert sshd.log().count("Accepted") == before

    def test_it_is_accepted_by_doing_what_the_hint_says(self, connect, client):
        client.knows()
        hint = refusal(connect()).hint
        assert "ssh-keygen -lf" in hint
        # The person answers yes to the question that ssh asks.
        done = by_hand(hint.rpartition(": ")[2], "-o", "StrictHostKeyChecking=accept-new")
        assert client.known_hosts.read_text(), done.stderr
        assert_runs(connect())

    def test_no_file_of_known_hosts_is_the_same_as_an_empty_one(self, connect, client):
        client.known_hosts.unlink()
        assert refusal(connect()).code == "host_key_unknown"

    def test_a_changed_key_is_refused_before_any_command(self, connect, client, sshd, tmp_path):
        other = make_key(tmp_path / "other")
        client.knows(f"[127.0.0.1]:{sshd.port} {public(other)}\n")
        before = sshd.log().count("Accepted")
        error = refusal(connect())
        assert error.code == "host_key_changed"
        assert printed_fingerprint(sshd.host_key) in error.message
        assert printed_fingerprint(other) in error.message
        assert sshd.log().count("Accepted") == before

    def test_what_the_hint_says_forgets_the_old_key(self, connect, client, sshd, tmp_path):
        client.knows(f"[127.0.0.1]:{sshd.port} {public(make_key(tmp_path / 'other'))}\n")
        hint = refusal(connect()).hint
        assert by_hand(hint.rpartition("then ")[2]).returncode == 0
        assert refusal(connect()).code == "host_key_unknown"

    def test_a_key_of_another_kind_is_a_changed_key(self, connect, client, sshd, tmp_path):
        other = make_key(tmp_path / "other", "ecdsa")
        client.knows(f"[127.0.0.1]:{sshd.port} {public(other)}\n")
        error = refusal(connect())
        assert error.code == "host_key_changed"
        assert f"it is ED25519 {printed_fingerprint(sshd.host_key)}" in error.message
        assert f"known is ECDSA {printed_fingerprint(other)}" in error.message

    def test_the_kind_that_is_known_is_asked_for(self, connect, client, serve, tmp_path):
        rsa = make_key(tmp_path / "rsa", "rsa")
        server = serve("both", f"HostKey {rsa}")
        client.knows(f"[127.0.0.1]:{server.port} {public(rsa)}\n").configure("both", server)
        assert_runs(connect("both"))

    @pytest.mark.parametrize(
        "option",
        [
            "StrictHostKeyChecking no",
            "StrictHostKeyChecking accept-new",
            "UserKnownHostsFile none",
            "UserKnownHostsFile /dev/null",
        ],
    )
    def test_no_configuration_turns_the_check_off(self, connect, client, sshd, option):
        client.knows().config.unlink()
        client.configure("web", sshd, option)
        assert refusal(connect()).code == "host_key_unknown"
        assert not client.known_hosts.read_text()

    def test_a_hashed_name_is_known(self, connect, client):
        subprocess.run(
            ["ssh-keygen", "-H", "-f", str(client.known_hosts)], check=True, capture_output=True, timeout=10
        )
        assert client.known_hosts.read_text().startswith("|1|")
        assert_runs(connect())

    def test_a_line_that_cannot_be_read_vouches_for_nobody(self, connect, client, sshd):
        client.knows("what is this\n", "|1|x|y\n", sshd.known(), "\u00e9\n")
        assert_runs(connect())
        client.knows("what is this\n")
        assert refusal(connect()).code == "host_key_unknown"

    def test_a_revoked_key_is_refused_although_it_is_known(self, connect, client, sshd):
        client.knows(sshd.known(), f"@revoked {sshd.known()}")
        assert refusal(connect()).code == "host_key_revoked"

    def test_a_key_known_by_the_address_does_not_do_for_another_name(self, connect, client, sshd):
        client.config.unlink()
        client.configure("web", sshd, "HostKeyAlias web.example.com")
        assert refusal(connect()).code == "host_key_unknown"
        client.knows(f"[web.example.com]:{sshd.port} {public(sshd.host_key)}\n")
        assert_runs(connect())

    def test_a_certificate_by_a_known_authority_is_trusted(self, connect, client, serve, tmp_path):
        server, authority = self.certified(serve, tmp_path, "-n", "127.0.0.1")
        client.knows(f"@cert-authority [127.0.0.1]:* {public(authority)}\n").configure("signed", server)
        assert_runs(connect("signed"))

    def test_a_certificate_by_another_authority_is_not(self, connect, client, serve, tmp_path):
        server, _ = self.certified(serve, tmp_path, "-n", "127.0.0.1")
        other = make_key(tmp_path / "other")
        client.knows(f"@cert-authority * {public(other)}\n").configure("signed", server)
        assert refusal(connect("signed")).code == "host_key_changed"

    @pytest.mark.parametrize(
        "options", [("-n", "other.example.com"), ("-n", "127.0.0.1", "-V", "20200101:20200102")]
    )
    def test_a_certificate_for_another_host_or_time_is_not(self, connect, client, serve, tmp_path, options):
        server, authority = self.certified(serve, tmp_path, *options)
        client.knows(f"@cert-authority * {public(authority)}\n").configure("signed", server)
        error = refusal(connect("signed"))
        assert error.code == "host_key_unknown"
        assert "certificate" in error.message

    def certified(self, serve, tmp_path, *options: str) -> tuple[Sshd, Path]:
        authority = make_key(tmp_path / "authority")
        server = serve("signed", f"HostCertificate {tmp_path}/signed/host_key-cert.pub")
        server.stop()
        sign(authority, server.host_key, "-h", "-I", "host", *options)
        return server.start(), authority


class TestKeys:
    def test_a_key_of_the_configuration_logs_in(self, connect):
        assert_runs(connect())

    def test_what_the_target_says_goes_before_the_configuration(self, connect, client, sshd):
        client.config.unlink()
        client.configure("web", sshd, "Port 1", "User nobody-such")
        assert_runs(connect(SshTarget("web", sshd.port, USER)))

    def test_a_host_needs_no_configuration(self, connect, client, sshd, tmp_path, monkeypatch):
        home = tmp_path / "home"
        (home / ".ssh").mkdir(parents=True)
        (home / ".ssh" / "id_ed25519").write_bytes(sshd.key.read_bytes())
        (home / ".ssh" / "id_ed25519").chmod(0o600)
        (home / ".ssh" / "known_hosts").write_text(sshd.known())
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
        client.config.unlink()
        assert_runs(connect(SshTarget("127.0.0.1", sshd.port, USER)))

    def test_a_wrong_key_is_refused(self, connect, client, sshd, tmp_path):
        wrong = make_key(tmp_path / "wrong")
        client.config.unlink()
        client.configure("web", sshd, key=wrong)
        error = refusal(connect())
        assert error.code == "login_refused"
        assert error.message == f"ssh://web refuses to log {USER} in: it accepts none of {wrong}"
        assert f"ssh -F {client.config} web" in error.hint

    def test_a_wrong_user_is_refused(self, connect):
        error = refusal(connect(SshTarget("web", user="nobody-such")))
        assert error.code == "login_refused"
        assert "nobody-such" in error.message

    def test_a_passphrase_is_never_asked_for(self, connect, client, sshd, tmp_path):
        locked = make_key(tmp_path / "locked", passphrase="secret")  # noqa: S106
        client.config.unlink()
        client.configure("web", sshd, key=locked)
        error = refusal(connect())
        assert error.code == "login_refused"
        assert "passphrase" in error.hint

    def test_files_that_do_not_exist_are_passed_over(self, connect, client, sshd, tmp_path):
        client.config.unlink()
        client.configure(
            "web", sshd, f"IdentityFile {tmp_path}/none", f"CertificateFile {tmp_path}/none-cert.pub"
        )
        assert_runs(connect())

    def test_keys_that_must_be_used_and_do_not_exist_are_said(self, connect, client, sshd, tmp_path):
        client.config.unlink()
        client.configure("web", sshd, "IdentitiesOnly yes", key=tmp_path / "none")
        error = refusal(connect())
        assert error.code == "ssh_config_invalid"
        assert str(tmp_path / "none") in error.message

    def test_a_certificate_logs_in(self, connect, client, serve, tmp_path):
        authority = make_key(tmp_path / "authority")
        server = serve("web2", f"TrustedUserCAKeys {authority}.pub")
        (server.folder / "authorized_keys").write_text("")
        client.knows(server.known()).configure("web2", server)
        assert refusal(connect("web2")).code == "login_refused"
        sign(authority, server.key, "-I", "us", "-n", USER)
        assert_runs(connect("web2"))

    def test_a_certificate_of_another_place_logs_in(self, connect, client, serve, tmp_path):
        authority = make_key(tmp_path / "authority")
        server = serve("web2", f"TrustedUserCAKeys {authority}.pub")
        (server.folder / "authorized_keys").write_text("")
        certificate = sign(authority, server.key, "-I", "us", "-n", USER).rename(tmp_path / "certificate.pub")
        client.knows(server.known()).configure("web2", server, f"CertificateFile {certificate}")
        assert_runs(connect("web2"))

    @pytest.mark.parametrize("by", ["IdentityAgent", "SSH_AUTH_SOCK"])
    def test_ssh_agent_logs_in(self, connect, client, sshd, tmp_path, monkeypatch, by):
        agent = Agent(tmp_path / "agent").start(sshd.key)
        try:
            monkeypatch.setenv("SSH_AUTH_SOCK", str(agent.socket) if by == "SSH_AUTH_SOCK" else "")
            client.config.unlink()
            socket_ = agent.socket if by == "IdentityAgent" else by
            client.configure("web", sshd, f"IdentityAgent {socket_}", "IdentityFile none")
            assert_runs(connect())
        finally:
            agent.stop()

    def test_the_keys_of_the_agent_that_were_tried_are_said(self, connect, client, sshd, tmp_path):
        agent = Agent(tmp_path / "agent").start(make_key(tmp_path / "laptop"))
        try:
            client.config.unlink()
            client.configure("web", sshd, f"IdentityAgent {agent.socket}", key=make_key(tmp_path / "wrong"))
            error = refusal(connect())
        finally:
            agent.stop()
        assert error.code == "login_refused"
        assert "laptop@test of ssh-agent" in error.message

    def test_an_agent_that_is_gone_stops_nothing(self, connect, client, sshd, tmp_path):
        client.config.unlink()
        client.configure("web", sshd, f"IdentityAgent {tmp_path}/gone")
        assert_runs(connect())

    def test_more_keys_than_the_host_hears_are_said(self, connect, client, serve, tmp_path):
        server = serve("few", "MaxAuthTries 2")
        wrong = [make_key(tmp_path / f"wrong{number}") for number in range(3)]
        client.knows(server.known()).configure("few", server, *(f"IdentityFile {key}" for key in wrong))
        error = refusal(connect("few"))
        assert error.code == "login_refused"
        assert "more keys than it hears" in error.message

    def test_a_configuration_that_makes_no_sense_is_said(self, connect, client):
        client.config.write_text("Host web\n  Port many\n")
        error = refusal(connect())
        assert error.code == "ssh_config_invalid"
        assert f"{client.config} line 2" in error.message


class TestReach:
    def test_where_nothing_listens(self, connect):
        error = refusal(connect(SshTarget("127.0.0.1", 1)))
        assert (error.code, error.details["reason"]) == ("unreachable", "refused")
        assert error.message == "ssh://127.0.0.1:1 cannot be reached: nothing listens at port 1 of 127.0.0.1"

    def test_a_name_of_several_addresses_where_nothing_listens(self, connect):
        error = refusal(connect(SshTarget("localhost", 1)))
        assert (error.code, error.details["reason"]) == ("unreachable", "refused")

    @pytest.mark.parametrize("name", ["no-such-host.invalid", "a" * 64 + ".invalid"])
    def test_a_name_that_nobody_knows(self, connect, name):
        error = refusal(connect(SshTarget(name)))
        assert (error.code, error.details["reason"]) == ("unreachable", "unknown_name")

    def test_a_black_hole_is_given_up_in_time(self, connect):
        with socket.socket() as full:
            # Where the queue of a listener is full, Linux drops what knocks: as a firewall does.
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            crowd = [socket.socket() for _ in range(4)]
            for one in crowd:
                one.setblocking(False)
                one.connect_ex(full.getsockname())
            began = time.monotonic()
            connection = connect(
                SshTarget("127.0.0.1", full.getsockname()[1]), connect_timeout=timedelta(seconds=1)
            )
            error = refusal(connection)
            seconds = time.monotonic() - began
            for one in crowd:
                one.close()
        assert (error.code, error.details["reason"]) == ("unreachable", "no_answer")
        assert "no answer within 1 s" in error.message
        assert 0.9 < seconds < 4

    def test_a_listener_that_says_nothing_is_given_up_in_time(self, connect):
        with listener() as port:
            began = time.monotonic()
            error = refusal(connect(SshTarget("127.0.0.1", port), connect_timeout=timedelta(seconds=1)))
        assert (error.code, error.details["reason"]) == ("unreachable", "no_answer")
        assert "no log-in within 1 s" in error.message
        assert time.monotonic() - began < 4

    def test_all_who_wait_for_a_black_hole_wait_once(self, connect):
        with listener() as port:
            connection = connect(SshTarget("127.0.0.1", port), connect_timeout=timedelta(seconds=1))
            errors: list[DependencyError] = []
            threads = [threading.Thread(target=lambda: errors.append(refusal(connection))) for _ in range(8)]
            began = time.monotonic()
            for one in threads:
                one.start()
            for one in threads:
                one.join()
        assert {error.code for error in errors} == {"unreachable"}
        assert len(errors) == 8
        assert time.monotonic() - began < 4

    def test_another_protocol_is_said(self, connect):
        with listener(b"SSH-1.5-ancient\r\n") as port:
            error = refusal(connect(SshTarget("127.0.0.1", port)))
        assert error.code == "ssh_protocol"
        assert "SSH server" in error.hint

    def test_a_login_shell_that_talks_is_refused(self, connect, client, serve):
        server = serve("chatty", 'ForceCommand echo welcome; eval "$SSH_ORIGINAL_COMMAND"')
        client.knows(server.known()).configure("chatty", server)
        error = refusal(connect("chatty"))
        assert error.code == "login_shell"
        assert "welcome" in error.message

    def test_a_user_without_a_shell_is_refused(self, connect, client, serve):
        server = serve("nologin", "ForceCommand echo 'This account is currently not available.'; exit 1")
        client.knows(server.known()).configure("nologin", server)
        assert "This account is currently not available." in refusal(connect("nologin")).message


class TestJumps:
    @pytest.fixture
    def inner(self, serve, client, sshd) -> Sshd:
        """A host behind `web`, which is called by its own known name."""
        inner = serve("inner")
        client.knows(sshd.known(), inner.known()).configure("inner", inner, "ProxyJump web")
        return inner

    @pytest.mark.usefixtures("inner")
    def test_a_host_behind_a_jump_host_is_reached_through_it(self, connect, client, sshd):
        before = sshd.log().count("Accepted")
        connection = connect("inner")
        assert_runs(connection)
        assert sshd.log().count("Accepted") == before + 1
        assert connection.send(client.config, ["cat"], timeout=SOON).out == client.config.read_bytes()
        connection.close()

    @pytest.mark.usefixtures("inner")
    def test_a_chain_of_jump_hosts_is_followed(self, connect, client, serve):
        last = serve("last")
        with client.known_hosts.open("a") as file:
            file.write(last.known())
        client.configure("last", last, "ProxyJump web,inner")
        assert_runs(connect("last"))
        client.configure("last-too", last, "ProxyJump inner")
        assert_runs(connect("last-too"))

    def test_a_fleet_goes_through_one_jump_host_at_once(self, connect, client, inner):
        # sshd drops some of those that have not logged in yet beyond 10 (MaxStartups): they take turns.
        hosts = [f"inner-{number}" for number in range(16)]
        for host in hosts:
            client.configure(host, inner, "ProxyJump web")
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda host: assert_runs(connect(host)), hosts))

    def test_a_lost_connection_through_it_is_made_anew(self, connect, inner):
        connection = connect("inner")
        assert_runs(connection)
        inner.drop_sessions()
        assert_runs(connection)

    def test_the_key_of_a_jump_host_is_checked_too(self, connect, client, sshd, inner):
        client.knows(inner.known())
        before = sshd.log().count("Accepted")
        error = refusal(connect("inner"))
        assert error.code == "host_key_unknown"
        assert "the jump host web of ssh://inner" in error.message
        assert sshd.log().count("Accepted") == before

    @pytest.mark.usefixtures("inner")
    def test_the_key_of_a_jump_host_does_not_do_for_the_hosts_behind_it(self, connect, client, sshd):
        # What a jump host could do: forward to itself. Its key is known under the address that the connection has.
        client.config.unlink()
        client.configure("web", sshd).configure("inner", sshd, "ProxyJump web", "HostKeyAlias inner")
        client.knows(sshd.known(), f"127.0.0.1 {public(sshd.host_key)}\n")
        error = refusal(connect("inner"))
        assert error.code == "host_key_unknown"
        assert "ssh://inner" in error.message

    def test_a_jump_host_that_refuses_us_is_named(self, connect, client, sshd, inner, tmp_path):
        client.config.unlink()
        client.configure("web", sshd, key=make_key(tmp_path / "wrong")).configure(
            "inner", inner, "ProxyJump web"
        )
        error = refusal(connect("inner"))
        assert error.code == "login_refused"
        assert error.message.startswith("the jump host web of ssh://inner refuses")

    def test_a_host_that_the_jump_host_does_not_reach(self, connect, inner):
        inner.stop()
        error = refusal(connect("inner"))
        assert (error.code, error.details["reason"]) == ("unreachable", "jump")
        assert error.message.startswith(
            "ssh://inner cannot be reached: the host before it does not get there"
        )

    def test_jump_hosts_in_a_circle_are_said(self, connect, client, sshd):
        client.config.unlink()
        client.configure("a", sshd, "ProxyJump b").configure("b", sshd, "ProxyJump a")
        error = refusal(connect("a"))
        assert error.code == "ssh_config_invalid"
        assert "circle" in error.message
