"""The operations by both doors: what is asked in-process and over HTTP is done, answered and refused the same."""

import json
from collections.abc import Callable, Generator
from dataclasses import dataclass

import pytest

from phoenix.adapters.operations import Document
from phoenix.domain.errors import PhoenixError, SpecError, StateError
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import EventKind
from tests.support.both_doors import CONFIG, REFUSED, SILENT, Doors, World, both_doors, experiment
from tests.support.seen_experiments import trace_scrapes

SCRAPES = trace_scrapes(count=200)


@dataclass
class Asked:
    """One door of the world.

    Attributes:
        do: What is asked there.
        world: What it is asked about.
        of: A name of this door's own.
    """

    do: Doors
    world: World
    door: str

    def of(self, name: str) -> str:
        return f"{name}-{self.door}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Generator[World]:
    with both_doors(tmp_path_factory.mktemp("operations")) as found:
        yield found


@pytest.fixture(params=["inside", "outside"])
def ask(request: pytest.FixtureRequest, world: World) -> Asked:
    return Asked(getattr(world, request.param), world, request.param)


# Experiments


def test_an_experiment_is_checked_recorded_and_started(ask: Asked):
    made = ask.do.experiments.create(experiment(ask.of("made")))
    assert (made["phase"], made["candidate"]["pipeline"]) == ("pending", "process-topk-v1")
    assert made["spec"]["objective"] == {"metric": "series", "minimumReduction": 0.5}
    assert ask.world.flows.started[-1][:2] == ("experiment", made["id"])


def test_an_experiment_may_be_recorded_only_and_started_later(ask: Asked):
    before = len(ask.world.flows.started)
    made = ask.do.experiments.create(experiment(ask.of("kept")), start=False)
    assert len(ask.world.flows.started) == before
    assert ask.do.experiments.start(made["id"])["id"] == made["id"]
    assert ask.world.flows.started[-1][:2] == ("experiment", made["id"])


def test_the_files_of_an_experiment_come_along(ask: Asked):
    told = ask.do.experiments.preview(
        experiment(ask.of("files"), candidate={"file": "mine.yaml"}), files={"mine.yaml": CONFIG}
    )
    assert told["candidate"]["pipeline"] == "mine.yaml"
    assert told["targets"] == ["local"]
    assert "topk" not in json.dumps(told["candidate"]["config"])


def test_experiments_are_listed_in_pages(ask: Asked):
    names = [ask.of(f"page-{number}") for number in range(3)]
    for name in names:
        ask.world.keep(name)
    first = ask.do.experiments.list(limit=2, phases=["completed"])
    second = ask.do.experiments.list(limit=500, before=first["next"])
    assert [one["name"] for one in first["items"]] == names[:0:-1]
    assert second["items"][0]["name"] == names[0]
    assert second["next"] is None
    assert [one["name"] for one in ask.do.experiments.list(name=names[1])["items"]] == [names[1]]


def test_a_running_experiment_is_asked_to_end(ask: Asked):
    me = ask.world.phoenix.load_recovery.this_process()
    kept = ask.world.keep(ask.of("running"), Phase.MEASURING, Outcome.NONE, driver=me)
    assert ask.do.experiments.stop(kept.name, "enough")["stopRequested"] == "enough"
    ask.world.phoenix.store.finish(kept.id, Phase.STOPPED, Outcome.NONE, "")


def test_a_lost_experiment_that_is_asked_to_end_ends_at_once(ask: Asked):
    kept = ask.world.keep(ask.of("lost"), Phase.MEASURING, Outcome.NONE)
    assert ask.do.experiments.stop(kept.id, "enough")["phase"] == "stopped"


def test_what_was_only_reported_is_promoted(ask: Asked):
    kept = ask.world.keep(ask.of("promotable"), scrapes=SCRAPES)
    assert ask.do.experiments.promote(kept.name, "it is cheaper")["verdict"] == "PROMOTE"
    assert ask.world.flows.started[-1] == ("promotion", kept.id, "it is cheaper")


def test_what_was_promoted_is_rolled_back(ask: Asked):
    kept = ask.world.keep(ask.of("promoted"), outcome=Outcome.PROMOTED)
    assert ask.do.experiments.rollback(kept.id, "too slow")["id"] == kept.id
    assert ask.world.flows.started[-1] == ("rollback", kept.id, "too slow")


def test_what_is_over_is_forgotten(ask: Asked):
    kept = ask.world.keep(ask.of("over"))
    assert ask.do.experiments.delete(kept.id)["id"] == kept.id
    with pytest.raises(StateError) as gone:
        ask.do.experiments.get(kept.id)
    assert gone.value.code == "unknown_experiment"


