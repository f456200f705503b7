"""Deployments as documents, for every door; the verbs themselves are in `phoenix.services.deployments`."""

from collections.abc import Callable, Mapping, Sequence

from phoenix.adapters.operations import DeploymentOperations, Document
from phoenix.domain.errors import SpecError
from phoenix.domain.findings import as_document
from phoenix.domain.targets import check_name
from phoenix.services.deployments.documents import (
    deletion_row,
    deployed_row,
    deployment_row,
    fault_facts,
    preview_row,
    revision_row,
    rollback_row,
    status_document,
)
from phoenix.services.deployments.overlaps import Overlaps
from phoenix.services.deployments.verbs import Deployments
from phoenix.services.operations.bounds import LARGEST, within
from phoenix.services.operations.choices import Choice, ChosenPipelines
from phoenix.services.operations.naming import hosts_of
from phoenix.services.pipelines import Pipelines
from phoenix.services.targets import Targets

_KEEPS_GOING = {"stop": False, "skip": True}


class LocalDeployments(DeploymentOperations):
    """Deployments of this installation.

    Args:
        deployments: The verbs, for who asks.
        pipelines: What can be deployed.
        targets: Where to.
        overlaps: Who is there already.
        recover: Finishes what lost drivers left on hosts; called before anything is changed there.
    """

    def __init__(
        self,
        deployments: Deployments,
        pipelines: Pipelines,
        targets: Targets,
        overlaps: Overlaps,
        recover: Callable[[], object],
    ) -> None:
        self._deployments = deployments
        self._chosen = ChosenPipelines(pipelines)
        self._targets = targets
        self._overlaps = overlaps
        self._recover = recover

    def list(self) -> Document:
        return {"items": [deployment_row(one) for one in self._deployments.list()]}

    def statuses(self, targets: Sequence[str] = ()) -> Document:
        hosts = self._targets.resolve(targets) if targets else ()
        return {"items": [status_document(one) for one in self._deployments.statuses().read(hosts)]}

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
        if on_failure not in _KEEPS_GOING:
            raise SpecError(
                f"{on_failure!r} is not known here.", code="unknown_value", hint="write one of stop, skip"
            )
        choice = _choice(pipeline, settings, config, name)
        hosts = hosts_of(self._targets, targets)
        resolved = self._chosen.to_serve(choice)
        self._recover()
        ended = self._deployments.deploy(resolved, hosts, name=name, keep_going=_KEEPS_GOING[on_failure])
        return {
            "items": [
                {
                    **deployed_row(one),
                    **fault_facts(one),
                    "notices": list(one.result.notices) if one.result else [],
                }
                for one in ended
            ],
            "findings": [as_document(finding) for finding in resolved.findings],
        }

    def preview(
        self,
        targets: Sequence[str],
        *,
        pipeline: str | None = None,
        settings: Mapping[str, str] | None = None,
        config: str | None = None,
        name: str | None = None,
    ) -> Document:
        choice = _choice(pipeline, settings, config, name)
        hosts = hosts_of(self._targets, targets)
        resolved = self._chosen.to_serve(choice)
        previews = self._deployments.preview(resolved, hosts, name=name)
        return {
            "items": [{**preview_row(one), **fault_facts(one)} for one in previews],
            "findings": [as_document(finding) for finding in resolved.findings],
        }

    def rollback(self, targets: Sequence[str], to: int | None = None) -> Document:
        number = None if to is None else within(to, LARGEST)
        hosts = hosts_of(self._targets, targets)
        self._recover()
        ended = self._deployments.roll_back(hosts, number)
        return {"items": [{**rollback_row(one), **fault_facts(one)} for one in ended]}

    def delete(self, targets: Sequence[str]) -> Document:
        hosts = hosts_of(self._targets, targets)
        self._recover()
        ended = self._deployments.delete(hosts)
        return {"items": [{**deletion_row(one), **fault_facts(one)} for one in ended]}

    def history(self, target: str) -> Document:
        host = self._targets.resolve_one([target])
        return {"host": host, "items": [revision_row(one) for one in self._deployments.history(host)]}

    def revision(self, target: str, number: int) -> Document:
        found = self._deployments.revision(self._targets.resolve_one([target]), within(number, LARGEST))
        return {**revision_row(found), "config": found.config}

    def diff(self, target: str, before: int | None = None, after: int | None = None) -> str:
        numbers = [None if number is None else within(number, LARGEST) for number in (before, after)]
        return self._deployments.diff(self._targets.resolve_one([target]), *numbers)

    def overlap(self, targets: Sequence[str]) -> Document:
        return self._overlaps.on(hosts_of(self._targets, targets))


def _choice(
    pipeline: str | None, settings: Mapping[str, str] | None, config: str | None, name: str | None
) -> Choice:
    """What is to serve, under which name.

    Raises:
        SpecError: See `Choice`; a configuration that came as text has no name, or the name is not well formed.
    """
    if name is not None:
        check_name(name, "deployment's name")
    if config is None:
        return Choice(pipeline, config, settings or {})
    choice = Choice(pipeline, config, settings or {}, name or "")
    if not choice.name:
        raise SpecError(
            "A configuration that comes as text needs a name to be deployed under.",
            code="name_missing",
            hint="send `name` with it",
        )
    return choice
