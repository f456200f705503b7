"""Patterns mean the same to the collector and to Phoenix, or are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoenix.domain.patterns import check_pattern, compile_pattern, join_patterns


@pytest.mark.parametrize(
    "pattern",
    ["^nginx$", "(?i)Nginx", "^(a|b)-[0-9]{1,3}$", r"\d+\.\w", "(?P<x>a)", "(?:a)?", "[^]a]b", "é", "a{2,}"],
)
def test_the_common_subset_is_accepted(pattern):
    assert check_pattern(pattern) is None


@pytest.mark.parametrize(
    "pattern",
    [
        "", "[", "(?=a)", "(?!a)", "(?<=a)b", "(?<!a)b", r"(a)\1", "(?P<x>a)(?P=x)", "a++", "a?+", "(?>a)",
        "(a)?(?(1)b|c)", "(?#c)a", "(?x) a", r"a\Z", r"\N{DIGIT ONE}", r"\u0041", "a{,3}", "a{1001}", "(a{50}){50}",
        "[[:alpha:]]", r"[\b]", "[a&&b]", "a\nb", "a" * 5000, r"\é",
    ],
)  # fmt: skip
def test_what_the_dialects_do_not_share_is_refused_with_a_reason(pattern):
    assert check_pattern(pattern)


def test_joined_patterns_match_where_one_of_them_does():
    joined = compile_pattern(join_patterns(["^a$", "(?i)^B$", "c|d"]))
    assert [bool(joined.search(name)) for name in ("a", "b", "A", "xdx", "ab")] == [
        True,
        True,
        False,
        True,
        False,
    ]


def test_one_pattern_stays_as_it_is():
    assert join_patterns(["^nginx$"]) == "^nginx$"


@given(
    st.lists(st.sampled_from(["^a$", "(?i)b", "c|d", "[e-g]+"]), min_size=1),
    st.text("abcdefgABX", max_size=4),
)
def test_joining_is_the_same_as_asking_each(patterns, name):
    each = any(compile_pattern(pattern).search(name) for pattern in patterns)
    assert bool(compile_pattern(join_patterns(patterns)).search(name)) == each


@given(st.text(max_size=30))
def test_no_text_breaks_the_check_and_what_passes_compiles(text):
    if check_pattern(text) is None:
        compile_pattern(text)
