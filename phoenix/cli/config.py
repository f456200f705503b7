"""`phoenix config`: what is kept under names, such as targets."""

from typing import TYPE_CHECKING, Annotated

import typer

from phoenix.cli.output import Format, FormatOption

if TYPE_CHECKING:
    from phoenix.adapters.ports import Host
    from phoenix.domain.deployment import TargetRecord

app = typer.Typer(help="Keep targets under names.", no_args_is_help=True, rich_markup_mode=None)
targets = typer.Typer(help="Hosts under names, with labels.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(targets, name="target")

COLUMNS = ("name", "uri", "labels", "created", "block")

Name = Annotated[str, typer.Argument(metavar="NAME", help="What the target is called.")]


@targets.command()
def add(
    name: Name,
    uri: Annotated[
        str,
        typer.Argument(
            metavar="URI", help="local, local://NAME, ssh://[USER@]HOST[:PORT][?sudo=true], or block:NAME."
        ),
    ],
    labels: Annotated[
        list[str] | None,
        typer.Option(
            "--label", metavar="KEY=VALUE", help="What it can be selected by; may be given several times."
        ),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Open the host first, and say what it is.")] = False,
) -> None:
    """Keep a target under a name, or change the one of that name. Example: web-1 ssh://web-1 --label role=web."""
    from phoenix.composition import compose

    phoenix = compose()
    phoenix.targets.check(name, uri, labels or ())
    if check:
        # Resolved anew: so it is remembered which block lends the key.
        (host,) = phoenix.targets.resolve([uri], "URI")
        typer.echo(_described(phoenix.hosts.open(host)), err=True)
    record = phoenix.targets.add(name, uri, labels or ())
    typer.echo(f"{record.name} stands for {record.uri}", err=True)


@targets.command("list")
def list_targets(
    labels: Annotated[
        list[str] | None,
        typer.Option(
            "--label", metavar="KEY=VALUE", help="Those with this label; several: those with all of them."
        ),
    ] = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """List the targets that are kept, by name."""
    from phoenix.cli.output import write_document, write_rows
    from phoenix.composition import compose
    from phoenix.services.targets import target_document

    found = compose().targets.list(",".join(labels) if labels else None)
    if output in (Format.JSON, Format.YAML):
        write_document([target_document(record) for record in found], output)
    elif found or output is not Format.TABLE:
        write_rows([_row(record) for record in found], COLUMNS, output)
    else:
        typer.echo("no target is kept; phoenix config target add NAME URI", err=True)


@targets.command()
def remove(name: Name) -> None:
    """Forget a target; what runs on its host stays."""
    from phoenix.composition import compose

    record = compose().targets.remove(name)
    typer.echo(f"{record.name} is forgotten; it stood for {record.uri}", err=True)


def _described(host: "Host") -> str:
    facts = host.facts()
    parts = [
        facts.architecture,
        "systemd" if facts.has_systemd else "no systemd",
        facts.python or "no Python",
        "as root" if facts.is_root else "not as root",
    ]
    return "\n".join([f"{host.name}: {', '.join(parts)}", *(f"  {notice}" for notice in host.notices())])


def _row(record: "TargetRecord") -> dict[str, object]:
    labels = ",".join(f"{key}={value}" for key, value in sorted(record.labels.items()))
    created = f"{record.created_at:%Y-%m-%d %H:%M}"
    return {
        "name": record.name,
        "uri": record.uri,
        "labels": labels or None,
        "created": created,
        "block": record.block or None,
    }
