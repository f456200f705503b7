"""The command tree, and the one place where errors become words and exit codes."""

from typing import Any, cast

import typer

from phoenix.cli import (
    auth,
    collector,
    config,
    experiment,
    loadsim,
    pipeline,
    pipeline_config,
    pipeline_deploy,
    pipeline_status,
    pipeline_vm,
    recover,
    server,
    up,
)
from phoenix.cli.exit_codes import BY_ACTOR, ExitCode
from phoenix.cli.interruption import interrupted_by_signals
from phoenix.domain.errors import PhoenixError, SpecError

USAGE_ERROR: type[Exception] = typer.BadParameter.__bases__[0]
"""Typer brings a click of its own and shows only this subclass of its usage errors."""

_INTERRUPTED = 130
"""What Typer makes of a KeyboardInterrupt that a command lets through."""

app = typer.Typer(
    name="phoenix",
    help="May a cheaper OpenTelemetry Collector pipeline for process metrics replace the one you pay for?",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(experiment.app, name="experiment")
app.add_typer(experiment.app, name="exp", hidden=True)
pipeline.app.command("deploy")(pipeline_deploy.deploy)
pipeline.app.command("list-deployments")(pipeline_status.list_deployments)
pipeline.app.command("status")(pipeline_status.status)
pipeline.app.command("get-active-config")(pipeline_config.get_active_config)
pipeline.app.command("history")(pipeline_status.history)
pipeline.app.command("diff")(pipeline_config.diff)
pipeline.app.command("rollback")(pipeline_deploy.rollback)
pipeline.app.command("delete")(pipeline_deploy.delete)
pipeline.app.command("vm-config")(pipeline_vm.vm_config)
app.add_typer(pipeline.app, name="pipeline")
app.add_typer(loadsim.app, name="loadsim")
app.add_typer(collector.app, name="collector")
app.add_typer(config.app, name="config")
app.add_typer(auth.app, name="auth")
app.command("recover")(recover.recover)
app.add_typer(up.app, name="up")
app.command("down")(up.down)
app.command("server")(server.server)


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    typer.echo(installed("phoenix-telemetry"))


def run() -> int:
    """Run a command; returns its exit code."""
    interrupted_by_signals()
    try:
        result = app(standalone_mode=False)
    except PhoenixError as error:
        show_error(error)
        return BY_ACTOR[error.actor]
    except typer.Abort:
        return ExitCode.STOPPED
    except KeyboardInterrupt:
        return ExitCode.STOPPED
    except typer.Exit as end:
        return end.exit_code
    except USAGE_ERROR as misuse:
        typer.echo(_words_of(cast(Any, misuse).format_message()), err=True)
        return ExitCode.INVALID
    if result == _INTERRUPTED:
        return ExitCode.STOPPED
    return int(result) if isinstance(result, int) else ExitCode.DONE


def _words_of(misuse: str) -> str:
    """A usage error for people; where a command was left out it is the help itself."""
    return misuse if misuse.startswith("Usage:") else f"phoenix: {misuse}\nTry 'phoenix --help'."


def show_error(error: PhoenixError) -> None:
    """What, why, and what to do, on standard error; every finding on lines of its own."""
    lines = [f"phoenix: {error.message}"]
    if isinstance(error, SpecError):
        for finding in error.findings:
            if finding.reason not in error.message:  # the first fault of a document is the message already
                where = f"{finding.path}: " if finding.path else ""
                lines.append(f"  {finding.severity}: {where}{finding.reason}")
                lines += [f"      {finding.fix}"] if finding.fix else []
    lines += [f"  {error.hint}"] if error.hint else []
    typer.echo("\n".join(lines), err=True)