def test_what_was_measured_is_read_the_same_by_both(world: World):
    kept = world.keep("measured", scrapes=SCRAPES)
    for number in range(3):
        world.phoenix.store.append(kept.id, EventKind.NOTE, "word", {"number": number})
    reads: list[Callable[[Doors], object]] = [
        lambda do: do.experiments.get("measured"),
        lambda do: do.experiments.events(kept.id, limit=2),
        lambda do: do.experiments.metrics(kept.id, start=5, end=60, points=10, host="local"),
        lambda do: do.experiments.comparison(kept.id),
        lambda do: do.experiments.report(kept.id),
    ]
    for read in reads:
        assert read(world.inside) == read(world.outside)
    events = world.outside.experiments.events(kept.id, limit=2)
    after = world.outside.experiments.events(kept.id, after=events["cursor"])
    assert [one["data"]["number"] for one in (*events["items"], *after["items"])] == [0, 1, 2]
    assert world.outside.experiments.comparison(kept.id)["items"][0]["metric"] == "series"
    assert world.outside.experiments.report(kept.id).startswith("<!DOCTYPE html>")


# Pipelines


def test_the_catalog_is_read_the_same_by_both(world: World):
    reads: list[Callable[[Doors], Document]] = [
        lambda do: do.pipelines.list(),
        lambda do: do.pipelines.get("topk", {"k": "7", "critical": "^a=b,c$"}),
        lambda do: do.pipelines.load_profiles(),
        lambda do: do.pipelines.render(pipeline="topk", settings={"k": "7"}),
        lambda do: do.pipelines.render(config=CONFIG),
        lambda do: do.pipelines.validate(pipeline="topk"),
        lambda do: do.pipelines.validate(config=CONFIG.replace("batch: {}", f"{REFUSED}: {{}}")),
        lambda do: do.pipelines.validate(config="a: ["),
        lambda do: do.pipelines.validate(config=""),
    ]
    for read in reads:
        assert read(world.inside) == read(world.outside)


def test_a_pipeline_shows_its_page_and_what_it_becomes(ask: Asked):
    found = ask.do.pipelines.get("topk", {"k": "7"})
    assert found["page"].startswith("# process-topk-v1")
    assert {row["name"]: row["value"] for row in found["parameters"]}["k"] == 7
    assert "k: 7" in found["config"]
    assert (len(found["version"]), found["findings"]) == (64, [])


def test_a_configuration_is_checked_as_text(ask: Asked):
    refused = ask.do.pipelines.validate(config=CONFIG.replace("batch: {}", f"{REFUSED}: {{}}"))
    assert refused["valid"] is False
    assert refused["findings"][0]["code"] == "refused_by_collector"
    assert ask.do.pipelines.validate(pipeline="topk") == {"valid": True, "findings": []}


def test_a_configuration_is_rendered_with_what_a_slot_adds(ask: Asked):
    rendered = ask.do.pipelines.render(config=CONFIG)
    assert "prometheus/phoenix" in rendered["config"]
    assert ask.do.pipelines.render(config=CONFIG)["version"] == rendered["version"]


def test_load_profiles_say_what_they_take(ask: Asked):
    profiles = {one["name"]: one for one in ask.do.pipelines.load_profiles()["items"]}
    assert profiles["realistic"]["processes"] > 0


# Deployments


def test_a_pipeline_serves_changes_and_goes_back(ask: Asked):
    target = f"local://{ask.of('life')}"
    do = ask.do.deployments
    (planned,) = do.preview([target], pipeline="topk", name="edge")["items"]
    assert (planned["result"], planned["next"], planned["code"]) == ("would deploy", 1, None)
    assert "+receivers:" in planned["diff"]
    first = do.deploy([target], pipeline="topk", settings={"k": "5"}, name="edge")
    second = do.deploy([target], config=CONFIG, name="edge")
    assert [row["result"] for row in (*first["items"], *second["items"])] == ["deployed", "deployed"]
    assert do.deploy([target], config=CONFIG, name="edge")["items"][0]["result"] == "unchanged"
    (status,) = do.statuses([target])["items"]
    assert (status["health"], status["name"], status["revision"]) == ("serving", "edge", 2)
    listed = [one for one in do.list()["items"] if one["hosts"] == [target]]
    assert [(one["name"], one["pipeline"]) for one in listed] == [("edge", "edge")]
    (back,) = do.rollback([target])["items"]
    assert (back["result"], back["to"], back["revision"]) == ("rolled back", 1, 3)
    history = do.history(target)
    assert (history["host"], [one["state"] for one in history["items"]]) == (
        target,
        ["active", "replaced", "replaced"],
    )
    assert {one["by"] for one in history["items"]} == {"local"}
    assert "k: 5" in do.revision(target, 1)["config"]
    assert do.diff(target, 1, 2).startswith("--- revision 1 (process-topk-v1")
    assert do.diff(target, 1, 3) == ""
    assert [one["state"] for one in do.overlap([target])["deployments"]] == ["active"]
    (gone,) = do.delete([target])["items"]
    assert (gone["result"], gone["served"], gone["removed"]) == ("deleted", 3, 3)
    assert do.overlap([target])["isFree"] is True


