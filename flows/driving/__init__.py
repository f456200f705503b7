"""What a flow's body does beside its steps: it says who drives it, and heeds whoever ends it.

There are four watchers of one kind, each a thread that calls `halt(reason)`, which ends a run by its own clean way:

- `signals`: SIGTERM and SIGINT, from a person, or from a worker that cancels a run or ends itself;
- `starter`: the command that started us is gone;
- `parent`: the worker, or the process that serves the flow, is gone;
- `cancellation`: somebody cancelled the run in Prefect, which tells nobody but a worker.

`own_run` is the flow run as the server has it. What is asked of the server is for people to look at: without an answer
the run goes on.
"""

from collections.abc import Callable

Halt = Callable[[str], None]
"""Asks the run to end soon, with who asks: "signal SIGTERM", "cancelled in Prefect"."""
