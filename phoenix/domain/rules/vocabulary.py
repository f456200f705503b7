"""The names that the process scraper of the collector v0.159 uses, with those the conventions moved to since."""

EXECUTABLE = "process.executable.name"
PID = "process.pid"

DEFAULT_METRICS = (
    "process.cpu.time",
    "process.disk.io",
    "process.memory.usage",
    "process.memory.virtual",
)
"""Emitted unless switched off."""

OPTIONAL_METRICS = (
    "process.context_switches",
    "process.cpu.utilization",
    "process.disk.operations",
    "process.handles",
    "process.memory.utilization",
    "process.open_file_descriptors",
    "process.paging.faults",
    "process.signals_pending",
    "process.threads",
    "process.uptime",
)
"""Emitted only where switched on."""

RENAMED_METRICS = (
    "process.thread.count",
    "process.unix.file_descriptor.count",
    "process.windows.handle.count",
)
"""What newer conventions call some of them: written with a later collector in mind, and no mistake."""

SCRAPER_METRICS = frozenset((*DEFAULT_METRICS, *OPTIONAL_METRICS, *RENAMED_METRICS))

IDENTITY = frozenset(
    {
        "process.pid",
        "process.parent_pid",
        "process.executable.name",
        "process.executable.path",
        "process.command",
        "process.command_line",
        "process.owner",
        "process.cgroup",
    }
)
"""Resource attributes of the scraper: they say which process it is."""

KNOWN_ATTRIBUTES = IDENTITY | {
    "process.args_count",
    "process.command_args",
    "process.creation.time",
    "process.context_switch.type",
    "process.context_switch_type",
    "process.executable.build_id.gnu",
    "process.executable.build_id.go",
    "process.executable.build_id.htlhash",
    "process.exit.code",
    "process.exit.time",
    "process.group_leader.pid",
    "process.interactive",
    "process.linux.cgroup",
    "process.paging.fault_type",
    "process.real_user.id",
    "process.real_user.name",
    "process.runtime.description",
    "process.runtime.name",
    "process.runtime.version",
    "process.saved_user.id",
    "process.saved_user.name",
    "process.session_leader.pid",
    "process.state",
    "process.title",
    "process.user.id",
    "process.user.name",
    "process.vpid",
    "process.working_directory",
}
"""With those of the conventions that other sources set."""

WELL_KNOWN_CRITICAL = (
    "nginx",
    "apache2",
    "httpd",
    "haproxy",
    "envoy",
    "postgres",
    "mysqld",
    "mongod",
    "redis-server",
    "elasticsearch",
    "kafka",
    "rabbitmq-server",
    "nats-server",
    "kubelet",
    "dockerd",
    "containerd",
)
"""Names that a pattern for critical processes is tried on."""
