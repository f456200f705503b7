"""Asks a person whether to promote, and goes on measuring until there is an answer, a breach, or the time is up.

The answer is a note in the ledger, whichever door it came through: the first one stands. The time limit answers by the
same note.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from phoenix.adapters.ports import Host
from phoenix.domain.decision.comparison import Comparison, Verdict
from phoenix.domain.decision.pairing import is_sound
from phoenix.domain.decision.waiting import breaches, breaches_of_all, stretch_scrapes, taken_back
from phoenix.domain.decision.watch import MOST_UNREAD, WATCH_WARMUP
from phoenix.domain.durations import format_duration
from phoenix.domain.errors import DependencyError, PhoenixError
from phoenix.domain.phases import OnPromote, Phase
from phoenix.domain.samples import Scrape, Variant
from phoenix.services.approvals import (
    ANSWERED,
    ANSWERS,
    ASKED,
    BREACH,
    BREACHED,
    UNANSWERED,
    WAITING,
    Answer,
    answer_to,
)
from phoenix.services.concurrency import open_everywhere
from phoenix.services.measuring.measurement import Measurement
from phoenix.services.run import measuring
from phoenix.services.run.context import Run, RunStopped
from phoenix.services.run.deploying import first_death, withdraw
from phoenix.services.run.judging import save
from phoenix.services.run.loading import load_fault
from phoenix.services.run.outages import STORE_UNAVAILABLE, Outage

TIME_LIMIT = "the time limit"
"""Who answers when nobody does."""

MOST_TOGETHER = 20_000
"""Scrapes that are compared all together, at the end of a stretch; beyond it only the stretches are judged."""


def is_asked(run: Run, comparison: Comparison) -> bool:
    """Whether this verdict is one that a person is asked about."""
    return comparison.verdict is Verdict.PROMOTE and run.spec.on_promote is OnPromote.APPROVE


def await_approval(
    run: Run,
    comparison: Comparison,
    on_asked: Callable[[datetime], object] = lambda _deadline: None,
    last_look: Callable[[], object] = lambda: None,
) -> Comparison:
    """Ask, where the spec says so, and wait.

    Args:
        run: The run.
        comparison: What was concluded.
        on_asked: Told until when, as soon as an answer is heeded.
        last_look: Called before the time limit answers: an answer that was given in time may not have reached us yet.

    Returns:
        The comparison as it stands after the wait: that which was asked about, or ROLL_BACK after a breach. The answer
        is in the ledger.

    Raises:
        RunStopped: If a stop was asked for.
    """
    if not is_asked(run, comparison):
        return comparison
    question = _ask(run, comparison)
    on_asked(question.deadline)
    try:
        breach = _wait(run, question)
    except RunStopped:
        question.save(UNANSWERED)
        raise
    except PhoenixError as lost:
        if lost.code == STORE_UNAVAILABLE:
            raise  # our own book is away: that says nothing about the candidate
        # A host that cannot be measured, or that somebody else took: what is not measured did not hold.
        breach = str(lost)
    if breach:
        return _take_back(run, question, breach)
    answer = _answer(run, last_look)
    question.save(ANSWERS[answer.decision], answer)
    return comparison


@dataclass(slots=True)
class _Question:
    """What is asked, and what is shown of it in the record.

    Attributes:
        run: The run.
        comparison: What is asked about.
        deadline: Until when.
        scrape: Number of the newest scrape.
    """

    run: Run
    comparison: Comparison
    deadline: datetime
    scrape: int

    def facts(self) -> dict[str, object]:
        approval = self.run.spec.approval
        return {
            "deadline": self.deadline.isoformat(),
            "timeLimit": format_duration(approval.time_limit),
            "otherwise": approval.otherwise.value,
        }

    def save(self, state: str, answer: Answer | None = None) -> None:
        said: Mapping[str, object] = {} if answer is None else answer.facts()
        save(self.run, self.comparison, {"state": state, **self.facts(), **said})


def _ask(run: Run, comparison: Comparison) -> _Question:
    scrapes = run.store.scrapes(run.id, after=comparison.decided_at_scrape or 0)
    last = max((s.number for s in scrapes), default=comparison.decided_at_scrape or 0)
    question = _Question(run, comparison, datetime.now(UTC) + run.spec.approval.time_limit, last)
    run.note(ASKED, {"scrape": last, **question.facts()})
    question.save(WAITING)
    # Only now: who sees the phase finds the question.
    run.enter(Phase.AWAITING_APPROVAL)
    return question


def _answer(run: Run, last_look: Callable[[], object]) -> Answer:
    """What stands; the default where nobody answered in time, and in the race with a person the one who was first."""
    answer = answer_to(run.store, run.id)
    if answer is None:
        last_look()
        answer = answer_to(run.store, run.id)
    if answer is None:
        approval = run.spec.approval
        reason = f"nobody answered within {format_duration(approval.time_limit)}"
        run.note(ANSWERED, Answer(approval.otherwise, reason, TIME_LIMIT).facts())
        answer = answer_to(run.store, run.id)
    if answer is None:
        raise AssertionError("the ledger lost the answer")
    return answer


def _wait(run: Run, question: _Question) -> str:
    """What was breached, in words; "" when there is an answer or the time is up."""
    stretch = 0
    while True:
        stretch += 1
        breach = _measure(run, question, stretch)
        if breach is not None:
            return breach


def _measure(run: Run, question: _Question, stretch: int) -> str | None:
    """Measure one stretch; None at its end, when nothing was breached and nobody answered.

    Each is measured by fresh eyes: what they remember of processes is bounded then, and shares since the start of the
    measurement are of this stretch.
    """
    design = run.design()
    length = stretch_scrapes(design)
    history: list[Scrape] = []
    outage = Outage(run.lease_lifetime)
    with ExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(len(run.hosts), "wait"))
        measurements = _open(run, stack)
        first = 0
        while True:
            tick = run.ticker.wait()
            first = first or tick.number
            number = tick.number - first + 1
            scrapes: list[Scrape] = []
            with outage.borne():
                run.check_stop()
                if _is_over(run, question):
                    return ""
                scrapes = _scrape(run, measurements, threads, number)
                run.store.add_scrapes(run.id, [replace(scrape, number=tick.number) for scrape in scrapes])
            history += scrapes
            question.scrape = tick.number
            is_last = number >= length
            if found := (*_deaths(run, scrapes), *breaches(history, design, stretch, is_last=is_last)):
                return "; ".join(dict.fromkeys(found))
            if is_last:
                return "; ".join(_over_everything(run, tick.number)) or None


def _is_over(run: Run, question: _Question) -> bool:
    return answer_to(run.store, run.id) is not None or datetime.now(UTC) >= question.deadline


def _scrape(
    run: Run, measurements: Sequence[Measurement], threads: ThreadPoolExecutor, number: int
) -> list[Scrape]:
    is_measured = number > WATCH_WARMUP
    started = [
        threads.submit(m.scrape, number, run.ticker.elapsed, measured=is_measured) for m in measurements
    ]
    return [scrape.result() for scrape in started]


def _open(run: Run, stack: ExitStack) -> Sequence[Measurement]:
    """Open every host; one that does not answer is tried again for as many scrapes as a silence is borne.

    Raises:
        DependencyError: It does not answer any more.
    """
    for _ in range(MOST_UNREAD - 1):
        try:
            return stack.enter_context(open_everywhere(run.hosts, lambda host: _measurement(run, host)))
        except DependencyError:
            run.ticker.wait()
            run.check_stop()
    return stack.enter_context(open_everywhere(run.hosts, lambda host: _measurement(run, host)))


def _measurement(run: Run, host: Host) -> AbstractContextManager[Measurement]:
    for variant in Variant:
        if host.collector(variant.value) is None:
            raise DependencyError(f"The {variant} collector on {host.name} is gone.", code="collector_gone")
    return measuring.measurement(run, host)


def _deaths(run: Run, scrapes: Sequence[Scrape]) -> list[str]:
    """What ended although nobody asked; who was read has not died."""
    unread = {s.host for s in scrapes if not (is_sound(s.baseline) and is_sound(s.candidate))}
    deaths = [first_death(host) for host in run.hosts if host.name in unread]
    return [words for words in (*deaths, load_fault(run)) if words]


def _over_everything(run: Run, last_scrape: int) -> tuple[str, ...]:
    if last_scrape * len(run.hosts) > MOST_TOGETHER:
        return ()
    return breaches_of_all(run.store.scrapes(run.id), run.design())


def _take_back(run: Run, question: _Question, breach: str) -> Comparison:
    # Whoever finishes this, if we die here, must not find a candidate that may be promoted.
    run.note(BREACH, {"reason": breach, "scrape": question.scrape})
    withdraw(run, Variant.CANDIDATE)
    question.comparison = taken_back(question.comparison, breach, question.scrape)
    question.save(BREACHED)
    return question.comparison
