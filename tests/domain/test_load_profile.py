"""Load profiles as documents: every wrong field has a finding with its path, and settings change what they name."""

from copy import deepcopy
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from pydantic import ValidationError

from phoenix.domain.errors import SpecError
from phoenix.domain.load.profile import (
    CpuShape,
    LoadPattern,
    LoadProfile,
    LoadSpec,
    MemoryShape,
    names_file,
    parse_profile,
)
from phoenix.domain.load.settings import profile_with, with_settings
from phoenix.domain.spec_faults import findings_of

REST = {"names": ["rest"], "weight": 1}
CHURN = {"names": ["job"], "churn": 1, "lifetimeSeconds": [0.2, 2]}
ONE = {
    "name": "one",
    "description": "d",
    "defaultProcesses": 20,
    "patterns": [
        {
            "names": ["x"],
            "weight": 1,
            "cpu": {"shape": "steady", "cores": 0.01},
            "memory": {"bytes": ["1MiB", "2MiB"]},
        }
    ],
}


def document(*patterns, **fields):
    return {
        "name": "p",
        "description": "d",
        "defaultProcesses": 10,
        "patterns": [REST, *patterns],
        **fields,
    }


def faults(refused):
    return [finding.path for finding in refused.value.findings]


def pattern(**fields):
    return parse_profile(document({"names": ["a"], "count": 1, **fields})).patterns[1]


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"count": None}, ""),
        ({"weight": 1}, ""),
        ({"churn": 1, "lifetimeSeconds": [1, 2]}, ""),
        ({"count": None, "churn": 1}, ".lifetimeSeconds"),
        ({"count": None, **CHURN, "critical": True}, ".critical"),
        ({"count": None, **CHURN, "restart": True}, ".restart"),
        ({"count": 0}, ".count"),
        ({"count": 5001}, ".count"),
        ({"count": None, "weight": -1}, ".weight"),
        ({"names": ["ok", "a/b"]}, ".names[1]"),
        ({"names": ["a\0b"]}, ".names[0]"),
        ({"names": ["{n}" * 60]}, ".names[0]"),
        ({"names": []}, ".names"),
        ({"cpu": {"shape": "steady"}}, ".cpu.cores"),
        ({"cpu": {"cores": 0.1}}, ".cpu.cores"),
        ({"cpu": {"shape": "steady", "cores": 1.5}}, ".cpu.cores"),
        ({"cpu": {"shape": "steady", "cores": float("nan")}}, ".cpu.cores"),
        ({"cpu": {"shape": "busy", "cores": 0.1}}, ".cpu.shape"),
        ({"cpu": {"shape": "spiky", "cores": 0.1, "periodSeconds": 0}}, ".cpu.periodSeconds"),
        ({"memory": {"bytes": [2, 1]}}, ".memory.bytes"),
        ({"memory": {"bytes": [-1, 1]}}, ".memory.bytes[0]"),
        ({"memory": {"bytes": ["1 lot", 1]}}, ".memory.bytes[0]"),
        ({"memory": {"shape": "idle"}}, ".memory.shape"),
        ({"lifetimeSeconds": [0.5, 3]}, ".lifetimeSeconds"),
        ({"lifetimeSeconds": [3, 2]}, ".lifetimeSeconds"),
        ({"user": "a b"}, ".user"),
        ({"arguments": ["a\0b"]}, ".arguments[0]"),
        ({"colour": "red"}, ".colour"),
        ({"memoryBytes": [1, 2]}, ".memoryBytes"),
        ({"growth": {"bytesPerSecond": 1, "maximumBytes": 2}}, ".growth"),
    ],
)
def test_a_fault_of_a_pattern_is_found_with_its_path(wrong, path):
    with pytest.raises(SpecError) as refused:
        pattern(**wrong)
    assert faults(refused) == [f"patterns[1]{path}"]


