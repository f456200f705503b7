"""The root file system of the tests' own hosts comes from apt's sources, whole or not at all, and once."""

import threading
from pathlib import Path

import pytest

from tests.support import vm_rootfs
from tests.support.vm_rootfs import AptSource, Unavailable, apt_source, rootfs

DEB822 = """\
# updates come from elsewhere
Types: deb
URIs: http://updates.example/debian
Suites: stable-updates
Components: main

Types: deb-src
URIs: http://sources.example/debian
Suites: stable
Components: main

Enabled: no
Types: deb
URIs: http://disabled.example/debian
Suites: stable
Components: main

Types: deb deb-src
URIs: http://one.example/debian
Suites: older
 stable
Components: main contrib
Signed-By: {keyring}
"""


@pytest.fixture
def apt(tmp_path: Path) -> Path:
    (tmp_path / "apt" / "sources.list.d").mkdir(parents=True)
    return tmp_path / "apt"


def test_the_enabled_binary_source_of_the_suite_is_found_among_deb822_paragraphs(apt: Path, tmp_path: Path):
    keyring = tmp_path / "keys.gpg"
    keyring.touch()
    (apt / "sources.list.d" / "debian.sources").write_text(DEB822.format(keyring=keyring))
    found = apt_source(apt, "stable")
    assert found == AptSource("http://one.example/debian", "stable", str(keyring))
    assert found.debootstrap_options() == [f"--keyring={keyring}"]


def test_one_line_sources_are_read_with_their_options(apt: Path):
    (apt / "sources.list").write_text(
        "# deb http://comment.example/debian stable main\n"
        "deb-src http://src.example/debian stable main\n"
        "deb http://extra.example/debian stable contrib\n"
        "deb [arch=amd64 trusted=yes] http://main.example/debian stable contrib main # ours\n"
    )
    found = apt_source(apt, "stable")
    assert found.mirror == "http://main.example/debian"
    assert found.debootstrap_options() == ["--no-check-gpg"]


def test_a_keyring_that_is_no_file_is_left_to_debootstrap(apt: Path):
    (apt / "sources.list").write_text(
        "deb [signed-by=/not/there.gpg] http://main.example/debian stable main\n"
    )
    assert apt_source(apt, "stable").debootstrap_options() == []


def test_no_source_of_the_suite_says_so(apt: Path):
    (apt / "sources.list").write_text("deb http://main.example/debian other main\n")
    with pytest.raises(Unavailable, match="'stable'"):
        apt_source(apt, "stable")


def nowhere(apt: Path, suite: str) -> AptSource:
    return AptSource(f"file:///nowhere{apt}", suite)


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recipe of the test's own, and a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(vm_rootfs, "RECIPE", tmp_path / "recipe.sh")
    monkeypatch.setattr(vm_rootfs, "own_namespaces", list)
    monkeypatch.setattr(vm_rootfs, "apt_source", nowhere)
    monkeypatch.setattr(vm_rootfs, "why_no_build", str)
    return tmp_path / "recipe.sh"


def test_two_that_want_it_at_once_build_it_once(recipe: Path):
    recipe.write_text(f'mkdir "$1" && echo built >> {recipe.parent}/log')
    start = threading.Barrier(2)
    found: list[Path] = []

    def want():
        start.wait()
        found.append(rootfs())

    threads = [threading.Thread(target=want) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1]
    assert found[0].is_dir()
    assert (recipe.parent / "log").read_text() == "built\n"


def test_a_build_that_fails_is_told_and_never_used(recipe: Path):
    recipe.write_text('mkdir -p "$1/half" && echo the mirror is away && exit 3')
    with pytest.raises(Unavailable, match="the mirror is away"):
        rootfs()
    with pytest.raises(Unavailable, match="the mirror is away"):
        rootfs()


def test_another_recipe_is_another_root_file_system(recipe: Path):
    recipe.write_text('mkdir "$1"')
    first = rootfs()
    recipe.write_text('mkdir "$1" # and more')
    assert rootfs() != first
