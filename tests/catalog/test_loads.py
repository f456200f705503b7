"""The shipped load profiles: exact at any size, light, and what their descriptions say."""

import re
from collections import Counter
from itertools import islice

import pytest

from phoenix.adapters.catalog import Catalog, shipped_folder
from phoenix.agent.load.request import read_start
from phoenix.domain.errors import SpecError
from phoenix.domain.load.plan import critical_patterns, plan
from phoenix.domain.load.profile import parse_profile
from phoenix.domain.load.settings import profile_with

SHIPPED = Catalog((shipped_folder(),))
NAMES = ("custom", "high-cardinality", "process-churn", "realistic")
WHERE = {"v": 1, "type": "start", "run_dir": "/r", "owner": "exp-1", "deadline_seconds": 5}


def shipped(name):
    return parse_profile(SHIPPED.load_profile(name))


def started(planned):
    return read_start({**WHERE, **planned.request()})


def test_the_four_profiles_are_there():
    assert SHIPPED.load_profile_names() == NAMES


@pytest.mark.parametrize(
    ("alias", "name"),
    [("normal", "realistic"), ("high-card", "high-cardinality"), ("high-churn", "process-churn")],
)
def test_former_names_are_aliases(alias, name):
    assert SHIPPED.load_profile(alias)["name"] == name


def test_no_name_leads_to_two_profiles():
    names = [name for profile in map(shipped, NAMES) for name in (profile.name, *profile.aliases)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("processes", [1, 60, 300, 2000, 4000])
def test_every_profile_is_exact_at_any_size(name, processes):
    planned = plan(shipped(name), processes)
    assert planned.processes == processes == len(started(planned).children)


@pytest.mark.parametrize("name", ["realistic", "high-cardinality", "process-churn"])
@pytest.mark.parametrize("processes", [1, 200, 4000])
def test_a_profile_is_light_however_many_processes_it_has(name, processes):
    assert plan(shipped(name), processes).cpu_cores < 0.3


def test_realistic_is_a_host_as_people_run_it():
    planned = plan(shipped("realistic"))
    assert 50 <= planned.processes <= 200
    patterns = [one.pattern for one in planned.patterns]
    assert 4 <= sum(one.count for one in planned.patterns if one.pattern.cpu.cores) <= 15
    assert sum(pattern.memory.shape == "growing" for pattern in patterns) >= 2
    lifetimes = [
        one.pattern.lifetime_seconds for one in planned.patterns if one.pattern.lifetime_seconds and one.count
    ]
    restarts_per_minute = sum(60 / (sum(lifetime) / 2) for lifetime in lifetimes)
    assert 3 <= restarts_per_minute <= 10
    assert planned.churn_per_second == 0.2


def test_a_realistic_host_has_a_few_services_whose_loss_would_matter():
    critical = critical_patterns(shipped("realistic"), 300)
    assert "^nginx$" in critical
    assert 5 <= len(critical) <= 8
    names = [child.name for child in started(plan(shipped("realistic"), 300)).children]
    assert all(sum(bool(re.search(pattern, name)) for name in names) == 1 for pattern in critical)


def test_high_cardinality_command_lines_are_unique():
    planned = plan(shipped("high-cardinality"), 2000)
    children = started(planned).children
    assert len({(child.name, child.arguments) for child in children}) == 2000
    assert (shipped("high-cardinality").default_processes, planned.churn_per_second) == (1000, 0)


def test_process_churn_starts_what_lives_for_moments_beside_a_dozen_services():
    planned = plan(shipped("process-churn"))
    assert (planned.processes, planned.churn_per_second) == (12, 25)
    assert len(critical_patterns(shipped("process-churn"))) == 8
    lives = [child.lifetime_seconds for child in islice(started(planned).churn, 1000)]
    assert 0.2 <= min(lives) <= max(lives) <= 2
    names = Counter(child.name for child in islice(started(planned).churn, 1000))
    assert len(names) == 9


@pytest.mark.parametrize("name", ["process-churn", "realistic", "high-cardinality"])
def test_a_churn_rate_can_be_asked_of_every_profile_that_the_refusal_names(name):
    with pytest.raises(SpecError, match="none of its patterns has churn") as refused:
        plan(shipped("custom"), churn_rate=5)
    assert name in refused.value.hint
    assert started(plan(shipped(name), churn_rate=5)).churn.rate == 5


def test_custom_is_what_its_settings_say():
    settings = {"count": "50", "names": "api-{n}", "cpu.shape": "spiky", "memory.bytes": "4MiB,8MiB"}
    children = started(plan(profile_with(SHIPPED.load_profile("custom"), settings))).children
    assert [child.name for child in children] == [f"api-{number:04d}" for number in range(50)]
    assert all(4 * 2**20 <= child.behaviour.memory_bytes.values[0] <= 8 * 2**20 for child in children)
    assert len(started(plan(shipped("custom"), 50)).children) == 50
