"""`phoenix pipeline vm-config`: a folder with all that a host needs, and nothing secret in it."""

import stat
import sys
from pathlib import Path

import pytest

from phoenix.adapters.yaml.documents import dump_yaml, load_mapping
from phoenix.cli.app import run
from tests.manifests.test_collector import CONFIG

EXPORTERS = '{otlp_http: {endpoint: "https://otlp.example.com", headers: {api-key: "${env:LICENSE}"}}}'
FILES = ["README.txt", "collector.yaml", "install.sh", "phoenix-pipeline.service"]


@pytest.fixture
def phoenix(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["phoenix", "pipeline", "vm-config", *map(str, arguments)])
        code = run()
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def names(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def test_a_pipeline_becomes_a_folder_that_bears_its_name(phoenix):
    code, out, _ = phoenix("topk", "--set", "k=7")
    assert (code, names("phoenix-process-topk-v1")) == (0, FILES)
    assert sorted(out.split()) == [f"phoenix-process-topk-v1/{name}" for name in FILES]
    assert load_mapping(Path("phoenix-process-topk-v1/collector.yaml"))["processors"]["topk"]["k"] == 7


def test_only_the_script_may_be_executed(phoenix):
    phoenix("topk")
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode) for path in Path("phoenix-process-topk-v1").iterdir()
    }
    assert modes == {name: 0o755 if name == "install.sh" else 0o644 for name in FILES}


def test_what_must_be_on_the_host_is_told(phoenix):
    code, _, err = phoenix("topk", "--set", f"exporters={EXPORTERS}")
    assert code == 0
    assert "LICENSE" in err
    assert "/etc/phoenix/collector.env" in err


def test_no_value_of_the_environment_gets_into_it(phoenix, monkeypatch):
    monkeypatch.setenv("LICENSE", "0123456789secret")
    assert phoenix("topk", "--set", f"exporters={EXPORTERS}")[0] == 0
    texts = [path.read_text() for path in Path("phoenix-process-topk-v1").iterdir()]
    assert not [text for text in texts if "0123456789secret" in text]


def test_a_literal_secret_is_refused_and_nothing_is_written(phoenix, tmp_path):
    code, _, err = phoenix(
        "topk", "--set", "exporters={otlp_http: {endpoint: 'https://a', headers: {api-key: abc}}}"
    )
    assert (code, names(tmp_path)) == (2, [])
    assert "${env:NAME}" in err
    assert "abc" not in err


def test_a_file_becomes_a_bundle_too(phoenix):
    Path("mine.yaml").write_text(
        dump_yaml(
            {
                **CONFIG,
                "processors": {
                    "memory_limiter": {"limit_mib": 100, "check_interval": "1s"},
                    "topk": {"k": 10},
                },
            }
        )
    )
    assert phoenix("./mine.yaml")[0] == 0
    assert names("phoenix-mine") == FILES


def test_name_and_folder_can_be_chosen(phoenix):
    assert phoenix("topk", "--name", "web", "-o", "a/b")[0] == 0
    assert names("a/b") == FILES
    assert "Phoenix: web" in Path("a/b/README.txt").read_text()


def test_a_bundle_is_replaced_by_the_next(phoenix):
    phoenix("topk", "-o", "b")
    assert phoenix("baseline", "-o", "b")[0] == 0
    assert "topk" not in Path("b/collector.yaml").read_text()
    assert names("b") == FILES


@pytest.mark.parametrize("other", ["notes.txt", "README.txt", "install.sh"])
def test_a_folder_with_something_else_is_left_as_it_is(phoenix, other):
    Path("b").mkdir()
    Path("b", other).write_text("mine")
    code, _, err = phoenix("topk", "-o", "b")
    assert (code, names("b"), Path("b", other).read_text()) == (3, [other], "mine")
    assert "-o" in err


def test_a_folder_that_cannot_be_made_is_the_outside_failing(phoenix):
    Path("b").write_text("a file")
    assert phoenix("topk", "-o", "b/c")[0] == 4


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "-x", "a b", "a\nb", "$(id)", "x" * 64])
def test_a_name_that_is_no_name_is_refused(phoenix, tmp_path, name):
    assert phoenix("topk", f"--name={name}")[0] == 2
    assert names(tmp_path) == []


def test_a_wrong_setting_is_refused(phoenix, tmp_path):
    assert phoenix("topk", "--set", "k=0")[0] == 2
    assert names(tmp_path) == []


@pytest.mark.real
def test_what_the_collector_refuses_is_refused(phoenix, tmp_path, collector_binary):
    code, _, err = phoenix("topk", "--set", "exporters={otlp_http: {no_such_key: 'https://a'}}")
    assert (code, names(tmp_path)) == (2, [])
    assert "no_such_key" in err


@pytest.mark.real
def test_what_only_the_host_knows_is_left_to_it(phoenix, collector_binary):
    text = '{otlp_http: {endpoint: "${env:BACKEND}", headers: {api-key: "${file:/absent}"}}}'
    code, _, err = phoenix("topk", "--set", f"exporters={text}")
    assert code == 0
    assert "install.sh asks the host's" in err


def test_without_a_collector_here_it_is_left_to_the_host(phoenix, monkeypatch, tmp_path):
    monkeypatch.setenv("PHOENIX_CACHE", str(tmp_path / "empty"))
    code, _, err = phoenix("topk", "-o", "b")
    assert code == 0
    assert "install.sh asks the host's" in err
