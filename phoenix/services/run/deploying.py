"""Starts the two collectors side by side on every host."""

from phoenix.adapters.ports import CollectorLaunch, Host
from phoenix.adapters.yaml.documents import dump_yaml
from phoenix.domain.phases import Phase
from phoenix.domain.samples import Variant
from phoenix.manifests.plan import lifetime
from phoenix.services.run.context import Run


def take_hosts(run: Run, purpose: Phase) -> None:
    """Take the lease of every host, in the order of their names, so that two experiments cannot block each other.

    Args:
        run: The run.
        purpose: The phase that the hosts are taken for.

    Raises:
        StateError: If another experiment holds one; names it.
    """
    run.enter(purpose)
    for host in sorted(run.hosts, key=lambda h: h.name):
        run.check_stop()
        with run.step(f"lease@{host.name}") as outcome:
            lease = host.acquire(run.id, run.lease_lifetime)
            run.leases[host.name] = lease
            outcome["fence"] = lease.fence


def deploy(run: Run, variant: Variant) -> None:
    """Start one variant's collector on every host.

    Raises:
        SpecError: If the host's collector refuses the configuration.
        DependencyError: If it does not start; with its last log lines.
    """
    arm = run.plan.arm(variant)
    config = dump_yaml(arm.measurement_config())
    for host in run.hosts:
        run.check_stop()
        with run.step(f"deploy:{variant}@{host.name}", {"version": arm.version}) as outcome:
            launch = CollectorLaunch(run.id, arm.pipeline, arm.version, config, lifetime(run.spec))
            running = host.start_collector(variant.value, launch, run.leases[host.name])
            outcome.update(
                pid=running.pid,
                digest=running.digest,
                metrics=running.metrics_url,
                telemetry=running.telemetry_url,
            )


def first_death(host: Host) -> str | None:
    """Which of the host's two collectors died and why; None while both live."""
    for variant in Variant:
        if reason := host.exit_reason(variant.value):
            return f"the {variant} collector on {host.name} died: {reason}"
    return None
