"""Units as text, and what systemd itself says of them."""

import re
import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoenix.domain.errors import SpecError
from phoenix.manifests.systemd import (
    HOST_FOLDER,
    CollectorUnit,
    boot_unit,
    boot_unit_name,
    capabilities_for,
    collector_unit,
    secret_files,
    unit_name,
)
from tests.support.golden import check_golden

GOLDEN = Path(__file__).parent / "golden"
BOTH = ("CAP_DAC_READ_SEARCH", "CAP_SYS_PTRACE")
MOST_EXPOSED = 3.0
"""What the default may score at most; systemd calls 5 medium."""

ACTIVE = CollectorUnit(
    description="Phoenix: process-topk-v1 (revision-3)",
    place="revision-3",
    binary="/var/lib/phoenix/binaries/0123abcd",
    config="/var/lib/phoenix/configs/4567cdef.yaml",
    environment={"PHOENIX_OWNER": "someone", "PHOENIX_PLACE": "ssh://a@b:22/revision-3"},
    environment_file="/etc/phoenix/collector.env",
    secret_files=("/etc/phoenix/license",),
    capabilities=BOTH,
)
MEASURED = replace(
    ACTIVE,
    description="Phoenix: the candidate",
    place="candidate",
    environment_file=None,
    secret_files=(),
    lifetime=timedelta(minutes=30),
    capabilities=(),
)


INSTALLED = replace(
    ACTIVE, name="phoenix-pipeline", at_boot=True, environment_file="-/etc/phoenix/collector.env"
)


def settings_of(text, name):
    return re.findall(rf"^{name}=(.*)$", text, re.MULTILINE)


@pytest.mark.parametrize(("name", "unit"), [("active", ACTIVE), ("candidate", MEASURED)])
def test_text_of_a_collector_unit(name, unit):
    check_golden(GOLDEN / f"{name}-collector.service", collector_unit(unit))


def test_text_of_the_boot_unit():
    check_golden(GOLDEN / "boot.service", boot_unit(HOST_FOLDER))


def test_what_an_experiment_starts_ends_alone_and_is_not_started_again():
    text = collector_unit(replace(MEASURED, lifetime=timedelta(seconds=2.5)))
    assert settings_of(text, "RuntimeMaxSec") == ["2500ms"]
    assert settings_of(text, "Restart") == ["no"]


def test_what_an_experiment_starts_reaches_nobody_beyond_the_host():
    assert settings_of(collector_unit(MEASURED), "IPAddressDeny") == ["any"]
    trial = replace(ACTIVE, lifetime=timedelta(minutes=1))
    assert not settings_of(collector_unit(ACTIVE) + collector_unit(trial), "IPAddressDeny")


def test_the_active_pipeline_is_started_again_for_ever():
    text = collector_unit(ACTIVE)
    assert settings_of(text, "Restart") == ["on-failure"]
    assert settings_of(text, "StartLimitIntervalSec") == ["0"]
    assert not settings_of(text, "RuntimeMaxSec")


def test_a_unit_that_is_installed_by_hand_starts_at_boot_under_its_own_name():
    text = collector_unit(INSTALLED)
    assert settings_of(text, "WantedBy") == ["multi-user.target"]
    assert settings_of(text, "EnvironmentFile") == ["-/etc/phoenix/collector.env"]
    assert settings_of(text, "SyslogIdentifier") == ["phoenix-pipeline"]
    assert not settings_of(collector_unit(ACTIVE), "WantedBy")


def test_two_folders_on_one_host_never_share_a_unit():
    names = {
        make(folder)
        for folder in ("/var/lib/phoenix", "/srv/a", "/srv/b")
        for make in (_of_one, boot_unit_name)
    }
    assert len(names) == 6
    assert unit_name(HOST_FOLDER, "revision-1") == "phoenix-collector-revision-1.service"


def _of_one(folder):
    return unit_name(folder, "revision-1")


