"""Handing production over on one host: whatever fails, exactly one of the two serves, and the ledger says which."""

import pytest

from phoenix.domain.deployment import RevisionState
from phoenix.domain.errors import DependencyError, StateError
from phoenix.services.deployments.holding import LEASE_LIFETIME
from phoenix.services.handover import NotRestoredError
from tests.support.fleets import EXPORT, TELEMETRY, answer, launches_of, pipeline, refusal, silence

SCRAPED = {"exporters": '{prometheus: {endpoint: "127.0.0.1:9464"}}'}


def only(ended):
    (one,) = ended
    return one


def serving(fleet, **options) -> int:
    """Deploy what shall serve first; returns its number."""
    done = only(fleet.deploy(**options))
    assert done.fault is None, done.fault
    return done.result.revision


def failed(fleet, **options) -> Exception:
    done = only(fleet.deploy(**options))
    assert done.result is None
    return done.fault


def assert_untouched(fleet, number: int) -> None:
    """Revision `number` serves, by host and ledger, and nothing is left of whoever tried to replace it."""
    assert fleet.running() == [f"revision-{number}"]
    assert fleet.host.active().place == f"revision-{number}"
    assert fleet.active().number == number
    assert fleet.host.lease() is None
    assert fleet.ledger.pending() == fleet.ledger.owed() == ()
    for revision in fleet.ledger.history("local"):
        assert fleet.host.leftovers(revision.owner) == ()


def test_the_intent_is_written_before_anything_starts_and_the_old_one_ends_last(fleet):
    serving(fleet, k=1)
    deeds = []
    fleet.hosts["local"].before = lambda verb, arguments: deeds.append(verb)
    fleet.store.before = lambda verb, arguments: deeds.append(f"ledger: {verb}")
    assert serving(fleet, k=2) == 2
    steps = ["acquire", "ledger: begin", "start_collector", "activate", "retire", "ledger: activate", "clear"]
    assert [deed for deed in deeds if deed in steps] == steps
    assert_untouched(fleet, 2)
    assert fleet.ledger.get("local", 1).state is RevisionState.REPLACED
    assert [one.place for one in fleet.host.revisions()] == ["revision-1", "revision-2"]


def test_what_does_not_start_is_gone_with_its_last_words(fleet):
    serving(fleet, k=1)
    fleet.host.refusals["revision-2"] = refusal("collector_died")
    assert failed(fleet, k=2).code == "collector_died"
    assert_untouched(fleet, 1)
    found = fleet.ledger.get("local", 2)
    assert (found.state, found.error) == (RevisionState.FAILED, "it died\nits last words:\npanic: no")
    assert "retire revision-1" not in fleet.host.deeds


def test_what_starts_and_passes_no_data_is_gone(fleet):
    serving(fleet, k=1)
    fleet.host.answers = lambda running, kind: EXPORT if kind == "metrics" else TELEMETRY.replace(b"90", b"0")
    fault = failed(fleet, k=2)
    assert (fault.code, "its receivers accepted no point" in fault.message) == ("no_data_flow", True)
    assert_untouched(fleet, 1)
    assert fleet.ledger.get("local", 2).state is RevisionState.FAILED


def test_what_dies_before_its_first_point_is_gone_with_the_reason(fleet):
    serving(fleet, k=1)

    def dying(running, kind):
        fleet.host.kill(running.place, "exited with code 1\nno such file")
        return b""

    fleet.host.answers = dying
    fault = failed(fleet, k=2)
    assert fault.message == "The new pipeline on local died: the collector in revision-2 exited with code 1"
    assert fault.hint == "no such file"
    assert_untouched(fleet, 1)


def test_an_exporter_that_sends_nothing_keeps_it_from_serving(fleet):
    serving(fleet, k=1)
    fault = failed(fleet, k=2, settings={"exporters": '{otlp_http: {endpoint: "http://127.0.0.1:1"}}'})
    assert "its exporter otlp_http sent no point" in fault.message
    assert_untouched(fleet, 1)


