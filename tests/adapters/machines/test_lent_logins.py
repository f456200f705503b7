"""A key that a block lends: held in memory, the only one that is tried, and asked for each time a connection is made."""

from datetime import timedelta
from pathlib import Path

import pytest

from phoenix.domain.errors import DependencyError
from phoenix.domain.logins import Lent, SshLogin
from phoenix.domain.targets import SshTarget
from tests.support.sshd import USER, Client, Sshd, make_key, public

pytestmark = pytest.mark.real

SOON = timedelta(seconds=20)
WORDS = "correct horse"


@pytest.fixture
def stranger(client: Client, tmp_path: Path) -> Client:
    """A client that knows no host and has no key that anybody takes."""
    client.config.write_text("")
    client.known_hosts.write_text("")
    wrong = make_key(tmp_path / "wrong_key")
    client.config.write_text(
        f"Host *\n  IdentityAgent none\n  IdentityFile {wrong}\n  UserKnownHostsFile {client.known_hosts}\n"
        "  GlobalKnownHostsFile none\n"
    )
    return client


def lent(server: Sshd, key: Path | None = None, **changes: str) -> Lent:
    login = {"private_key": (key or server.key).read_text(), "known_hosts": server.known(), **changes}
    return Lent("block:web-1", SshLogin(**login))


def at(server: Sshd) -> SshTarget:
    return SshTarget("127.0.0.1", server.port, USER)


def refusal(connection) -> DependencyError:
    with pytest.raises(DependencyError) as caught:
        connection.run(["true"], timeout=SOON)
    error = caught.value
    assert "\n" not in error.message + error.hint
    return error


def assert_runs(connection) -> None:
    assert connection.run(["echo", "fine"], timeout=SOON).out == b"fine\n"


@pytest.mark.usefixtures("stranger")
def test_what_is_lent_is_enough(sshd, connect):
    assert_runs(connect(at(sshd), lender=lambda: lent(sshd)))


@pytest.mark.usefixtures("stranger")
def test_a_key_that_a_form_put_on_one_line_is_enough(sshd, connect):
    line = sshd.key.read_text().replace("\n", "")
    assert_runs(connect(at(sshd), lender=lambda: lent(sshd, private_key=line)))


@pytest.mark.usefixtures("stranger")
def test_without_it_nobody_is_known_and_no_key_is_taken(sshd, connect):
    assert refusal(connect(at(sshd))).code == "host_key_unknown"
    nothing = Lent("block:web-1", SshLogin(known_hosts=sshd.known()))
    assert refusal(connect(at(sshd), lender=lambda: nothing)).code == "login_refused"


@pytest.mark.usefixtures("stranger")
def test_a_key_with_a_passphrase_is_opened_with_it(sshd, connect, tmp_path):
    key = make_key(tmp_path / "sealed", passphrase=WORDS)
    (sshd.folder / "authorized_keys").write_text(f"{public(key)}\n{public(sshd.key)}\n")
    assert_runs(connect(at(sshd), lender=lambda: lent(sshd, key, passphrase=WORDS)))


@pytest.mark.parametrize("passphrase", ["", "wrong battery"])
def test_a_key_that_cannot_be_opened_says_so_and_not_what_it_is(sshd, connect, tmp_path, passphrase):
    key = make_key(tmp_path / "sealed", passphrase=WORDS)
    error = refusal(connect(at(sshd), lender=lambda: lent(sshd, key, passphrase=passphrase)))
    assert error.code == "block_unusable"
    assert "block:web-1" in error.message
    assert "assphrase" in error.message
    said = f"{error.message} {error.hint} {error.details}"
    assert not any(line in said for line in key.read_text().splitlines()[1:-1])
    assert "battery" not in said


def test_a_key_that_is_lent_is_the_only_one(sshd, client, connect, tmp_path):
    assert_runs(connect())  # the client's own key would do
    other = make_key(tmp_path / "other")
    error = refusal(connect(lender=lambda: lent(sshd, other)))
    assert error.code == "login_refused"
    assert error.details["tried"] == ["the key of block:web-1"]
    assert "block:web-1" in error.hint
    assert str(client.config) not in error.hint


def test_where_the_block_cannot_be_read_the_own_configuration_holds(sshd, connect):
    silent = Lent("block:web-1", SshLogin(), "the server does not answer")
    assert_runs(connect(lender=lambda: silent))


@pytest.mark.usefixtures("stranger")
def test_and_where_that_fails_too_both_are_said(sshd, client, connect):
    client.knows(sshd.known())
    silent = Lent("block:web-1", SshLogin(), "the server does not answer")
    error = refusal(connect(at(sshd), lender=lambda: silent))
    assert error.code == "login_refused"
    assert "wrong_key" in error.message
    assert "block:web-1, which could not be read: the server does not answer" in error.message


@pytest.mark.usefixtures("stranger")
def test_it_is_asked_for_each_time_a_connection_is_made(serve, connect):
    server, asked = serve("own"), []

    def lender() -> Lent:
        asked.append(1)
        return lent(server)

    connection = connect(at(server), lender=lender)
    assert_runs(connection)
    assert_runs(connection)
    assert len(asked) == 1
    server.drop_sessions()
    assert_runs(connection)
    assert len(asked) == 2


def test_known_hosts_that_are_lent_are_as_strict_as_those_of_a_file(serve, stranger, connect):
    server, other = serve("own"), serve("other")
    line = f"[127.0.0.1]:{server.port} {public(other.host_key)}\n"
    error = refusal(connect(at(server), lender=lambda: lent(server, known_hosts=line)))
    assert error.code == "host_key_changed"
    unknown = refusal(connect(at(server), lender=lambda: lent(server, known_hosts="")))
    assert unknown.code == "host_key_unknown"
    unreadable = refusal(
        connect(at(server), lender=lambda: lent(server, known_hosts="@who web ssh-ed25519 A"))
    )
    assert unreadable.code == "block_unusable"
    assert "line 1 of the known hosts" in unreadable.message


@pytest.mark.usefixtures("stranger")
def test_an_unknown_host_can_be_made_known_by_the_block(sshd, connect):
    error = refusal(connect(at(sshd), lender=lambda: lent(sshd, known_hosts="")))
    assert error.code == "host_key_unknown"
    assert "known hosts of block:web-1" in error.hint


def test_a_jump_host_is_not_offered_the_key(serve, stranger, connect):
    """It is logged in to with its own part of the configuration."""
    jump, server = serve("jump"), serve("behind")
    stranger.knows(jump.known())
    with stranger.config.open("a") as file:
        file.write(f"Host behind\n  HostName 127.0.0.1\n  Port {server.port}\n  ProxyJump {USER}@jump\n")
    (jump.folder / "authorized_keys").write_text(public(server.key) + "\n")
    stranger.configure("jump", jump)
    target = SshTarget("behind", None, USER)
    error = refusal(connect(target, lender=lambda: lent(server)))
    assert error.code == "login_refused"
    assert "the jump host" in error.message
    (jump.folder / "authorized_keys").write_text(public(jump.key) + "\n")
    stranger.config.write_text(f"Host jump\n  IdentityFile {jump.key}\n{stranger.config.read_text()}")
    line = f"[behind]:{server.port} {public(server.host_key)}\n{server.known()}"
    assert_runs(connect(target, lender=lambda: lent(server, known_hosts=line)))
