"""Typed parameters: every fault at once, each value in one normal form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoenix.domain.pipelines.parameters import (
    Parameter,
    ParameterType,
    from_text,
    read_value,
    resolve_parameters,
)

T = ParameterType


def parameter(kind, default=None, **fields):
    return Parameter("p", kind, default, "help", **fields)


@pytest.mark.parametrize(
    ("kind", "given_value", "value"),
    [
        (T.DURATION, "10000ms", "10s"),
        (T.REGEX, "^nginx$", "^nginx$"),
        (T.INTEGER, 3, 3),
        (T.NUMBER, 1.0, 1),
        (T.NUMBER, 0.25, 0.25),
        (T.BYTES, "1.5KiB", 1536),
        (T.BYTES, "100MB", 100_000_000),
        (T.BYTES, 7, 7),
        (T.BOOLEAN, False, False),
        (T.STRING, "x", "x"),
        (T.STRINGS, ["a", "b"], ["a", "b"]),
        (T.EXPORTERS, {"otlp_http/x": {"endpoint": "y"}}, {"otlp_http/x": {"endpoint": "y"}}),
    ],
)
def test_a_value_takes_its_normal_form(kind, given_value, value):
    assert read_value(parameter(kind), given_value) == value


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (T.DURATION, 10), (T.DURATION, "10"), (T.DURATION, "-1s"), (T.REGEX, "("), (T.REGEX, "(?=a)"), (T.REGEX, 1),
        (T.INTEGER, "3"), (T.INTEGER, 3.0), (T.INTEGER, True), (T.INTEGER, None), (T.NUMBER, "x"), (T.NUMBER, True),
        (T.NUMBER, float("nan")), (T.BYTES, "10"), (T.BYTES, "10 furlongs"), (T.BYTES, -0.5), (T.BOOLEAN, "true"),
        (T.BOOLEAN, 1), (T.STRING, 1), (T.STRING, "a\nb"), (T.STRINGS, []), (T.STRINGS, "a"), (T.STRINGS, ["a", "a"]),
        (T.STRINGS, [""]), (T.EXPORTERS, []), (T.EXPORTERS, {"a b": {}}), (T.EXPORTERS, {"otlp/phoenix": {}}),
        (T.EXPORTERS, {"otlp": 3}),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_refused(kind, value):
    with pytest.raises(ValueError):
        read_value(parameter(kind), value)


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        (parameter(T.INTEGER, minimum=1, maximum=5), 0),
        (parameter(T.INTEGER, minimum=1, maximum=5), 6),
        (parameter(T.DURATION, minimum="1s", maximum="5m"), "999ms"),
        (parameter(T.DURATION, minimum="1s", maximum="5m"), "301s"),
        (parameter(T.BYTES, minimum="1KiB", maximum="1MiB"), 1023),
        (parameter(T.ENUM, choices=("a", "b")), "c"),
        (parameter(T.STRINGS, choices=("a", "b")), ["a", "c"]),
    ],
)
def test_bounds_and_choices_hold(declared, value):
    with pytest.raises(ValueError):
        read_value(declared, value)


DECLARED = (Parameter("k", T.INTEGER, 20, "h", minimum=1), Parameter("window", T.DURATION, "60s", "h"))


def test_every_fault_is_reported_at_once_with_its_path():
    found = resolve_parameters(DECLARED, {"k": 0, "window": 5, "kk": 1}, path="spec.candidate.parameters")
    assert {(f.code, f.path) for f in found.findings} == {
        ("wrong_parameter", "spec.candidate.parameters.k"),
        ("wrong_parameter", "spec.candidate.parameters.window"),
        ("unknown_parameter", "spec.candidate.parameters.kk"),
    }


def test_an_unknown_name_is_told_the_nearest():
    (finding,) = resolve_parameters(DECLARED, {"windw": "5s"}).findings
    assert "window" in finding.fix


def test_what_is_not_given_has_its_default():
    assert resolve_parameters(DECLARED, {"k": 3}).values == {"k": 3, "window": "1m"}


def test_a_given_null_is_no_default():
    assert resolve_parameters(DECLARED, {"k": None}).findings


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (T.INTEGER, "20", 20), (T.NUMBER, "0.5", 0.5), (T.BOOLEAN, "True", True), (T.STRINGS, "a, b", ["a", "b"]),
        (T.DURATION, "5s", "5s"), (T.REGEX, "[a]", "[a]"), (T.INTEGER, "twenty", "twenty"), (T.INTEGER, "1_0", "1_0"),
        (T.NUMBER, "1e-3", 0.001), (T.BYTES, "1MiB", "1MiB"),
    ],
)  # fmt: skip
def test_text_of_the_command_line_becomes_a_document_value(kind, text, value):
    assert from_text(parameter(kind), text) == value


@given(
    st.sampled_from(ParameterType),
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text())),
)
def test_no_value_breaks_a_reader_and_reading_twice_is_reading_once(kind, value):
    try:
        read = read_value(parameter(kind), value)
    except ValueError:
        return
    assert read_value(parameter(kind), read) == read
