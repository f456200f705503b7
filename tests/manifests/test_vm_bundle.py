"""What a bundle for a host out of reach says, and what can not be put into one."""

import hashlib
import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoenix.domain.errors import SpecError
from phoenix.manifests.collector import own_part_of_file
from phoenix.manifests.slots import SlotAddition, slot_config
from phoenix.manifests.systemd import CollectorUnit, collector_unit
from phoenix.manifests.vm_bundle import BEGIN, VmBundle, VmPlaces, bundle_files
from tests.manifests.test_collector import CONFIG
from tests.support.golden import check_golden

GOLDEN = Path(__file__).parent / "golden" / "vm"
BOTH = ("CAP_DAC_READ_SEARCH", "CAP_SYS_PTRACE")
UNIT = "phoenix-pipeline.service"
SECRETS = {
    "otlp_http": {"endpoint": "https://otlp.example.com", "headers": {"api-key": "${env:KEY}"}},
    "otlp_grpc/b": {
        "endpoint": "${env:HOST:-b.example.com:4317}",
        "headers": {"token": "${file:/etc/phoenix/b}"},
    },
    "debug": {},
}


def bundle(exporters, title="process-topk-v1", **changes):
    own = own_part_of_file(CONFIG)
    config = slot_config(
        own, SlotAddition(exporters, {"metrics": [n for n in exporters if n != "debug"]})
    ).config
    made = VmBundle(title, own.version, config, "receivers: {}\n", tuple(exporters), timedelta(seconds=10))
    return replace(made, **changes)


def values_of(script):
    """What the script holds, as sh reads it."""
    assert BEGIN in script
    part = script.partition(BEGIN)[2].partition("# end")[0]
    names = [line.partition("=")[0] for line in part.splitlines() if line.partition("=")[0].isupper()]
    show = "".join(f"printf '%s\\0' \"${name}\"\n" for name in names if name.replace("_", "").isalpha())
    out = subprocess.run(["sh", "-c", part + show], capture_output=True, check=True).stdout.decode()
    return dict(zip(names, out.split("\0"), strict=False))


@pytest.mark.parametrize("file", ["README.txt", UNIT, "install.sh"])
@pytest.mark.parametrize(("name", "exporters"), [("secrets", SECRETS), ("none", {})])
def test_text_of_a_file(file, name, exporters):
    text = bundle_files(bundle(exporters))[file]
    if file == "install.sh":
        text = text.partition(BEGIN)[2].partition("# end")[0]
    check_golden(GOLDEN / f"{name}-{file}", text)


def test_only_variables_without_a_default_must_be_set():
    assert bundle(SECRETS).variables == ("KEY",)
    assert bundle({}).variables == ()


def test_an_exporter_that_nothing_sends_to_is_not_waited_for():
    assert bundle(SECRETS).used_exporters == ("otlp_http", "otlp_grpc/b")


def test_the_sums_are_those_of_the_files():
    files = bundle_files(bundle(SECRETS))
    sums = dict(reversed(line.split("  ")) for line in values_of(files["install.sh"])["SUMS"].splitlines())
    assert sums == {
        name: hashlib.sha256(files[name].encode()).hexdigest() for name in ("collector.yaml", UNIT)
    }


def test_the_wait_is_long_enough_for_three_scrapes():
    patient = bundle({}, scrape_interval=timedelta(minutes=5))
    assert values_of(bundle_files(patient)["install.sh"])["PATIENCE"] == "920"


def test_what_needs_a_variable_does_not_start_without_its_file():
    assert "EnvironmentFile=/etc/phoenix/collector.env\n" in bundle_files(bundle(SECRETS))[UNIT]
    assert "EnvironmentFile=-/etc/phoenix/collector.env\n" in bundle_files(bundle({}))[UNIT]


def test_other_places_are_everywhere():
    places = VmPlaces(
        unit="other", folder="/srv/p", unit_folder="/srv/u", environment_file="/srv/e", health=7
    )
    files = bundle_files(bundle(SECRETS, places=places))
    assert "ExecStart=/srv/p/current/otelcol-phoenix" in files["other.service"]
    values = values_of(files["install.sh"])
    assert (values["UNIT"], values["FOLDER"], values["UNIT_FOLDER"], values["ENVIRONMENT_FILE"]) == (
        "other",
        "/srv/p",
        "/srv/u",
        "/srv/e",
    )
    assert not [name for name, text in files.items() if "/opt/phoenix" in text.partition("# end")[0]]


@given(st.text(max_size=30).filter(str.isprintable))
def test_a_title_is_nothing_but_a_title(title):
    assert values_of(bundle_files(bundle({}, title=title))["install.sh"])["TITLE"] == title


@pytest.mark.parametrize("name", ["otlp_http/a b", "otlp_http/$(id)", "otlp_http/*", 'otlp_http/"'])
def test_an_exporter_that_sh_would_misread_is_refused(name):
    with pytest.raises(SpecError):
        bundle_files(bundle({name: {}}))


@pytest.mark.parametrize("path", ["/etc/a b", "/etc/$(id)", "/a/../b"])
def test_a_file_that_systemd_would_misread_is_refused(path):
    with pytest.raises(SpecError):
        bundle_files(bundle({"otlp_http": {"headers": {"api-key": f"${{file:{path}}}"}}}))


def test_the_sandbox_is_that_of_every_other_host():
    def sandbox(text):
        return text.partition("\nUser=")[2].partition("\n[Install]")[0].strip()

    installed = bundle_files(bundle({}))[UNIT]
    elsewhere = collector_unit(CollectorUnit("", "revision-1", "/a", "/b", capabilities=BOTH))
    assert sandbox(installed) == sandbox(elsewhere)


@pytest.mark.real
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_finds_no_fault_in_the_unit(tmp_path):
    file = tmp_path / UNIT
    file.write_text(
        bundle_files(bundle(SECRETS))[UNIT].replace("/opt/phoenix/current/otelcol-phoenix", "/bin/true")
    )
    command = ["systemd-analyze", "verify", "--man=no", str(file)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout + found.stderr) == (0, "")
