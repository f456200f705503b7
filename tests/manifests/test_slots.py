"""What a slot adds to a pipeline."""

from phoenix.manifests.collector import own_part_of_file
from phoenix.manifests.slots import SlotAddition, exporters_of_file, measurement_environ, slot_config
from tests.manifests.test_collector import CONFIG, CONNECTED

OWN = own_part_of_file(CONFIG)


def exporters_of(config):
    return {name: body["exporters"] for name, body in config["service"]["pipelines"].items()}


def test_a_measurement_slot_exports_to_the_measurement_only():
    config = slot_config(OWN).config
    assert exporters_of(config) == {"metrics": ["prometheus/phoenix"]}
    assert list(config["exporters"]) == ["prometheus/phoenix"]


def test_processes_keep_their_identity_and_the_dead_are_gone_after_two_and_a_half_scrapes():
    exporter = slot_config(OWN).config["exporters"]["prometheus/phoenix"]
    assert exporter["resource_to_telemetry_conversion"] == {"enabled": True}
    assert exporter["metric_expiration"] == "25s"


def test_every_address_comes_from_the_environment():
    config = slot_config(OWN).config
    (reader,) = config["service"]["telemetry"]["metrics"]["readers"]
    address = reader["pull"]["exporter"]["prometheus"]
    found = [
        config["exporters"]["prometheus/phoenix"]["endpoint"],
        config["extensions"]["health_check/phoenix"]["endpoint"],
        address["host"],
        address["port"],
    ]
    environ = measurement_environ("127.0.0.1:1", "127.0.0.1:2", ("127.0.0.1", 3))
    assert found == [f"${{env:{name}}}" for name in environ]


def test_an_active_slot_adds_the_users_exporters():
    config = slot_config(OWN, SlotAddition({"otlp_http": {"endpoint": "${env:BACKEND}"}})).config
    assert exporters_of(config) == {"metrics": ["prometheus/phoenix", "otlp_http"]}
    assert config["exporters"]["otlp_http"] == {"endpoint": "${env:BACKEND}"}


def test_the_digest_is_of_the_whole_and_the_version_is_not():
    active = slot_config(OWN, SlotAddition({"debug": {}}))
    assert active.digest != slot_config(OWN).digest
    assert slot_config(OWN).digest == slot_config(own_part_of_file(CONFIG)).digest


def test_a_users_file_keeps_its_own_wiring():
    config = slot_config(own_part_of_file(CONNECTED), exporters_of_file(CONNECTED)).config
    assert exporters_of(config) == {"metrics/in": ["forward"], "metrics/out": ["prometheus/phoenix", "debug"]}


def test_a_user_cannot_replace_the_measurement():
    sneaky = SlotAddition({"prometheus/phoenix": {"endpoint": "0.0.0.0:1"}})
    config = slot_config(OWN, sneaky).config
    assert config["exporters"]["prometheus/phoenix"]["endpoint"] == "${env:PHOENIX_METRICS_ADDRESS}"
    assert exporters_of(config) == {"metrics": ["prometheus/phoenix"]}


def test_at_a_port_of_its_own_a_pipeline_reads_at_once_unless_it_says_otherwise():
    scraped = SlotAddition({"prometheus": {"endpoint": "127.0.0.1:9464"}})
    receivers = slot_config(OWN, scraped).config["receivers"]
    assert {body.get("initial_delay") for body in receivers.values()} == {"0s"}
    assert slot_config(OWN).config["receivers"] == OWN.config["receivers"]
    patient = own_part_of_file({**CONFIG, "receivers": {"host_metrics": {"initial_delay": "5s"}}})
    (body,) = slot_config(patient, scraped).config["receivers"].values()
    assert body["initial_delay"] == "5s"
