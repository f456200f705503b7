"""The guarded YAML load: what it reads, and that nothing bad costs more than milliseconds."""

import os
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from phoenix.adapters.yaml.composer import MAX_DEPTH, MAX_NODES
from phoenix.adapters.yaml.documents import (
    dump_yaml,
    load_mapping,
    load_yaml,
    parse_documents,
    parse_mapping,
    parse_yaml,
)
from phoenix.domain.errors import SpecError
from tests.support.slowness import slowness


def codes(text):
    with pytest.raises(SpecError) as caught:
        parse_yaml(text, "x.yaml")
    return [(finding.code, finding.path) for finding in caught.value.findings]


def test_scalars_mean_what_the_collector_makes_of_them():
    text = "[on, yes, 1:30, 0777, 0x1f, 1_000, 1.5, 1e3, 2026-01-01, ~, 'true', true, -5, 0o17, -, .5, '', 08, 0_]"
    assert parse_yaml(text, "x") == [
        "on", "yes", "1:30", 511, 31, 1000, 1.5, 1000.0, "2026-01-01", None, "true", True, -5, 15, "-", 0.5, "", 8.0, "0_",
    ]  # fmt: skip


def test_anchors_and_merges_are_read():
    text = "base: &b {a: 1, b: 2}\nother: {<<: *b, b: 3}\nlist: {<<: [*b, {c: 4}]}\nalias: *b\n"
    assert parse_yaml(text, "x") == {
        "base": {"a": 1, "b": 2},
        "other": {"a": 1, "b": 3},
        "list": {"a": 1, "b": 2, "c": 4},
        "alias": {"a": 1, "b": 2},
    }


def test_nothing_is_none():
    assert parse_yaml("# a comment\n", "x") is None


def test_duplicate_keys_are_all_named_with_their_lines():
    with pytest.raises(SpecError) as caught:
        parse_yaml("a: 1\nb: {c: 1, c: 2}\na: 3\n", "x.yaml")
    found = caught.value.findings
    assert [finding.path for finding in found] == ["b.c", "a"]
    assert "line 3" in found[1].reason
    assert "line 1" in found[1].reason


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "\n".join(
    f"{name}: &{name} [{','.join(['*' + before] * 10)}]"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param(BOMB, "yaml_size", id="alias bomb"),
        pytest.param("- a\n" * (MAX_NODES + 1), "yaml_size", id="many values"),
        pytest.param("&a [*a]", "yaml_alias", id="a value that contains itself"),
        pytest.param("[*a]", "yaml_alias", id="an alias of nothing"),
        pytest.param("[" * 5000 + "]" * 5000, "yaml_depth", id="deep nesting"),
        pytest.param("- " * 5000 + "a", "yaml_depth", id="deep block nesting"),
        pytest.param("a: !!python/object:os.system x", "yaml_tag", id="a tag that builds objects"),
        pytest.param("a: !mine {b: 1}", "yaml_tag", id="a local tag"),
        pytest.param("a: 1\n---\nb: 1", "yaml_documents", id="two documents"),
        pytest.param("a: [1, 2\nb: 3", "yaml_syntax", id="an open bracket"),
        pytest.param("a:\n\t- b", "yaml_syntax", id="a tab"),
        pytest.param("\x00\x01", "yaml_syntax", id="control characters"),
        pytest.param('a: "\\ud800"', "yaml_syntax", id="half a character"),
        pytest.param("1: x", "yaml_key", id="a number as a key"),
        pytest.param("? [a]\n: b", "yaml_key", id="a list as a key"),
        pytest.param("a: .inf", "yaml_value", id="infinity"),
        pytest.param("a: 1e999", "yaml_value", id="a number beyond all bounds"),
        pytest.param("a: {<<: 3}", "yaml_merge", id="a merge of a number"),
        pytest.param("x" * 2_000_000, "file_size", id="too long a text"),
    ],
)
def test_what_is_refused_is_refused_at_once(text, code):
    started = time.perf_counter()
    assert code in {found for found, _ in codes(text)}
    assert time.perf_counter() - started < 0.5 * slowness()


def test_nesting_up_to_the_limit_is_read():
    assert parse_yaml("[" * MAX_DEPTH + "]" * MAX_DEPTH, "x")


def test_faults_are_bounded():
    assert len(codes("\n".join(f"{n}: !t x" for n in range(5000)))) <= 51


def test_several_documents_are_read_where_they_are_asked_for():
    assert parse_documents("a: 1\n---\nb: 2\n", "x") == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize(("text", "said"), [("", "empty"), ("[1]", "a list"), ("3", "a single value")])
def test_a_mapping_is_asked_for_in_words(text, said):
    with pytest.raises(SpecError, match=said):
        parse_mapping(text, "x.yaml")


def test_a_huge_file_is_refused_without_being_read(tmp_path):
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    started = time.perf_counter()
    with pytest.raises(SpecError, match="bytes"):
        load_yaml(path)
    assert time.perf_counter() - started < 0.05 * slowness()


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(SpecError, match="regular file"):
        load_yaml(tmp_path / "pipe.yaml")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(SpecError):
        load_yaml(tmp_path)


def test_a_missing_file_names_itself(tmp_path):
    with pytest.raises(SpecError, match=r"nowhere\.yaml"):
        load_yaml(tmp_path / "nowhere.yaml")


def test_binary_garbage_is_refused(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_bytes(bytes(range(256)) * 100)
    with pytest.raises(SpecError, match="UTF-8"):
        load_yaml(path)


def test_a_byte_order_mark_is_no_fault(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert load_mapping(path) == {"a": 1}


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20)
    | st.sampled_from(
        [
            "on",
            "0o17",
            "1e3",
            "0x1",
            "1_000",
            "08",
            "null",
            "~",
            "=",
            "<<",
            "2026-01-01",
            "a\nb",
            " x\n",
            "^x$$",
        ]
    )
)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc/.-_1e", min_size=1, max_size=5), inner)
    ),
    max_leaves=10,
)


@settings(deadline=None)
@given(TREES)
@example({"<": "<<", "1": 1, "1e3": "1e3"})
def test_what_is_dumped_is_read_back(tree):
    assert parse_yaml(dump_yaml(tree), "x") == tree


def test_a_dump_repeats_shared_values_and_keeps_the_order():
    shared = {"z": 1, "a": 2}
    assert dump_yaml({"y": shared, "b": shared}) == "y:\n  z: 1\n  a: 2\nb:\n  z: 1\n  a: 2\n"


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_as_a_document(text):
    try:
        parse_documents(text, "x")
    except SpecError as refused:
        assert refused.findings  # noqa: PT017 (both ways are right, and this is what the second promises)
