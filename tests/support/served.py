"""Serves the experiment as a deployment: `python -m tests.support.served NAME`."""

import sys

from prefect import serve
from prefect.types.entrypoint import EntrypointType

from flows.experiment import experiment

if __name__ == "__main__":
    serve(experiment.to_deployment(sys.argv[1], entrypoint_type=EntrypointType.MODULE_PATH))
