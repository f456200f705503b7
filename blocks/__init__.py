"""Prefect blocks: saved settings with a `.client()`; they decide nothing and stay light to import.

What a field means and what is wrong with it is said by `phoenix.domain`, here as where a block is used. A spec names a
block by `block:NAME`; phoenix then reads it from the Prefect server itself (phoenix/adapters/prefect/blocks.py) and
imports nothing of this package. Registered by `prefect block register -m blocks`, or by `register`.
"""

from blocks.exporters import OtlpExporter
from blocks.registration import register
from blocks.targets import LocalTarget, SshTarget

__all__ = ["LocalTarget", "OtlpExporter", "SshTarget", "register"]
