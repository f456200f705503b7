"""The own part of a pipeline and its version."""

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoenix.manifests.collector import counts_each_byte_once, own_part, own_part_of_file, scrape_interval_of

CONFIG = {
    "receivers": {"host_metrics": {"collection_interval": "10s", "scrapers": {"process": {}}}, "otlp": {}},
    "processors": {"memory_limiter": {"limit_mib": 100}, "topk": {"k": 10}, "unused": {}},
    "exporters": {"debug": {}, "otlp_http": {"endpoint": "https://x"}},
    "extensions": {"health_check": {"endpoint": "127.0.0.1:1"}},
    "service": {
        "extensions": ["health_check"],
        "telemetry": {"logs": {"level": "info"}},
        "pipelines": {
            "metrics": {
                "receivers": ["host_metrics"],
                "processors": ["memory_limiter", "topk"],
                "exporters": ["debug"],
            },
            "traces": {"receivers": ["otlp"], "exporters": ["debug"]},
        },
    },
}


def changed(path, value):
    config = json.loads(json.dumps(CONFIG))
    node = config
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return config


def version(config, **options):
    return own_part_of_file(config, **options).version


def test_only_what_the_metrics_pipelines_use_is_kept():
    own = own_part_of_file(CONFIG)
    assert own.config == {
        "receivers": {"host_metrics": CONFIG["receivers"]["host_metrics"]},
        "processors": {"memory_limiter": {"limit_mib": 100}, "topk": {"k": 10}},
        "service": {
            "pipelines": {
                "metrics": {"receivers": ["host_metrics"], "processors": ["memory_limiter", "topk"]}
            }
        },
    }


def test_exporters_addresses_and_telemetry_are_no_part_of_the_version():
    others = [
        changed(("exporters", "debug"), {"verbosity": "detailed"}),
        changed(("service", "pipelines", "metrics", "exporters"), ["otlp_http"]),
        changed(("extensions",), {}),
        changed(("service", "telemetry"), {}),
        changed(("service", "pipelines", "traces"), {"receivers": ["otlp"], "exporters": ["otlp_http"]}),
    ]
    assert {version(config) for config in others} == {version(CONFIG)}


def test_whatever_changes_the_output_changes_the_version():
    others = [
        changed(("processors", "topk", "k"), 11),
        changed(("processors", "topk", "k"), "10"),
        changed(("receivers", "host_metrics", "collection_interval"), "5s"),
        changed(("service", "pipelines", "metrics", "processors"), ["topk", "memory_limiter"]),
    ]
    assert len({version(config) for config in [CONFIG, *others]}) == 5


def shuffled(tree, draw):
    if isinstance(tree, dict):
        keys = draw(st.permutations(list(tree)))
        return {key: shuffled(tree[key], draw) for key in keys}
    return tree


@given(st.data())
def test_the_order_of_keys_does_not_count(data):
    assert version(shuffled(CONFIG, data.draw)) == version(CONFIG)


TEMPLATE = {
    "receivers": {"host_metrics": {"collection_interval": "${param:interval}", "scrapers": {"process": {}}}},
    "processors": {"topk": {"k": "${param:k}"}},
    "service": {"pipelines": {"metrics": {"receivers": ["host_metrics"], "processors": ["topk"]}}},
}


@given(st.integers(1, 1000), st.integers(1, 1000))
def test_the_version_follows_the_parameters(one, other):
    first, second = (own_part(TEMPLATE, {"interval": "10s", "k": k}).version for k in (one, other))
    assert (first == second) == (one == other)


def test_the_experiments_interval_wins_and_says_so():
    own = own_part_of_file(CONFIG, scrape_interval=timedelta(seconds=5))
    (finding,) = own.findings
    assert own.config["receivers"]["host_metrics"]["collection_interval"] == "5s"
    assert (finding.code, finding.path) == (
        "interval_overridden",
        "receivers.host_metrics.collection_interval",
    )


def test_the_same_interval_is_no_finding():
    assert own_part_of_file(CONFIG, scrape_interval=timedelta(seconds=10)).findings == ()


def test_the_collectors_default_interval_is_known():
    config = changed(("receivers", "host_metrics"), None)
    assert scrape_interval_of(own_part_of_file(config)) == timedelta(minutes=1)


def test_an_interval_nobody_can_read_counts_as_the_default():
    config = changed(("receivers", "host_metrics", "collection_interval"), "often")
    assert scrape_interval_of(own_part_of_file(config)) == timedelta(minutes=1)


def test_other_receivers_keep_their_configuration():
    config = changed(("service", "pipelines", "metrics", "receivers"), ["host_metrics", "otlp"])
    own = own_part_of_file(config, scrape_interval=timedelta(seconds=5))
    assert own.config["receivers"]["otlp"] == {}


def test_the_old_name_of_the_receiver_is_known():
    config = json.loads(json.dumps(CONFIG).replace("host_metrics", "hostmetrics"))
    own = own_part_of_file(config, scrape_interval=timedelta(seconds=1))
    assert scrape_interval_of(own) == timedelta(seconds=1)


def test_a_document_is_left_as_it_was():
    before = json.dumps(CONFIG)
    own_part_of_file(CONFIG, scrape_interval=timedelta(seconds=1))
    assert json.dumps(CONFIG) == before


CONNECTED = {
    "receivers": {"host_metrics": {}, "otlp": {}},
    "processors": {"batch": {}},
    "connectors": {"forward": {}, "spanmetrics": {}},
    "exporters": {"debug": {}},
    "service": {
        "pipelines": {
            "metrics/in": {"receivers": ["host_metrics"], "exporters": ["forward"]},
            "metrics/out": {
                "receivers": ["forward", "spanmetrics"],
                "processors": ["batch"],
                "exporters": ["debug"],
            },
            "metrics/spans": {"receivers": ["spanmetrics"], "exporters": ["debug"]},
            "traces": {"receivers": ["otlp"], "exporters": ["spanmetrics"]},
        }
    },
}


def test_connectors_between_metrics_pipelines_stay_and_those_from_elsewhere_go():
    own = own_part_of_file(CONNECTED)
    assert own.config["connectors"] == {"forward": {}}
    assert own.config["service"]["pipelines"] == {
        "metrics/in": {"receivers": ["host_metrics"], "processors": [], "exporters": ["forward"]},
        "metrics/out": {"receivers": ["forward"], "processors": ["batch"]},
    }


def test_a_pipeline_that_only_feeds_a_connector_does_not_export():
    assert own_part_of_file(CONNECTED).exporting == ("metrics/out",)


def test_a_document_without_pipelines_gives_an_empty_part():
    assert own_part_of_file({}).config["service"] == {"pipelines": {}}


@pytest.mark.parametrize(
    ("processors", "counted"),
    [
        (["memory_limiter", "batch"], True),
        (["batch", "filter/a"], False),
        (["batch", "batch/b"], False),
        ([], False),
    ],
)
def test_bytes_are_counted_once_only_by_one_batch_at_the_end(processors, counted):
    pipeline = {"receivers": ["host_metrics"], "processors": processors, "exporters": ["debug"]}
    config = {
        "receivers": {"host_metrics": {}},
        "processors": {name: {} for name in processors},
        "exporters": {"debug": {}},
        "service": {"pipelines": {"metrics": pipeline}},
    }
    assert counts_each_byte_once(own_part_of_file(config)) is counted
