"""What every door offers, as protocols over documents; see `phoenix.services.operations`.

A document is JSON-compatible; what is not known is null. Keys are camelCase, but in rows that `-o json` had before there
was a server: those keep theirs. Whoever asks is known to the object, not to its verbs: in-process by its making, over
HTTP by its token.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

Document = dict[str, Any]

EVENTS_AT_ONCE = 1000
"""The most events in one answer."""

PAGE = 50
"""Experiments in one answer where nobody says how many."""

MOST_IN_A_PAGE = 500

LOADS_AT_ONCE = 20
"""Load runs in one answer where nobody says how many."""


class ExperimentOperations(Protocol):
    """Experiments. `reference` is an id, or a name, which means its newest experiment."""

    def create(
        self, document: Mapping[str, object], *, files: Mapping[str, str] | None = None, start: bool = True
    ) -> Document:
        """Check, record and start one.

        Args:
            document: As in an experiment file.
            files: Text of the files that the document names, by the name it uses.
            start: Whether its flow begins at once.

        Raises:
            SpecError: With every fault of the document, each with its path.
        """
        ...

    def preview(self, document: Mapping[str, object], *, files: Mapping[str, str] | None = None) -> Document:
        """What `create` would run: both configurations, the hosts, warnings; nothing is recorded."""
        ...

    def list(
        self,
        *,
        limit: int = PAGE,
        before: str | None = None,
        phases: Collection[str] = (),
        name: str | None = None,
    ) -> Document:
        """`items` newest first, in short, and `next`: what to pass as `before` for those behind them, null at the end."""
        ...

    def get(self, reference: str) -> Document: ...

    def start(self, reference: str) -> Document:
        """Begin one that was only recorded. StateError where it was begun before."""
        ...

    def stop(self, reference: str, reason: str) -> Document:
        """Ask for its end; one that waits for approval is declined."""
        ...

    def promote(self, reference: str, reason: str, variant: str = "candidate") -> Document:
        """Approve one that waits, or promote one that was only reported. StateError where that is not possible."""
        ...

    def rollback(self, reference: str, reason: str) -> Document:
        """Begin to take its promotion back."""
        ...

    def delete(self, reference: str) -> Document:
        """Forget one that is over."""
        ...

    def events(self, reference: str, *, after: int = 0, limit: int = EVENTS_AT_ONCE) -> Document:
        """`items`, oldest first, and `cursor`, which to pass as `after` for what comes later."""
        ...

    def metrics(
        self,
        reference: str,
        *,
        start: int | None = None,
        end: int | None = None,
        points: int = 500,
        host: str | None = None,
    ) -> Document:
        """What each scrape showed, thinned to at most `points` a host; `start` and `end` are numbers of scrapes."""
        ...

    def comparison(self, reference: str) -> Document:
        """`items`: one row a metric, as `phoenix experiment compare` shows them."""
        ...

    def report(self, reference: str) -> str:
        """The report, HTML."""
        ...


class PipelineOperations(Protocol):
    """The catalog, and pipelines before they serve anywhere.

    A pipeline is one of the catalog by name or alias, with `settings` by parameter as text (`--set NAME=TEXT`), or the
    text of a collector configuration as `config`; exactly one of both. Neither ever names a file of the server:
    SpecError `file_not_given` where one does.
    """

    def list(self) -> Document:
        """`items`: every pipeline of the catalog in short, by name."""
        ...

    def get(self, name: str, settings: Mapping[str, str] | None = None) -> Document:
        """A catalog pipeline: `page`, `parameters`, and the `config`, `version` and `findings` of what it becomes.

        Raises:
            SpecError: There is no such pipeline, or a setting is wrong.
        """
        ...

    def validate(
        self,
        *,
        pipeline: str | None = None,
        settings: Mapping[str, str] | None = None,
        config: str | None = None,
    ) -> Document:
        """Everything that is wrong with one: `findings`, the collector's words among them, and whether it is `valid`."""
        ...

    def render(
        self,
        *,
        pipeline: str | None = None,
        settings: Mapping[str, str] | None = None,
        config: str | None = None,
    ) -> Document:
        """What would serve: `config` as YAML text, `version`, and `findings`, which do not stand in its way here."""
        ...

    def load_profiles(self) -> Document:
        """`items`: every load profile of the catalog with what it takes of a host, by name."""
        ...


