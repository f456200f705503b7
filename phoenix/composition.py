"""The one place where services get their adapters.

Everything is imported and made on first use: `phoenix --help` and the refusal of a bad file touch nothing.
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

from phoenix.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine

    from phoenix.adapters.archive import Archive
    from phoenix.adapters.catalog import Catalog
    from phoenix.adapters.collector.installer import CollectorInstaller
    from phoenix.adapters.ports import ConfigValidator, HostDirectory
    from phoenix.adapters.stores import DeploymentStore, ExperimentStore, LoadRunStore, TargetStore
    from phoenix.domain.record import Driver
    from phoenix.services.deployments.recovery import DeploymentRecovery
    from phoenix.services.deployments.verbs import Deployments
    from phoenix.services.drafts import Drafts
    from phoenix.services.experiments import Experiments
    from phoenix.services.loads.keeping import Keeping
    from phoenix.services.loads.recording import Recorder
    from phoenix.services.loads.recovery import LoadRecovery
    from phoenix.services.loads.starting import LoadProfiles
    from phoenix.services.loads.verbs import Loads
    from phoenix.services.pipelines import Pipelines
    from phoenix.services.recovery import Recovery
    from phoenix.services.targets import Targets
    from phoenix.services.vm_configs import VmConfigs


class Phoenix:
    """The services of this installation, wired.

    Args:
        settings: Where things are kept.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

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

        return Pipelines(self.catalog, lambda: self.validator)

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

        return Hosts(self.settings.home / "hosts", self._collector, self._agent, self.settings.ssh_config)

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

        return Targets(lambda: self.target_store, self.hosts, self._has_store)

    @cached_property
    def archive(self) -> Archive:
        from phoenix.adapters.archive import Archive

        return Archive(self.settings.home / "experiments")

    @cached_property
    def experiments(self) -> Experiments:
        from phoenix.adapters.drivers import is_alive, process
        from phoenix.adapters.prefect.flow_runs import ChildFlowRunner
        from phoenix.services.experiments import Experiments

        flows = ChildFlowRunner(self.settings.home, self.archive)
        return Experiments(
            self.store,
            self.deployment_store,
            self.hosts,
            self.archive,
            flows,
            lambda: self.validator,
            this_process=_this_process,
            starter=lambda: process(os.getppid()),
            is_alive=is_alive,
        )

    @cached_property
    def recovery(self) -> Recovery:
        from phoenix.adapters.drivers import is_alive
        from phoenix.services.recovery import Recovery

        return Recovery(self.store, self.experiments, is_alive)

    @cached_property
    def deployments(self) -> Deployments:
        from phoenix.adapters.drivers import person
        from phoenix.services.deployments.verbs import Deployments

        return Deployments(self.deployment_store, self.store, self.hosts, _this_process, person)

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
    def _database(self) -> Engine:
        from phoenix.adapters.store.engine import open_engine

        return open_engine(self.settings.store_url())

    def _has_store(self) -> bool:
        return bool(self.settings.database_url) or (self.settings.home / "phoenix.db").exists()

    def _collector(self) -> Path:
        return self.installer.installed().path

    def _agent(self) -> Path:
        from phoenix.adapters import agent_archive

        return agent_archive.write_to(self.settings.cache / "agent")


def compose() -> Phoenix:
    """Wire the services from the environment's settings."""
    return Phoenix(Settings())


def _this_process() -> Driver:
    from phoenix.adapters.drivers import process
    from phoenix.domain.errors import DependencyError

    driver = process(os.getpid())
    if driver is None:
        raise DependencyError("/proc does not show this process; Phoenix needs a Linux process table.")
    return driver
