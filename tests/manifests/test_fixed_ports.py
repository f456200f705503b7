"""Ports that a configuration names itself, and its trial beside one that holds them."""

import pytest

from phoenix.manifests.fixed_ports import ANY_PORT, contend, listeners, trial_config

ADDITION = {"endpoint": "${env:PHOENIX_METRICS_ADDRESS}"}


def config(exporters=None, receivers=None):
    return {
        "receivers": {"host_metrics": {}, **(receivers or {})},
        "exporters": {"prometheus/phoenix": ADDITION, **(exporters or {})},
        "service": {"pipelines": {}},
    }


def scraped_at(endpoint: str, name: str = "prometheus"):
    return config({name: {"endpoint": endpoint, "send_timestamps": True}})


def otlp(protocols):
    return config(receivers={"otlp/in": {"protocols": protocols}})


@pytest.mark.parametrize(
    ("endpoint", "port", "trial"),
    [
        ("127.0.0.1:9464", 9464, "127.0.0.1:0"),
        ("10.0.0.7:9464", 9464, "10.0.0.7:0"),
        ("[::1]:9464", 9464, "[::1]:0"),
        (":9464", 9464, ":0"),
        ("${env:SCRAPE_ADDRESS:-127.0.0.1:9464}", None, ANY_PORT),
        ("${env:SCRAPE_ADDRESS}", None, ANY_PORT),
        ("${env:SCRAPE_HOST}:9464", 9464, ANY_PORT),
        ("127.0.0.1:${env:SCRAPE_PORT}", None, ANY_PORT),
    ],
)
def test_a_scraped_exporter_gets_any_port_in_its_trial(endpoint, port, trial):
    written = scraped_at(endpoint, "prometheus/team")
    (found,) = listeners(written)
    assert (found.path, found.port) == (("exporters", "prometheus/team"), port)
    tried = trial_config(written)
    assert tried["exporters"]["prometheus/team"] == {"endpoint": trial, "send_timestamps": True}
    assert listeners(tried) == ()
    assert written == scraped_at(endpoint, "prometheus/team")


def test_the_otlp_receiver_listens_on_its_defaults_too():
    written = otlp({"grpc": None, "http": {"cors": {}}})
    assert [found.port for found in listeners(written)] == [4317, 4318]
    assert trial_config(written)["receivers"]["otlp/in"]["protocols"] == {
        "grpc": {"endpoint": ANY_PORT},
        "http": {"cors": {}, "endpoint": ANY_PORT},
    }


def test_a_socket_in_the_file_system_is_no_port_and_is_tried_on_one():
    written = otlp({"grpc": {"endpoint": "/run/otlp.sock", "transport": "unix"}})
    assert [found.port for found in listeners(written)] == [None]
    tried = trial_config(written)["receivers"]["otlp/in"]["protocols"]["grpc"]
    assert tried == {"endpoint": ANY_PORT}


def test_what_a_slot_adds_and_what_sends_elsewhere_is_left_alone():
    written = config({"otlp_http": {"endpoint": "https://backend:4318"}})
    assert listeners(written) == ()
    assert trial_config(written) == written


@pytest.mark.parametrize(
    ("one", "other", "contended"),
    [
        (scraped_at("127.0.0.1:9464"), scraped_at("0.0.0.0:9464"), True),
        (scraped_at("127.0.0.1:9464"), scraped_at("127.0.0.1:9465"), False),
        (scraped_at("127.0.0.1:9464"), config(), False),
        (scraped_at("127.0.0.1:9464"), scraped_at("127.0.0.1:0"), False),
        (scraped_at("127.0.0.1:9464"), scraped_at("${env:SCRAPE_ADDRESS}"), True),
        (scraped_at("127.0.0.1:4317"), otlp({"grpc": {}}), True),
        (config(), otlp({"grpc": {}}), False),
    ],
)
def test_two_contend_where_they_may_want_one_port(one, other, contended):
    assert contend(one, other) is contended
    assert contend(other, one) is contended
