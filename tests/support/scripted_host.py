"""A host whose collectors answer what a test writes, and a census session beside it."""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from phoenix.adapters.ports import RunningCollector
from phoenix.domain.errors import DependencyError
from phoenix.domain.processes import Census, Process
from tests.support.exports import census

Answer = Callable[[], bytes] | bytes | Exception


def collector(place: str, pid: int) -> RunningCollector:
    return RunningCollector(
        place=place,
        owner="exp-1",
        pid=pid,
        pipeline=place,
        version="v",
        digest="d",
        metrics_url=f"http://127.0.0.1:1/{place}/metrics",
        telemetry_url=f"http://127.0.0.1:1/{place}/telemetry",
    )


class ScriptedHost:
    """The verbs of a `Host` that a measurement uses; answers by place and kind, as in `baseline/metrics`."""

    name = "web-1"

    def __init__(self, answers: dict[str, Answer], died: dict[str, str] | None = None) -> None:
        self.answers = answers
        self.died = died or {}

    def fetch(self, url: str, timeout: timedelta) -> bytes:  # noqa: ARG002 - the port's signature
        answer = self.answers[url.removeprefix("http://127.0.0.1:1/")]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, bytes) else answer()

    def exit_reason(self, place: str) -> str | None:
        return self.died.get(place)


class ScriptedCensus:
    """One list of rows a take; None is a take that fails."""

    def __init__(self, takes: Sequence[Iterable[Process] | None]) -> None:
        self.takes = list(takes)
        self.asked: list[tuple[int, ...]] = []

    def take(self, collectors: Sequence[int], timeout: timedelta) -> Census:  # noqa: ARG002 - as above
        self.asked.append(tuple(collectors))
        rows = self.takes[len(self.asked) - 1]
        if rows is None:
            raise DependencyError("the agent died")
        return census(float(len(self.asked)), rows)