@pytest.mark.parametrize("verb", ["activate", "retire"])
@pytest.mark.parametrize("settings", [{}, SCRAPED], ids=["any port", "one port"])
def test_what_fails_at_the_switch_brings_the_old_one_back(fleet, verb, settings):
    serving(fleet, k=1, settings=settings)
    fleet.fail(verb, DependencyError("the disk is full", code="disk_full"))
    assert failed(fleet, k=2, settings=settings).code == "disk_full"
    assert_untouched(fleet, 1)


def test_two_that_want_one_port_do_not_hold_it_at_once(fleet):
    serving(fleet, k=1, settings=SCRAPED)
    launches, deeds = launches_of(fleet.hosts["local"]), fleet.host.deeds
    begun = len(deeds)
    serving(fleet, k=2, settings=SCRAPED)
    trial, real = launches
    assert "127.0.0.1:0" in trial.config
    assert "127.0.0.1:9464" not in trial.config
    assert "127.0.0.1:9464" in real.config
    assert real.environment_of == "revision-2"
    assert deeds[begun:] == [
        "start revision-2",
        "retire revision-1",
        "start revision-2",
        "activate revision-2",
    ]
    assert fleet.host.config("revision-2") == fleet.active().config
    assert_untouched(fleet, 2)


def test_two_with_ports_of_their_own_run_beside_each_other(fleet):
    serving(fleet, k=1, settings=SCRAPED)
    launches = launches_of(fleet.hosts["local"])
    serving(fleet, k=2, settings={"exporters": '{prometheus: {endpoint: "127.0.0.1:9465"}}'})
    assert len(launches) == 1


def test_the_port_goes_back_to_the_old_one_where_the_new_one_cannot_take_it(fleet):
    serving(fleet, k=1, settings=SCRAPED)

    def answers(running, kind):
        holds_the_port = "127.0.0.1:9464" in fleet.host.config(running.place)
        if running.place == "revision-2" and holds_the_port:
            fleet.host.kill(running.place)
        return answer(running, kind) if fleet.host.exit_reason(running.place) is None else b""

    fleet.host.answers = answers
    assert failed(fleet, k=2, settings=SCRAPED).code == "collector_died"
    assert fleet.host.deeds[-2:] == ["stop revision-2", "revive revision-1"]
    assert_untouched(fleet, 1)


def test_a_dead_one_is_replaced_without_being_waited_for(fleet):
    serving(fleet, k=1, settings=SCRAPED)
    fleet.host.kill("revision-1")
    launches = launches_of(fleet.hosts["local"])
    serving(fleet, k=2, settings=SCRAPED)
    assert len(launches) == 1
    assert_untouched(fleet, 2)


def test_a_dead_one_does_not_come_to_life_because_the_new_one_fails(fleet):
    serving(fleet, k=1)
    fleet.host.kill("revision-1")
    fleet.host.refusals["revision-2"] = refusal("collector_died")
    failed(fleet, k=2)
    assert fleet.running() == []
    assert fleet.host.active().place == "revision-1"
    assert fleet.active().number == 1


@pytest.mark.parametrize("after", ["start_collector", "activate"])
def test_a_host_that_falls_silent_leaves_the_outcome_open_and_is_owed(fleet, after):
    serving(fleet, k=1)
    fleet.silence(after=after)
    fault = failed(fleet, k=2)
    assert isinstance(fault, NotRestoredError)
    assert "is not known" in fault.message
    (pending,) = fleet.ledger.pending()
    assert pending.number == 2
    assert [one.owner for one in fleet.ledger.owed()] == [pending.owner]


def test_a_host_that_was_silent_from_the_first_verb_on_is_not_in_the_ledger(fleet):
    fleet.silence()
    assert failed(fleet).code == "unreachable"
    assert fleet.ledger.history("local") == fleet.ledger.owed() == ()


def test_a_host_that_cannot_be_cleaned_up_afterwards_serves_and_is_owed(fleet):
    fleet.fail("clear")
    number = serving(fleet, k=1)
    assert fleet.active().number == number
    assert [one.owner for one in fleet.ledger.owed()] == [fleet.active().owner]


