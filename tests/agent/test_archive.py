import zipfile

from phoenix.adapters import agent_archive


def test_equal_sources_give_equal_bytes():
    assert agent_archive.build() == agent_archive.build()


def test_the_file_is_named_by_its_content_and_written_once(tmp_path):
    path = agent_archive.write_to(tmp_path / "new")
    assert path.name == f"agent-{agent_archive.digest(path.read_bytes())[:12]}.pyz"
    assert path.stat().st_mode & 0o777 == 0o755
    before = path.stat().st_ino
    assert agent_archive.write_to(tmp_path / "new") == path
    assert path.stat().st_ino == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_damaged_file_is_replaced(tmp_path):
    path = agent_archive.write_to(tmp_path)
    path.write_bytes(b"half")
    assert agent_archive.write_to(tmp_path).read_bytes() == agent_archive.build()


def test_it_holds_python_only(tmp_path):
    names = zipfile.ZipFile(agent_archive.write_to(tmp_path)).namelist()
    assert {"__main__.py", "phoenix/__init__.py", "phoenix/agent/main.py"} < set(names)
    assert all(name.endswith(".py") for name in names)
