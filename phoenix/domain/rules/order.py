"""The order of processors: what must see everything, and what must see a scrape whole."""

from collections.abc import Iterator

from phoenix.domain.findings import Finding, Severity
from phoenix.domain.paths import join_path
from phoenix.domain.rules.context import Context, MetricsPipeline
from phoenix.domain.trees import mapping_at, strings_at

_RANKS = frozenset({"topk", "adaptivefilter", "aggregate"})


def memory_limiter_first(context: Context) -> Iterator[Finding]:
    """A memory limiter behind other processors refuses data they have already spent memory on."""
    connectors = mapping_at(context.config, "connectors")
    for pipeline in context.pipelines:
        kinds = [processor.kind for processor in pipeline.processors]
        fed = strings_at(context.config, "service", "pipelines", pipeline.name, "receivers")
        if fed and all(name in connectors for name in fed):
            continue  # The pipelines that feed the connector hold the limiter.
        if kinds[:1] == ["memorylimiter"]:
            continue
        there = "memorylimiter" in kinds
        reason = (
            "memory_limiter is not the first processor: what stands before it can still use up the memory"
            if there
            else "there is no memory_limiter: a burst of processes can end the collector"
        )
        fix = "move memory_limiter to the front" if there else "put memory_limiter first"
        yield Finding(Severity.WARNING, "memory_limiter_not_first", _path(pipeline), reason, fix)


def batch_behind_ranking(context: Context) -> Iterator[Finding]:
    """A batch can cut a scrape in two; a ranking of half a scrape keeps the wrong processes."""
    for pipeline in context.pipelines:
        kinds = [processor.kind for processor in pipeline.processors]
        ranks = [kind for kind in kinds if kind in _RANKS]
        if ranks and "batch" in kinds[: max(i for i, kind in enumerate(kinds) if kind in _RANKS)]:
            reason = f"batch stands before {ranks[-1]}, which must see each scrape whole"
            yield Finding(
                Severity.WARNING, "batch_before_ranking", _path(pipeline), reason, "move batch to the end"
            )


def _path(pipeline: MetricsPipeline) -> str:
    return join_path("service", "pipelines", pipeline.name, "processors")
