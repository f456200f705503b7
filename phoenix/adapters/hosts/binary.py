"""The collector's binary as a judge of configurations, by its own `validate`."""

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from phoenix.adapters.hosts.detached import with_deadline
from phoenix.adapters.hosts.environments import without_secrets
from phoenix.adapters.hosts.marks import is_ours
from phoenix.adapters.machines.machine import Machine
from phoenix.domain.errors import DependencyError, SpecError, StateError
from phoenix.domain.findings import Finding, Severity

_VALIDATE = timedelta(seconds=20)
"""It takes 16-46 ms; the rest is for a busy host."""

# Its environment comes from a file: arguments are for everyone to read, and it may hold secrets.
_WITH_ENVIRONMENT = 'set -a; . "$1"; set +a; shift; exec "$@"'

_TIMED_OUT = (124, 137)
_NOT_RUNNABLE = (126, 127)
_WORDS = 2000
_REFERENCE = re.compile(r"(?<!\$)(?:\$\$)*\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(:-[^}]*)?\}")
"""After an even number of `$`: the collector reads `$$` as a `$` that means nothing."""


def referenced_names(config: str) -> tuple[str, ...]:
    """The variables that `config` takes from the environment; our own addresses apart."""
    return tuple(sorted({name for name, _ in _REFERENCE.findall(config) if not is_ours(name)}))


def referenced_environment(config: str) -> dict[str, str]:
    """What `config` takes from the environment and ours has."""
    return {name: os.environ[name] for name in referenced_names(config) if name in os.environ}


def demand_environment(config: str, environ: Mapping[str, str]) -> None:
    """Refuse a configuration whose references would be empty: the collector only warns, and a backend says 401.

    Args:
        config: The whole configuration.
        environ: What the collector would be given.

    Raises:
        StateError: With every variable that has neither a value nor a default.
    """
    missing = {name for name, default in _REFERENCE.findall(config) if not default} - environ.keys()
    if not missing:
        return
    ours = sorted(name for name in missing if is_ours(name))
    theirs = sorted(missing.difference(ours))
    hints = [f"export {' '.join(theirs)} in the shell that starts it"] if theirs else []
    if ours:
        hints.append(f"rename {', '.join(ours)}: what begins with PHOENIX_ is never passed on")
    raise StateError(
        f"the pipeline takes {', '.join(sorted(missing))} from the environment, where it is not set",
        code="environment_missing",
        hint="; ".join(hints),
        details={"variables": sorted(missing)},
    )


def demand_valid(
    machine: Machine, binary: Path, config: Path, environment: Path, secrets: Mapping[str, str]
) -> None:
    """Refuse what the binary refuses.

    Args:
        machine: Where all three files are.
        binary: The collector.
        config: The configuration.
        environment: What `environment_text` wrote.
        secrets: What of it is never repeated.

    Raises:
        SpecError: With the binary's own words.
        DependencyError: The binary does not run, or not in time.
    """
    complaint = complaint_about(machine, binary, config, environment)
    if complaint is not None:
        complaint = without_secrets(complaint, secrets)
        first = _first_sentence(complaint)
        raise SpecError(
            f"the collector refuses the configuration: {first}",
            code="config_refused",
            findings=[Finding(Severity.ERROR, "config_refused", "", complaint, "correct what it names")],
            hint="`phoenix pipeline validate` shows every fault at once",
        )


def _first_sentence(complaint: str) -> str:
    """On one line; a line that only announces the next ones goes with the first of those."""
    sentence = ""
    for line in complaint.splitlines():
        sentence = f"{sentence} {line.strip()}".strip()
        if sentence and not sentence.endswith(":"):
            break
    return sentence


def complaint_about(machine: Machine, binary: Path, config: Path, environment: Path) -> str | None:
    """None if the binary accepts the file, else its words; of a panic the first line."""
    command = [str(binary), "validate", f"--config={config}"]
    # Its own deadline, not ours: it must end even if we are gone.
    bounded = with_deadline(["sh", "-c", _WITH_ENVIRONMENT, "sh", str(environment), *command], _VALIDATE)
    done = machine.run(bounded, timeout=2 * _VALIDATE, repeatable=True)
    if done.status == 0:
        return None
    words = done.err.decode(errors="replace").strip().removeprefix("Error: ")
    if done.status in _TIMED_OUT:
        raise _broken(binary, f"no answer to `validate` within {_VALIDATE.total_seconds():.0f} s")
    if done.status in _NOT_RUNNABLE:
        raise _broken(binary, words)
    panic = next((line for line in words.splitlines() if line.startswith("panic:")), None)
    return (panic or words)[:_WORDS] or f"`validate` ended with status {done.status} and no words"


def _broken(binary: Path, why: str) -> DependencyError:
    return DependencyError(
        f"the collector does not run: {why}",
        code="collector_broken",
        hint="`phoenix collector verify`; its folder must not be mounted noexec",
        details={"binary": str(binary)},
    )
