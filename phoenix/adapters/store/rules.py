"""What every store refuses, wherever it keeps its data; the fake of the tests holds to the same rules."""

from collections.abc import Iterable
from difflib import get_close_matches

from phoenix.domain.errors import StateError
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import Driver

PROMOTION = frozenset({Phase.PROMOTING, Phase.WATCHING, Phase.CLEANING_UP})
"""The phases of a later promotion: they may follow the ending of an experiment that was only reported."""


def check_enter(experiment: str, phase: Phase, outcome: Outcome, to: Phase) -> None:
    """Refuse to revive an experiment that is over.

    Raises:
        StateError: It is over; only one that completed with the outcome REPORTED may still be promoted, and only one
            that was PROMOTED be rolled back.
        ValueError: `to` is an ending; `finish` ends an experiment.
    """
    if to.is_over:
        raise ValueError(f"{to} is an ending; finish() enters it")
    is_promotion = phase is Phase.COMPLETED and outcome is Outcome.REPORTED and to in PROMOTION
    is_rollback = (phase, outcome, to) == (Phase.COMPLETED, Outcome.PROMOTED, Phase.ROLLING_BACK)
    if phase.is_over and not (is_promotion or is_rollback):
        raise _over(experiment, phase, outcome, f"cannot enter {to}")


def is_finished_already(experiment: str, at: tuple[Phase, Outcome], to: tuple[Phase, Outcome]) -> bool:
    """Whether this ending is the one it already has.

    Raises:
        StateError: It ended otherwise.
        ValueError: `to` is no ending.
    """
    if not to[0].is_over:
        raise ValueError(f"{to[0]} is no ending; enter() enters it")
    if at[0].is_over and at != to:
        raise _over(experiment, *at, f"cannot end as {to[0]}, {to[1]}")
    return at == to


def unknown_experiment(reference: str, known: Iterable[str]) -> StateError:
    """The error for a name or id that is not there, with what it may have meant."""
    near, guess = _near(reference, known)
    return StateError(
        f"There is no experiment {reference!r}{guess}",
        code="unknown_experiment",
        hint="phoenix experiment list",
        details={"experiment": reference, "near": near},
    )


def unknown_target_name(name: str, known: Iterable[str]) -> StateError:
    """The error for a target that nobody saved under this name, with what it may have meant."""
    near, guess = _near(name, known)
    return StateError(
        f"No target is saved as {name!r}{guess}",
        code="unknown_target_name",
        hint="phoenix config target list",
        details={"target": name, "near": near},
    )


def unknown_load_run(reference: str, known: Iterable[str]) -> StateError:
    """The error for a load run that is not there, with what it may have meant."""
    near, guess = _near(reference, known)
    return StateError(
        f"There is no load run {reference!r}{guess}",
        code="unknown_load_run",
        hint="phoenix loadsim status",
        details={"load": reference, "near": near},
    )


def check_claim(experiment: str, driver: Driver | None, instead_of: Driver | None) -> None:
    """Refuse a second driver.

    Raises:
        StateError: The driver is not the one that the claimant saw.
    """
    if driver != instead_of:
        raise driven(experiment)


def driven(experiment: str) -> StateError:
    """The error for an experiment that has a driver already."""
    return StateError(
        f"{experiment} is being driven by another process.",
        code="driven",
        hint=f"phoenix experiment status {experiment} --watch",
    )


def duplicate_experiment(experiment: str) -> StateError:
    return StateError(
        f"An experiment {experiment} exists already.",
        code="duplicate_experiment",
        hint=f"phoenix experiment status {experiment}",
        details={"experiment": experiment},
    )


def different_scrape(experiment: str, number: int, host: str) -> StateError:
    return StateError(
        f"Scrape {number} of {host} is recorded for {experiment} already, with other values.",
        code="different_scrape",
        hint="Two drivers may be measuring the same experiment: stop one of them.",
        details={"experiment": experiment, "number": number, "host": host},
    )


def _over(experiment: str, phase: Phase, outcome: Outcome, what: str) -> StateError:
    return StateError(
        f"{experiment} is over ({phase}, outcome {outcome}): it {what}.",
        code="experiment_over",
        hint="Start a new experiment.",
        details={"experiment": experiment, "phase": str(phase), "outcome": str(outcome)},
    )


def _near(name: str, known: Iterable[str]) -> tuple[list[str], str]:
    """The names that `name` may have meant, and the end of the sentence that says so."""
    near = get_close_matches(name, sorted(set(known)), n=3)
    return near, f"; did you mean {' or '.join(repr(other) for other in near)}?" if near else "."
