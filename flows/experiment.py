"""The experiment: validate, deploy both, start the load, collect until decided, compare, promote or roll back.

Whatever happens on the way, the clean-up runs, is checked, and the record says how it ended.
"""

from prefect import flow

from flows.driver import drive, driven
from phoenix.composition import compose
from phoenix.domain.phases import Phase
from phoenix.domain.samples import Variant
from phoenix.services.run.ending import ended
from tasks.cleanup import clean_up
from tasks.comparison import compare_statistically
from tasks.deployment import deploy_pipeline, take_hosts
from tasks.load import start_load_simulation
from tasks.measurement import collect_metrics
from tasks.promotion import promote_or_roll_back
from tasks.validation import validate_configurations


@flow(name="experiment", flow_run_name="{experiment}", log_prints=False, persist_result=False)
def experiment(experiment: str) -> None:
    """Run a recorded experiment to its end.

    Args:
        experiment: Its id.
    """
    run = compose().experiments.open_run(experiment)
    with driven(run), ended(run, clean_up):
        validate_configurations(run)
        take_hosts(run, Phase.DEPLOYING)
        deploy_pipeline(run, Variant.BASELINE)
        deploy_pipeline(run, Variant.CANDIDATE)
        start_load_simulation(run)
        collect_metrics(run)
        comparison = compare_statistically(run)
        promote_or_roll_back(run, comparison)


if __name__ == "__main__":
    drive(experiment)
