"""From an older schema to this one with all that was in it, and back by hand."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, inspect

from phoenix.adapters.store.deployments import SqlDeploymentStore
from phoenix.adapters.store.engine import open_engine
from phoenix.adapters.store.experiments import SqlExperimentStore
from phoenix.adapters.store.tables import EVENTS, EXPERIMENTS, METADATA, SCRAPES
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import EventKind, ExperimentRecord

FIRST = {table.name for table in (EXPERIMENTS, EVENTS, SCRAPES)}
RECORD = ExperimentRecord(
    "exp-aaaaaaaa", "web", {"spec": {}}, Phase.MEASURING, Outcome.NONE, datetime(2026, 3, 1, tzinfo=UTC)
)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/phoenix.db"


def migrate(engine: Engine, to: Callable[[Config], None]) -> None:
    with engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", "phoenix.adapters.store:migrations")
        config.set_main_option("path_separator", "os")
        to(config)


def tables_of(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names()) - {"phoenix_schema", "sqlite_sequence"}


def test_a_database_of_the_first_phoenix_is_brought_up_with_its_running_experiments(url: str):
    old = create_engine(url)
    migrate(old, lambda config: command.upgrade(config, "0001"))
    assert tables_of(old) == FIRST
    experiments = SqlExperimentStore(old)
    experiments.create(RECORD)
    sequence = experiments.append(RECORD.id, EventKind.INTENT, "deploy:candidate@local", {"pid": 1})

    # The old one is still open, as a driver's is while Phoenix is updated.
    new = open_engine(url)
    assert tables_of(new) == set(METADATA.tables)
    assert SqlExperimentStore(new).get("web") == RECORD
    assert [event.sequence for event in SqlExperimentStore(new).events(RECORD.id)] == [sequence]
    assert SqlDeploymentStore(new).hosts() == ()
    assert experiments.append(RECORD.id, EventKind.DONE, "deploy:candidate@local", {}) > sequence


def test_going_back_by_hand_takes_the_newer_tables_only_and_up_again_makes_them_anew(url: str):
    engine = open_engine(url)
    SqlExperimentStore(engine).create(RECORD)
    SqlDeploymentStore(engine).owe("local", RECORD.id, "no route")
    migrate(engine, lambda config: command.downgrade(config, "0001"))
    assert tables_of(engine) == FIRST
    again = open_engine(url)
    assert SqlExperimentStore(again).get("web") == RECORD
    assert SqlDeploymentStore(again).owed() == ()
