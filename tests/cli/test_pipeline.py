"""`phoenix pipeline`: data on standard output, exit code 2 on any finding."""

import json
import sys

import pytest

from phoenix.adapters.yaml.documents import parse_mapping
from phoenix.cli.app import run


@pytest.fixture
def phoenix(monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["phoenix", *map(str, arguments)])
        code = run()
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_list_names_the_pipelines(phoenix):
    code, out, _ = phoenix("pipeline", "list", "-o", "json")
    assert (code, len(json.loads(out))) == (0, 5)


def test_show_prints_the_configuration_that_a_setting_gives(phoenix):
    code, out, _ = phoenix("pipeline", "show", "topk", "--set", "k=4", "--set", "critical=^a$", "-o", "yaml")
    topk = parse_mapping(out, "out")["processors"]["topk"]
    assert (code, topk["k"], topk["critical"]) == (0, 4, "^a$$")


def test_show_prints_page_and_parameters(phoenix):
    code, out, _ = phoenix("pipeline", "show", "topk")
    assert code == 0
    assert "# process-topk-v1" in out
    assert "hysteresis" in out


def test_show_as_json_has_the_version(phoenix):
    _, out, _ = phoenix("pipeline", "show", "topk", "-o", "json")
    assert len(json.loads(out)["version"]) == 64


@pytest.mark.parametrize("setting", ["k", "=3", "k=0", "q=1"])
def test_a_wrong_setting_ends_with_2(phoenix, setting):
    code, out, err = phoenix("pipeline", "show", "topk", "--set", setting)
    assert (code, out) == (2, "")
    assert err


def test_a_setting_given_twice_ends_with_2(phoenix):
    assert phoenix("pipeline", "show", "topk", "--set", "k=1", "--set", "k=2")[0] == 2


@pytest.mark.real
def test_validate_of_a_clean_pipeline_ends_with_0(phoenix, collector_binary):
    assert phoenix("pipeline", "validate", "topk")[0] == 0


@pytest.mark.parametrize("content", ["a: 1\na: 2\n", "[", "", "a: !x 1\n", "x: &a [*a]\n"])
def test_validate_of_a_bad_document_ends_with_2(phoenix, tmp_path, content):
    (tmp_path / "c.yaml").write_text(content)
    code, out, _ = phoenix("pipeline", "validate", tmp_path / "c.yaml", "-o", "json")
    document = json.loads(out)
    assert (code, document["valid"]) == (2, False)
    assert document["findings"][0]["fix"]


def test_validate_of_a_missing_file_ends_with_2(phoenix, tmp_path):
    assert phoenix("pipeline", "validate", tmp_path / "gone.yaml")[0] == 2


def test_validate_of_an_unknown_name_ends_with_2_and_says_which_are_near(phoenix):
    code, _, err = phoenix("pipeline", "validate", "process-topk")
    assert code == 2
    assert "process-topk-v1" in err
