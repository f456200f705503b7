"""What names a target, and ten thousand strings that only an attacker writes."""

import random
import re
import time
from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoenix.domain.errors import SpecError
from phoenix.domain.targets import (
    BlockName,
    LocalTarget,
    Selector,
    SshTarget,
    TargetName,
    check_name,
    check_target_name,
    parse_host,
    parse_labels,
    parse_selector,
    parse_target,
)

SAFE = re.compile(r"[A-Za-z0-9._:@\[\]?=/-]+")
ATTACKS = 10_000

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)
HOSTS = st.from_regex(r"[a-z][a-z0-9_-]{0,20}(\.[a-z0-9][a-z0-9-]{0,20}){0,3}", fullmatch=True)
ADDRESSES = st.one_of(st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(str))
SSH_TARGETS = st.builds(
    SshTarget,
    st.one_of(HOSTS, ADDRESSES.filter(lambda address: "%" not in address)),
    st.none() | st.integers(1, 65535),
    st.none() | st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,31}", fullmatch=True),
    st.booleans(),
)
BLOCKS = st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,6}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("local", LocalTarget()),
        ("local://a.b_c-1", LocalTarget("a.b_c-1")),
        ("web-1", TargetName("web-1")),
        ("block:web-1", BlockName("web-1")),
        ("block:0", BlockName("0")),
        ("ssh://web-1", SshTarget("web-1")),
        ("ssh://deploy@web-1.example.com:2222", SshTarget("web-1.example.com", 2222, "deploy")),
        ("ssh://192.0.2.7?sudo=true", SshTarget("192.0.2.7", sudo=True)),
        ("ssh://root@[2001:db8::7]:22", SshTarget("2001:db8::7", 22, "root")),
        ("ssh://An_Alias", SshTarget("An_Alias")),
        ("ssh://web?sudo=false", SshTarget("web")),
        ("ssh://[2001:DB8:0::7]", SshTarget("2001:db8::7")),
    ],
)
def test_a_well_formed_target_is_what_it_says(text, target):
    assert parse_target(text) == target


@given(
    st.one_of(
        SSH_TARGETS,
        NAMES.map(LocalTarget),
        NAMES.filter(lambda n: n != "local").map(TargetName),
        BLOCKS.map(BlockName),
    )
)
def test_the_canonical_form_names_the_same_target(target):
    assert parse_target(target.canonical) == target
    assert SAFE.fullmatch(target.canonical)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " local",
        "local\n",
        "local://",
        "local://../x",
        "local://-x",
        "local://" + "a" * 65,
        "../web",
        "web/1",
        "web 1",
        "web\x001",
        "w\u00e9b",
        "-oProxyCommand=id",
        "a" * 65,
        "SSH://web",
        "ssh:/web",
        "ssh://",
        "ssh://web/",
        "ssh://web/../x",
        "ssh://web\n",
        "ssh://web\x00",
        "ssh://web\tx",
        "ssh://web;id",
        "ssh://$(id)",
        "ssh://`id`",
        "ssh://web%20x",
        "ssh://web%h",
        "ssh://web..x",
        "ssh://web.",
        "ssh://.web",
        "ssh://-web",
        "ssh://-oProxyCommand=id",
        "ssh://-l@web",
        "ssh://@web",
        "ssh://a@b@web",
        "ssh://a b@web",
        "ssh://" + "u" * 33 + "@web",
        "ssh://" + "a" * 254,
        "ssh://web:",
        "ssh://web:0",
        "ssh://web:022",
        "ssh://web:65536",
        "ssh://web:+22",
        "ssh://web:\u0662\u0662",
        "ssh://web:22:22",
        "ssh://2001:db8::7",
        "ssh://[2001:db8::7",
        "ssh://[fe80::1%eth0]",
        "ssh://[192.0.2.7]",
        "ssh://[]",
        "ssh://127.1",
        "ssh://2130706433",
        "ssh://0x7f.1",
        "ssh://0177.0.0.1",
        "ssh://256.0.0.1",
        "ssh://web?",
        "ssh://web?sudo",
        "ssh://web?sudo=yes",
        "ssh://web?sudo=true&port=1",
        "ssh://web?password=x",
        "ssh://web#x",
        "http://web",
        "block:",
        "block:Web",
        "block:web_1",
        "block:web--1",
        "block:-web",
        "block:web-",
        "block:web\n",
        "block:ssh-target/web",
        "block://web",
        "block:block:web",
        "block:" + "a" * 65,
        "BLOCK:web",
    ],
)
def test_what_is_not_plainly_well_formed_is_refused(text):
    with pytest.raises(SpecError) as caught:
        parse_target(text)
    assert caught.value.code == "unknown_target"
    assert caught.value.hint
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 300


