"""Parameters enter the parsed tree as values; they can add nothing to it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoenix.manifests.templates import substitute, template_faults

TEXTS = st.text(st.characters(min_codepoint=0x20, exclude_categories=("Cs",)), max_size=40)


def test_a_placeholder_alone_takes_the_typed_value():
    template = {"a": "${param:n}", "b": ["${param:l}"], "c": 1, "d": "plain"}
    assert substitute(template, {"n": 3, "l": [True]}) == {"a": 3, "b": [[True]], "c": 1, "d": "plain"}


def test_a_dollar_of_a_value_is_escaped_for_the_collector():
    assert substitute("${param:p}", {"p": "^nginx$"}) == "^nginx$$"
    assert substitute({"m": "${param:p}"}, {"p": {"k": ["a$"]}}) == {"m": {"k": ["a$$"]}}


def test_a_value_cannot_read_the_environment():
    assert substitute("${param:p}", {"p": "${env:SECRET}"}) == "$${env:SECRET}"


def test_a_value_is_not_substituted_again():
    assert substitute("${param:a}", {"a": "${param:b}", "b": "x"}) == "$${param:b}"


def test_what_the_template_itself_writes_stays():
    assert substitute("^x$$ ${env:HOME}", {}) == "^x$$ ${env:HOME}"


def test_inside_a_longer_text_texts_and_numbers_stand_as_they_are():
    assert substitute("k=${param:k} p=${param:p}", {"k": 3, "p": "a$"}) == "k=3 p=a$$"


@pytest.mark.parametrize("value", [[1], {"a": 1}, True, None])
def test_nothing_else_stands_inside_a_longer_text(value):
    with pytest.raises(TypeError):
        substitute("x ${param:p}", {"p": value})


def test_a_literal_cannot_end_its_statement():
    found = substitute("IsMatch(name, ${ottl:p})", {"p": '^node\\.js"$) or true'})
    assert found == 'IsMatch(name, "^node\\\\.js\\"$$) or true")'


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.00001, "0.00001"), (0, "0"), (1073741824, "1073741824"), (1e20, "100000000000000000000")],
)
def test_a_number_literal_has_no_exponent(value, text):
    assert substitute(">= ${ottl:p}", {"p": value}) == f">= {text}"


@given(TEXTS)
def test_the_collector_reads_back_what_the_user_wrote(text):
    whole = substitute("${param:p}", {"p": text})
    quoted = substitute("${ottl:p}", {"p": text})
    assert (whole.replace("$$", "$"), json.loads(quoted.replace("$$", "$"))) == (text, text)


@given(TEXTS)
def test_the_shape_of_the_tree_never_changes(text):
    found = substitute({"a": {"b": "${param:p}"}, "c": ["x ${param:p}"]}, {"p": text})
    assert (list(found), list(found["a"]), len(found["c"])) == (["a", "c"], ["b"], 1)


@pytest.mark.parametrize("text", ["${param:x}", "a ${ottl:x} b", "${param:}", "${param:k", "${param:K}"])
def test_a_placeholder_without_a_parameter_is_found(text):
    assert template_faults({"a": [text]}, {"k"})[0].path == "a[0]"


def test_a_template_is_left_as_it_was():
    template = {"a": ["${param:p}"]}
    substitute(template, {"p": 1})
    assert template == {"a": ["${param:p}"]}
