"""The exporters of docs/exporters.md: accepted by the real collector, and sending what they say to real receivers."""

import os
import re
import subprocess
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from phoenix.adapters.free_ports import free_ports
from phoenix.adapters.yaml.documents import dump_yaml, parse_mapping
from phoenix.composition import compose
from phoenix.domain.trees import plain
from phoenix.manifests.slots import measurement_environ, slot_config
from tests.support.backend import receiver
from tests.support.experiments import PHOENIX
from tests.support.waiting import eventually

pytestmark = pytest.mark.real

PAGE = (Path(__file__).parents[2] / "docs/exporters.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
EXAMPLES = [text for language, text in BLOCKS if language == "yaml"]
COMMANDS = [line for language, text in BLOCKS if language == "sh" for line in text.splitlines()]
OTLP, REMOTE_WRITE, SCRAPE = (parse_mapping(text, "docs/exporters.md") for text in EXAMPLES)


@contextmanager
def serving(binary, exporters, environ, folder):
    """The baseline with these exporters, as the active slot has it."""
    resolved = compose().pipelines.named(
        "baseline", {"exporters": dump_yaml(exporters), "scrape_interval": "1s"}
    )
    config = folder / "collector.yaml"
    config.write_text(dump_yaml(plain(slot_config(resolved.own, resolved.production).config)))
    metrics, health, telemetry = free_ports(3)
    addresses = measurement_environ(f"127.0.0.1:{metrics}", f"127.0.0.1:{health}", ("127.0.0.1", telemetry))
    process = subprocess.Popen(
        [binary, f"--config={config}"], env={**addresses, **environ}, stderr=(folder / "log").open("w")
    )
    try:
        yield
        assert process.poll() is None, (folder / "log").read_text()
    finally:
        process.terminate()
        process.wait(timeout=20)


def with_endpoint(exporters, endpoint):
    """The same exporter, sending to the test."""
    ((name, body),) = exporters.items()
    if "http" in body:
        return {name: {**body, "http": {**body["http"], "endpoint": endpoint}}}
    return {name: {**body, "endpoint": endpoint}}


@pytest.mark.parametrize("example", EXAMPLES, ids=["otlp", "remote_write", "scrape"])
@pytest.mark.parametrize("pipeline", compose().catalog.names())
def test_the_collector_and_the_rules_accept_an_example(example, pipeline, collector_binary):
    assert compose().pipelines.validate(pipeline, {"exporters": example}) == ()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page_works_as_it_stands(command, tmp_path, collector_binary):
    (tmp_path / "exporters.yaml").write_text(EXAMPLES[0])
    environ = {**os.environ, "PATH": f"{Path(PHOENIX).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_otlp_arrives_with_the_key_of_the_environment(collector_binary, tmp_path):
    environ = {"NEW_RELIC_LICENSE_KEY": "key-of-the-environment"}
    with (
        receiver() as (endpoint, seen),
        serving(collector_binary, with_endpoint(OTLP, endpoint), environ, tmp_path),
    ):
        path, headers, size = seen.get(timeout=30)
    assert (path, headers["Api-Key"]) == ("/v1/metrics", "key-of-the-environment")
    assert size > 0
    assert "key-of-the-environment" not in (tmp_path / "collector.yaml").read_text()


def test_otlp_arrives_with_the_key_of_a_file(collector_binary, tmp_path):
    (tmp_path / "key").write_text("0123456789")
    exporters = {"otlp_http": {"headers": {"api-key": f"${{file:{tmp_path / 'key'}}}"}}}
    with (
        receiver() as (endpoint, seen),
        serving(collector_binary, with_endpoint(exporters, endpoint), {}, tmp_path),
    ):
        _, headers, _ = seen.get(timeout=30)
    assert headers["Api-Key"] == "0123456789"


def test_remote_write_arrives_with_the_token_of_the_environment(collector_binary, tmp_path):
    environ = {"REMOTE_WRITE_TOKEN": "token-of-the-environment"}
    with receiver() as (endpoint, seen):
        exporters = with_endpoint(REMOTE_WRITE, f"{endpoint}/api/v1/write")
        with serving(collector_binary, exporters, environ, tmp_path):
            path, headers, size = seen.get(timeout=30)
    assert (path, headers["Authorization"]) == ("/api/v1/write", "Bearer token-of-the-environment")
    assert headers["Content-Encoding"] == "snappy"
    assert size > 0


def test_a_prometheus_can_scrape_each_process_apart(collector_binary, tmp_path):
    (port,) = free_ports(1)
    with serving(collector_binary, SCRAPE, {"SCRAPE_ADDRESS": f"127.0.0.1:{port}"}, tmp_path):
        labels = eventually(lambda: _labels_of_us(port), what="our own process among the others")
    assert {"process_pid", "process_executable_name", "process_owner"} <= labels


def _labels_of_us(port):
    """The labels that this process's memory has; none as long as it is not shown."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
    except OSError:
        return set()
    lines = [line for line in text.splitlines() if line.startswith("process_memory_usage_bytes{")]
    ours = [line for line in lines if f'process_pid="{os.getpid()}"' in line]
    return set(re.findall(r'([a-z_]+)="', ours[0])) if ours else set()
