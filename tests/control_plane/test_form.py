"""The form from which a person starts an experiment, in Prefect's own UI and a real browser."""

from enum import StrEnum
from typing import Any, get_args
from uuid import UUID

import pytest
from pydantic import BaseModel

from phoenix.adapters.control_plane import state
from phoenix.composition import Phoenix
from phoenix.domain.experiment import ExperimentSpec, Guardrail
from phoenix.domain.forms import title_of
from phoenix.domain.load.profile import LoadSpec
from phoenix.settings import Settings
from tests.support.prefect_ui import Field, RunForm, browser_page
from tests.support.waiting import eventually

pytestmark = [pytest.mark.real]


@pytest.fixture(scope="module")
def page():
    with browser_page() as page:
        yield page


@pytest.fixture
def ui_url(control_plane):
    found = state.running(control_plane.home)
    assert found is not None
    assert found.ui_url
    return found.ui_url.rstrip("/")


@pytest.fixture
def form(page, ui_url, control_plane):
    from prefect.client.orchestration import SyncPrefectClient

    with SyncPrefectClient(control_plane.api_url) as client:
        deployment = client.read_deployment_by_name("experiment/experiment")
    return RunForm(page, ui_url, str(deployment.id))


def fields_of(model: type[BaseModel]) -> list[tuple[str, Any]]:
    return [(title_of(name, field), field) for name, field in model.model_fields.items()]


def assert_shown(place: Field, model: type[BaseModel]) -> None:
    """Every field of the model, with its help; a choice offers every value; nested models by the same rule."""
    for title, field in fields_of(model):
        shown = place.field(title)
        assert shown.shows(), title
        assert field.description, f"{model.__name__}: {title} has no help"
        assert field.description.replace("`", "")[:40] in shown.help(), title
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            assert shown.choices() == [value.value for value in kind], title
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            assert_shown(shown, kind)


def test_it_shows_every_field_of_the_spec(form):
    assert form.field("name").shows()
    spec = form.field("spec")
    assert_shown(spec, ExperimentSpec)
    load, guardrails = spec.field("Load"), spec.field("Guardrails")
    assert LoadSpec in get_args(ExperimentSpec.model_fields["load"].annotation)
    load.switch_to("LoadSpec")
    assert_shown(load, LoadSpec)
    guardrails.press("Add item")
    assert_shown(guardrails, Guardrail)


def fill_in(form: RunForm, name: str) -> Field:
    form.field("name").fill(name)
    spec = form.field("spec")
    spec.field("Baseline").field("Pipeline").fill("process-baseline-v1")
    spec.field("Candidate").field("Pipeline").fill("process-topk-v1")
    spec.field("Targets").fill("local://form")
    spec.field("Scrape interval").fill("1s")
    spec.field("Warmup").fill(3)
    spec.field("Minimum scrapes").fill(24)
    spec.field("Maximum duration").fill("1m")
    objective = spec.field("Objective")
    objective.field("Metric").choose("series")
    objective.field("Minimum reduction").fill(0.1)
    return spec


def test_a_wrong_value_is_refused_by_its_field_s_name(form):
    fill_in(form, "wrong-value").field("Warmup").fill(2)
    said = form.submit()
    assert "field 'spec.warmup'" in said
    assert "2 is less than the minimum of 3" in said
    assert form.page.url.endswith("/run")  # nothing was submitted, and what was filled in is still there


def test_what_only_we_can_check_reaches_the_run_s_message(control_plane):
    asked = {
        "name": "wrong-together",
        "spec": {
            "baseline": {"pipeline": "process-baseline-v1"},
            "candidate": {"pipeline": "process-topk-v1"},
            "objective": {"metric": "series", "minimumReduction": 0.1},
            "maximumDuration": "30s",
        },
    }
    ended = control_plane.await_state(
        control_plane.run_deployment("experiment/experiment", asked), {"Failed"}
    )
    assert "maximumDuration" in ended.message
    assert "raise it or lower the others" in ended.message


def test_submitting_it_starts_the_experiment_and_its_page_shows_the_artifacts(form, control_plane):
    fill_in(form, "from-the-form")
    assert "scheduled to start now" in form.submit()
    form.page.get_by_text("View run").first.dispatch_event("click")  # the notices cover one another
    form.page.wait_for_url("**/runs/flow-run/**")
    run = UUID(form.page.url.split("/flow-run/")[1].split("?")[0])
    control_plane.await_state(run, {"Completed"}, seconds=600)
    phoenix = Phoenix(Settings(home=control_plane.home))
    record = eventually(lambda: phoenix.store.get("from-the-form"), what="its record")
    assert record.document["document"]["spec"]["targets"] == ["local://form"]
    form.page.get_by_text("Artifacts", exact=True).first.click()
    for shown in ("plan", "progress", "comparison", "verdict"):
        form.page.get_by_text(shown).first.wait_for()
