"""Durations: one strict notation, exact in both directions."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from phoenix.domain.durations import Duration, format_duration, parse_duration

DURATIONS = st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=3650))


@given(DURATIONS)
def test_what_is_written_is_read_back_exactly(value):
    assert parse_duration(format_duration(value)) == value


@given(st.text(max_size=20))
def test_any_text_is_a_duration_or_refused_with_a_reason(text):
    try:
        assert parse_duration(text) > timedelta(0)
    except ValueError as fault:
        assert str(fault)  # noqa: PT017 (both ways are right, and this is what the second promises)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("5s", 5000),
        ("250ms", 250),
        ("1m30s", 90_000),
        ("0.1s", 100),
        ("1.5h", 5_400_000),
        ("2h1s", 7_201_000),
    ],
)
def test_durations_are_read(text, milliseconds):
    assert parse_duration(text) == timedelta(milliseconds=milliseconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "-5s",
        "+5s",
        "0s",
        "0m0s",
        "5 s",
        "s",
        "1s1m",
        "1s1s",
        "5S",
        "٣s",
        "1e3s",
        "1d",
        "9" * 99 + "s",
        "99999h",
        "0.5us",
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError):
        parse_duration(text)


class Spec(BaseModel):
    interval: Duration


def test_a_field_reads_and_writes_text():
    assert Spec.model_validate({"interval": "90s"}).model_dump() == {"interval": "1m30s"}


@pytest.mark.parametrize("value", [5, 5.0, True, None, "5", timedelta(0)])
def test_a_field_refuses_what_has_no_unit(value):
    with pytest.raises(ValidationError, match=r"unit|zero|not a duration"):
        Spec.model_validate({"interval": value})


def test_a_field_takes_a_timedelta():
    assert Spec(interval=timedelta(seconds=5)).interval == timedelta(seconds=5)


def test_nothing_cannot_be_written():
    with pytest.raises(ValueError, match="above zero"):
        format_duration(timedelta(0))


def test_the_schema_of_a_field_is_text_with_a_pattern():
    schema = Spec.model_json_schema()["properties"]["interval"]
    assert (schema["type"], "pattern" in schema) == ("string", True)
