"""The folder of results: private from the first byte, whole for every reader, gone when it is deleted."""

import os
from pathlib import Path

import pytest

from phoenix.adapters.archive import Archive


@pytest.fixture
def archive(tmp_path: Path):
    """An archive that is not made yet, for a user whose umask hides nothing."""
    before = os.umask(0)
    yield Archive(tmp_path / "home" / "experiments")
    os.umask(before)


def modes(folder: Path) -> set[tuple[bool, int]]:
    return {(path.is_dir(), path.stat().st_mode & 0o777) for path in (folder, *folder.rglob("*"))}


def test_all_levels_and_files_are_private_whatever_the_umask(archive: Archive, tmp_path: Path):
    archive.write("exp-1", "hosts/local/logs/agent.log", "said")
    with archive.append("exp-1", "logs/experiment.log") as log:
        log.write(b"started")
    assert modes(tmp_path / "home" / "experiments") == {(True, 0o700), (False, 0o600)}


def test_a_file_is_private_while_it_is_written(archive: Archive, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Path, "replace", lambda _partial, target: target)  # killed before the last step
    path = archive.write("exp-1", "report.html", "half")
    assert not path.exists()
    assert modes(path.parent) == {(True, 0o700), (False, 0o600)}


def test_what_a_killed_writer_left_is_overwritten_and_deleted(archive: Archive):
    path = archive.write("exp-1", "report.html", "first")
    path.with_name(f".report.html.{os.getpid()}").write_text("a longer half of a file")
    assert archive.write("exp-1", "report.html", "second").read_text() == "second"
    path.with_name(".report.html.1").write_text("half")
    archive.delete("exp-1")
    assert not path.parent.exists()


def test_a_log_is_continued(archive: Archive):
    for word in (b"one ", b"two"):
        with archive.append("exp-1", "logs/experiment.log") as log:
            log.write(word)
    assert (archive.folder("exp-1") / "logs/experiment.log").read_bytes() == b"one two"
