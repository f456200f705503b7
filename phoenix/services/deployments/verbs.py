"""Deployments: the verbs that the doors call."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Event

from phoenix.adapters.hosts.binary import demand_environment, referenced_environment
from phoenix.adapters.ports import Host, HostDirectory
from phoenix.adapters.stores import DeploymentStore, ExperimentStore
from phoenix.domain.deployment import Revision, RevisionState
from phoenix.domain.errors import StateError
from phoenix.domain.record import Driver
from phoenix.domain.targets import check_name
from phoenix.services.concurrency import AT_ONCE
from phoenix.services.deployments.deleting import DELETION, Deleted, delete_on
from phoenix.services.deployments.deploying import Deployed, Preview, deploy_on, look_at, preview_on
from phoenix.services.deployments.drift import Seen, unified
from phoenix.services.deployments.holding import new_owner
from phoenix.services.deployments.rolling_back import Person, RolledBack, roll_back_on
from phoenix.services.deployments.rollout import Ended, roll_out
from phoenix.services.deployments.status import Statuses
from phoenix.services.handover import Wanted
from phoenix.services.pipelines import SAMPLE_ENVIRON, ResolvedPipeline, config_to_serve


@dataclass(frozen=True, slots=True)
class Deployment:
    """One version of a pipeline, wherever it serves under one name.

    Attributes:
        name: Of the deployment.
        pipeline: The pipeline's display name.
        version: sha256 of its own part.
        hosts: Where it serves, sorted.
        since: When it began to serve at the first of them, UTC.
    """

    name: str
    pipeline: str
    version: str
    hosts: tuple[str, ...]
    since: datetime | None


class Deployments:
    """Deployments of this installation.

    Args:
        store: The ledger.
        experiments: Knows what a version was measured to save.
        hosts: Finds hosts by canonical target.
        this_process: Who drives.
        person: Who asks, `user@machine`.
        given: What is known here of the variables that a configuration refers to.
    """

    def __init__(
        self,
        store: DeploymentStore,
        experiments: ExperimentStore,
        hosts: HostDirectory,
        this_process: Callable[[], Driver],
        person: Callable[[], str],
        given: Callable[[str], Mapping[str, str]] = referenced_environment,
    ) -> None:
        self._store = store
        self._experiments = experiments
        self._hosts = hosts
        self._this_process = this_process
        self._person = person
        self._given = given

    def deploy(
        self,
        pipeline: ResolvedPipeline,
        targets: Sequence[str],
        *,
        name: str | None = None,
        keep_going: bool = False,
        concurrency: int = AT_ONCE,
        stop: Event | None = None,
        on_end: Callable[[Ended[Deployed]], object] = lambda _: None,
    ) -> tuple[Ended[Deployed], ...]:
        """Let `pipeline` serve on every host: beside what serves there, with data flow, then the switch.

        Args:
            pipeline: From `Pipelines.named`.
            targets: Canonical targets, at least one.
            name: The deployment's name; the pipeline's own where left out.
            keep_going: Whether the others go on where a host fails; else those not begun are not begun.
            concurrency: Hosts at once.
            stop: Set to end it: what has not switched goes back to what served, what was not begun is not begun.
            on_end: Told of each host as it ends.

        Returns:
            One entry for each target, in their order.

        Raises:
            SpecError: The name is not well formed.
            StateError: Code `environment_missing`: a variable that the configuration takes is not set here.
        """
        wanted = self._wanted(pipeline, name)
        demand_environment(wanted.config, {**self._given(wanted.config), **SAMPLE_ENVIRON})
        recorded = self._recorded()
        end = stop or Event()
        return roll_out(
            targets,
            lambda target: deploy_on(self._open(target), self._store, wanted, recorded.get(target), end),
            keep_going=keep_going,
            stop=end,
            concurrency=concurrency,
            on_end=on_end,
        )

    def preview(
        self, pipeline: ResolvedPipeline, targets: Sequence[str], *, name: str | None = None
    ) -> tuple[Ended[Preview], ...]:
        """What `deploy` would do on every host; changes nothing anywhere."""
        wanted = self._wanted(pipeline, name)
        recorded = self._recorded()
        return roll_out(
            targets,
            lambda target: preview_on(self._hosts.open(target), self._store, wanted, recorded.get(target)),
            keep_going=True,
            stop=Event(),
        )

    def roll_back(self, targets: Sequence[str], to: int | None = None) -> tuple[Ended[RolledBack], ...]:
        """Let an earlier revision serve on every host again; see `roll_back_on`."""
        who = Person(new_owner(), self._person(), self._this_process())
        stop = Event()
        return roll_out(
            targets,
            lambda target: roll_back_on(self._open(target), self._store, who, to, stop),
            keep_going=True,
            stop=stop,
        )

    def delete(self, targets: Sequence[str]) -> tuple[Ended[Deleted], ...]:
        """Take what serves on every host, and all that it keeps of earlier revisions, off it; see `delete_on`."""
        why = f"{self._person()} deleted it"
        return roll_out(
            targets,
            lambda target: delete_on(self._hosts.open(target), self._store, why),
            keep_going=True,
            stop=Event(),
        )

    def forget(self, targets: Sequence[str]) -> None:
        """Strike hosts that are gone for ever from the ledger, with their history and what is owed; asks none of them.

        Raises:
            StateError: Code `nothing_deployed`: one of them is not in the ledger; none is struck then.
        """
        owed = {one.host for one in self._store.owed()}
        for target in targets:
            if target not in owed:
                self.history(target)
        for target in targets:
            self._store.forget(target)

    def statuses(self) -> Statuses:
        """A reader of statuses; kept for as long as somebody watches."""
        return Statuses(self._store, self._experiments, self._hosts.open)

    def look(self, target: str) -> Seen:
        """What serves on a host, read back from it and held against the ledger.

        Raises:
            StateError: Code `nothing_deployed`.
        """
        seen = look_at(self._hosts.open(target), self._store, self._recorded().get(target))
        if seen.running is None and seen.recorded is None:
            raise _nothing_on(target)
        return seen

    def history(self, target: str) -> tuple[Revision, ...]:
        """The revisions of a host, newest first.

        Raises:
            StateError: Code `nothing_deployed`: there is none.
        """
        if found := self._store.history(target):
            return found
        raise _nothing_on(target)

    def revision(self, target: str, number: int) -> Revision:
        """One revision of a host.

        Raises:
            StateError: Code `unknown_revision`; the hint lists the numbers there are.
        """
        return self._store.get(target, number)

    def diff(self, target: str, before: int | None = None, after: int | None = None) -> str:
        """A unified diff of two revisions' configurations; "" where they are the same.

        Args:
            target: The host.
            before: A revision's number; where left out, what served before `after`.
            after: A revision's number; what serves where left out.

        Raises:
            StateError: There is no such revision.
        """
        history = self.history(target)
        if after is None:
            serving = next((one for one in history if one.state is RevisionState.ACTIVE), history[0])
            after = serving.number
        new = self._store.get(target, after)
        if before is None:
            older = [one.number for one in history if one.number < after]
            before = new.previous or next(iter(older), None)
        if before is None:
            raise StateError(
                f"Revision {after} of {target} is its first: there is nothing to compare it with.",
                code="no_previous_revision",
            )
        old = self._store.get(target, before)
        return unified(old.config, new.config, _title(old), _title(new))

    def list(self) -> tuple[Deployment, ...]:
        """What serves, by name, pipeline and version."""
        grouped: dict[tuple[str, str, str], list[Revision]] = {}
        for one in self._store.active():
            grouped.setdefault((one.name, one.pipeline, one.version), []).append(one)
        return tuple(
            Deployment(
                *key,
                hosts=tuple(sorted(one.host for one in grouped[key])),
                since=min((one.activated_at for one in grouped[key] if one.activated_at), default=None),
            )
            for key in sorted(grouped)
        )

    def _wanted(self, pipeline: ResolvedPipeline, name: str | None) -> Wanted:
        return Wanted(
            owner=new_owner(),
            name=check_name(name or _name_of(pipeline.name), "deployment's name"),
            pipeline=pipeline.name,
            version=pipeline.own.version,
            config=config_to_serve(pipeline),
            reason="deploy",
            by=self._person(),
            driver=self._this_process(),
            parameters=pipeline.parameters,
        )

    def _recorded(self) -> Mapping[str, Revision]:
        return {revision.host: revision for revision in self._store.active()}

    def _open(self, target: str) -> Host:
        """The host, after a deletion that was begun there and not finished: it must not hit what comes now."""
        host = self._hosts.open(target)
        if any((owed.host, owed.owner) == (target, DELETION) for owed in self._store.owed()):
            delete_on(host, self._store, f"{self._person()} deploys anew", spares_others=True)
        return host


def _name_of(pipeline: str) -> str:
    """Of a file: its name without folder and ending."""
    return pipeline.rpartition("/")[2].partition(".")[0] or pipeline


def _title(revision: Revision) -> str:
    return f"revision {revision.number} ({revision.pipeline}, {revision.version[:12]})"


def _nothing_on(target: str) -> StateError:
    return StateError(
        f"Nothing was deployed on {target}.",
        code="nothing_deployed",
        hint=f"phoenix pipeline deploy PIPELINE --target-host {target}",
    )