def test_a_host_that_fails_is_a_value_in_its_row(ask: Asked):
    well = f"local://{ask.of('well')}"
    halted = ask.do.deployments.deploy([SILENT, well], pipeline="topk", name="edge", on_failure="skip")
    failed, served = halted["items"]
    assert (failed["result"], failed["code"], failed["actor"]) == ("failed", "unreachable", "outside")
    assert failed["reason"] == "the host does not answer"
    assert (served["result"], served["reason"], served["code"], served["hint"]) == (
        "deployed",
        None,
        None,
        None,
    )
    verbs: list[Callable[[], Document]] = [
        lambda: ask.do.deployments.preview([SILENT], pipeline="topk"),
        lambda: ask.do.deployments.rollback([SILENT]),
        lambda: ask.do.deployments.delete([SILENT]),
    ]
    for verb in verbs:
        assert (verb()["items"][0]["result"], verb()["items"][0]["code"]) == ("failed", "unreachable")
    assert ask.do.deployments.statuses([SILENT])["items"][0]["health"] == "unreachable"


def test_who_is_on_a_host_already_is_told(ask: Asked):
    target = f"local://{ask.of('crowded')}"
    me = ask.world.phoenix.load_recovery.this_process()
    kept = ask.world.keep(ask.of("holder"), Phase.MEASURING, Outcome.NONE, targets=[target], driver=me)
    run = ask.world.keep_load(ask.of("beside"), target, driver=me)
    found = ask.do.deployments.overlap([target, "local://free"])
    assert found["hosts"] == [target, "local://free"]
    assert found["experiments"] == [
        {"id": kept.id, "name": kept.name, "phase": "measuring", "hosts": [target]}
    ]
    assert found["loads"] == [{"id": run.id, "name": run.name, "state": "running", "hosts": [target]}]
    assert (found["isFree"], found["deployments"]) == (False, [])
    ask.world.phoenix.store.finish(kept.id, Phase.STOPPED, Outcome.NONE, "")


# Loads


def test_a_load_is_started_and_asked_to_end(ask: Asked):
    run = ask.do.loads.start(
        profile="realistic",
        processes=25,
        seed=3,
        settings={"patterns.0.cpu.cores": 0.01},
        targets=[f"local://{ask.of('loaded')}"],
        duration="5m",
        name=ask.of("evening"),
    )
    assert (run["state"], run["requested"], run["duration_seconds"]) == ("starting", 25, 300)
    assert ask.world.keepers.started[-1] == run["id"]
    assert ask.do.loads.get(run["name"])["id"] == run["id"]
    assert run["id"] in [one["id"] for one in ask.do.loads.list(limit=1)["items"]]
    assert ask.do.loads.stop(run["id"], "enough")["stop_requested"] == "enough"


def test_a_load_may_stand_on_the_hosts_of_an_experiment(ask: Asked):
    me = ask.world.phoenix.load_recovery.this_process()
    kept = ask.world.keep(ask.of("measured-host"), Phase.MEASURING, Outcome.NONE, driver=me)
    run = ask.do.loads.start(experiment=kept.name, name=ask.of("with-it"))
    assert (run["experiment"], [one["host"] for one in run["hosts"]]) == (kept.id, ["local://of-experiments"])
    ask.world.phoenix.store.finish(kept.id, Phase.STOPPED, Outcome.NONE, "")


def test_a_lost_load_that_is_asked_to_end_ends_at_once(ask: Asked):
    run = ask.world.keep_load(ask.of("forlorn"))
    ended = ask.do.loads.stop(run.id, "enough")
    assert (ended["state"], ended["ended_because"]) == ("ended", "stopped")


# Targets and recovery


