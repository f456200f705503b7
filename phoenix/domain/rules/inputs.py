"""What Phoenix needs at all: a metrics pipeline that reads processes."""

from collections.abc import Iterator

from phoenix.domain.findings import Finding, Severity
from phoenix.domain.rules.context import Context


def reads_processes(context: Context) -> Iterator[Finding]:
    """No metrics pipeline, or none with the process scraper."""
    if not context.pipelines:
        reason = "there is no metrics pipeline: nothing to measure, and nothing to replace"
        fix = "add service.pipelines.metrics"
        yield Finding(Severity.ERROR, "no_metrics_pipeline", "service.pipelines", reason, fix)
    elif not context.process_scrapers():
        reason = "no metrics pipeline has a host_metrics receiver with the process scraper"
        fix = "add scrapers: {process: {}} to a host_metrics receiver, and the receiver to the pipeline"
        yield Finding(Severity.ERROR, "no_process_scraper", "receivers", reason, fix)
