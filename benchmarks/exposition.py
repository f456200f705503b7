"""The parser of a collector's exposition against prometheus_client's, on what 319 processes make of a baseline."""

from prometheus_client.parser import text_string_to_metric_families

from benchmarks.pairs import ratio
from phoenix.adapters.scraping.exposition import ExpositionParser

SERIES = 2552


def text() -> bytes:
    """319 processes of 8 series each, as the exporter writes them."""
    lines = []
    for pid in range(1000, 1000 + SERIES // 8):
        who = f'process_executable_name="worker",process_owner="root",process_pid="{pid}"'
        lines += [
            f'process_cpu_time_seconds_total{{{who},state="{s}"}} {pid / 7} 1700000000000'
            for s in ("user", "system", "wait")
        ]
        lines += [
            f'process_disk_io_bytes_total{{direction="{d}",{who}}} {pid}.0 1700000000000'
            for d in ("read", "write")
        ]
        lines += [
            f"{name}{{{who}}} {pid}.0 1700000000000"
            for name in ("process_memory_usage_bytes", "process_memory_virtual_bytes", "process_threads")
        ]
    return ("\n".join(lines) + "\n").encode()


def compare() -> str:
    body = text()
    parser = ExpositionParser()
    return ratio(
        f"parse {SERIES} series",
        lambda: parser.parse(body),
        lambda: sum(len(family.samples) for family in text_string_to_metric_families(body.decode())),
        "prometheus_client",
    )