def test_a_target_is_kept_changed_selected_and_forgotten(ask: Asked):
    name = ask.of("web")
    saved = ask.do.targets.save(name, f"local://{name}", {"role": name, "zone": "a"})
    assert (saved["uri"], saved["labels"]) == (f"local://{name}", {"role": name, "zone": "a"})
    assert ask.do.targets.get(name) == saved
    assert ask.do.targets.save(name, f"local://{name}", {"role": name})["labels"] == {"role": name}
    assert [one["name"] for one in ask.do.targets.list(selector=f"role={name}")["items"]] == [name]
    assert name in [one["name"] for one in ask.do.targets.list()["items"]]
    assert ask.do.targets.check([name, f"role={name}", "local"]) == {
        "hosts": [f"local://{name}", "local"],
        "items": [
            {"target": name, "hosts": [f"local://{name}"]},
            {"target": f"role={name}", "hosts": [f"local://{name}"]},
            {"target": "local", "hosts": ["local"]},
        ],
    }
    assert ask.do.targets.remove(name)["name"] == name
    assert ask.do.targets.list(selector=f"role={name}") == {"items": []}


def test_what_was_lost_is_recovered(ask: Asked):
    run = ask.world.keep_load(ask.of("adrift"))
    found = ask.do.recovery.recover()
    (row,) = [one for one in found["items"] if one.get("load") == run.id]
    assert (row["found"], row["ended"], found["failed"], found["unseen"]) == ("running", "ended", False, None)


# Refusals

_NOWHERE = ["nowhere-at-all"]

