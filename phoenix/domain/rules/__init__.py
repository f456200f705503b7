"""The semantic rules: what a configuration means, as far as it can be told without running it.

The collector's own `validate` judges structure. These rules judge meaning, from faults that were found in public
configurations. A rule takes the whole configuration and yields every finding it has; rules know nothing of each other.

    error    refuses at every door: no process metrics at all, listeners beyond loopback, secrets
    warning  the measurement may surprise; an experiment shows it and goes on, for the run is the proof
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from phoenix.domain.findings import Finding, Severity
from phoenix.domain.rules import (
    exports,
    filters,
    identity,
    inputs,
    listeners,
    metric_names,
    order,
    secrets,
    url_secrets,
)
from phoenix.domain.rules.context import Context, context_of

Rule = Callable[[Context], Iterable[Finding]]

RULES: tuple[Rule, ...] = (
    inputs.reads_processes,
    listeners.check,
    secrets.check,
    url_secrets.check,
    filters.check,
    identity.on_datapoints,
    identity.misspelt,
    identity.lost,
    exports.swallowed_identity,
    exports.command_lines,
    metric_names.check,
    order.memory_limiter_first,
    order.batch_behind_ranking,
)


def lint(config: Mapping[str, object], *, critical: Sequence[str]) -> tuple[Finding, ...]:
    """Every finding of every rule, errors first, then by path.

    Args:
        config: A whole collector configuration, parsed.
        critical: Patterns on process.executable.name of the processes that must not be lost; may be empty.
    """
    context = context_of(config, critical)
    found = dict.fromkeys(finding for rule in RULES for finding in rule(context))
    return tuple(sorted(found, key=lambda f: (f.severity is not Severity.ERROR, f.path, f.code)))
