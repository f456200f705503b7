"""The Go side's own tests, run with the toolchain that builds the collector: the machine's Go, or the wheel's."""

import os
import subprocess
from pathlib import Path

import pytest

from phoenix.adapters.collector.build import build_environment
from phoenix.adapters.collector.go_toolchain import find_go
from phoenix.adapters.collector.sources import find_sources
from phoenix.composition import compose

pytestmark = pytest.mark.real


@pytest.mark.parametrize("arguments", [["vet", "./..."], ["test", "./..."]], ids=["vet", "test"])
def test_the_processors_hold(arguments):
    cache = compose().settings.cache / "collector"
    go = find_go((1, 25), cache, os.environ, print)
    environment = build_environment(go, cache, os.environ)
    processors = Path(find_sources()) / "processors"
    done = subprocess.run(
        [go, *arguments], cwd=processors, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