REFUSALS: dict[str, tuple[str, Callable[[Doors], object]]] = {
    "create": (
        "file_not_given",
        lambda do: do.experiments.create(experiment("x", candidate={"file": "/etc/passwd"})),
    ),
    "create, many faults": (
        "invalid_input",
        lambda do: do.experiments.create(
            experiment("x", candidate={"pipeline": "process-topq"}, targets=_NOWHERE)
        ),
    ),
    "create, refused by the collector": (
        "invalid_input",
        lambda do: do.experiments.create(
            experiment("x", candidate={"file": "a.yaml"}),
            files={"a.yaml": CONFIG.replace("batch", REFUSED)},
        ),
    ),
    "preview": ("invalid_input", lambda do: do.experiments.preview(experiment("x", targets=["ftp://x"]))),
    "list": ("invalid_cursor", lambda do: do.experiments.list(before="abc")),
    "list, phase": ("unknown_phase", lambda do: do.experiments.list(phases=["sleeping"])),
    "get": ("unknown_experiment", lambda do: do.experiments.get("nothing? of that #name %2F")),
    "start": ("not_possible_now", lambda do: do.experiments.start("refusing")),
    "stop": ("already_over", lambda do: do.experiments.stop("refusing", "why")),
    "promote": ("not_promotable", lambda do: do.experiments.promote("refusing", "why")),
    "promote, variant": ("unknown_variant", lambda do: do.experiments.promote("refusing", "why", "C")),
    "rollback": ("not_promoted", lambda do: do.experiments.rollback("refusing", "why")),
    "delete": ("still_running", lambda do: do.experiments.delete("going")),
    "events": ("unknown_experiment", lambda do: do.experiments.events("gone")),
    "metrics": ("unknown_experiment", lambda do: do.experiments.metrics("gone")),
    "comparison": ("unknown_experiment", lambda do: do.experiments.comparison("gone")),
    "report": ("unknown_experiment", lambda do: do.experiments.report("gone")),
    "pipeline": ("unknown_pipeline", lambda do: do.pipelines.get("process-topq")),
    "pipeline, settings": ("wrong_parameters", lambda do: do.pipelines.get("topk", {"k": "0", "q": "1"})),
    "pipeline, file": ("file_not_given", lambda do: do.pipelines.get("topk", {"exporters": "@/etc/passwd"})),
    "validate": ("unknown_pipeline", lambda do: do.pipelines.validate(pipeline="topq")),
    "validate, file": ("file_not_given", lambda do: do.pipelines.validate(pipeline="/etc/passwd")),
    "validate, ending": ("file_not_given", lambda do: do.pipelines.validate(pipeline="x.json")),
    "validate, both": ("one_pipeline", lambda do: do.pipelines.validate(pipeline="topk", config=CONFIG)),
    "validate, settings": (
        "no_parameters",
        lambda do: do.pipelines.validate(config=CONFIG, settings={"k": "1"}),
    ),
    "render": ("invalid_document", lambda do: do.pipelines.render(config="a: 1\na: 2\n")),
    "render, file": (
        "file_not_given",
        lambda do: do.pipelines.render(pipeline="topk", settings={"exporters": "@x.yaml"}),
    ),
    "render, none": ("one_pipeline", lambda do: do.pipelines.render()),
    "statuses": ("unknown_target_name", lambda do: do.deployments.statuses(_NOWHERE)),
    "deploy": ("unknown_target", lambda do: do.deployments.deploy([*_NOWHERE, "a b"], pipeline="topk")),
    "deploy, nowhere": ("no_target", lambda do: do.deployments.deploy([], pipeline="topk")),
    "deploy, name": (
        "invalid_name",
        lambda do: do.deployments.deploy(["local"], pipeline="topk", name="../x"),
    ),
    "deploy, nameless": ("name_missing", lambda do: do.deployments.deploy(["local"], config=CONFIG)),
    "deploy, rules": (
        "wrong_pipeline",
        lambda do: do.deployments.deploy(["local"], config=CONFIG.replace("process:", "cpu:"), name="x"),
    ),
    "deploy, environment": (
        "environment_missing",
        lambda do: do.deployments.deploy(
            ["local"],
            pipeline="topk",
            settings={"exporters": '{otlp_http: {endpoint: "${env:NOBODY_SETS_THIS}"}}'},
        ),
    ),
    "deployment preview": ("file_not_given", lambda do: do.deployments.preview(["local"], pipeline="./a")),
    "deployment rollback": ("nothing_selected", lambda do: do.deployments.rollback(["role=nothing"])),
    "deployment delete": ("no_target", lambda do: do.deployments.delete([])),
    "history": ("nothing_deployed", lambda do: do.deployments.history("local://bare")),
    "revision": ("unknown_revision", lambda do: do.deployments.revision("local://bare", 7)),
    "diff": ("nothing_deployed", lambda do: do.deployments.diff("local://bare")),
    "overlap": ("unknown_target_name", lambda do: do.deployments.overlap(_NOWHERE)),
    "load": ("unknown_load_run", lambda do: do.loads.get("..")),
    "load start": ("file_not_given", lambda do: do.loads.start(profile="/etc/passwd", targets=["local"])),
    "load start, ending": (
        "file_not_given",
        lambda do: do.loads.start(profile="mine.yaml", targets=["local"]),
    ),
    "load start, unknown": (
        "unknown_load_profile",
        lambda do: do.loads.start(profile="realistik", targets=["local"]),
    ),
    "load start, nowhere": ("no_target", lambda do: do.loads.start()),
    "load start, both": ("two_targets", lambda do: do.loads.start(targets=["local"], experiment="going")),
    "load start, over": ("experiment_over", lambda do: do.loads.start(experiment="refusing")),
    "load start, duration": ("invalid_input", lambda do: do.loads.start(targets=["local"], duration="5")),
    "load start, settings": (
        "wrong_load_profile",
        lambda do: do.loads.start(targets=["local"], settings={"patterns.0.cpu.cores": "many"}),
    ),
    "load start, taken": ("name_taken", lambda do: do.loads.start(targets=["local"], name="at-work")),
    "load stop": ("already_over", lambda do: do.loads.stop("done", "why")),
    "target": ("unknown_target_name", lambda do: do.targets.get("nobody ü knows%2F")),
    "target save": ("unknown_target", lambda do: do.targets.save("x", "ssh://a:b@c")),
    "target save, name": ("invalid_name", lambda do: do.targets.save("local", "local://x")),
    "target save, label": ("invalid_label", lambda do: do.targets.save("x", "local://x", {"a": "b,c=d"})),
    "target remove": ("unknown_target_name", lambda do: do.targets.remove("nobody")),
    "target list": ("invalid_selector", lambda do: do.targets.list(selector="role")),
    "target check": ("unknown_target", lambda do: do.targets.check(["nobody", "role=nothing"])),
}


@pytest.fixture(scope="module")
def refusing(world: World) -> World:
    me = world.phoenix.load_recovery.this_process()
    world.keep("refusing")
    world.keep("going", Phase.MEASURING, Outcome.NONE, driver=me)
    world.keep_load("at-work", driver=me)
    done = world.keep_load("done")
    world.inside.loads.stop(done.id, "why")
    return world


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_is_the_same_by_both(refusing: World, case: str):
    code, call = REFUSALS[case]
    told = [refusal(lambda do=do: call(do)) for do in (refusing.inside, refusing.outside)]
    assert told[0] == told[1]
    assert told[0]["code"] == code


def refusal(call: Callable[[], object]) -> Document:
    with pytest.raises(PhoenixError) as caught:
        call()
    fault = caught.value
    return {
        "kind": type(fault).__name__,
        "message": fault.message,
        "code": fault.code,
        "hint": fault.hint,
        "findings": fault.findings if isinstance(fault, SpecError) else (),
        "details": json.loads(json.dumps(fault.details)),
    }
