"""What a person asks of a load run as a whole: the load, where, for how long."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from phoenix.domain.errors import SpecError
from phoenix.domain.load.profile import LoadSpec
from phoenix.domain.targets import check_name
from phoenix.services.loads.starting import DEFAULT_DURATION, LoadProfiles, LoadWish

if TYPE_CHECKING:
    from phoenix.services.loads.verbs import Loads
    from phoenix.services.targets import Targets


@dataclass(frozen=True, slots=True)
class Asked:
    """A load run as it was asked for.

    Attributes:
        spec: The load.
        targets: As people write them; none with an experiment.
        experiment: Whose hosts are loaded, and with which it ends; id or name.
        duration: After it the load ends by itself.
        name: The name people use; None for one that is made of the profile's.
        metrics_port: See `LoadWish`.
    """

    spec: LoadSpec
    targets: Sequence[str] = ()
    experiment: str | None = None
    duration: timedelta = DEFAULT_DURATION
    name: str | None = None
    metrics_port: int | None = None


def wish_of(
    asked: Asked,
    profiles: LoadProfiles,
    targets: "Callable[[], Targets]",
    loads: "Callable[[], Loads]",
    written: str,
) -> LoadWish:
    """What is asked for, checked as far as that goes without a host; nothing is recorded.

    Args:
        asked: What somebody wants.
        profiles: What a load may be.
        targets: Know hosts; asked for where everything else is right, for a refusal should cost little.
        loads: Know the hosts of experiments; asked for only where one is named, for that opens the store.
        written: How a person names targets, for the messages.

    Raises:
        SpecError: It is not well formed.
        StateError: The experiment is over, or there is none.
    """
    if asked.experiment is not None and asked.targets:
        raise SpecError(f"Give an experiment, whose hosts are loaded, or {written}.", code="two_targets")
    if asked.name is not None:
        check_name(asked.name, "load run's name")
    plan = profiles.plan(asked.spec)
    if asked.experiment is None:
        experiment, hosts = "", targets().resolve(asked.targets, written)
    else:
        experiment, hosts = loads().experiment_hosts(asked.experiment)
    return LoadWish(plan, hosts, asked.duration, asked.name, experiment, asked.metrics_port)
