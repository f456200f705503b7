"""What a collector says of a configuration, and what a person gets to read of it."""

import os
from pathlib import Path

import pytest

from phoenix.adapters.collector.validation import validate
from phoenix.domain.errors import DependencyError


def stand_in(folder: Path, script: str) -> Path:
    path = folder / "otelcol"
    path.write_text(f'#!/bin/sh\nconfig="${{2#--config=}}"\n{script}\n')
    path.chmod(0o755)
    return path


def test_none_means_fine(tmp_path: Path):
    assert validate(stand_in(tmp_path, "exit 0"), "receivers: {}", os.environ) is None


def test_the_reason_is_the_message_without_log_lines(tmp_path: Path):
    script = "printf '2026-01-01T00:00:00.0Z\\tinfo\\tservice\\nError: bad receiver in %s\\n' \"$config\" >&2; exit 1"
    assert validate(stand_in(tmp_path, script), "", {}) == "bad receiver in the configuration"


def test_a_crash_is_a_finding_with_its_first_line(tmp_path: Path):
    script = (
        "printf 'noise\\npanic: runtime error: nil\\n\\ngoroutine 1 [running]:\\nmain.main()\\n' >&2; exit 2"
    )
    reason = validate(stand_in(tmp_path, script), "", {})
    assert reason == "the collector crashed on this configuration: panic: runtime error: nil"


def test_silence_is_named(tmp_path: Path):
    assert validate(stand_in(tmp_path, "exit 3"), "", {}) == "the collector gave no reason (exit code 3)"


def test_the_configuration_is_private_and_removed(tmp_path: Path):
    script = '/usr/bin/stat -c "%a %n" "$config" >&2; /bin/cat "$config" >&2; exit 1'
    reason = validate(stand_in(tmp_path, script), "password: s3cret", {"TMPDIR": str(tmp_path)})
    assert reason == "600 the configuration\npassword: s3cret"
    assert not list(Path(os.environ.get("TMPDIR", "/tmp")).glob("phoenix-validate-*"))


def test_the_environment_is_the_callers_alone(tmp_path: Path):
    assert validate(stand_in(tmp_path, 'echo "$GIVEN$HOME" >&2; exit 1'), "", {"GIVEN": "yes"}) == "yes"


def test_a_program_that_does_not_run_is_the_outside_failing(tmp_path: Path):
    with pytest.raises(DependencyError, match="does not run"):
        validate(tmp_path / "absent", "", {})


def test_a_program_that_hangs_is_the_outside_failing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("phoenix.adapters.collector.validation.TIMEOUT_SECONDS", 0.2)
    with pytest.raises(DependencyError, match="did not say"):
        validate(stand_in(tmp_path, "exec /bin/sleep 61"), "", {})


@pytest.mark.real
class TestTheRealCollector:
    CONFIG = """
receivers: {host_metrics: {scrapers: {process: {}}}}
processors: {PROCESSORS}
exporters: {debug: {}}
service:
  pipelines:
    metrics: {receivers: [host_metrics], processors: [NAMES], exporters: [debug]}
"""

    def judge(self, collector_binary: Path, **processors: str) -> str | None:
        settings = ", ".join(f"{name}: {value}" for name, value in processors.items())
        config = self.CONFIG.replace("PROCESSORS", settings).replace("NAMES", ", ".join(processors))
        return validate(collector_binary, config, os.environ)

    def test_our_processors_are_in(self, collector_binary: Path):
        assert (
            self.judge(collector_binary, topk="{}", adaptive_filter="{}", aggregate="{}", batch="{}") is None
        )

    def test_every_fault_of_a_processor_is_told(self, collector_binary: Path):
        reason = self.judge(collector_binary, topk='{k: 0, critical: "(", rest: sum}')
        assert reason
        assert "k must be at least 1" in reason
        assert "critical is not an RE2 pattern" in reason
        assert "rest must be" in reason

    def test_an_unknown_key_is_told(self, collector_binary: Path):
        assert "others" in (self.judge(collector_binary, topk="{others: aggregate}") or "")
