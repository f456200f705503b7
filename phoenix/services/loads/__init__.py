"""Load runs: started, kept, looked at, stopped and recovered, apart from the load that is part of an experiment.

A run is recorded before anything starts, and kept by a process of its own (`phoenix.keeper`). Nothing here takes a
host's lease: a load may run beside an experiment.
"""
