"""The last look before a switch: points arrive, and leave through every exporter of the user."""

from datetime import timedelta

import pytest

from phoenix.domain.errors import DependencyError
from phoenix.services.handover import await_data_flow
from tests.support.scripted_host import ScriptedHost, collector

EXPORT = b'process_cpu_time_seconds_total{process_pid="7",process_executable_name="nginx"} 1\n'
HALF = b"""otelcol_receiver_accepted_metric_points{receiver="r"} 9
otelcol_exporter_sent_metric_points{exporter="prometheus/phoenix"} 9
"""
FAILED = b'otelcol_exporter_send_failed_metric_points{exporter="otlp_http"} 8\n'
SENT = b'otelcol_exporter_sent_metric_points{exporter="otlp_http"} 1\n'
LOG = 'error\tDropping data\t{"otelcol.component.id": "otlp_http", "error": "401"}\nmain.main\n\tmain.go:7'


class NewPipeline(ScriptedHost):
    stopped = 0

    def __init__(self, telemetry: bytes, export: bytes = EXPORT) -> None:
        super().__init__({"revision-1/metrics": export, "revision-1/telemetry": telemetry})

    def stop_collector(self, place: str) -> str:
        assert place == "revision-1"
        self.stopped += 1
        return LOG

    def await_flow(self, *exporters: str) -> None:
        await_data_flow(self, collector("revision-1", 7), timedelta(milliseconds=150), exporters)


def refusal(host: NewPipeline, *exporters: str) -> DependencyError:
    with pytest.raises(DependencyError) as caught:
        host.await_flow(*exporters)
    assert host.stopped == 1
    return caught.value


def test_a_pipeline_that_sends_through_all_exporters_goes_on():
    host = NewPipeline(HALF + SENT)
    host.await_flow("otlp_http")
    assert host.stopped == 0


def test_a_pipeline_without_exporters_of_the_user_only_needs_the_measurement():
    NewPipeline(HALF).await_flow()


def test_an_exporter_that_sends_nothing_is_named():
    found = refusal(NewPipeline(HALF + SENT), "otlp_http", "debug")
    assert found.message.endswith(": its exporter debug sent no point.")


def test_an_exporter_that_fails_says_how_often_and_why():
    found = refusal(NewPipeline(HALF + FAILED), "otlp_http")
    assert "its exporter otlp_http sent no point and gave up 8" in found.message
    assert found.hint.splitlines()[-1] == LOG.splitlines()[0]


@pytest.mark.parametrize(
    ("telemetry", "export", "words"),
    [
        (HALF.replace(b"} 9", b"} 0"), EXPORT, "its receivers accepted no point"),
        (HALF, b"", "no point comes out of it"),
    ],
)
def test_what_does_not_flow_at_all_is_told(telemetry, export, words):
    assert words in refusal(NewPipeline(telemetry, export)).message
