"""Load runs as documents, for every door; the verbs themselves are in `phoenix.services.loads`."""

from collections.abc import Mapping, Sequence

from phoenix.adapters.operations import LOADS_AT_ONCE, MOST_IN_A_PAGE, Document, LoadOperations
from phoenix.domain.errors import SpecError
from phoenix.domain.load.profile import names_file
from phoenix.services.loads.looking_after import look_after
from phoenix.services.loads.starting import DEFAULT_DURATION, LoadProfiles, read_duration, read_spec
from phoenix.services.loads.summaries import summarise
from phoenix.services.loads.verbs import Loads
from phoenix.services.loads.wishes import Asked, wish_of
from phoenix.services.operations.bounds import within
from phoenix.services.operations.given_files import file_refused
from phoenix.services.targets import Targets


class LocalLoads(LoadOperations):
    """Load runs of this installation.

    Args:
        loads: The verbs.
        profiles: What a load may be.
        targets: Where to.
    """

    def __init__(self, loads: Loads, profiles: LoadProfiles, targets: Targets) -> None:
        self._loads = loads
        self._profiles = profiles
        self._targets = targets

    def list(self, *, limit: int = LOADS_AT_ONCE) -> Document:
        return {"items": [summarise(run) for run in self._loads.newest(within(limit, MOST_IN_A_PAGE))]}

    def get(self, reference: str) -> Document:
        return summarise(self._loads.get(reference))

    def start(
        self,
        *,
        profile: str = "realistic",
        processes: int | None = None,
        churn_rate: float | None = None,
        seed: int | None = None,
        settings: Mapping[str, object] | None = None,
        targets: Sequence[str] = (),
        experiment: str | None = None,
        duration: str | None = None,
        name: str | None = None,
    ) -> Document:
        if names_file(profile):
            raise file_refused(
                "profile", profile, "name a profile of the catalog, and change it by `settings`"
            )
        if experiment is None and not targets:
            raise SpecError(
                "No host is named.", code="no_target", hint="send `targets`, at least one, or an `experiment`"
            )
        spec = read_spec(
            profile=profile, processes=processes, churnRate=churn_rate, seed=seed, settings=settings
        )
        lasting = DEFAULT_DURATION if duration is None else read_duration(duration, "duration")
        asked = Asked(spec, targets, experiment, lasting, name)
        wish = wish_of(asked, self._profiles, lambda: self._targets, lambda: self._loads, "targets")
        # What nobody keeps any more may hold the name or the host.
        self._loads.recovery.recover()
        started = self._loads.start(self._loads.create(wish))
        look_after(self._loads, started)
        return summarise(self._loads.get(started.run.id))

    def stop(self, reference: str, reason: str) -> Document:
        run = self._loads.stop(reference, reason)
        # One whose keeper is gone would hear of it only at the next recovery.
        (now,) = self._loads.watch(run.id)
        return summarise(now)
