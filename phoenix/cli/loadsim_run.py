"""Drives `phoenix loadsim start` and `stop`: start, wait, stop on Ctrl-C, say how it ended."""

from contextlib import suppress
from typing import TYPE_CHECKING

import typer

from phoenix.cli.exit_codes import ExitCode
from phoenix.cli.loadsim_view import ending_words, standing_words, write_run
from phoenix.cli.output import Format
from phoenix.cli.recover import opened_by
from phoenix.domain.errors import DependencyError, StateError
from phoenix.domain.load.run import LoadEnd, LoadRun
from phoenix.services.loads.starting import LoadWish

if TYPE_CHECKING:
    from phoenix.composition import Phoenix
    from phoenix.services.loads.verbs import Started

_INTERRUPTED = "interrupted on the command line"


def run_to_its_end(phoenix: "Phoenix", wish: LoadWish, *, wait: bool, form: Format) -> int:
    """Record, start, and return once all processes stand, or with `wait` once the load is over."""
    loads = opened_by(phoenix).loads
    created = loads.create(wish)
    try:
        started = loads.start(created)
        run = loads.await_standing(started)
        if wait and not run.is_over:
            _say(f"{standing_words(run)}; Ctrl-C ends it")
            run = _followed(phoenix, started)
    except KeyboardInterrupt:
        run = _given_up(phoenix, created)
    write_run(run, form)
    if not run.is_over or run.ending is None:
        return ExitCode.DONE
    if (fault := run.ending.fault()) is not None:
        raise fault
    _say(ending_words(run))
    return ExitCode.STOPPED if run.ending.why is LoadEnd.STOPPED else ExitCode.DONE


def stop_one(phoenix: "Phoenix", name: str, reason: str) -> int:
    """Stop a load; exit 3 if it was over before."""
    return _awaited(phoenix, phoenix.loads.stop(name, reason))


def forget_one(phoenix: "Phoenix", name: str) -> int:
    """Write a load off."""
    run = phoenix.loads.forget(name)
    _say(f"{run.name} is written off; nobody was asked on {', '.join(run.targets)}")
    return ExitCode.DONE


def stop_all(phoenix: "Phoenix", reason: str) -> int:
    """Stop every load that is not over; what fails of one does not stand in the way of the others."""
    asked: list[LoadRun] = []
    for run in phoenix.loads.unfinished():
        with suppress(StateError):  # it is over meanwhile
            asked.append(phoenix.loads.stop(run.id, reason))
    if not asked:
        _say("no load is running")
    code = ExitCode.DONE
    for run in asked:
        try:
            _say(ending_words(phoenix.loads.await_end(run.id)))
        except DependencyError as fault:
            _say(f"phoenix: {fault.message}\n  {fault.hint}")
            code = ExitCode.OUTSIDE_FAILED
    return code


def _awaited(phoenix: "Phoenix", run: LoadRun) -> int:
    ended = phoenix.loads.await_end(run.id)
    if ended.ending is not None and ended.ending.why is LoadEnd.STOPPED:
        _say(ending_words(ended))
        return ExitCode.DONE
    _say(f"it was over before the stop reached it: {ending_words(ended)}")
    return ExitCode.NOT_POSSIBLE


def _followed(phoenix: "Phoenix", started: "Started") -> LoadRun:
    from phoenix.cli.loadsim_watch import stay

    return stay(lambda: phoenix.loads.look(started))


def _given_up(phoenix: "Phoenix", run: LoadRun) -> LoadRun:
    """End what was begun and wait for it; a second Ctrl-C does not cut that short."""
    _say("stopping")
    while True:
        try:
            return phoenix.loads.give_up(run.id, _INTERRUPTED)
        except KeyboardInterrupt:
            _say("still ending it; what is left would end at its deadline or with phoenix recover")


def _say(line: str) -> None:
    typer.echo(line, err=True)
