"""Prefect's server, the workers and the deployments, held up together: what `phoenix up` and `phoenix down` do."""
