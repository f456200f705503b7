"""Deployments over hosts in memory, each of which can be made to fail."""

from phoenix.adapters.ports import CollectorLaunch
from phoenix.composition import compose
from phoenix.domain.deployment import Revision
from phoenix.domain.errors import DependencyError, PhoenixError, SpecError
from phoenix.domain.record import Driver
from phoenix.services.deployments.recovery import DeploymentRecovery
from phoenix.services.deployments.verbs import Deployments
from tests.fakes.deployments import FakeDeploymentStore
from tests.fakes.host import FakeHost
from tests.fakes.store import FakeExperimentStore
from tests.support.hooked import Hooked

EXPORT = b'process_cpu_time_seconds_total{process_pid="7",process_executable_name="nginx",state="user"} 1\n'
TELEMETRY = b"""otelcol_receiver_accepted_metric_points{receiver="host_metrics"} 90
otelcol_exporter_sent_metric_points{exporter="prometheus/phoenix"} 30
otelcol_exporter_sent_metric_points{exporter="prometheus"} 30
otelcol_process_cpu_seconds 2
otelcol_process_memory_rss 50000000
otelcol_process_uptime 10
"""
ME = Driver("here", 7, 1)
OTHER = Driver("here", 8, 1)


def answer(_running, kind: str) -> bytes:
    """What a working collector says."""
    return EXPORT if kind == "metrics" else TELEMETRY


def silence() -> DependencyError:
    return DependencyError("the host does not answer", code="unreachable")


class Fleet:
    """Hosts in memory with their ledger.

    Attributes:
        fakes: The machines themselves, by target.
        hosts: How they are reached, by target; their hooks can fail a verb.
        store: How the ledger is reached.
        living: Drivers that run.
    """

    def __init__(self, *targets: str) -> None:
        self.fakes = {target: FakeHost(target) for target in targets or ("local",)}
        for fake in self.fakes.values():
            fake.answers = answer
        self.hosts = {target: Hooked(fake) for target, fake in self.fakes.items()}
        self.ledger = FakeDeploymentStore()
        self.store = Hooked(self.ledger)
        self.experiments = FakeExperimentStore()
        self.living = {ME}
        self.verbs = Deployments(self.store, self.experiments, self, lambda: ME, lambda: "ops@laptop")
        self.recovery = DeploymentRecovery(
            self.store,
            self.open,
            lambda: ME,
            lambda driver: driver in self.living,
            lambda: [record.id for record in self.experiments.unfinished()],
        )

    def check(self, target: str) -> None:
        if target not in self.hosts:
            raise SpecError(f"{target} is no host")

    def open(self, target: str):
        return self.hosts[target]

    @property
    def host(self) -> FakeHost:
        """The only one."""
        (host,) = self.fakes.values()
        return host

    def deploy(self, *targets: str, **options: object):
        settings = {"k": str(options.pop("k", 20)), **options.pop("settings", {})}
        return self.verbs.deploy(pipeline(**settings), targets or tuple(self.fakes), **options)

    def active(self, target: str = "local") -> Revision | None:
        return next((one for one in self.ledger.active() if one.host == target), None)

    def running(self, target: str = "local") -> list[str]:
        """The places whose collectors live."""
        host = self.fakes[target]
        return [one.place for one in host.revisions() if host.exit_reason(one.place) is None]

    def fail(
        self, verb: str, fault: Exception | None = None, target: str = "local", *, times: int = 1
    ) -> None:
        """Let the next calls of a host's verb fail instead."""
        left = [times]

        def before(called: str, _arguments: object) -> None:
            if called == verb and left[0]:
                left[0] -= 1
                raise fault or silence()

        self.hosts[target].before = before

    def silence(self, target: str = "local", after: str = "") -> None:
        """Let a host not answer any more: from now on, or from the end of a verb on."""
        is_silent = [not after]

        def before(_verb: str, _arguments: object) -> None:
            if is_silent[0]:
                raise silence()

        def behind(verb: str, _arguments: object) -> None:
            if verb == after:
                is_silent[0] = True

        self.hosts[target].before, self.hosts[target].after = before, behind

    def mend(self, target: str = "local") -> None:
        self.hosts[target].before = self.hosts[target].after = lambda _verb, _arguments: None


def pipeline(**settings: str):
    """The catalog's topk."""
    return compose().pipelines.named("topk", settings)


def launches_of(host: Hooked) -> list[CollectorLaunch]:
    """Every launch that the host is asked for from now on."""
    seen: list[CollectorLaunch] = []

    def before(verb: str, arguments: tuple) -> None:
        if verb == "start_collector":
            seen.append(arguments[1])

    host.before = before
    return seen


def refusal(code: str) -> PhoenixError:
    return DependencyError("it died", code=code, hint="its last words:\npanic: no")
