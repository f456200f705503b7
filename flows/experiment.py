"""The experiment: validate, deploy both, start the load, collect until decided, compare, ask, promote or roll back.

Whatever happens on the way, the clean-up runs, is checked, and the record says how it ended.
"""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.driver import drive, driven
from phoenix.composition import compose
from phoenix.domain.experiment import ExperimentName, ExperimentSpec
from phoenix.domain.phases import Phase
from phoenix.domain.samples import Variant
from phoenix.services.run.context import Run
from phoenix.services.run.ending import ended
from tasks.approval import await_approval
from tasks.cleanup import clean_up
from tasks.comparison import compare_statistically
from tasks.deployment import deploy_pipeline, take_hosts
from tasks.drafting import record_experiment
from tasks.load import start_load_simulation
from tasks.measurement import collect_metrics
from tasks.promotion import promote_or_roll_back
from tasks.turns import await_turn, turns_on_hosts
from tasks.validation import validate_configurations


@flow(name="experiment", flow_run_name="{name}", persist_result=False)
def experiment(name: ExperimentName, spec: ExperimentSpec) -> State | None:
    """Run an experiment: may the candidate pipeline replace the baseline on these hosts?

    Args:
        name: What to call it: lower-case letters, digits and dashes.
        spec: The two pipelines, the hosts, and what decides.
    """
    return _carry_out(compose().experiments.open_run(record_experiment(name, spec)))


@flow(name="experiment", flow_run_name="{experiment}", persist_result=False)
def recorded_experiment(experiment: str) -> State | None:
    """Run an experiment that was recorded by another door.

    Args:
        experiment: Its id.
    """
    experiments = compose().experiments
    record = experiments.get(experiment)
    if record.phase.is_over:
        return Completed(
            message=f"{record.name} was {record.phase} before a worker took it; nothing was done."
        )
    return _carry_out(experiments.open_run(experiment))


def _carry_out(run: Run) -> State | None:
    with driven(run) as driving, turns_on_hosts() as turns, ended(run, clean_up):
        validate_configurations(run)
        await_turn(run, Phase.DEPLOYING, turns)
        take_hosts(run, Phase.DEPLOYING)
        deploy_pipeline(run, Variant.BASELINE)
        deploy_pipeline(run, Variant.CANDIDATE)
        start_load_simulation(run)
        collect_metrics(run)
        comparison = await_approval(run, compare_statistically(run))
        promote_or_roll_back(run, comparison)
    return driving.state()


if __name__ == "__main__":
    drive(recorded_experiment)
