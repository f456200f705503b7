"""What a person asks of a load run, checked before anything is recorded."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from pydantic import ValidationError

from phoenix.adapters.catalog import Catalog
from phoenix.domain.durations import parse_duration
from phoenix.domain.errors import SpecError
from phoenix.domain.load.plan import LoadPlan, plan
from phoenix.domain.load.profile import LoadProfile, LoadSpec, parse_profile
from phoenix.domain.spec_faults import findings_of
from phoenix.services.load_plans import load_plan

DEFAULT_DURATION = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class LoadWish:
    """A load run that may be started.

    Attributes:
        plan: What is started on each host.
        targets: Canonical, each once.
        duration: After it the load ends by itself.
        name: The name people use; None for one that is made of the profile's.
        experiment: Id of the experiment with which it ends; "" for none.
        metrics_port: Where each generator serves its figures on the loopback of its host, 0 for any free port; None
            where nobody asked for it.
    """

    plan: LoadPlan
    targets: tuple[str, ...]
    duration: timedelta = DEFAULT_DURATION
    name: str | None = None
    experiment: str = ""
    metrics_port: int | None = None

    def request(self) -> dict[str, object]:
        """What each host's generator is asked for."""
        return {**self.plan.request(), "metrics_port": self.metrics_port}


def read_spec(**fields: object) -> LoadSpec:
    """What is asked of a profile; a field that is None is left out.

    Raises:
        SpecError: With every field that is out of bounds.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    try:
        return LoadSpec.model_validate(given)
    except ValidationError as invalid:
        findings = findings_of(invalid, LoadSpec)
        first = findings[0]
        raise SpecError(
            f"There is no such load: {first.path}: {first.reason}.", findings=findings, hint=first.fix
        ) from invalid


def read_duration(text: str, written: str) -> timedelta:
    """How long a load is to stand.

    Args:
        text: Such as `30m`.
        written: What a person calls it, for the message.

    Raises:
        SpecError: It is no duration.
    """
    try:
        return parse_duration(text)
    except ValueError as fault:
        raise SpecError(f"{written}: {fault}.") from fault


@dataclass(frozen=True, slots=True)
class Offer:
    """A profile of the catalog.

    Attributes:
        profile: Itself.
        plan: What it comes to on one host where nobody asks for other numbers.
    """

    profile: LoadProfile
    plan: LoadPlan


@dataclass(frozen=True, slots=True)
class LoadProfiles:
    """The profiles that a load run may have.

    Attributes:
        catalog: Has them.
        folder: Where one that is a file is looked up.
    """

    catalog: Catalog
    folder: Path = field(default_factory=Path)

    def offers(self) -> tuple[Offer, ...]:
        """Every profile of the catalog with what it comes to by itself, by name.

        Raises:
            SpecError: One is faulty.
        """
        names = self.catalog.load_profile_names()
        profiles = [parse_profile(self.catalog.load_profile(name)) for name in names]
        return tuple(Offer(profile, plan(profile)) for profile in profiles)

    def plan(self, spec: LoadSpec) -> LoadPlan:
        """What `spec` comes to.

        Raises:
            SpecError: There is no such profile, or it cannot be what is asked of it.
        """
        return load_plan(self.catalog, spec, self.folder)
