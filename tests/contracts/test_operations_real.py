"""The operations by both doors, with the real collector."""

import json
from collections.abc import Generator
from pathlib import Path

import pytest

from phoenix.adapters.api_client.client import ApiClient
from phoenix.composition import compose
from phoenix.domain.errors import SpecError
from tests.support.api_server import phoenix_of, serving
from tests.support.both_doors import CONFIG, Doors, experiment, inside, over
from tests.support.deployed import collectors, folder_of, write_pipeline

pytestmark = pytest.mark.real


@pytest.fixture
def real_doors(home: Path, collector_binary: Path) -> Generator[tuple[Doors, Doors]]:
    with serving(phoenix_of(home), needs_sign_in=False) as served, ApiClient(served.url) as client:
        yield inside(compose()), over(client)


def test_a_real_pipeline_serves_by_one_door_and_is_seen_by_the_other(real_doors, tmp_path):
    own, remote = real_doors
    config = Path(write_pipeline(tmp_path, "mine")).read_text()
    (row,) = remote.deployments.deploy(["local"], config=config, name="mine")["items"]
    assert (row["result"], row["reason"]) == ("deployed", None)
    assert len(collectors(folder_of())) == 1
    (status,) = own.deployments.statuses()["items"]
    assert (status["health"], status["pipeline"]) == ("serving", "mine")
    (gone,) = own.deployments.delete(["local"])["items"]
    assert gone["result"] == "deleted"
    assert collectors(folder_of()) == set()
    assert remote.deployments.list() == {"items": []}


@pytest.mark.parametrize(
    "reference", ["${file:%s}", "${${env:X:-file}:%s}", "${fi${env:X:-le}:%s}", "${env:X:-${file:%s}}"]
)
def test_no_complaint_of_the_collector_shows_a_file_of_the_server(real_doors, tmp_path, reference):
    _, remote = real_doors
    (tmp_path / "secret").write_text("the-secret-of-the-server")
    named = reference % (tmp_path / "secret")
    config = CONFIG.replace("[memory_limiter, batch]", f"[memory_limiter, batch, '{named}']")
    checked = remote.pipelines.validate(config=config)
    assert checked["valid"] is False
    assert "the-secret" not in json.dumps(checked)
    exporters = json.dumps({"otlp_http": {"endpoint": "http://127.0.0.1:1", "compression": named}})
    checked = remote.pipelines.validate(pipeline="topk", settings={"exporters": exporters})
    assert "the-secret" not in json.dumps(checked)
    with pytest.raises(SpecError) as refused:
        remote.experiments.create(
            experiment("x", candidate={"file": "a.yaml"}), files={"a.yaml": config}, start=False
        )
    assert "the-secret" not in f"{refused.value.message} {refused.value.findings}"
