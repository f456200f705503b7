"""Scrapes pass through JSON and come back as they were."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoenix.adapters.store.encoding import decode_scrape, encode_scrape, storable, to_json
from phoenix.domain.errors import StateError
from phoenix.domain.metrics import Metric
from phoenix.domain.samples import ArmSample, ProcessIdentity, Scrape

# Names of processes are bytes: what is not UTF-8 arrives as lone low surrogates (surrogateescape).
TEXTS = st.text(
    st.one_of(st.characters(), st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF)), max_size=20
)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
COUNTS = st.integers(0, 2**53)
ARMS = st.builds(
    ArmSample,
    values=st.dictionaries(st.sampled_from(Metric), NUMBERS),
    critical=COUNTS,
    missed=st.lists(st.builds(ProcessIdentity, TEXTS, COUNTS), max_size=4).map(tuple),
    cpu_seconds=st.none() | NUMBERS,
    points_received=st.none() | NUMBERS,
    export_age_seconds=st.none() | NUMBERS,
    throttled_periods=st.none() | COUNTS,
    error=TEXTS,
    is_judged=st.booleans(),
    coverage_slack=st.none() | NUMBERS,
)
SCRAPES = st.builds(
    Scrape,
    number=COUNTS,
    host=TEXTS,
    at_seconds=NUMBERS,
    wall_seconds=NUMBERS,
    baseline=st.none() | ARMS,
    candidate=st.none() | ARMS,
    unmatched=st.lists(TEXTS, max_size=3).map(tuple),
    undue=st.lists(TEXTS, max_size=3).map(tuple),
)


@given(SCRAPES)
def test_a_scrape_comes_back_exactly(scrape: Scrape):
    text = to_json(encode_scrape(scrape))
    assert text.isascii()
    # repr too: equality alone takes 0.0 for -0.0.
    assert repr(decode_scrape(json.loads(text))) == repr(scrape)


def test_what_is_missing_has_no_key_and_an_empty_arm_is_not_a_missing_one():
    document = encode_scrape(Scrape(1, "local", 0.0, 0.0, ArmSample(), None))
    assert document == {"number": 1, "host": "local", "at_seconds": 0.0, "wall_seconds": 0.0, "baseline": {}}
    back = decode_scrape(document)
    assert (back.baseline, back.candidate) == (ArmSample(), None)


def test_zero_is_not_missing():
    arm = ArmSample(values={Metric.SERIES: 0.0}, cpu_seconds=0.0, throttled_periods=0)
    back = decode_scrape(encode_scrape(Scrape(1, "local", 0.0, 0.0, arm, None)))
    assert back.baseline == arm


def test_a_sample_of_an_older_version_is_judged_and_has_no_slack():
    old = decode_scrape({**GOOD, "candidate": {"values": {"cpu_coverage": 0.9}}}).candidate
    assert (old.is_judged, old.coverage_slack) == (True, None)


GOOD: dict[str, object] = {"number": 1, "host": "local", "at_seconds": 0.0, "wall_seconds": 0.0}
REFUSED = [
    ({"colour": "red"}, "unknown field 'colour'"),
    ({"baseline": {"latency": 1.0}}, "unknown field 'latency'"),
    ({"baseline": {"values": {"happiness": 1.0}}}, "happiness"),
    ({"baseline": {"values": {"series": None}}}, "'values'"),
    ({"baseline": {"values": []}}, "'values'"),
    ({"baseline": {"critical": 1.5}}, "'critical'"),
    ({"baseline": {"missed": [["nginx"]]}}, "'missed'"),
    ({"baseline": {"error": 3}}, "'error'"),
    ({"baseline": {"is_judged": 0}}, "'is_judged'"),
    ({"baseline": 3}, "'baseline'"),
    ({"at_seconds": True}, "'at_seconds'"),
    ({"unmatched": 3}, "'unmatched'"),
]


@pytest.mark.parametrize(("change", "named"), REFUSED)
def test_what_this_version_does_not_know_is_refused_by_name(change: dict[str, object], named: str):
    with pytest.raises(StateError, match="cannot be read") as caught:
        decode_scrape({**GOOD, **change})
    assert named in caught.value.message
    assert caught.value.code == "unreadable_scrape"


@pytest.mark.parametrize("key", GOOD)
def test_a_scrape_without_its_key_facts_is_refused(key: str):
    with pytest.raises(StateError, match=key):
        decode_scrape({name: value for name, value in GOOD.items() if name != key})


@given(TEXTS)
def test_any_text_can_be_stored(text: str):
    kept = storable(text)
    kept.encode("utf-8")
    assert "\x00" not in kept
    if "\x00" not in text and text.isprintable():
        assert kept == text
