"""Start the load simulation."""

from phoenix.services.run import loading
from phoenix.services.run.context import Run
from tasks.step import step


@step("start-load-simulation")
def start_load_simulation(run: Run) -> None:
    loading.start_load(run)