def test_a_kind_that_is_not_supported_yet_says_which_are():
    with pytest.raises(SpecError, match="not supported yet") as caught:
        parse_target("k8s://context/namespace?selector=role%3Dweb")
    assert caught.value.code == "unknown_target"
    assert "ssh://" in caught.value.hint


@pytest.mark.parametrize(
    "text", ["ssh://deploy:hunter2@web", "ssh://a@b:hunter2@web", "https://u:hunter2@web"]
)
def test_a_password_is_refused_and_not_repeated(text):
    with pytest.raises(SpecError) as caught:
        parse_target(text)
    assert "hunter2" not in f"{caught.value.message} {caught.value.hint}"


def test_the_refusal_of_a_password_tells_to_use_keys():
    with pytest.raises(SpecError, match="password") as caught:
        parse_target("ssh://deploy:hunter2@web")
    assert "key" in caught.value.hint


@pytest.mark.parametrize(
    "make",
    [
        lambda: SshTarget("web;id"),
        lambda: SshTarget("fe80::1%eth0"),
        lambda: SshTarget("2001:DB8::1"),
        lambda: SshTarget("web", 0),
        lambda: SshTarget("web", None, "-l"),
        lambda: LocalTarget("../x"),
        lambda: TargetName("local"),
        lambda: BlockName("Web"),
    ],
)
def test_no_malformed_target_can_be_made_in_code_either(make):
    with pytest.raises(SpecError):
        make()


@given(st.one_of(SSH_TARGETS, NAMES.map(LocalTarget)))
def test_a_host_is_what_a_uri_names(target):
    assert parse_host(target.canonical) == target


@given(st.one_of(NAMES.filter(lambda n: n != "local").map(TargetName), BLOCKS.map(BlockName)))
def test_a_name_is_no_host(target):
    with pytest.raises(SpecError, match="is a name") as caught:
        parse_host(target.canonical)
    assert caught.value.code == "unknown_target"


def attack(random_: random.Random) -> str:
    """A well formed target with a few wounds, or noise."""
    poison = [
        *"\0\n\r\t \x1b\x7f;&|<>$`'\"\\!*?[]{}()%#~^@:/=+,-._",
        "..", "../", "%00", "%0a", "%2e%2e", "$(id)", "`id`", "${HOME}", "-oProxyCommand=id", "\u202e", "\u00a0", "\uff0e",
        "\u0660", "\ud800", "://", "?sudo=true", "&sudo=true", "local", "ssh", "block:", "k8s", "A" * 70, "a" * 300, ":0", ":99999",
    ]  # fmt: skip
    seeds = [
        "local",
        "local://a",
        "web-1",
        "ssh://web",
        "ssh://u@web:22?sudo=true",
        "ssh://[2001:db8::1]:22",
        "block:web-1",
        "",
    ]
    text = random_.choice(seeds)
    for _ in range(random_.randint(1, 4)):
        at = random_.randint(0, len(text))
        match random_.randrange(4):
            case 0:
                text = text[:at] + random_.choice(poison) + text[at:]
            case 1:
                text = text[:at] + text[at + random_.randint(1, 3) :]
            case 2:
                text = text[:at] + chr(random_.randrange(0x300)) + text[at + 1 :]
            case _:
                text = text[:at] + random_.choice(seeds) + text[at:]
    return text


