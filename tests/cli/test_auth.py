"""`phoenix auth` against a server: signing in and out, tokens, users; and users of this machine without one."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from phoenix.domain.access.roles import Role
from tests.support.api_server import PASSWORD, Served, phoenix_of, serving
from tests.support.experiments import phoenix


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(phoenix_of(tmp_path_factory.mktemp("server"))) as server:
        server.add_user("root", Role.ADMIN)
        yield server


@pytest.fixture
def password_file(tmp_path: Path) -> str:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    return str(file)


def test_who_signs_in_works_on_the_server_until_he_signs_out(home: Path, served: Served, password_file: str):
    signed_in = phoenix(
        "auth", "login", "--server", served.url, "--name", "root", "--password-file", password_file
    )
    assert signed_in.code == 0, signed_in.err
    assert f"signed in to {served.url} as root, admin" in signed_in.err
    kept = home / "credentials.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    secret = json.loads(kept.read_text())["token"]
    assert secret not in signed_in.out + signed_in.err

    status = phoenix("auth", "status", "-o", "json").document
    assert (status["name"], status["role"], status["server"]) == ("root", "admin", served.url)
    added = phoenix("auth", "user", "add", "alice", "--role", "operator", "--password-file", password_file)
    assert added.code == 0, added.err
    assert {user.name for user in served.phoenix.people.list()} == {"root", "alice"}

    made = phoenix("auth", "token", "create", "nightly", "--role", "viewer", "-o", "json").document
    assert served.phoenix.signing_in.of_token(made["secret"]).role is Role.VIEWER
    assert phoenix("auth", "token", "revoke", made["id"]).code == 0
    assert served.phoenix.signing_in.of_token(made["secret"]) is None

    assert phoenix("auth", "logout").code == 0
    assert not kept.exists()
    assert served.phoenix.signing_in.of_token(secret) is None
    assert phoenix("auth", "status").code == 3


def test_a_wrong_password_is_refused_and_nothing_is_kept(home: Path, served: Served, tmp_path: Path):
    wrong = tmp_path / "wrong"
    wrong.write_text("not this one at all\n")
    refused = phoenix(
        "auth", "login", "--server", served.url, "--name", "root", "--password-file", str(wrong)
    )
    assert refused.code == 3
    assert "not this one" not in refused.err
    assert not (home / "credentials.json").exists()


def test_without_a_server_the_users_of_this_machine_are_meant(home: Path, password_file: str):
    assert (
        phoenix("auth", "user", "add", "root", "--role", "admin", "--password-file", password_file).code == 0
    )
    last = phoenix("auth", "user", "role", "root", "viewer")
    assert (last.code, "last admin" in last.err) == (3, True)
    rows = phoenix("auth", "user", "list", "-o", "json").document
    assert [(row["name"], row["role"], row["isDisabled"]) for row in rows] == [("root", "admin", False)]
    assert phoenix("auth", "user", "add", "x", "--role", "king", "--password-file", password_file).code == 2


def test_a_token_that_others_can_read_is_not_used(home: Path, served: Served, password_file: str):
    phoenix("auth", "login", "--server", served.url, "--name", "root", "--password-file", password_file)
    (home / "credentials.json").chmod(0o644)
    refused = phoenix("auth", "status")
    assert refused.code == 3
    assert "can be read by others" in refused.err
