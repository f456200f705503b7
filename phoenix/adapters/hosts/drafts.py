"""Drafts: what the collector's own `validate` reads on the host before anything there is touched."""

import re
from pathlib import Path

from phoenix.adapters.hosts import binary
from phoenix.adapters.hosts.environments import environment_text
from phoenix.adapters.hosts.marks import CHECK
from phoenix.adapters.hosts.places import PlaceRecord
from phoenix.adapters.hosts.variables import Secrets, Variables
from phoenix.adapters.machines.machine import Machine, Text


class Drafts:
    """The folder of what is being checked; each file is gone when its check is over, unless whoever checks dies."""

    def __init__(self, machine: Machine, folder: Path, variables: Variables) -> None:
        self._machine = machine
        self.folder = folder
        self._variables = variables

    def demand_valid(self, record: PlaceRecord, config: str, secrets: Secrets) -> None:
        """Refuse what the binary of `record` refuses.

        Raises:
            SpecError: With the binary's own words.
            DependencyError: The binary does not run.
        """
        draft = self.folder / f"{record.place}.{record.owner}.yaml"
        given = draft.with_suffix(".env")
        environment = environment_text(self._variables.environ(record, secrets, CHECK))
        try:
            self._machine.change([Text(draft, config), Text(given, environment)])
            binary.demand_valid(self._machine, Path(record.binary), draft, given, secrets)
        finally:
            self._machine.remove(draft, given)

    def of(self, owner: str, names: tuple[str, ...]) -> list[Path]:
        """Of the files in the folder those that were being checked when `owner` died; no place has a dot in its name."""
        theirs = re.compile(rf"[^.]+\.{re.escape(owner)}\.(yaml|env)(\.[0-9]+)?(\.tmp)?")
        return [self.folder / name for name in names if theirs.fullmatch(name)]
