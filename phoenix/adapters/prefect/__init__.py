"""Prefect: flows as processes, and a server for those that name none."""
