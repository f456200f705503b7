"""Takes the hosts, and starts the two collectors side by side on each."""

from datetime import timedelta

from phoenix.adapters.ports import CollectorLaunch, Host
from phoenix.adapters.yaml.documents import dump_yaml
from phoenix.domain.errors import DependencyError
from phoenix.domain.phases import Phase
from phoenix.domain.samples import Variant
from phoenix.manifests.plan import lifetime
from phoenix.services.concurrency import everywhere
from phoenix.services.run.cleaning import stop_and_keep_log
from phoenix.services.run.context import Run
from phoenix.services.run.fleet import on_each_host

_PROBE_LIFETIME = timedelta(minutes=1)


def take_hosts(run: Run, purpose: Phase) -> None:
    """Take the lease of every host, and see that its process table can be read.

    The first by name is taken alone: of two experiments that want the same hosts at the same time, one gets them all.

    Args:
        run: The run.
        purpose: The phase that the hosts are taken for.

    Raises:
        StateError: If another experiment holds one; names it.
        DependencyError: If a host is out of reach, or has no Python for the census.
    """
    run.enter(purpose)
    first, *others = sorted(run.hosts, key=lambda host: host.name)
    on_each_host(run, lambda host: _take(run, host), [first])
    on_each_host(run, lambda host: _take(run, host), others)


def _take(run: Run, host: Host) -> None:
    with run.step(f"lease@{host.name}") as outcome:
        lease = host.acquire(run.id, run.lease_lifetime)
        run.leases[host.name] = lease
        outcome["fence"] = lease.fence
        with host.open_census(run.id, _PROBE_LIFETIME):
            pass


def deploy(run: Run, variant: Variant) -> None:
    """Start one variant's collector on every host.

    Raises:
        SpecError: If the host's collector refuses the configuration.
        DependencyError: If it does not start; with its last log lines.
    """
    arm = run.plan.arm(variant)
    config = dump_yaml(arm.measurement_config())

    def start(host: Host) -> None:
        with run.step(f"deploy:{variant}@{host.name}", {"version": arm.version}) as outcome:
            launch = CollectorLaunch(run.id, arm.pipeline, arm.version, config, lifetime(run.spec))
            running = host.start_collector(variant.value, launch, run.leases[host.name])
            outcome.update(
                pid=running.pid,
                digest=running.digest,
                metrics=running.metrics_url,
                telemetry=running.telemetry_url,
            )

    on_each_host(run, start)


def withdraw(run: Run, variant: Variant) -> None:
    """End one variant's collector on every host now; where that fails the clean-up tries again, and says so."""

    def end(host: Host) -> None:
        with run.step(f"withdraw:{variant}@{host.name}"):
            stop_and_keep_log(run, host, variant)

    everywhere(run.hosts, end)


def first_death(host: Host) -> str | None:
    """Which of the host's two collectors died and why; None while both live, or nobody can be asked."""
    try:
        for variant in Variant:
            if reason := host.exit_reason(variant.value):
                return f"the {variant} collector on {host.name} died: {reason}"
    except DependencyError:
        return None
    return None
