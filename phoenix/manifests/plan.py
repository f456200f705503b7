"""The plan: an experiment with everything resolved that a run needs, so that nothing it read can change under it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Self

from phoenix.domain.experiment import ExperimentSpec
from phoenix.domain.phases import OnPromote
from phoenix.domain.samples import Variant
from phoenix.manifests.collector import OwnPart
from phoenix.manifests.slots import SlotAddition, slot_config

GRACE = timedelta(minutes=5)
"""Time for starting, handing over and cleaning up, on top of what the spec asks for."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One variant, rendered.

    Attributes:
        pipeline: Display name.
        own: The pipeline's own part; its version is what is measured, promoted and remembered.
        production: What the active slot adds for the user's backend; experiment slots never do.
    """

    pipeline: str
    own: OwnPart
    production: SlotAddition

    @property
    def version(self) -> str:
        return self.own.version

    def measurement_config(self) -> Mapping[str, object]:
        """The whole configuration in a slot of the experiment."""
        return slot_config(self.own).config

    def production_config(self) -> Mapping[str, object]:
        """The whole configuration in the active slot."""
        return slot_config(self.own, self.production).config

    def as_document(self) -> dict[str, object]:
        own = {"config": self.own.config, "version": self.own.version, "exporting": self.own.exporting}
        return {
            "pipeline": self.pipeline,
            "version": self.version,
            "own": own,
            "production": asdict(self.production),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        own = document["own"]
        part = OwnPart(own["config"], own["version"], tuple(own["exporting"]))
        return cls(document["pipeline"], part, SlotAddition(**document["production"]))


@dataclass(frozen=True, slots=True)
class Plan:
    """Both variants and the load.

    Attributes:
        baseline: The pipeline of today.
        candidate: The pipeline that may replace it.
        load: What the load generator is asked for (`LoadPlan.request`); None where the spec asks for no load.
    """

    baseline: Arm
    candidate: Arm
    load: Mapping[str, object] | None

    def arm(self, variant: Variant) -> Arm:
        return self.baseline if variant is Variant.BASELINE else self.candidate

    @property
    def has_equal_receivers(self) -> bool:
        """Both variants make the same points of the same processes, before their processors."""
        receivers = [self.arm(variant).own.config.get("receivers") for variant in Variant]
        return receivers[0] == receivers[1]

    def as_document(self) -> dict[str, object]:
        arms = {variant.value: self.arm(variant).as_document() for variant in Variant}
        return {**arms, "load": self.load}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        arms = {variant.value: Arm.from_document(document[variant.value]) for variant in Variant}
        return cls(**arms, load=document["load"])


def lifetime(spec: ExperimentSpec) -> timedelta:
    """After it the host itself ends whatever the experiment started there.

    While a person is asked whether to promote, both variants and the load run on.
    """
    asked = spec.approval.time_limit if spec.on_promote is OnPromote.APPROVE else timedelta()
    return spec.maximum_duration + asked + spec.watch + GRACE
