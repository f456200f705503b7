"""The control plane as processes and files of this machine: Prefect's server, its workers, their state."""
