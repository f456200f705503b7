"""Ask a collector binary whether it accepts a configuration. It judges structure only, not meaning."""

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from phoenix.domain.errors import DependencyError

TIMEOUT_SECONDS = 20.0
"""`validate` takes 16-46 ms on an idle machine; a loaded one with many targets still answers in this."""

_LOG_LINE = re.compile(r"^\d{4}-\d\d-\d\dT\S+\t(?P<level>\w+)\t")


class BinaryValidator:
    """The `ConfigValidator` that asks a collector binary.

    Args:
        binary: The collector.
    """

    def __init__(self, binary: Path) -> None:
        self._binary = binary

    def validate(self, config: str, environ: Mapping[str, str]) -> str | None:
        """See `ConfigValidator.validate`."""
        return validate(self._binary, config, environ)


def validate(binary: Path, config: str, environ: Mapping[str, str]) -> str | None:
    """Return None if the collector accepts the configuration, else its reason.

    Args:
        binary: The collector.
        config: The configuration as YAML text; it may hold secrets, so it is written to a private file only.
        environ: Environment of the collector, where `${env:NAME}` is looked up.

    Raises:
        DependencyError: If the binary does not run, or does not answer in time.
    """
    with tempfile.TemporaryDirectory(prefix="phoenix-validate-") as folder:
        path = Path(folder, "collector.yaml")
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(config)
        try:
            done = subprocess.run(
                [binary, "validate", f"--config={path}"],
                env=dict(environ),
                capture_output=True,
                text=True,
                errors="replace",
                timeout=TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise DependencyError(
                f"{binary} did not say within {TIMEOUT_SECONDS:.0f} s whether the configuration is valid.",
                code="collector_timeout",
            ) from error
        except OSError as error:
            raise DependencyError(f"{binary} does not run: {error}", code="collector_does_not_run") from error
        if done.returncode == 0:
            return None
        return _reason(
            done.returncode, f"{done.stderr}\n{done.stdout}".replace(str(path), "the configuration")
        )


def _reason(code: int, output: str) -> str:
    """Pick what a person needs: the first line of a panic, else the message without log lines and usage."""
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    for line in lines:
        if line.startswith(("panic:", "fatal error:")):
            return f"the collector crashed on this configuration: {line}"
    message = [line for line in lines if not _LOG_LINE.match(line)]
    text = "\n".join(message[:10]).removeprefix("Error: ")
    return text or f"the collector gave no reason (exit code {code})"
