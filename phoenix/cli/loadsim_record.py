"""Drives `phoenix loadsim record`: look at a host, write the profile."""

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from phoenix.adapters.yaml.documents import dump_yaml
from phoenix.cli.output import write
from phoenix.domain.errors import SpecError, StateError
from phoenix.domain.load.profile import PROFILE_NAME

if TYPE_CHECKING:
    from phoenix.composition import Phoenix


def record_to(
    phoenix: "Phoenix",
    target: str,
    file: Path | None,
    name: str | None,
    seconds: int,
    *,
    anonymise: bool,
    force: bool,
) -> None:
    """Record the profile of a host's processes.

    Args:
        phoenix: The services.
        target: The host, canonical.
        file: Where to; standard output when None.
        name: The profile's; made of the file's or the host's when None, of no host's where names are made up.
        seconds: How long to look.
        anonymise: Whether names are made up.
        force: Whether a file may be overwritten.

    Raises:
        SpecError: The name cannot be a profile's, or the file cannot be written.
        StateError: The file exists.
    """
    # A host's name is as telling as those of its processes.
    unnamed = "anonymous" if anonymise else target
    called = _checked(name) if name is not None else _name_of(file.stem if file else unnamed)
    if file is not None:
        _demand_writable(file, force=force)
    typer.echo(f"looking at {target} for {seconds} s", err=True)
    document = phoenix.recorder.record(target, called, timedelta(seconds=seconds), anonymise=anonymise)
    text = dump_yaml(document)
    if file is None:
        write(text)
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SpecError(f"{file} cannot be written: {error.strerror}.", code="unwritable") from error
    typer.echo(f"wrote {file}: phoenix loadsim start --profile {_as_file(file)}", err=True)


def _demand_writable(file: Path, *, force: bool) -> None:
    """Before a host is looked at for nothing."""
    if file.exists() and not force:
        raise StateError(f"{file} exists.", code="file_exists", hint="--force overwrites it")
    if not file.parent.is_dir():
        raise SpecError(f"{file} cannot be written: {file.parent} is no folder.", code="unwritable")


def _checked(name: str) -> str:
    if not re.fullmatch(PROFILE_NAME, name):
        raise SpecError(
            f"{name!r} cannot be a load profile's name.",
            code="invalid_name",
            hint="small letters, digits and hyphens, at most 63, the first one no hyphen",
        )
    return name


def _name_of(text: str) -> str:
    """A profile's name from a file's or a host's."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:63].strip("-") or "recorded"


def _as_file(file: Path) -> str:
    """So that it is read as a path and not as a name."""
    text = str(file)
    return text if "/" in text or text.endswith((".yaml", ".yml")) else f"./{text}"