def outcome(text: str):
    """The target, or else why it is refused."""
    try:
        return parse_target(text), ""
    except SpecError as error:
        return None, error.message


def test_ten_thousand_attacks_are_refused_or_harmless():
    random_ = random.Random(20240704)  # noqa: S311 - the same attacks each time
    began = time.monotonic()
    outcomes = {"refused": 0, "parsed": 0}
    for _ in range(ATTACKS):
        text = attack(random_)
        target, refusal = outcome(text)
        outcomes["parsed" if target else "refused"] += 1
        if target:
            assert SAFE.fullmatch(target.canonical), text
            assert ".." not in getattr(target, "host", ""), text
            assert not target.canonical.startswith("-"), text
            assert parse_target(target.canonical) == target, text
        else:
            assert refusal.isprintable(), text
    # Both ways are taken often: the attacks are near enough to what is allowed.
    assert min(outcomes.values()) > ATTACKS / 20, outcomes
    assert time.monotonic() - began < 10


@given(st.text(max_size=80))
def test_any_text_is_a_target_or_a_spec_error(text):
    try:
        target = parse_target(text)
    except SpecError:
        return
    assert SAFE.fullmatch(target.canonical)


@given(
    st.one_of(
        st.text(max_size=70).map(lambda text: f"local://{text}"), st.text(max_size=10), st.just("local")
    )
)
def test_a_local_host_is_named_as_it_always_was(text):
    try:
        is_local = isinstance(parse_target(text), LocalTarget)
    except SpecError:
        is_local = False
    assert is_local == bool(re.fullmatch(r"local(://[A-Za-z0-9][A-Za-z0-9._-]{0,63})?", text))


@given(NAMES)
def test_a_name_of_the_small_alphabet_is_taken_as_it_is(name):
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "../x", "a b", "-a", ".a", "a\n", "a/b", "a" * 65, "\u00e9"])
def test_any_other_name_is_refused(name):
    with pytest.raises(SpecError) as caught:
        check_name(name, "deployment's name")
    assert caught.value.code == "invalid_name"


def test_no_saved_target_takes_the_name_of_this_machine():
    assert check_name("local") == "local"
    with pytest.raises(SpecError, match="always names this machine"):
        check_target_name("local")


def test_labels_come_from_all_texts_in_their_order():
    labels = parse_labels("role=web,env=", "example.com/zone=a-1")
    assert list(labels.items()) == [("role", "web"), ("env", ""), ("example.com/zone", "a-1")]


@pytest.mark.parametrize(
    "text",
    ["", "role", "=web", "role=web,", "role=we b", "role=web\n", "-r=a", "r=-a", "r=" + "a" * 64, "/r=a", "A.b/r=a", "r==a", "r=a,r=b"],
)  # fmt: skip
def test_what_is_no_label_is_refused(text):
    with pytest.raises(SpecError) as caught:
        parse_labels(text)
    assert caught.value.code == "invalid_label"
    with pytest.raises(SpecError) as caught:
        parse_selector(text)
    assert caught.value.code == "invalid_selector"


def test_a_selector_wants_every_label_with_its_value():
    selector = parse_selector("role=web,env=prod")
    assert selector.matches({"role": "web", "env": "prod", "zone": "a"})
    assert not selector.matches({"role": "web"})
    assert not selector.matches({"role": "web", "env": "test"})
    assert selector == parse_selector("env=prod,role=web")
    assert parse_selector(selector.canonical) == selector
    assert isinstance(selector, Selector)


def test_an_address_has_one_canonical_form():
    spellings = ["2001:db8:0:0:0:0:0:1", "2001:DB8::1", "2001:db8::0001"]
    assert {parse_target(f"ssh://[{one}]").canonical for one in spellings} == {"ssh://[2001:db8::1]"}
    assert str(IPv6Address("2001:db8::1")) == "2001:db8::1"