@pytest.mark.parametrize("name", ["a/b", "a\0b", "a\n", "", "-a", "x y", "{m}", "a" * 152])
def test_what_no_process_can_be_called_is_told_in_words(name):
    with pytest.raises(SpecError) as refused:
        pattern(names=[name])
    (finding,) = refused.value.findings
    assert finding.path == "patterns[1].names[0]"
    assert "letters, digits" in finding.reason
    assert "pattern" not in finding.reason


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"name": "A b"}, "name"),
        ({"aliases": ["x/y"]}, "aliases[0]"),
        ({"patterns": []}, "patterns"),
        ({"patterns": [{"names": ["a"], "count": 3000}, {"names": ["b"], "count": 3000}]}, "patterns"),
        ({"defaultProcesses": None}, "defaultProcesses"),
        ({"defaultProcesses": 0}, "defaultProcesses"),
        ({"patterns": [{"names": ["a"], "count": 3}]}, "defaultProcesses"),
        ({"defaultChurnRate": 1}, "defaultChurnRate"),
        ({"defaultChurnRate": 201, "patterns": [REST, CHURN]}, "defaultChurnRate"),
        ({"ramp": [{"at": "30s", "share": 0.5}]}, "ramp"),
        ({"ramp": [{"at": "30s", "share": 1}, {"at": "30s", "share": 1}]}, "ramp"),
        ({"ramp": [{"at": 30, "share": 1}]}, "ramp[0].at"),
        ({"ramp": [{"at": "-1s", "share": 1}]}, "ramp[0].at"),
        ({"ramp": [{"at": "30s", "share": 1.5}]}, "ramp[0].share"),
    ],
)
def test_a_fault_of_a_profile_is_found_with_its_path(changes, path):
    with pytest.raises(SpecError) as refused:
        parse_profile(document(**changes))
    assert faults(refused) == [path]


def test_all_faults_are_found_at_once():
    with pytest.raises(SpecError) as refused:
        parse_profile(document({"names": ["a/b"], "count": -1, "cpu": {"shape": "x"}}, defaultChurnRate=-1))
    assert faults(refused) == [
        "patterns[1].names[0]",
        "patterns[1].count",
        "patterns[1].cpu.shape",
        "defaultChurnRate",
    ]


def test_what_is_left_out_is_a_process_that_lives_on_and_does_nothing():
    plain = pattern()
    assert (plain.cpu.shape, plain.cpu.cores) == (CpuShape.IDLE, 0)
    assert (plain.memory.shape, plain.memory.bytes) == (MemoryShape.STEADY, (0, 0))
    assert (plain.lifetime_seconds, plain.restart, plain.user, plain.critical) == (None, True, None, False)


def test_sizes_may_have_units():
    assert pattern(memory={"bytes": ["64KiB", 1e6]}).memory.bytes == (65536, 1_000_000)


@pytest.mark.parametrize(
    ("cpu", "seconds"),
    [
        ({"shape": "steady", "cores": 0.1}, 0.5),
        ({"shape": "spiky", "cores": 0.1}, 10),
        ({"shape": "growing", "cores": 0.1}, 60),
        ({"shape": "spiky", "cores": 0.1, "periodSeconds": 3}, 3),
    ],
)
def test_a_shape_has_a_period_of_its_own(cpu, seconds):
    assert pattern(cpu=cpu).cpu.period() == seconds


def test_a_ramp_may_begin_at_once():
    (first, last) = parse_profile(document(ramp=[{"at": "0s", "share": 0.2}, {"at": "1m", "share": 1}])).ramp
    assert (first.at, last.at) == (timedelta(0), timedelta(minutes=1))
    assert first.model_dump(mode="json") == {"at": "0s", "share": 0.2}


def test_counts_alone_say_how_many_there_are():
    counts = [{"names": ["a"], "count": 3}, {"names": ["b"], "count": 4}]
    for given_number in (None, 7):
        profile = parse_profile(document(patterns=counts, defaultProcesses=given_number))
        assert (profile.counted, profile.can_grow, profile.has_churn) == (7, False, False)


def test_a_profile_may_be_churn_alone():
    assert parse_profile(document(patterns=[CHURN], defaultProcesses=None, defaultChurnRate=5)).has_churn


