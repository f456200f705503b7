"""What a user installs: a wheel that holds everything, and bounds that a resolver alone gets right."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def resolved(tmp_path_factory) -> dict[str, Version]:
    """What a resolver picks for pyproject.toml alone, without our lock."""
    target = tmp_path_factory.mktemp("resolved") / "requirements.txt"
    command = [
        UV,
        "pip",
        "compile",
        "--quiet",
        "--python-version",
        "3.11",
        ROOT / "pyproject.toml",
        "-o",
        target,
    ]
    subprocess.run(command, check=True, cwd=ROOT)
    return _pins(target)


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A fresh environment with nothing but the wheel and its locked dependencies; its `phoenix` command."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([UV, "build", "--quiet", "--wheel", "--out-dir", folder, ROOT], check=True)
    (wheel,) = folder.glob("*.whl")
    environment = folder / "venv"
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, environment], check=True)
    install = [UV, "pip", "install", "--quiet", "--python", environment / "bin" / "python"]
    subprocess.run([*install, "--require-hashes", "-r", ROOT / "requirements.lock"], check=True)
    subprocess.run([*install, "--no-deps", wheel], check=True)
    return environment / "bin" / "phoenix"


def _pins(path: Path) -> dict[str, Version]:
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", path.read_text(), re.MULTILINE)
    return {name.lower(): Version(version) for name, version in found}


def test_bounds_alone_lead_to_a_prefect_whose_server_starts(resolved):
    assert resolved["prefect"] >= Version("3.8.8")
    assert resolved["fastapi"] in Requirement("fastapi>=0.139,<0.151").specifier
    assert resolved["kubernetes"] in Requirement("kubernetes>=37,<37.0.2").specifier


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_the_lock_satisfies_the_bounds(lock):
    import tomllib

    pins = _pins(ROOT / lock)
    for line in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]:
        bound = Requirement(line)
        assert pins[bound.name.lower()] in bound.specifier, line


def test_the_wheel_holds_catalog_collector_sources_and_flows(installed, tmp_path):
    def run(*arguments: str) -> str:
        done = subprocess.run(
            [installed, *arguments], capture_output=True, text=True, cwd=tmp_path, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "process-topk-v1" in run("pipeline", "list")
    spec = ROOT / "catalog" / "experiments" / "topk-on-this-host.yaml"
    assert "process-topk-v1" in run("experiment", "run", "-f", str(spec), "--dry-run")
    python = installed.with_name("python")
    code = (
        "from phoenix.adapters.collector.sources import digest, find_sources; print(digest(find_sources()))"
    )
    of_wheel = subprocess.run(
        [python, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True
    ).stdout
    of_checkout = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert of_wheel == of_checkout
    subprocess.run([python, "-c", "import flows.experiment, flows.promotion"], cwd=tmp_path, check=True)
