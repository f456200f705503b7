"""`phoenix loadsim`: processes that look real on hosts, exactly as many as asked, and none left behind."""

from pathlib import Path
from typing import Annotated

import typer

from phoenix.cli.output import DocumentOption, Format, FormatOption
from phoenix.cli.target_hosts import TargetHosts, one_host, write_answer

app = typer.Typer(
    help="Simulate the processes of a host: start, look, stop, and record a profile of your own.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

PROFILE_COLUMNS = ("profile", "aliases", "description", "processes", "churn", "resource impact")

Name = Annotated[str | None, typer.Argument(metavar="NAME", help="Name or id; a name means its newest run.")]


@app.command()
def start(
    experiment: Annotated[
        str | None,
        typer.Argument(
            metavar="EXPERIMENT", help="Load this experiment's hosts, and end with it; name or id."
        ),
    ] = None,
    profile: Annotated[
        str, typer.Option("--profile", "-p", metavar="P", help="Of the catalog by name or alias, or a file.")
    ] = "realistic",
    target_hosts: TargetHosts = None,
    duration: Annotated[
        str, typer.Option("--duration", "-d", metavar="D", help="After it the load ends by itself.")
    ] = "30m",
    process_count: Annotated[
        int | None,
        typer.Option(
            "--process-count", metavar="N", min=1, help="Standing processes on each host; else the profile's."
        ),
    ] = None,
    churn_rate: Annotated[
        float | None,
        typer.Option(
            "--churn-rate", metavar="R", min=0, help="Short-lived processes per second; else the profile's."
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", metavar="S", min=0, help="The same seed, the same processes.")
    ] = 1,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="PATH=VALUE",
            help="Change the profile, such as patterns.0.cpu.cores=0.1; may be given several times.",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="The run's name; else the profile's.")
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            "--metrics-port",
            metavar="PORT",
            min=0,
            max=65535,
            help="Serve each generator's figures on the loopback of its host; 0 is any free port.",
        ),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Stay to the end; Ctrl-C ends the load. Exit 12 if it was stopped.")
    ] = False,
    output: DocumentOption = Format.TABLE,
) -> int:
    """Start a load; returns once the asked count is up on every host, or says what is missing."""
    from phoenix.cli.loadsim_run import run_to_its_end
    from phoenix.cli.pipeline import parsed
    from phoenix.composition import compose
    from phoenix.services.loads.starting import read_duration, read_spec
    from phoenix.services.loads.wishes import Asked, wish_of

    spec = read_spec(
        profile=profile, processes=process_count, churnRate=churn_rate, seed=seed, settings=parsed(settings)
    )
    targets = target_hosts or (["local"] if experiment is None else [])
    asked = Asked(spec, targets, experiment, read_duration(duration, "--duration"), name, metrics_port)
    phoenix = compose()
    wish = wish_of(
        asked, phoenix.load_profiles, lambda: phoenix.targets, lambda: phoenix.loads, "--target-host"
    )
    return run_to_its_end(phoenix, wish, wait=wait, form=output)


@app.command()
def stop(
    name: Name = None,
    everything: Annotated[bool, typer.Option("--all", help="Every load that is not over.")] = False,
    reason: Annotated[
        str, typer.Option("--reason", "-r", help="Why; kept with the run.")
    ] = "asked for on the command line",
    forget: Annotated[
        bool,
        typer.Option("--forget", help="For a load whose hosts are gone for ever: write it off, ask nobody."),
    ] = False,
) -> int:
    """Stop a load; returns once nothing of it is left on any host."""
    from phoenix.cli.loadsim_run import forget_one, stop_all, stop_one
    from phoenix.cli.recover import opened
    from phoenix.composition import compose

    if (name is None) is not everything:
        raise typer.BadParameter("give the NAME of a load, or --all")
    if forget:
        if name is None:
            raise typer.BadParameter("--forget needs the NAME of a load")
        return forget_one(compose(), name)
    phoenix = opened()
    return stop_all(phoenix, reason) if name is None else stop_one(phoenix, name, reason)


@app.command()
def status(
    name: Name = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", "--follow", help="Look again each second: NAME until it is over.")
    ] = False,
    output: FormatOption = Format.TABLE,
) -> None:
    """Show the loads, what is asked for and what is achieved; with NAME one load, host by host."""
    from phoenix.cli.loadsim_view import write_run, write_runs
    from phoenix.cli.recover import opened

    phoenix = opened()
    run = phoenix.loads.get(name) if name is not None else None
    if watch:
        from contextlib import suppress

        from phoenix.cli.loadsim_watch import follow

        with suppress(KeyboardInterrupt):
            follow(phoenix.loads, run.id if run else None)
        run = phoenix.loads.get(run.id) if run else None
    if run is not None:
        write_run(run, output)
    elif not watch:
        write_runs(phoenix.loads.newest(), output)


@app.command("list-profiles")
def list_profiles(output: FormatOption = Format.TABLE) -> None:
    """List the load profiles of the catalog, and what each of them takes of a host."""
    from phoenix.cli.loadsim_view import profile_row
    from phoenix.composition import compose
    from phoenix.services.loads.summaries import profile_document

    found = compose().load_profiles.offers()
    whole = output in (Format.JSON, Format.YAML)
    rows = [profile_document(offer) if whole else profile_row(offer) for offer in found]
    write_answer(rows, PROFILE_COLUMNS, output)


@app.command()
def record(
    target_hosts: TargetHosts = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to write the profile; - or none: stdout."),
    ] = None,
    seconds: Annotated[
        int, typer.Option("--seconds", metavar="N", min=2, max=3600, help="How long to look at the host.")
    ] = 10,
    anonymise: Annotated[
        bool, typer.Option("--anonymise", "--anonymize", help="Give every process a made-up name.")
    ] = False,
    name: Annotated[
        str | None, typer.Option("--name", metavar="N", help="The profile's name; else the file's.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite FILE.")] = False,
) -> None:
    """Make a load profile of a host's real processes; their arguments are never looked at."""
    from phoenix.cli.loadsim_record import record_to
    from phoenix.composition import compose

    phoenix = compose()
    file = None if output is None or str(output) == "-" else output
    record_to(phoenix, one_host(phoenix, target_hosts), file, name, seconds, anonymise=anonymise, force=force)
