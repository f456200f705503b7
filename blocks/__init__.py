"""Prefect blocks: saved settings with a `.client()`; they decide nothing and stay light to import.

There is none yet: an experiment of today needs no saved connection. The first ones are targets and exporters.
"""