@pytest.mark.parametrize(
    "change",
    [
        {"description": "one\nExecStartPre=/bin/evil"},
        {"description": "one\0two"},
        {"description": "\ud800"},
        {"place": "revision-0"},
        {"place": "../candidate"},
        {"binary": "otelcol"},
        {"binary": "/a/../b"},
        {"binary": "/a b"},
        {"binary": "/a;b"},
        {"binary": "/a%hb"},
        {"config": "/a/$(b)"},
        {"config": "/a\n[Install]"},
        {"folder": "/"},
        {"environment": {"A B": "c"}},
        {"environment": {"A": "b\nUser=root"}},
        {"environment_file": "--/etc/passwd"},
        {"environment_file": ""},
        {"name": "a.service\nUser=root"},
        {"secret_files": ("/a:/etc/shadow",)},
        {"capabilities": ("CAP_SYS_PTRACE\nUser=root",)},
    ],
    ids=str,
)
def test_what_could_add_a_setting_is_refused(change):
    with pytest.raises(SpecError) as refused:
        collector_unit(replace(ACTIVE, **change))
    assert refused.value.code == "invalid_unit"


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_text_adds_a_line(description, value):
    try:
        text = collector_unit(replace(ACTIVE, description=description, environment={"A": value}))
    except SpecError:
        return
    expected = collector_unit(replace(ACTIVE, description="", environment={"A": ""})).splitlines()
    assert [line.partition("=")[0] for line in text.splitlines()] == [
        line.partition("=")[0] for line in expected
    ]
    assert not text.splitlines()[2].endswith("\\")


# --- capabilities ---


def scraping(scraper, *, name="host_metrics", used=True):
    pipelines = {"metrics": {"receivers": [name] if used else []}}
    return {"receivers": {name: {"scrapers": {"process": scraper}}}, "service": {"pipelines": pipelines}}


def lean(**metrics):
    """Without what is on by default and needs something."""
    on = {name.replace("__", "."): {"enabled": True} for name, wanted in metrics.items() if wanted}
    return {
        "metrics": {"process.disk.io": {"enabled": False}, **on},
        "resource_attributes": {"process.executable.path": {"enabled": False}},
    }


@pytest.mark.parametrize(
    ("config", "needed"),
    [
        (scraping({}), BOTH),
        (scraping(None), BOTH),
        (scraping(None, name="hostmetrics/old"), BOTH),
        (scraping(None, used=False), ()),
        (scraping(lean()), ()),
        (scraping(lean(process__threads=True, process__context_switches=True)), ()),
        (scraping(lean(process__open_file_descriptors=True)), ("CAP_DAC_READ_SEARCH",)),
        (scraping(lean(process__signals_pending=True)), ("CAP_DAC_READ_SEARCH",)),
        (scraping(lean(process__disk__operations=True)), BOTH),
        (scraping({"metrics": {"process.disk.io": {"enabled": False}}}), ("CAP_SYS_PTRACE",)),
        (scraping({"metrics": {"process.disk.io": {"enabled": "${env:IO}"}}}), BOTH),
        ({"receivers": {"host_metrics": {"scrapers": {"cpu": None}}}}, ()),
        ({}, ()),
    ],
)
def test_capabilities_are_what_an_enabled_metric_or_attribute_needs(config, needed):
    assert capabilities_for(config) == needed


@pytest.mark.parametrize(
    ("exporter", "files"),
    [
        ({"headers": {"api-key": "${file:/etc/phoenix/license}"}}, ("/etc/phoenix/license",)),
        ({"headers": {"b": "Bearer ${file:/b}", "a": "${file:/a}", "c": "${file:/a}"}}, ("/a", "/b")),
        (
            {"tls": {"key_file": "/etc/phoenix/tls.key", "ca_file": "/etc/ssl/ca.pem"}},
            ("/etc/phoenix/tls.key",),
        ),
        ({"headers": {"api-key": "$${file:/etc/phoenix/license}"}}, ()),
        ({"headers": {"api-key": "${file:${env:CREDENTIALS_DIRECTORY}/license}"}}, ()),
        ({"headers": {"api-key": "${env:KEY}"}}, ()),
    ],
)
def test_secret_files_are_those_that_the_configuration_reads(exporter, files):
    assert secret_files({"exporters": {"otlp_http": exporter}}) == files


