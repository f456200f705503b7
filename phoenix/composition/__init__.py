"""The one place where services get their adapters.

Everything is imported and made on first use: `phoenix --help` and the refusal of a bad file touch nothing.
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

from phoenix.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Engine

    from phoenix.adapters.access_store import AccessStore
    from phoenix.adapters.api_client.client import ApiClient
    from phoenix.adapters.archive import Archive
    from phoenix.adapters.catalog import Catalog
    from phoenix.adapters.collector.installer import CollectorInstaller
    from phoenix.adapters.notifications import NotificationTarget
    from phoenix.adapters.passwords import Passwords
    from phoenix.adapters.ports import (
        BlockLibrary,
        ConfigValidator,
        FlowRunner,
        HostDirectory,
        Notifier,
    )
    from phoenix.adapters.stores import DeploymentStore, ExperimentStore, LoadRunStore, TargetStore
    from phoenix.composition.prefect import PrefectServers
    from phoenix.domain.record import Driver
    from phoenix.services.access.audit import Audit
    from phoenix.services.access.people import People
    from phoenix.services.access.signing_in import SigningIn
    from phoenix.services.access.tokens import Tokens
    from phoenix.services.announcing.announcer import Announcer
    from phoenix.services.approvals import Approvals
    from phoenix.services.block_exporters import BlockExporters
    from phoenix.services.control_plane.checking import Checking
    from phoenix.services.control_plane.verbs import ControlPlanes
    from phoenix.services.deployments.drift_check import DriftCheck
    from phoenix.services.deployments.recovery import DeploymentRecovery
    from phoenix.services.deployments.verbs import Deployments
    from phoenix.services.drafts import Drafts
    from phoenix.services.experiments import Experiments
    from phoenix.services.flow_runs import FlowRunRecovery
    from phoenix.services.loads.keeping import Keeping
    from phoenix.services.loads.recording import Recorder
    from phoenix.services.loads.recovery import LoadRecovery
    from phoenix.services.loads.starting import LoadProfiles
    from phoenix.services.loads.verbs import Loads
    from phoenix.services.logins import Logins
    from phoenix.services.operations.deployments import LocalDeployments
    from phoenix.services.operations.experiments import LocalExperiments
    from phoenix.services.operations.loads import LocalLoads
    from phoenix.services.operations.pipelines import LocalPipelines
    from phoenix.services.operations.recovery import LocalRecovery
    from phoenix.services.operations.targets import LocalTargets
    from phoenix.services.pipelines import Pipelines
    from phoenix.services.recoveries import Recoveries
    from phoenix.services.recovery import Recovery
    from phoenix.services.revalidations import Revalidations
    from phoenix.services.targets import Targets
    from phoenix.services.vm_configs import VmConfigs


class Phoenix:
    """The services of this installation, wired.

    Args:
        settings: Where things are kept.
        flows_outlive_us: Whether a flow that runs as our child goes on when we end: a server is not what it runs for.
    """

    def __init__(self, settings: Settings, *, flows_outlive_us: bool = False) -> None:
        self.settings = settings
        self._flows_outlive_us = flows_outlive_us

    @cached_property
    def catalog(self) -> Catalog:
        from phoenix.adapters.catalog import Catalog, shipped_folder

        return Catalog((*self.settings.catalog_folders(), shipped_folder()))

    @cached_property
    def installer(self) -> CollectorInstaller:
        from phoenix.adapters.collector.installer import CollectorInstaller

        return CollectorInstaller(self.settings.cache / "collector", os.environ)

    @cached_property
    def validator(self) -> ConfigValidator:
        from phoenix.adapters.collector.validation import BinaryValidator

        return BinaryValidator(self._collector())

    @cached_property
    def pipelines(self) -> Pipelines:
        from phoenix.services.pipelines import Pipelines

        return Pipelines(self.catalog, lambda: self.validator, self.block_exporters.exporters)

    @cached_property
    def vm_configs(self) -> VmConfigs:
        from phoenix.services.vm_configs import VmConfigs

        return VmConfigs(self.pipelines, lambda: self.validator)

    @cached_property
    def drafts(self) -> Drafts:
        from phoenix.services.drafts import Drafts

        return Drafts(self.pipelines, self.catalog, self.targets)

    @cached_property
    def hosts(self) -> HostDirectory:
        from phoenix.adapters.hosts.directory import Hosts

        return Hosts(
            self.settings.home / "hosts",
            self._collector,
            self._agent,
            self.settings.ssh_config,
            lender=self.logins.lent_for,
            given=self.block_exporters.given,
        )

    @cached_property
    def blocks(self) -> BlockLibrary:
        from phoenix.adapters.prefect.blocks import PrefectBlocks

        return PrefectBlocks(self._prefect.url, self._prefect.environ)

    @cached_property
    def block_exporters(self) -> BlockExporters:
        from phoenix.services.block_exporters import BlockExporters

        return BlockExporters(self.blocks)

    @cached_property
    def logins(self) -> Logins:
        from phoenix.services.logins import Logins

        return Logins(lambda: self.target_store, self.blocks, self._has_store)

    @cached_property
    def store(self) -> ExperimentStore:
        from phoenix.adapters.store.experiments import SqlExperimentStore

        return SqlExperimentStore(self._database)

    @cached_property
    def deployment_store(self) -> DeploymentStore:
        from phoenix.adapters.store.deployments import SqlDeploymentStore

        return SqlDeploymentStore(self._database)

    @cached_property
    def target_store(self) -> TargetStore:
        from phoenix.adapters.store.targets import SqlTargetStore

        return SqlTargetStore(self._database)

    @cached_property
    def load_store(self) -> LoadRunStore:
        from phoenix.adapters.store.loads import SqlLoadRunStore

        return SqlLoadRunStore(self._database)

    @cached_property
    def targets(self) -> Targets:
        from phoenix.services.targets import Targets

        return Targets(lambda: self.target_store, self.hosts, self._has_store, self.blocks.uri)

    @cached_property
    def archive(self) -> Archive:
        from phoenix.adapters.archive import Archive

        return Archive(self.settings.home / "experiments")

    @cached_property
    def flows(self) -> FlowRunner:
        from functools import partial

        from phoenix.adapters.prefect.child_flows import ChildFlowRunner
        from phoenix.adapters.prefect.chosen_flows import ChosenFlowRunner

        children = partial(
            ChildFlowRunner, self.settings.home, self.archive, is_bound=not self._flows_outlive_us
        )
        return ChosenFlowRunner(children, self._prefect.url, self._prefect.workers)

    @cached_property
    def experiments(self) -> Experiments:
        from phoenix.adapters.drivers import is_alive, process
        from phoenix.services.experiments import Experiments

        return Experiments(
            self.store,
            self.deployment_store,
            self.hosts,
            self.archive,
            self.flows,
            lambda: self.validator,
            this_process=_this_process,
            starter=lambda: process(os.getppid()),
            is_alive=is_alive,
        )

    @cached_property
    def approvals(self) -> Approvals:
        from phoenix.services.approvals import Approvals

        return Approvals(self.store)

    @cached_property
    def notifier(self) -> Notifier:
        from phoenix.adapters.notifications import AppriseNotifier

        return AppriseNotifier(self._notification_targets())

    def refuse_malformed_notifications(self) -> None:
        """For every door that starts something: a person is there to correct the setting.

        Raises:
            SpecError: A target of the settings cannot be understood; it goes by its place and scheme.
        """
        if self.settings.notify.get_secret_value() or self.settings.notify_file:
            from phoenix.adapters.notifications import refuse_malformed

            refuse_malformed(self._notification_targets())

    def announcer(self, experiment: str, prefect_url: str | None) -> Announcer:
        """Who tells of an experiment: events to that server, if there is one, and notices to people."""
        from phoenix.adapters.prefect.events import PrefectEvents
        from phoenix.services.announcing.announcer import Announcer

        feed = PrefectEvents(prefect_url, self._prefect.environ(prefect_url)) if prefect_url else None
        return Announcer(experiment, self.store, feed, self.notifier, self.archive)

    @cached_property
    def recovery(self) -> Recovery:
        from phoenix.adapters.drivers import is_alive
        from phoenix.services.recovery import Recovery

        return Recovery(
            self.store,
            self.experiments,
            is_alive,
            on_ended=self._settle_ending,
            waits=self.flow_run_recovery.waits_for,
        )

    @cached_property
    def flow_run_recovery(self) -> FlowRunRecovery:
        from phoenix.adapters.drivers import is_alive, lives
        from phoenix.adapters.prefect.processes import LocalFlowProcesses
        from phoenix.services.flow_runs import FlowRunRecovery

        return FlowRunRecovery(self._prefect.flow_runs, self.store, lives, is_alive, LocalFlowProcesses())

    @cached_property
    def recoveries(self) -> Recoveries:
        from phoenix.services.recoveries import Recoveries

        return Recoveries(
            self.store,
            self.load_store,
            lambda: self.recovery,
            lambda: self.deployment_recovery,
            lambda: self.load_recovery,
            lambda: self.flow_run_recovery,
        )

    @cached_property
    def deployments(self) -> Deployments:
        from phoenix.adapters.drivers import person

        return self._deployments_for(person)

    def _deployments_for(self, person: Callable[[], str]) -> Deployments:
        from phoenix.services.deployments.verbs import Deployments

        return Deployments(
            self.deployment_store,
            self.store,
            self.hosts,
            _this_process,
            person,
            self.block_exporters.given,
        )

    @cached_property
    def revalidations(self) -> Revalidations:
        from phoenix.services.revalidations import Revalidations

        return Revalidations(self.experiments, self.store, self.deployment_store, self.hosts)

    @cached_property
    def drift_check(self) -> DriftCheck:
        from phoenix.services.deployments.drift_check import DriftCheck

        return DriftCheck(self.deployment_store, self.hosts.open)

    @cached_property
    def deployment_recovery(self) -> DeploymentRecovery:
        from phoenix.adapters.drivers import lives
        from phoenix.services.deployments.recovery import DeploymentRecovery

        return DeploymentRecovery(
            self.deployment_store,
            self.hosts.open,
            _this_process,
            lives,
            unfinished=lambda: {record.id for record in self.store.unfinished()},
        )

    @cached_property
    def loads(self) -> Loads:
        from phoenix.adapters.keepers import Keepers
        from phoenix.services.loads.verbs import Loads

        return Loads(
            store=self.load_store,
            experiments=self.store,
            keepers=Keepers(self.settings.home),
            recovery=self.load_recovery,
            this_process=_this_process,
        )

    @cached_property
    def load_profiles(self) -> LoadProfiles:
        from phoenix.services.loads.starting import LoadProfiles

        return LoadProfiles(self.catalog)

    @cached_property
    def load_keeping(self) -> Keeping:
        from phoenix.adapters.drivers import is_alive, process
        from phoenix.services.loads.keeping import Keeping, is_over

        return Keeping(
            self.load_store,
            self.hosts.open,
            is_experiment_over=lambda experiment: is_over(self.store, experiment),
            this_process=_this_process,
            starter=lambda: process(os.getppid()),
            is_alive=is_alive,
        )

    @cached_property
    def load_recovery(self) -> LoadRecovery:
        from phoenix.adapters.drivers import is_alive
        from phoenix.services.loads.recovery import LoadRecovery

        return LoadRecovery(self.load_store, self.hosts.open, _this_process, is_alive)

    @cached_property
    def recorder(self) -> Recorder:
        from phoenix.services.loads.recording import Recorder

        return Recorder(self.hosts.open)

    @cached_property
    def access_store(self) -> AccessStore:
        from phoenix.adapters.store.access import SqlAccessStore

        return SqlAccessStore(self._database)

    @cached_property
    def signing_in(self) -> SigningIn:
        from phoenix.services.access.signing_in import SigningIn

        return SigningIn(self.access_store, self._passwords)

    @cached_property
    def people(self) -> People:
        from phoenix.services.access.people import People

        return People(self.access_store, self._passwords)

    @cached_property
    def tokens(self) -> Tokens:
        from phoenix.services.access.tokens import Tokens

        return Tokens(self.access_store)

    @cached_property
    def audit(self) -> Audit:
        from phoenix.services.access.audit import Audit

        return Audit(self.access_store)

    def server(self) -> ApiClient | None:
        """The server that this person works with: by the environment, else where he signed in; None where nowhere."""
        from phoenix.adapters import credentials
        from phoenix.adapters.api_client.client import ApiClient

        if self.settings.api_url:
            return ApiClient(self.settings.api_url, self.settings.token.get_secret_value())
        found = credentials.read(self.settings.home)
        return None if found is None else ApiClient(found.url, found.token)

    def experiment_operations(self, by: str) -> LocalExperiments:
        """Experiments as documents, for somebody."""
        from phoenix.services.operations.experiments import LocalExperiments

        return LocalExperiments(
            self.store, self.experiments, self.drafts, self.approvals, lambda: self.recovery, by
        )

    def pipeline_operations(self) -> LocalPipelines:
        """Pipelines of the catalog and of text, as documents."""
        from phoenix.services.operations.pipelines import LocalPipelines

        return LocalPipelines(self.pipelines, self.load_profiles)

    def deployment_operations(self, by: str) -> LocalDeployments:
        """Pipelines on hosts as documents, for somebody."""
        from phoenix.services.deployments.overlaps import Overlaps
        from phoenix.services.operations.deployments import LocalDeployments

        return LocalDeployments(
            self._deployments_for(lambda: by),
            self.pipelines,
            self.targets,
            Overlaps(self.store, self.load_store, self.deployment_store),
            lambda: self.deployment_recovery.recover(everywhere=False),
        )

    def load_operations(self) -> LocalLoads:
        """Load runs as documents."""
        from phoenix.services.operations.loads import LocalLoads

        return LocalLoads(self.loads, self.load_profiles, self.targets)

    def target_operations(self) -> LocalTargets:
        """Saved targets as documents."""
        from phoenix.services.operations.targets import LocalTargets

        return LocalTargets(self.targets)

    def recovery_operations(self) -> LocalRecovery:
        """The recovery as a document."""
        from phoenix.services.operations.recovery import LocalRecovery

        return LocalRecovery(self.recoveries)

    @cached_property
    def _passwords(self) -> Passwords:
        from phoenix.adapters.passwords import Passwords

        return Passwords()

    @cached_property
    def checking(self) -> Checking:
        from phoenix.services.control_plane.checking import Checking

        return Checking(
            self.settings.home,
            self.settings.cache,
            self.settings.store_url(),
            os.environ,
            lambda: self.installer.find() is not None,
        )

    @cached_property
    def control_plane(self) -> ControlPlanes:
        from phoenix.services.control_plane.verbs import ControlPlanes

        return ControlPlanes(self.settings.home, os.environ, _this_process)

    @cached_property
    def _prefect(self) -> PrefectServers:
        from phoenix.composition.prefect import PrefectServers

        return PrefectServers(self.settings, lambda: self.store)

    @cached_property
    def _database(self) -> Engine:
        from phoenix.adapters.store.engine import open_engine

        return open_engine(self.settings.store_url())

    def _notification_targets(self) -> tuple[NotificationTarget, ...]:
        from pathlib import Path

        from phoenix.adapters.notifications import targets_of

        file = self.settings.notify_file
        return targets_of(self.settings.notify.get_secret_value(), Path(file).expanduser() if file else None)

    def _settle_ending(self, experiment: str) -> None:
        """What a lost driver can no longer give back and tell, and the report that it can no longer write."""
        from phoenix.services.announcing.announcer import tell_of_ending

        self.flow_run_recovery.give_back_turn(experiment)
        tell_of_ending(
            lambda: self.announcer(experiment, self._prefect.url()),
            lambda: self.experiments.report(self.store.get(experiment)),
        )

    def _has_store(self) -> bool:
        return bool(self.settings.database_url) or (self.settings.home / "phoenix.db").exists()

    def _collector(self) -> Path:
        return self.installer.installed().path

    def _agent(self) -> Path:
        from phoenix.adapters import agent_archive

        return agent_archive.write_to(self.settings.cache / "agent")


def compose(*, flows_outlive_us: bool = False) -> Phoenix:
    """Wire the services from the environment's settings; see `Phoenix`."""
    return Phoenix(Settings(), flows_outlive_us=flows_outlive_us)


def _this_process() -> Driver:
    from phoenix.adapters.drivers import process
    from phoenix.domain.errors import DependencyError

    driver = process(os.getpid())
    if driver is None:
        raise DependencyError("/proc does not show this process; Phoenix needs a Linux process table.")
    return driver
