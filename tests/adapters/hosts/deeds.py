"""What a control plane may die of, on a host of whichever kind."""

from collections.abc import Callable
from dataclasses import dataclass

from phoenix.adapters.hosts.slot_host import SlotHost
from phoenix.adapters.ports import RunningCollector
from tests.adapters.hosts.support import CONFIG, LONG, launch

OLD, NEW = "revision-1", "revision-2"
KEY = "what-opens-the-backend"


def exporting(options: str) -> str:
    """A pipeline with a further exporter, over OTLP."""
    ours = "exporters: {prometheus/phoenix"
    return CONFIG.replace(ours, ours.replace("{", f"{{otlp_http/user: {{{options}}}, "))


KEYED = exporting(
    'endpoint: "http://127.0.0.1:9", headers: {api-key: "${env:THEIR_KEY}"}, '
    "retry_on_failure: {enabled: false}, sending_queue: {enabled: false}"
)
"""Takes `THEIR_KEY`, whose value is `KEY`; ends at once, though nobody takes what it exports."""

OTHER_KEYED = KEYED.replace("1s", "2s")


@dataclass(frozen=True)
class Deed:
    """Something that changes production.

    Attributes:
        before: Makes the host what it is when it begins.
        act: The verb.
        serves: Which places may serve if whoever acts dies.
        kept: What is never lost, beside what serves.
    """

    before: Callable[[SlotHost], object]
    act: Callable[[SlotHost], object]
    serves: tuple[str, ...]
    kept: tuple[str, ...]


def serve(host: SlotHost, place: str, config: str = KEYED) -> RunningCollector:
    lease = host.acquire("exp-1", LONG)
    running = host.start_collector(place, launch(config=config, lifetime=None), lease)
    host.activate(place, lease)
    return running


def both(host: SlotHost) -> None:
    serve(host, OLD)
    host.start_collector(NEW, launch(config=OTHER_KEYED, lifetime=None), host.acquire("exp-1", LONG))


def switched(host: SlotHost) -> None:
    serve(host, OLD)
    serve(host, NEW, OTHER_KEYED)


def retired(host: SlotHost) -> None:
    switched(host)
    host.retire(OLD)


def dismantle(host: SlotHost) -> None:
    """As nobody does with production."""
    for owner in ("exp-1", "exp-2"):
        host.clear(owner)
    host.activate(None, host.acquire("exp-1", LONG))
    for one in host.revisions():
        host.stop_collector(one.place)
    host.clear("exp-1")


DEEDS = {
    "start": Deed(
        lambda host: serve(host, OLD),
        lambda host: host.start_collector(
            NEW, launch(config=OTHER_KEYED, lifetime=None), host.acquire("exp-1", LONG)
        ),
        (OLD,),
        (),
    ),
    "activate": Deed(both, lambda host: host.activate(NEW, host.acquire("exp-1", LONG)), (OLD, NEW), (OLD,)),
    "retire": Deed(switched, lambda host: host.retire(OLD), (NEW,), (OLD,)),
    "revive": Deed(retired, lambda host: host.revive(OLD, host.acquire("exp-1", LONG)), (NEW,), (OLD,)),
    "stop": Deed(both, lambda host: host.stop_collector(NEW), (OLD,), ()),
    "clear": Deed(both, lambda host: host.clear("exp-1"), (OLD,), ()),
}
