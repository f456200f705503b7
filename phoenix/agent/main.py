"""The commands of the agent."""

from __future__ import annotations

from phoenix.agent import protocol

USAGE = "usage: agent.pyz census | load | strays --owner OWNER"


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit status."""
    try:
        return _run(arguments)
    except protocol.RefusedError as error:
        protocol.emit("error", code=error.code, message=str(error))
        return protocol.EXIT_REFUSED
    except BrokenPipeError:
        return 0  # the control plane is gone


def _run(arguments: list[str]) -> int:
    # Imported late: each command starts without what the others need.
    if arguments == ["census"]:
        from phoenix.agent import census

        return census.run()
    if arguments == ["load"]:
        from phoenix.agent.load import guard

        return guard.run()
    if len(arguments) == 3 and arguments[:2] == ["strays", "--owner"]:
        from phoenix.agent import strays

        return strays.run(protocol.owner_name(arguments[2]))
    raise protocol.RefusedError("usage", USAGE)
