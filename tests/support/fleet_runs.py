"""Experiments over hosts in memory, fast: a scrape as soon as the last one is taken, and every host can be made to fail
or to fall silent.
"""

import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

from phoenix.adapters.archive import Archive
from phoenix.adapters.ports import RunningCollector
from phoenix.composition import compose
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.processes import Process
from phoenix.domain.record import EventKind, ExperimentRecord
from phoenix.services.experiments import Experiments
from phoenix.services.measuring.ticker import Ticker
from phoenix.services.recovery import Recovery
from phoenix.services.run.context import Run
from tests.support.experiments import QUICK
from tests.support.fleets import ME, Fleet
from tests.support.hooked import Hooked

INTERVAL = timedelta(milliseconds=20)
NGINX = 41


class _Patience:
    """The time of a schedule that leaves no tick out, however slow the machine is: it goes on while it is waited for only."""

    def __init__(self, halted: Event) -> None:
        self._halted = halted
        self._now = 0.0

    def clock(self) -> float:
        return self._now

    def wait(self, seconds: float) -> bool:
        is_halted = self._halted.wait(min(seconds, INTERVAL.total_seconds()))
        self._now += 0.0 if is_halted else seconds
        return is_halted


class FleetRuns(Fleet):
    """Hosts in memory, and experiments over all of them.

    Attributes:
        ledger_of_runs: How the experiments' own ledger is reached.
        losing: Hosts at which what is asked loses nginx, with the places where it does.
        deaf: Hosts whose collectors answer nothing.
        memory: Of the candidate's collectors, B.
    """

    def __init__(self, folder: Path, *targets: str) -> None:
        super().__init__(*targets)
        self.archive = Archive(folder)
        self.ledger_of_runs = Hooked(self.experiments)
        self.losing: dict[str, str] = {}
        self.deaf: set[str] = set()
        self.memory = 50_000_000
        self._began = time.monotonic()
        for name, fake in self.fakes.items():
            fake.answers = lambda running, kind, name=name: self._answer(name, running, kind)
            fake.population = self._population

    def begin(self, **changes: object) -> Run:
        """A recorded experiment, as its flow opens it."""
        return self.opened(self.recorded(**changes))

    def opened(self, record: ExperimentRecord) -> Run:
        run = self.verbs_of_runs().take_over(record)
        watch = run.spec.watch / run.spec.scrape_interval * INTERVAL
        longest = run.spec.maximum_duration / run.spec.scrape_interval * INTERVAL
        asked = run.spec.approval.time_limit / run.spec.scrape_interval * INTERVAL
        quick = {
            "scrape_interval": INTERVAL,
            "watch": watch,
            "maximum_duration": longest,
            "approval": run.spec.approval.model_copy(update={"time_limit": asked}),
        }
        run.spec = run.spec.model_copy(update=quick)
        run.document = run.document.model_copy(update={"spec": run.spec})

        def schedule() -> Ticker:
            time_of_its_own = _Patience(run.halted)
            return Ticker(INTERVAL, time_of_its_own, time_of_its_own.clock)  # type: ignore[arg-type]

        run.schedule = schedule  # type: ignore[method-assign]
        run.ticker = schedule()
        return run

    def recorded(self, **changes: object) -> ExperimentRecord:
        spec = {
            **QUICK,
            "targets": list(self.fakes),
            "scrapeInterval": "1s",
            "load": None,
            "criticalProcesses": ["^nginx$"],
            **changes,
        }
        content = {
            "apiVersion": "phoenix.io/v1alpha1",
            "kind": "Experiment",
            "metadata": {"name": "fleet"},
            "spec": {key: value for key, value in spec.items() if value is not None},
        }
        return self.verbs_of_runs().create(compose().drafts.check(content, Path()))

    def judged(self, **changes: object) -> Run:
        """An experiment that said PROMOTE and was reported, as the flow of its promotion opens it."""
        judged = replace(
            self.recorded(**changes),
            id=f"exp-{secrets.token_hex(4)}",
            phase=Phase.COMPLETED,
            outcome=Outcome.REPORTED,
            result={"verdict": "PROMOTE"},
            driver=None,
            created_at=datetime.now(UTC),
        )
        self.experiments.create(judged)
        self.experiments.append(judged.id, EventKind.DONE, "compare", {"verdict": "PROMOTE"})
        return self.opened(judged)

    def verbs_of_runs(self) -> Experiments:
        return Experiments(
            self.ledger_of_runs,
            self.store,
            self,
            self.archive,
            flows=None,
            validator=lambda: None,
            this_process=lambda: ME,
            starter=lambda: None,
            is_alive=lambda record: record.driver in self.living,
        )

    def recover(self):
        """Recovery after the driver was lost: of the experiments, then of the deployments."""
        self.living.clear()
        recovery = Recovery(self.ledger_of_runs, self.verbs_of_runs(), lambda _: False)
        repairs = recovery.recover(wait_for_stopping=False)
        self.living.add(ME)
        return (*repairs, *self.recovery.recover())

    def events(self, run: Run, *kinds: EventKind) -> list[str]:
        return [e.step for e in self.experiments.events(run.id) if not kinds or e.kind in kinds]

    def notes(self, run: Run, step: str) -> list[Mapping[str, object]]:
        return [e.data for e in self.experiments.events(run.id) if (e.kind, e.step) == (EventKind.NOTE, step)]

    def record(self, run: Run) -> ExperimentRecord:
        return self.experiments.get(run.id)

    def serving(self) -> dict[str, str | None]:
        """By host, whose pipeline serves."""
        found = {target: fake.active() for target, fake in self.fakes.items()}
        return {target: one.owner if one else None for target, one in found.items()}

    def assert_one_serves(self) -> None:
        """At every host what is active lives, nothing else runs, nobody holds it, and the ledger says the same."""
        for target, fake in self.fakes.items():
            active = fake.active()
            assert self.running(target) == ([active.place] if active else []), target
            assert fake.lease() is None, target
            known = self.active(target)
            assert (f"revision-{known.number}" if known else None) == (active.place if active else None), (
                target
            )
        assert self.ledger.pending() == ()

    def _answer(self, host: str, running: RunningCollector, kind: str) -> bytes:
        if host in self.deaf:
            return b""
        elapsed = time.monotonic() - self._began
        if kind == "metrics":
            is_lost = running.place.startswith(self.losing.get(host, "nowhere"))
            series = 3 if running.place == "candidate" else 30
            return _export(() if is_lost else (NGINX,), series)
        return _telemetry(elapsed, self.memory if running.place == "candidate" else 50_000_000)

    def _population(self) -> Mapping[int, Process]:
        return {NGINX: Process(NGINX, 1, "nginx", 1.0, 1000)}


def _export(pids: tuple[int, ...], series: int) -> bytes:
    # Ahead of the clock: at such an interval a busy machine would make every point look old.
    stamp = int(time.time() * 1000) + 60_000
    label = 'process_executable_name="{}",process_pid="{}"'
    named = [label.format("nginx", pid) for pid in pids] + [label.format("app", n) for n in range(1, series)]
    return "".join(f"process_threads{{{labels}}} 1 {stamp}\n" for labels in named).encode()


def _telemetry(elapsed: float, memory: int) -> bytes:
    points = 1000 + int(elapsed * 1000)
    return (
        f'otelcol_receiver_accepted_metric_points{{receiver="host_metrics"}} {points}\n'
        f'otelcol_exporter_sent_metric_points{{exporter="prometheus/phoenix"}} {points}\n'
        f"otelcol_process_cpu_seconds {elapsed * 0.01}\n"
        f"otelcol_process_memory_rss {memory}\n"
        "otelcol_process_uptime 10\n"
    ).encode()