@pytest.mark.parametrize(
    ("wrong", "path", "fix"),
    [
        ({}, "profile", "add it"),
        ({"profile": "A b"}, "profile", "small letters"),
        ({"profile": "x", "processes": 0}, "processes", "at least 1"),
        ({"profile": "x", "processes": -3}, "processes", "at least 1"),
        ({"profile": "x", "processes": 5001}, "processes", "at most 5000"),
        ({"profile": "x", "churnRate": -1}, "churnRate", "at least 0"),
        ({"profile": "x", "churnRate": 201}, "churnRate", "at most 200"),
        ({"profile": "x", "churnRate": float("nan")}, "churnRate", "as said"),
        ({"profile": "x", "seed": -1}, "seed", "at least 0"),
        ({"profile": "x", "settings": ["a"]}, "settings", "as said"),
        ({"profile": "x", "churn_rat": 1}, "churn_rat", "churnRate"),
    ],
)
def test_a_spec_says_what_would_be_right(wrong, path, fix):
    with pytest.raises(ValidationError) as refused:
        LoadSpec.model_validate(wrong)
    (finding,) = findings_of(refused.value, LoadSpec)
    assert finding.path == path
    assert fix in f"{finding.reason} {finding.fix}"


@pytest.mark.parametrize("profile", ["realistic", "high-card", "9"])
def test_a_plain_word_is_a_name(profile):
    assert not names_file(LoadSpec(profile=profile).profile)


@pytest.mark.parametrize("profile", ["./realistic", "mine.yaml", "../My Loads/one.yml", "/x/y"])
def test_a_slash_or_an_ending_is_a_file(profile):
    assert names_file(LoadSpec(profile=profile).profile)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"count": "50"}, {"count": 50, "weight": None}),
        ({"patterns.0.count": 50}, {"count": 50, "weight": None}),
        ({"user": "nobody", "restart": "false"}, {"user": "nobody", "restart": False}),
        ({"names": "api-{n}, web"}, {"names": ("api-{n}", "web")}),
        ({"nameTemplate": "job-%d"}, {"names": ("job-{n}",)}),
        ({"cpu.shape": "spiky", "cpu.cores": "0.1"}, {"cpu.shape": "spiky", "cpu.cores": 0.1}),
        (
            {"cpuPattern": "growing", "memPattern": "random"},
            {"cpu.shape": "growing", "memory.shape": "random"},
        ),
        ({"cpu": {"shape": "idle"}}, {"cpu.shape": "idle", "cpu.cores": 0}),
        ({"memory.bytes": "1MiB,3MiB"}, {"memory.bytes": (2**20, 3 * 2**20)}),
        ({"memory.bytes": "4096"}, {"memory.bytes": (4096, 4096)}),
        ({"memory.bytes": [1, 2]}, {"memory.bytes": (1, 2)}),
        ({"lifetimeSeconds": 30}, {"lifetime_seconds": (30, 30)}),
        ({"lifetime": "2m"}, {"lifetime_seconds": (120, 120)}),
        ({"lifetime": "30s,1m30s"}, {"lifetime_seconds": (30, 90)}),
        ({"churn": "1", "lifetime": "500ms"}, {"churn": 1, "weight": None, "lifetime_seconds": (0.5, 0.5)}),
        ({"uniqueCommandLine": "true", "arguments": "-v,--port=1"}, {"arguments": ("-v", "--port=1")}),
    ],
)
def test_a_setting_is_the_value_of_the_one_pattern(settings, expected):
    (changed,) = profile_with(ONE, settings).patterns
    for path, value in expected.items():
        found = changed
        for part in path.split("."):
            found = getattr(found, part)
        assert found == value


def test_settings_reach_every_part_of_a_profile():
    changed = with_settings(
        document(CHURN, ramp=[{"at": "10s", "share": 1}]),
        {
            "defaultProcesses": "50",
            "defaultChurnRate": 2.5,
            "patterns.1.lifetimeSeconds": "1,3",
            "patterns.0.cpu.cores": 0.1,
            "ramp.0.at": "20s",
        },
    )
    assert (changed["defaultProcesses"], changed["defaultChurnRate"]) == ("50", 2.5)
    assert changed["patterns"][1]["lifetimeSeconds"] == ["1", "3"]
    assert changed["patterns"][0]["cpu"] == {"cores": 0.1}
    assert changed["ramp"] == [{"at": "20s", "share": 1}]


