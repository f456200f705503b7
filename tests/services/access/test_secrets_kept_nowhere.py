"""No secret and no password is in the store, in what a value or an error says of itself, or in a log."""

import logging
import traceback
from collections.abc import Callable, Generator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError

from phoenix.adapters.store.access import SqlAccessStore
from phoenix.adapters.store.engine import open_engine
from phoenix.adapters.store.tables import METADATA
from phoenix.domain.access.people import Principal, SignInWay
from phoenix.domain.access.roles import Role
from phoenix.domain.errors import PhoenixError
from phoenix.services.access.audit import Audit
from phoenix.services.access.people import People
from phoenix.services.access.signing_in import SigningIn
from phoenix.services.access.tokens import Tokens
from tests.support.cheap_passwords import CountedPasswords
from tests.support.clocks import MovableClock

FIRST, SECOND, TYPED = "Correct horse battery", "A whole new sentence", "Incorrect horse battery"
HERE = "192.0.2.1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def engine(folder: Path) -> Generator[Engine]:
    engine = open_engine(f"sqlite:///{folder}/phoenix.db")
    yield engine
    engine.dispose()


class Story:
    """Everything that people can do, done once; whoever was given what, and whatever was said on the way."""

    def __init__(self, engine: Engine) -> None:
        self.store, self.clock, passwords = SqlAccessStore(engine), MovableClock(), CountedPasswords()
        self.signing_in = SigningIn(self.store, passwords, self.clock)
        self.people = People(self.store, passwords, self.clock)
        self.tokens = Tokens(self.store, self.clock)
        self.audit = Audit(self.store, self.clock)
        self.secrets: list[str] = []
        self.said: list[str] = []

    def tell(self) -> None:
        link = self.signing_in.invite_first_admin() or ""
        self.secrets += [FIRST, SECOND, TYPED, link]
        session = self._given(self.signing_in.accept_invitation(link, "ada", FIRST, HERE))
        self._given(self.signing_in.sign_in("ada", FIRST, HERE))
        token = self._given(self.tokens.create("ada", "nightly job", Role.ADMIN, timedelta(days=1)))
        self.said += [repr(self.signing_in.of_session(session)), repr(self.signing_in.of_token(token))]
        self.said += [repr(self.people.add("bob", Role.VIEWER, SECOND)), repr(self.store.users())]
        self.audit.write(TYPED, "", "auth.login", "", "wrong_credentials", "", HERE)
        bob = Principal("bob", Role.VIEWER, SignInWay.SESSION)
        for verb in (
            lambda: self.signing_in.sign_in("ada", TYPED, HERE),
            lambda: self.signing_in.sign_in(TYPED, FIRST, HERE),
            lambda: self.signing_in.accept_invitation(link, "eve", SECOND, HERE),
            lambda: self.people.add("ada", Role.VIEWER, SECOND),
            lambda: self.people.add("eve", Role.VIEWER, SECOND * 100),
            lambda: self.people.change_own_password("bob", TYPED, FIRST),
            lambda: self.tokens.create("bob", "job", Role.ADMIN, timedelta(days=1)),
            lambda: self.tokens.revoke("tok-00000000", bob),
        ):
            self._refused(verb)
        self.people.change_own_password("bob", SECOND, FIRST)
        self.said += [repr(self.tokens.list()), repr(self.audit.list()), repr(vars(self.signing_in))]

    def _given(self, given: tuple[object, str]) -> str:
        value, secret = given
        self.said.append(repr(value))
        self.secrets.append(secret)
        return secret

    def _refused(self, verb: Callable[[], object]) -> None:
        with pytest.raises(PhoenixError) as caught:
            verb()
        error = caught.value
        told = traceback.TracebackException.from_exception(error, capture_locals=False)
        self.said += [*told.format(), repr((error.message, error.hint, error.details))]


@pytest.fixture
def story(engine: Engine) -> Story:
    story = Story(engine)
    story.tell()
    assert len(story.secrets) == 7
    assert all(len(secret) > 15 for secret in story.secrets)
    return story


def test_no_row_of_the_store_holds_one(engine: Engine, story: Story):
    with engine.connect() as connection:
        rows = {
            name: [tuple(row) for row in connection.execute(select(table))]
            for name, table in METADATA.tables.items()
        }
    assert {name for name, found in rows.items() if found} >= {"users", "sessions", "tokens", "audit"}
    for secret in story.secrets:
        assert secret not in repr(rows)


def test_no_file_of_the_store_holds_one(engine: Engine, folder: Path, story: Story):
    engine.dispose()
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert b"ada" in files["phoenix.db"]
    for secret in story.secrets:
        for content in files.values():
            assert secret.encode() not in content


def test_no_value_and_no_error_says_one(story: Story):
    assert len(story.said) > 20
    for secret in story.secrets:
        assert secret not in "\n".join(story.said)


def test_no_log_says_one(engine: Engine, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.INFO, "sqlalchemy.engine"):
        story = Story(engine)
        story.tell()
    assert "INSERT INTO users" in caplog.text
    for secret in story.secrets:
        assert secret not in caplog.text
    assert "$argon2id$" not in caplog.text, "nor the hash of a password"


def test_no_error_of_the_database_says_a_hash(engine: Engine, story: Story):
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE users RENAME TO elsewhere")
    with pytest.raises(PhoenixError) as caught:
        story.people.add("eve", Role.VIEWER, SECOND)
    assert caught.value.code == "store_unavailable"
    assert isinstance(caught.value.__cause__, OperationalError)
    told = "".join(traceback.format_exception(caught.value))
    assert "INSERT INTO users" in told
    assert "$argon2id$" not in told
