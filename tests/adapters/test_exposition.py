import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from phoenix.adapters.scraping.exposition import ExpositionParser
from phoenix.domain.errors import DependencyError
from phoenix.domain.observation.exports import Quantity

PROCESS = b'process_cpu_time_seconds_total{process_executable_name="nginx",process_pid="%d",state="user"} 1.5 1700000000123\n'


def parse(body: bytes):
    return ExpositionParser().parse(body).points


def plain(body: bytes):
    return [(key.name, dict(key.labels), value, at) for key, value, at in parse(body)]


names = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,12}", fullmatch=True)
label_names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True).filter(lambda n: n != "__name__")
# Every character that means something in the format, more often than chance would have it.
label_values = st.text(st.sampled_from('\\"\n{},= #\t\r') | st.characters(codec="utf-8"), max_size=12)
values = st.floats(allow_nan=True, allow_infinity=True)
stamps = st.none() | st.integers(-(2**62), 2**62)
samples = st.lists(
    st.tuples(names, st.dictionaries(label_names, label_values, max_size=4), values, stamps),
    max_size=20,
    unique_by=lambda s: (s[0], tuple(sorted(s[1].items()))),
)


def write_value(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return ("+Inf" if value > 0 else "-Inf") if math.isinf(value) else repr(value)


def write(samples) -> bytes:
    """As the exporter writes it."""
    lines = ["# HELP x with a } brace", "# TYPE x gauge"]
    for name, labels, value, at in samples:
        escaped = {
            k: v.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") for k, v in labels.items()
        }
        inside = ",".join(f'{k}="{v}"' for k, v in escaped.items())
        stamp = "" if at is None else f" {at}"
        lines.append(f"{name}{'{' + inside + '}' if labels else ''} {write_value(value)}{stamp}")
    return "".join(f"{line}\n" for line in lines).encode()


def same(left, right):
    return [(n, lb, repr(v), at) for n, lb, v, at in left] == [(n, lb, repr(v), at) for n, lb, v, at in right]


@given(samples)
def test_what_was_written_is_read_back_cold_and_from_the_cache(samples):
    parser, body = ExpositionParser(), write(samples)
    for _ in range(2):
        read = [(key.name, dict(key.labels), value, at) for key, value, at in parser.parse(body).points]
        assert same(read, samples)


@given(samples.map(lambda found: [(n, lb, v, None) for n, lb, v, _ in found]))
def test_agrees_with_the_official_python_parser(samples):
    # The oracle strips trailing blanks of the line and splits it at \r, which is neither a blank nor a line end.
    body = write(samples).decode()
    if "\r" in body:
        return
    families = text_string_to_metric_families(body)
    theirs = [(s.name, s.labels, float(s.value)) for family in families for s in family.samples]
    ours = [(n, lb, v) for n, lb, v, _ in plain(body.encode())]
    key = repr
    assert sorted(map(key, ours)) == sorted(map(key, theirs))


@given(samples, st.data())
def test_a_body_cut_within_a_line_is_an_error(samples, data):
    body = write([("a", {"b": "c"}, 1.0, 5), *samples])
    at = data.draw(st.integers(1, len(body) - 1).filter(lambda i: body[i - 1 : i] != b"\n"))
    with pytest.raises(DependencyError):
        parse(body[:at])


@given(st.binary(max_size=60))
def test_garbage_is_read_or_refused_but_never_crashes(body):
    with contextlib.suppress(DependencyError):
        parse(body + b"\n")


@pytest.mark.parametrize(
    "line",
    [
        b"<html>502 Bad Gateway</html>",
        b'a{b="c"}',
        b'a{b="c"} x',
        b'a{b="c"} 1_0',
        b'a{b="c"} 1 1.5',
        b'a{b="c"} 1 2 3',
        b'a{b="c"} 1 # {trace="d"} 2',
        b'a{b="c} 1',
        b'a{b="c\\x"} 1',
        b'a{b="c",b="d"} 1',
        b'a{b="c" d="e"} 1',
        b'a{"b"="c"} 1',
        b'a{1b="c"} 1',
        b'1a{b="c"} 1',
        b'{b="c"} 1',
        b'a{b="c"}} 1',
        b"a} 1",
        b"a 1_0",
        b"a",
        b"a.b 1",
        b'a{b="\xff"} 1',
    ],
)
def test_a_bad_line_is_named_by_its_number(line):
    with pytest.raises(DependencyError) as caught:
        parse(b'# HELP a\na 1\na{b="c2"} 1\n' + line + b"\n")
    assert caught.value.code == "bad_exposition"
    assert caught.value.details["line"] == 4


def test_a_name_that_is_known_without_labels_does_not_excuse_a_lost_brace():
    parser = ExpositionParser()
    parser.parse(b"a 1\n")
    with pytest.raises(DependencyError):
        parser.parse(b"a} 1\n")


@pytest.mark.parametrize(
    "body",
    [b"", b"\n \n\t\n", b"# EOF", b"# EOF\n", b"  # HELP a {b} c\n", b"# a comment, then nothing\n"],
)
def test_bodies_without_samples_are_empty_not_wrong(body):
    assert parse(body) == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'a{b="c",} 1', ("a", {"b": "c"}, 1.0, None)),
        (b"a{} 1", ("a", {}, 1.0, None)),
        (b' a { b = "c" , d="" }  1  -5 ', ("a", {"b": "c", "d": ""}, 1.0, -5)),
        (b'a{b="c"}1', ("a", {"b": "c"}, 1.0, None)),
        (b"a\t+Inf 7", ("a", {}, math.inf, 7)),
    ],
)
def test_liberties_of_the_format(line, expected):
    assert plain(line + b"\n") == [expected]


