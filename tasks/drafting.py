"""Check what a form asks for, and record it."""

from phoenix.composition import compose
from phoenix.domain.experiment import ExperimentSpec
from tasks.step import step


@step("record-experiment")
def record_experiment(name: str, spec: ExperimentSpec) -> str:
    """The id of the recorded experiment.

    Raises:
        SpecError: With every field that is wrong; nothing is recorded.
    """
    phoenix = compose()
    phoenix.refuse_malformed_notifications()
    phoenix.installer.install(print)
    draft = phoenix.drafts.of(name, spec)
    phoenix.experiments.refuse_invalid(draft)
    return phoenix.experiments.create(draft).id