def test_a_taken_host_is_refused_with_its_holder(fleet):
    serving(fleet, k=1)
    fleet.host.acquire("exp-12345678", LEASE_LIFETIME)
    fault = failed(fleet, k=2)
    assert isinstance(fault, StateError)
    assert (fault.code, "exp-12345678" in fault.message) == ("host_taken", True)
    assert fleet.active().number == 1
    assert len(fleet.ledger.history("local")) == 1


def test_the_lease_of_one_who_died_after_the_last_entry_does_not_block_the_host(fleet):
    serving(fleet, k=1)
    fleet.host.acquire(fleet.active().owner, LEASE_LIFETIME)
    assert serving(fleet, k=2) == 2


def test_a_number_that_only_the_ledger_knows_is_not_given_again(fleet):
    fleet.fail("start_collector", silence())
    failed(fleet)
    assert serving(fleet) == 2


def test_what_serves_unlinked_is_replaced_as_if_it_were_linked(fleet):
    serving(fleet, k=1)
    fleet.host.activate(None, fleet.host.acquire("somebody", LEASE_LIFETIME))
    fleet.host.release("somebody")
    serving(fleet, k=2)
    assert_untouched(fleet, 2)


def test_the_ledger_holds_names_of_variables_and_never_their_values(fleet, monkeypatch):
    monkeypatch.setenv("SCRAPE_ADDRESS", "127.0.0.1:7777")
    serving(fleet, settings={"exporters": "{prometheus: {endpoint: '${env:SCRAPE_ADDRESS}'}}"})
    assert fleet.active().variables == ("SCRAPE_ADDRESS",)
    assert "7777" not in repr(fleet.ledger.history("local"))


def test_a_complaint_that_quotes_a_secret_is_kept_without_it(fleet, monkeypatch):
    monkeypatch.setenv("API_KEY", "abcd-1234")
    fleet.host.refusals["revision-1"] = DependencyError("it died", hint="POST https://x?key=abcd-1234: 401")
    headers = '{otlp_http: {endpoint: "https://x.example", headers: {api-key: "${env:API_KEY}"}}}'
    assert "abcd-1234" in failed(fleet, settings={"exporters": headers}).hint
    assert fleet.ledger.get("local", 1).error == "it died\nPOST https://x?key=${env:API_KEY}: 401"


def test_what_serves_already_is_left_as_it_is(fleet):
    serving(fleet, k=1)
    before = list(fleet.host.deeds)
    again = only(fleet.deploy(k=1))
    assert (again.result.is_new, again.result.revision) == (False, 1)
    assert fleet.host.deeds == before
    assert len(fleet.ledger.history("local")) == 1


@pytest.mark.parametrize("drift", ["dead", "silent", "other name"])
def test_what_serves_already_and_is_not_right_is_replaced(fleet, drift):
    serving(fleet, k=1)
    name = None
    if drift == "dead":
        fleet.host.kill("revision-1")
    elif drift == "other name":
        name = "edge"
    else:

        def answers(running, kind):
            if running.place == "revision-1":
                raise silence()
            return answer(running, kind)

        fleet.host.answers = answers
    assert serving(fleet, k=1, name=name) == 2
    assert_untouched(fleet, 2)


def test_a_preview_says_what_would_be_done_and_does_nothing(fleet):
    serving(fleet, k=1)
    asked = []
    fleet.hosts["local"].before = lambda verb, arguments: asked.append(verb)
    told = only(fleet.verbs.preview(pipeline(k="2"), ["local"])).result
    assert (told.current, told.next, told.version) == (1, 2, fleet.active().version)
    assert "-    k: 1\n+    k: 2" in told.diff
    assert only(fleet.verbs.preview(pipeline(k="1"), ["local"])).result.next is None
    assert not {"acquire", "start_collector", "activate", "retire", "clear"} & set(asked)
    assert len(fleet.ledger.history("local")) == 1