@pytest.mark.parametrize("twin", [b'a{b="1",c="2"} 3\n', b'a{c="2",b="1"} 3\n'])
def test_processes_that_collapse_into_one_series_are_an_error_not_a_smaller_count(twin):
    with pytest.raises(DependencyError, match="twice"):
        parse(b'a{b="1",c="2"} 3\n' + twin)


def test_a_series_is_the_same_object_at_every_scrape():
    parser = ExpositionParser()
    first, second = (parser.parse(PROCESS % 7).points[0][0] for _ in range(2))
    assert first is second


def test_the_cache_forgets_what_is_no_longer_shown():
    parser = ExpositionParser()
    for start in range(0, 50_000, 50):
        parser.parse(b"".join(PROCESS % pid for pid in range(start, start + 50)))
    assert len(parser._labelled) <= 2 * 50


def test_a_series_tells_its_process():
    ((key, value, at),) = parse(PROCESS % 42)
    assert (key.pid, key.executable, key.quantity, key.mode, key.is_folded) == (
        42, "nginx", Quantity.CPU, "user", False,
    )  # fmt: skip
    assert (value, at) == (1.5, 1700000000123)


@pytest.mark.parametrize(
    "labels",
    [
        'process_executable_name="(rest)",phoenix_folded="true"',
        'process_executable_name="java"',
        'process_executable_name="java",process_pid=""',
        'process_executable_name="java",process_pid="many"',
        'process_executable_name="java",process_pid="7",phoenix_folded="true"',
    ],
)
def test_what_stands_for_several_processes_has_no_pid(labels):
    ((key, _, _),) = parse(f"process_memory_usage_bytes{{{labels}}} 1\n".encode())
    assert key.is_folded
    assert key.pid is None
    assert key.quantity is Quantity.MEMORY


@pytest.mark.parametrize(
    ("series", "quantity"),
    [
        ('process_cpu_time_seconds_total{state="system"}', Quantity.CPU),
        ('process_cpu_time_seconds_total{cpu_mode="user"}', Quantity.CPU),
        ("process_cpu_time_seconds_total{}", Quantity.CPU),
        ('process_cpu_time{state="user"}', Quantity.CPU),
        ('process_cpu_time_seconds_total{state="wait"}', Quantity.OTHER),
        ("process_memory_virtual_bytes{}", Quantity.OTHER),
        ("process_memory_usage{}", Quantity.MEMORY),
        ("target_info{}", Quantity.NONE),
        ("up{}", Quantity.NONE),
        ("upload_bytes{}", Quantity.OTHER),
        ("scrape_duration_seconds{}", Quantity.NONE),
        ("otel_scope_info{}", Quantity.NONE),
    ],
)
def test_quantities_by_both_sets_of_names(series, quantity):
    assert parse(f"{series} 1\n".encode())[0][0].quantity is quantity


def test_label_names_beyond_ascii_letters_are_refused():
    for letter in "é-. ":
        with pytest.raises(DependencyError):
            parse(f'a{{b{letter}c="d"}} 1\n'.encode())
