"""Opens a program on the host `web` and waits to be killed: `python -m tests.adapters.machines.ssh_opener CONFIG FILE`."""

import signal
import sys
from pathlib import Path

from phoenix.adapters.machines.ssh_connection import SshConnection
from phoenix.domain.targets import SshTarget

SCRIPT = 'echo ready; cat > /dev/null; echo "the input ended" > "$1"'


def main(config: str, said: str) -> None:
    pipe = SshConnection(SshTarget("web"), Path(config)).open(["sh", "-c", SCRIPT, "sh", said])
    with open(pipe.stdout, "rb", closefd=False) as stdout:
        print(stdout.readline().decode(), end="", flush=True)
    signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
