"""Carries verbs on deployments out in children that kill themselves at a moment: `python -m tests.support.mortal_deployments`.

A moment is the end of a call that changes a host or the ledger. One line of JSON on standard input for each child:
`{"verb": "deploy", "arguments": [...], "moment": 3}`; one line on standard output: its exit code and what it changed.
The parent imports everything once, so that a child costs what its work costs.
"""

import json
import os
import signal
import sys
from itertools import count
from typing import Any

from phoenix.adapters.store import deployments, experiments  # noqa: F401 - warmed up for the children
from phoenix.composition import Phoenix, compose
from phoenix.services.deployments import verbs  # noqa: F401 - as above
from tests.support.hooked import Hooked

CHANGES = {
    "host": {
        "acquire",
        "start_collector",
        "revive",
        "retire",
        "stop_collector",
        "activate",
        "clear",
        "release",
    },
    "ledger": {"begin", "activate", "fail", "remove", "claim", "owe", "settle"},
}


class _Hosts:
    def __init__(self, real: Any, after: Any) -> None:
        self._real, self._after = real, after

    def check(self, target: str) -> None:
        self._real.check(target)

    def open(self, target: str) -> Hooked:
        return Hooked(self._real.open(target), after=self._after)


def mortal(moment: int, said: list[str]) -> Phoenix:
    """The services, whose process dies at the moment-th change."""
    phoenix = compose()
    moments = count(1)

    def after(kind: str, verb: str) -> None:
        if verb in CHANGES[kind]:
            said.append(f"{kind}.{verb}")
            if next(moments) == moment:
                tell(said)
                os.kill(os.getpid(), signal.SIGKILL)

    hosts, ledger = phoenix.hosts, phoenix.deployment_store
    phoenix.__dict__["hosts"] = _Hosts(hosts, lambda verb, _arguments: after("host", verb))
    phoenix.__dict__["deployment_store"] = Hooked(
        ledger, after=lambda verb, _arguments: after("ledger", verb)
    )
    return phoenix


def tell(said: list[str]) -> None:
    print(json.dumps({"changes": said}), flush=True)


def run(verb: str, arguments: list[Any], moment: int) -> None:
    said: list[str] = []
    phoenix = mortal(moment, said)
    if verb == "deploy":
        file, targets = arguments
        phoenix.deployments.deploy(phoenix.pipelines.named(file), targets, name="web")
    elif verb == "rollback":
        phoenix.deployments.roll_back(*arguments)
    elif verb == "delete":
        phoenix.deployments.delete(*arguments)
    else:
        phoenix.deployment_recovery.recover()
    tell(said)


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            try:
                run(order["verb"], order["arguments"], order["moment"])
            finally:
                os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(json.dumps({"code": code}), flush=True)


if __name__ == "__main__":
    main()