class DeploymentOperations(Protocol):
    """Pipelines on hosts.

    Targets are as people write them: `local`, `local://NAME`, `ssh://...`, a saved name, `block:NAME` or a selector; at
    least one. SpecError names every one that leads to no host, before anything is done anywhere. What goes wrong on one
    host is a value in its row: `result` is `failed`, and `reason`, `code`, `actor` and `hint` say why.
    """

    def list(self) -> Document:
        """`items`: what serves, by name, pipeline and version, with the hosts."""
        ...

    def statuses(self, targets: Sequence[str] = ()) -> Document:
        """`items`: how each host is doing; every host with a pipeline if none is named."""
        ...

    def deploy(
        self,
        targets: Sequence[str],
        *,
        pipeline: str | None = None,
        settings: Mapping[str, str] | None = None,
        config: str | None = None,
        name: str | None = None,
        on_failure: str = "stop",
    ) -> Document:
        """Let a pipeline serve; returns once it does, or does not, on every host.

        Args:
            targets: See the class.
            pipeline: See `PipelineOperations`; so are `settings` and `config`.
            settings: By parameter, as text.
            config: The text of a collector configuration; needs a `name`.
            name: The deployment's name; the pipeline's if left out.
            on_failure: `stop`, to begin no further host where one fails, or `skip`, to go on with the others.

        Returns:
            `items`, a row for each host in their order, and the `findings` of the pipeline.
        """
        ...

    def preview(
        self,
        targets: Sequence[str],
        *,
        pipeline: str | None = None,
        settings: Mapping[str, str] | None = None,
        config: str | None = None,
        name: str | None = None,
    ) -> Document:
        """What `deploy` would do on every host, with the difference as `diff`; changes nothing."""
        ...

    def rollback(self, targets: Sequence[str], to: int | None = None) -> Document:
        """`items`: each host with an earlier revision that serves again; what served before the active one if left out."""
        ...

    def delete(self, targets: Sequence[str]) -> Document:
        """`items`: each host after what served there, and all that it kept, was taken off it."""
        ...

    def history(self, target: str) -> Document:
        """`items`: the revisions of one host, newest first. StateError `nothing_deployed` where there is none."""
        ...

    def revision(self, target: str, number: int) -> Document:
        """One revision of a host, with its `config`."""
        ...

    def diff(self, target: str, before: int | None = None, after: int | None = None) -> str:
        """How two revisions' configurations differ; "" where they do not. The previous and the active one if left out."""
        ...

    def overlap(self, targets: Sequence[str]) -> Document:
        """Who is on these hosts already: `experiments` and `loads` that are not over, and `deployments`."""
        ...


class LoadOperations(Protocol):
    """Load runs. `reference` is an id, or a name, which means its newest run."""

    def list(self, *, limit: int = LOADS_AT_ONCE) -> Document:
        """`items`, newest first: so many, and every one that is not over, however old."""
        ...

    def get(self, reference: str) -> Document: ...

    def start(
        self,
        *,
        profile: str = "realistic",
        processes: int | None = None,
        churn_rate: float | None = None,
        seed: int | None = None,
        settings: Mapping[str, object] | None = None,
        targets: Sequence[str] = (),
        experiment: str | None = None,
        duration: str | None = None,
        name: str | None = None,
    ) -> Document:
        """Start a load; returns with its keeper, and what comes of it is told by `get`.

        Args:
            profile: Name or alias of the catalog; never a file.
            processes: Standing processes on each host; the profile's if left out.
            churn_rate: Short-lived processes, 1/s; the profile's if left out.
            seed: The same seed draws the same processes.
            settings: Changes to the profile by dotted path.
            targets: See `DeploymentOperations`; needless with an experiment, else at least one.
            experiment: Load this experiment's hosts, and end with it; id or name.
            duration: After it the load ends by itself, such as `30m`.
            name: The run's name; the profile's if left out.
        """
        ...

    def stop(self, reference: str, reason: str) -> Document:
        """Ask for its end. StateError `already_over`."""
        ...


class TargetOperations(Protocol):
    """Hosts that are saved under names."""

    def list(self, *, selector: str | None = None) -> Document:
        """`items` by name; with a selector `key=value[,key=value]...` those that carry all its labels."""
        ...

    def get(self, name: str) -> Document:
        """StateError `unknown_target_name`."""
        ...

    def save(self, name: str, uri: str, labels: Mapping[str, str] | None = None) -> Document:
        """Keep a target under a name, or change the one of that name."""
        ...

    def remove(self, name: str) -> Document:
        """Forget one, and return what it was; what runs on its host stays."""
        ...

    def check(self, targets: Sequence[str]) -> Document:
        """What texts lead to, without opening any of it: `hosts`, each once, and `items`, text by text.

        Raises:
            SpecError: With every text that leads to no host.
        """
        ...


class RecoveryOperations(Protocol):
    """What was lost."""

    def recover(self) -> Document:
        """Repair it, everywhere; twice is once.

        Returns:
            `items`, a row for each thing that was looked at; `failed`, whether something was tried in vain; `unseen`,
            why flow runs could not be looked at, null where they were.
        """
        ...