def test_patterns_can_be_given_whole_and_then_changed():
    patterns = [{"names": ["a"], "count": 1}, {"names": ["b"], "count": 2}]
    profile = profile_with(ONE, {"patterns": patterns, "patterns.1.count": 5})
    assert (profile.counted, profile.default_processes) == (6, None)


def test_a_setting_takes_the_place_of_a_field_in_the_other_spelling():
    given_so = {**ONE, "default_processes": 5}
    del given_so["defaultProcesses"]
    assert profile_with(given_so, {"defaultProcesses": 7}).default_processes == 7


@pytest.mark.parametrize(
    ("profile", "settings", "path", "fix"),
    [
        (ONE, {"cuont": 1}, "settings.cuont", "did you mean count"),
        (ONE, {"cpu.shap": "idle"}, "settings.cpu.shap", "did you mean shape"),
        (ONE, {"name": "x"}, "settings.name", "did you mean names"),
        (ONE, {"cpu.shape.x": 1}, "settings.cpu.shape.x", "set patterns.0.cpu.shape itself"),
        (ONE, {"patterns.1.count": 1}, "settings.patterns.1.count", "numbered 0 to 0"),
        (ONE, {"patterns.-1.count": 1}, "settings.patterns.-1.count", "numbered 0 to 0"),
        (ONE, {"ramp.0.at": "1s"}, "settings.ramp.0.at", "as a whole"),
        (ONE, {"": 1}, "settings", "known here"),
        (ONE, {"lifetime": "soon"}, "settings.lifetime", "as said"),
        (document(CHURN), {"count": 1}, "settings.count", "known here: patterns, defaultProcesses"),
        (ONE, {"cpuPattern": "busy"}, "settings.cpuPattern", "'steady'"),
        (ONE, {"names": "ok,a/b"}, "settings.names[1]", "letters, digits"),
        (ONE, {"memory.bytes": "1,2,3"}, "settings.memory.bytes", "as said"),
        (ONE, {"cpu.cores": "much"}, "settings.cpu.cores", "as said"),
        (ONE, {"count": 1, "weight": 1}, "profile.patterns[0]", "as said"),
        (ONE, {"churn": 1}, "profile.patterns[0].lifetimeSeconds", "as said"),
        ({**ONE, "colour": 1}, {"count": 1}, "profile.colour", "known here"),
    ],
)
def test_a_wrong_setting_is_found_with_what_would_be_right(profile, settings, path, fix):
    with pytest.raises(SpecError) as refused:
        profile_with(profile, settings)
    assert faults(refused) == [path]
    (finding,) = refused.value.findings
    assert fix in f"{finding.reason} {finding.fix}"


def test_a_document_stays_as_it_is():
    before = deepcopy(ONE)
    with_settings(ONE, {"count": 3, "cpu.shape": "idle", "memory.bytes": "1,2"})
    assert before == ONE


@effort(max_examples=500)
@given(
    settings=st.dictionaries(
        st.sampled_from(
            ["count", "weight", "cpu.cores", "cpu", "patterns", "patterns.0", "ramp", "names", "x.y", ""]
        ),
        st.one_of(st.text(max_size=8), st.integers(), st.lists(st.integers(), max_size=3), st.none()),
        max_size=4,
    )
)
def test_whatever_is_set_makes_a_profile_or_is_refused_with_paths(settings):
    refused = None
    try:
        assert isinstance(profile_with(ONE, settings), LoadProfile)
    except SpecError as fault:
        refused = fault
    if refused:
        assert refused.findings
        assert all(finding.path.startswith(("settings", "profile")) for finding in refused.findings)


def test_every_field_of_a_pattern_can_be_set():
    values = {"names": "a", "cpu": {}, "memory": {}, "lifetimeSeconds": 5, "arguments": "x", "user": "nobody"}
    for name, field in LoadPattern.model_fields.items():
        key = field.alias or name
        with_settings(ONE, {key: values.get(key, 1)})