# --- systemd's own word ---

SYSTEMD = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def analyze(*arguments):
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)


@SYSTEMD
@pytest.mark.real
@pytest.mark.parametrize("unit", [ACTIVE, MEASURED, INSTALLED], ids=lambda unit: unit.name or unit.place)
def test_systemd_finds_no_fault_in_a_collector_unit(unit, tmp_path):
    file = tmp_path / unit_name(unit.folder, unit.place)
    file.write_text(collector_unit(replace(unit, binary="/bin/true", description='100 % "a\\b" $HOME')))
    found = analyze("verify", "--man=no", str(file))
    assert (found.returncode, found.stdout + found.stderr) == (0, "")


@SYSTEMD
@pytest.mark.real
def test_systemd_finds_no_fault_in_the_boot_unit(tmp_path):
    file = tmp_path / boot_unit_name(HOST_FOLDER)
    file.write_text(boot_unit(HOST_FOLDER))
    found = analyze("verify", "--man=no", str(file))
    assert (found.returncode, found.stdout + found.stderr) == (0, "")


@SYSTEMD
@pytest.mark.real
@pytest.mark.parametrize("capabilities", [(), ("CAP_SYS_PTRACE",), BOTH], ids=str)
@pytest.mark.parametrize("unit", [ACTIVE, MEASURED], ids=lambda unit: unit.place)
def test_a_unit_is_hardened_by_systemds_own_measure(unit, capabilities, tmp_path):
    file = tmp_path / unit_name(unit.folder, unit.place)
    file.write_text(collector_unit(replace(unit, capabilities=capabilities)))
    found = analyze("security", "--offline=true", "--no-pager", str(file))
    if "offline" in found.stderr:
        pytest.skip("systemd-analyze is older than 250 and cannot judge a file")
    (exposure,) = re.findall(r"Overall exposure level for \S+: ([0-9.]+)", found.stdout)
    assert float(exposure) <= MOST_EXPOSED


# --- the boot unit's script ---


@pytest.fixture
def boot(tmp_path):
    """Runs the script on a folder whose `active` link points at a target; gives its exit code and what it started."""
    script = Path(__file__).parents[2] / "deployments/systemd/start-active.sh"
    tools = tmp_path / "tools"
    tools.mkdir()
    started = tmp_path / "started"
    (tools / "systemctl").write_text(f'#!/bin/sh\necho "$@" >>{started}\n')
    (tools / "systemctl").chmod(0o755)

    def run(target):
        if target is not None:
            (tmp_path / "active").symlink_to(target)
        command = ["/bin/sh", "-c", script.read_text(), "sh", str(tmp_path), "phoenix-collector-"]
        done = subprocess.run(
            command, env={"PATH": f"{tools}:/usr/bin:/bin"}, capture_output=True, check=False
        )
        return done.returncode, started.read_text() if started.exists() else ""

    return run


def test_at_boot_the_collector_that_the_link_names_is_started(boot):
    assert boot("places/revision-12") == (0, "start phoenix-collector-revision-12.service\n")


def test_at_boot_nothing_is_started_where_nothing_is_active(boot):
    assert boot(None) == (0, "")


@pytest.mark.parametrize(
    "target",
    [
        "places/candidate",
        "places/revision-",
        "places/revision-01",
        "places/revision-1/../candidate",
        "places/revision-1;reboot",
        "/etc",
        "revision-1",
        "places/revision-1\nrevision-2",
    ],
)
def test_at_boot_a_link_to_anything_else_is_refused(boot, target):
    assert boot(target) == (1, "")
