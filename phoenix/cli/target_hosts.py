"""What the commands about hosts share: `--target-host`, and what becomes of several hosts' faults."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from phoenix.cli.exit_codes import BY_ACTOR, ExitCode
from phoenix.cli.output import Format

if TYPE_CHECKING:
    from phoenix.composition import Phoenix
    from phoenix.services.deployments.rollout import Ended

TargetHosts = Annotated[
    list[str] | None,
    typer.Option(
        "--target-host",
        metavar="H",
        help="A host: local, local://NAME, ssh://..., a saved name, block:NAME or a label selector; may be given several times;"
        " this machine if left out, for status every host with a pipeline.",
        show_default=False,
    ),
]

_WORST_FIRST = ("developer", "outside", "operator", "author")


def hosts_of(phoenix: "Phoenix", texts: Sequence[str] | None) -> tuple[str, ...]:
    """The canonical targets; this machine where none is named.

    Raises:
        SpecError: One names no host; nothing was opened.
    """
    return phoenix.targets.resolve(texts or ["local"], "--target-host")


def one_host(phoenix: "Phoenix", texts: Sequence[str] | None) -> str:
    """The canonical target of a command about one host.

    Raises:
        SpecError: There are several.
    """
    return phoenix.targets.resolve_one(texts or ["local"], "--target-host")


def exit_code_of(ended: "Iterable[Ended[object]]") -> ExitCode:
    """Of the fault that weighs most; what failed outside outweighs what a person did wrong."""
    from phoenix.domain.errors import actor_of

    actors = {actor_of(one.fault) for one in ended if one.fault is not None}
    return next((BY_ACTOR[actor] for actor in _WORST_FIRST if actor in actors), ExitCode.DONE)


def tell_faults(ended: "Iterable[Ended[object]]") -> None:
    """Each host's reason on a line of standard error, and below it what else is known, such as last log lines."""
    from phoenix.services.handover import words_of
    from phoenix.services.views.wording import clean

    for one in ended:
        if one.fault is None:
            continue
        first, *rest = clean(words_of(one.fault)).splitlines()
        where = "" if one.target in first.split() else f"{one.target}: "
        typer.echo("\n".join([f"phoenix: {where}{first}", *(f"  {line}" for line in rest)]), err=True)


def write_answer(
    rows: Sequence[dict[str, object]], columns: Sequence[str], form: Format, nothing: str = ""
) -> None:
    """Rows in the format that was asked for; `nothing` on standard error where a table would be empty."""
    from phoenix.cli.output import write_document, write_rows

    if form in (Format.JSON, Format.YAML):
        write_document(list(rows), form)
    elif rows or form is not Format.TABLE:
        write_rows(rows, columns, form)
    elif nothing:
        typer.echo(nothing, err=True)
