"""Load runs over hosts in memory, each of which can be made to refuse, to be slow or to fall silent."""

import secrets
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event

from phoenix.domain.errors import DependencyError
from phoenix.domain.load.run import LoadRun, LoadState
from phoenix.domain.record import Driver
from phoenix.services.loads.calls import Call
from phoenix.services.loads.keeping import Keeping, is_over
from phoenix.services.loads.recovery import LoadRecovery
from phoenix.services.loads.verbs import Loads
from tests.fakes.host import FakeHost
from tests.fakes.loads import FakeLoadRunStore
from tests.fakes.store import FakeExperimentStore
from tests.support.fleets import silence
from tests.support.hooked import Hooked
from tests.support.waiting import eventually

STARTER = Driver("here", 7, 1)
KEEPER = Driver("here", 8, 1)
RESCUER = Driver("here", 9, 1)
OTHER = Driver("here", 10, 1)

REQUEST = {"seed": 1, "patterns": [{"name": "svc-{n}", "count": 30}, {"name": "job", "count": 10}]}
PROCESSES = 40


class LoadFleet:
    """Hosts in memory with the store of load runs.

    Attributes:
        fakes: The machines themselves, by target.
        hosts: How they are reached, by target; their hooks can fail a verb.
        ledger: The store itself.
        store: How it is reached.
        living: Drivers that run.
        keepers: What becomes of keepers that are started.
    """

    def __init__(self, *targets: str) -> None:
        self.fakes = {target: FakeHost(target) for target in targets or ("local",)}
        self.hosts = {target: Hooked(fake) for target, fake in self.fakes.items()}
        self.ledger = FakeLoadRunStore()
        self.store = Hooked(self.ledger)
        self.experiments = FakeExperimentStore()
        self.living = {STARTER, KEEPER, RESCUER}
        self.keepers = FakeKeepers()
        self.keeping = Keeping(
            self.store,
            self.open,
            is_experiment_over=lambda experiment: is_over(self.experiments, experiment),
            this_process=lambda: KEEPER,
            starter=lambda: STARTER,
            is_alive=self.is_alive,
        )
        self.recovery = LoadRecovery(self.store, self.open, lambda: RESCUER, self.is_alive)
        self.verbs = Loads(self.store, self.experiments, self.keepers, self.recovery, lambda: STARTER)

    def open(self, target: str):
        return self.hosts[target]

    def is_alive(self, run: LoadRun) -> bool:
        return run.driver in self.living

    def recorded(self, seconds: float = 600, **changes: object) -> LoadRun:
        """A run that was recorded, as its keeper finds it."""
        now = datetime.now(UTC)
        load = f"load-{secrets.token_hex(4)}"
        given = {
            "id": load,
            "name": load if self.ledger.unfinished() else "evening",
            "experiment": "",
            "profile": "realistic",
            "targets": tuple(self.fakes),
            "request": REQUEST,
            "state": LoadState.STARTING,
            "created_at": now,
            "deadline": now + timedelta(seconds=seconds),
            "driver": STARTER,
        }
        run = LoadRun(**{**given, **changes})
        self.ledger.create(run)
        return self.ledger.get(run.id)

    def loaded(self, owner: str) -> list[str]:
        """Targets that have anything of `owner`."""
        return [target for target, fake in self.fakes.items() if fake.leftovers(owner)]

    def silence(self, target: str) -> None:
        """Let a host not answer any more."""

        def before(_verb: str, _arguments: object) -> None:
            raise silence()

        self.hosts[target].before = before

    def fail(self, target: str, verb: str, fault: Exception) -> None:
        """Let a host's verb fail from now on."""

        def before(called: str, _arguments: object) -> None:
            if called == verb:
                raise fault

        self.hosts[target].before = before

    def delay(self, target: str) -> Event:
        """Let the load of a host not come to stand before somebody clears it; the event is set once it starts."""
        begun, cleared = Event(), Event()

        def before(verb: str, _arguments: object) -> None:
            if verb == "clear":
                cleared.set()
            elif verb == "start_load":
                begun.set()
                assert cleared.wait(30)
                raise DependencyError("the agent (load) ended", code="agent_died")

        self.hosts[target].before = before
        return begun

    def mend(self, target: str) -> None:
        self.hosts[target].before = lambda _verb, _arguments: None


class Kept:
    """A run that a keeper in a thread keeps.

    Attributes:
        call: Ends it.
    """

    def __init__(self, fleet: LoadFleet, run: LoadRun) -> None:
        self.call = Call()
        self._fleet = fleet
        self._id = run.id
        self._thread = ThreadPoolExecutor(1)
        self._future: Future[LoadRun] = self._thread.submit(fleet.keeping.keep, run.id, self.call)

    def now(self) -> LoadRun:
        return self._fleet.ledger.get(self._id)

    def until(self, condition: Callable[[LoadRun], object]) -> LoadRun:
        """The run once the condition holds."""
        eventually(lambda: condition(self.now()), what="the run is so")
        return self.now()

    def running(self) -> LoadRun:
        return self.until(lambda run: run.state is LoadState.RUNNING)

    def result(self) -> LoadRun:
        """What the keeper returns, or its error."""
        try:
            return self._future.result(30)
        finally:
            self._thread.shutdown()
            self.call.close()


class FakeKeepers:
    """Keepers that do what the test says.

    Attributes:
        started: Ids of the runs whose keepers were started.
        on_start: Called with the id when one is started.
        code: What a keeper ended with; None while it runs.
    """

    def __init__(self) -> None:
        self.started: list[str] = []
        self.on_start: Callable[[str], object] = lambda _load: None
        self.code: int | None = None

    def start(self, load: str) -> "FakeKeepers":
        self.on_start(load)
        self.started.append(load)
        return self

    def poll(self) -> int | None:
        return self.code

    def last_words(self) -> str:
        return "MemoryError" if self.code else ""
