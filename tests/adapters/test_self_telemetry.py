"""A collector's own counters: who sent what, by exporter."""

from phoenix.adapters.scraping.exposition import ExpositionParser
from phoenix.adapters.scraping.self_telemetry import read_telemetry
from phoenix.domain.observation.exports import Telemetry

SEEN = b"""
otelcol_receiver_accepted_metric_points{receiver="host_metrics",transport=""} 40
otelcol_exporter_sent_metric_points{exporter="prometheus/phoenix"} 30
otelcol_exporter_sent_metric_points{exporter="otlp_http",data_type="a"} 3
otelcol_exporter_sent_metric_points{exporter="otlp_http",data_type="b"} 4
otelcol_exporter_send_failed_metric_points{exporter="debug",error_type="x"} 5
otelcol_exporter_send_failed_metric_points{exporter="debug",error_type="y"} 1
"""


def read(body: bytes) -> Telemetry:
    return read_telemetry(ExpositionParser().parse(body), 7.0)


def test_points_sent_are_those_of_the_measurement_exporter():
    assert read(SEEN).points_sent == 30


def test_each_exporter_tells_what_it_sent_and_what_it_gave_up():
    found = read(SEEN)
    assert found.sent_to == {"prometheus/phoenix": 30, "otlp_http": 7}
    assert found.failed_to == {"debug": 6}


def test_names_with_suffixes_are_the_same_counters():
    suffixed = SEEN.replace(b"_points{", b"_points_total{")
    assert read(suffixed) == read(SEEN)


def test_what_a_collector_does_not_tell_stays_none():
    assert read(b"up 1\n") == Telemetry(7.0)
