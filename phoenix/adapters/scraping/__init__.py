"""Reads a collector: its exposition, parsed fast and exactly, and its own telemetry."""
