"""Recorded profiles: the counts of a host by name, its CPU and memory, and what came and went on it."""

from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoenix.adapters.yaml.documents import dump_yaml, parse_mapping
from phoenix.domain.errors import StateError
from phoenix.domain.load.plan import plan
from phoenix.domain.load.profile import MAXIMUM_PROCESSES, parse_profile
from phoenix.domain.load.recording import MOST_CHURN_KINDS, MOST_KINDS, record
from phoenix.domain.processes import Census, Process

MIB = 2**20
TICKS = 100


def process(pid, name="app", cpu=0.0, rss=MIB, **more):
    return Process(pid, 1000 + pid, name, cpu, rss, **more)


def census(at, processes, forks=None):
    return Census(at, 1e9 + at, 1e9 - 5000, TICKS, {one.pid: one for one in processes}, {}, forks)


def steady(*processes, seconds=10):
    """Censuses each second of processes that stay as they are."""
    return [census(float(at), processes) for at in range(seconds + 1)]


def recorded(censuses, **options):
    """The profile of a recording that went through a file, as `-o` and `--profile` take it."""
    document = record("host", censuses, **options)
    return parse_profile(parse_mapping(dump_yaml(document), "host.yaml"))


def counts(profile):
    found = Counter()
    for one in plan(profile).patterns:
        found[one.name] += one.count
    return +found


def only(profile):
    (pattern,) = profile.patterns
    return pattern


# What a kernel allows in a name, and what a profile does not.
NAMES = st.one_of(
    st.sampled_from(
        ["nginx", "java", "a b", "a/b", "a_b", "(sd-pam)", "kworker/0:1", "", "{n}", "svc-001", "-sh"]
    ),
    st.text(max_size=20),
)
ROWS = st.dictionaries(
    st.integers(1, 40),
    st.tuples(NAMES, st.integers(0, 3000), st.integers(0, 2**40), st.sampled_from(["", "zombie", "kernel"])),
    max_size=25,
)


@st.composite
def recordings(draw):
    """Up to six censuses in which processes come, go, change their name, and use CPU."""
    found = []
    used: dict[int, int] = defaultdict(int)
    for number in range(draw(st.integers(2, 6))):
        rows = []
        for pid, (name, ticks, rss, kind) in draw(ROWS).items():
            used[pid] += ticks
            flags = {"is_zombie": kind == "zombie", "is_kernel_thread": kind == "kernel"}
            rows.append(process(pid, name, used[pid] / TICKS, rss, **flags))
        found.append(census(number * 0.7, rows, forks=number))
    return found


def living(one):
    return {p.pid: p for p in one.processes.values() if not p.is_zombie and not p.is_kernel_thread}


def standing(censuses):
    """Names of what is there at the end, without what came and is no older than others of its name became."""
    seen = [living(one) for one in censuses]
    spans = {}
    for pid in {pid for one in seen for pid in one}:
        numbers = [number for number, one in enumerate(seen) if pid in one]
        spans[pid] = numbers[0], numbers[-1], seen[numbers[-1]][pid].name
    end = len(censuses) - 1

    def age(first, last):
        born = (censuses[max(0, first - 1)].at_seconds + censuses[first].at_seconds) / 2
        return (censuses[last].at_seconds + censuses[min(end, last + 1)].at_seconds) / 2 - born

    oldest = defaultdict(float)
    for first, last, name in spans.values():
        if first > 0 and last < end:
            oldest[name] = max(oldest[name], age(first, last))
    return Counter(
        name
        for first, last, name in spans.values()
        if last == end and not (first > 0 and age(first, last) <= oldest[name])
    )


@given(censuses=recordings(), anonymise=st.booleans())
def test_a_recording_is_a_profile_with_the_counts_of_the_host(censuses, anonymise):
    expected = standing(censuses)
    try:
        profile = recorded(censuses, anonymise=anonymise)
    except StateError:
        assert not expected
        return
    planned = plan(profile)
    assert planned.processes == sum(expected.values())
    found = counts(profile)
    # The names may be others, and are as many: none was put together with another.
    assert sorted(found.values()) == sorted(expected.values())
    if not anonymise:
        kept = {name: count for name, count in expected.items() if name in found}
        assert all(found[name] == count for name, count in kept.items() if name not in ("a_b", ""))
    assert planned.concurrent <= MAXIMUM_PROCESSES


@given(numbers=st.dictionaries(st.from_regex(r"[a-z]{1,3}", fullmatch=True), st.integers(1, 40), max_size=60))
def test_names_that_are_valid_are_kept_with_their_counts(numbers):
    rows = [process(0, "pad")]
    for name, number in numbers.items():
        rows += [process(len(rows) + index, name) for index in range(number)]
    assert counts(recorded(steady(*rows))) == Counter(numbers) + Counter({"pad": 1})


def test_there_must_be_something_between_two_instants():
    one = census(0.0, [process(1)])
    for censuses in ([], [one], [one, one]):
        with pytest.raises(ValueError, match="at least two instants"):
            record("host", censuses)


def test_a_host_without_processes_is_refused():
    with pytest.raises(StateError) as refused:
        record("host", steady(process(2, "kthreadd", is_kernel_thread=True), process(3, is_zombie=True)))
    assert refused.value.code == "nothing_to_record"


def test_the_recorder_itself_is_left_out():
    assert counts(recorded(steady(process(1, "nginx"), process(2, "python3")), without=[2])) == {"nginx": 1}


def test_names_that_a_profile_cannot_hold_are_changed_and_stay_apart():
    names = ["a b", "a/b", "a_b", "(sd-pam)", "tmux: server", "é", ""]
    found = counts(recorded(steady(*(process(pid, name) for pid, name in enumerate(names)))))
    assert found == dict.fromkeys(["a_b-2", "a_b-3", "a_b", "_sd-pam_", "tmux:_server", "_", "_-2"], 1)


def test_anonymous_names_are_numbered_by_how_many_there_are():
    rows = [process(pid, "secret-shop") for pid in range(5)] + [process(9, "aaa"), process(8, "bbb")]
    document = dump_yaml(record("host", steady(*rows), anonymise=True))
    assert counts(parse_profile(parse_mapping(document, "x"))) == {"svc-001": 5, "svc-002": 1, "svc-003": 1}
    assert not any(name in document for name in ("secret", "aaa", "bbb"))


def using(cpu_by_second, **more):
    """Censuses each second of a process that has used so much CPU by then."""
    return [census(float(at), [process(1, cpu=cpu, **more)]) for at, cpu in enumerate(cpu_by_second)]


@pytest.mark.parametrize(
    ("cpu", "shape", "cores"),
    [
        ([5.0] * 11, "idle", 0),
        ([at * 0.0005 for at in range(11)], "idle", 0),
        ([at * 0.25 for at in range(11)], "steady", 0.25),
        ([at * 2.5 for at in range(11)], "steady", 1),
        # Seven ticks in ten seconds, as rounding shows them.
        ([0, 0, 0.01, 0.01, 0.02, 0.04, 0.04, 0.04, 0.05, 0.06, 0.07], "steady", 0.007),
        ([0, 0, 0, 0.5, 0.5, 0.5, 0.5, 0.5, 1, 1, 1], "spiky", 0.1),
        ([0, 0.5, 0.5], "steady", 0.25),
    ],
)
def test_cpu_is_told_by_how_it_was_used(cpu, shape, cores):
    pattern = only(recorded(using(cpu)))
    assert (pattern.cpu.shape, pattern.cpu.cores) == (shape, pytest.approx(cores))


def test_bursts_have_the_time_between_them():
    assert only(recorded(using([0, 0, 0, 0.5, 0.5, 0.5, 0.5, 0.5, 1, 1, 1]))).cpu.period() == 5


def test_one_busy_process_among_idle_ones_of_its_name_stays_one():
    censuses = [
        census(float(at), [process(1, "java", at * 0.5), *(process(pid, "java") for pid in range(2, 30))])
        for at in range(11)
    ]
    busy, idle = recorded(censuses).patterns
    assert (busy.weight, busy.cpu.cores, idle.weight, idle.cpu.cores) == (1, 0.5, 28, 0)
    assert counts(recorded(censuses)) == {"java": 29}


@given(sizes=st.lists(st.integers(0, 2**34), min_size=1, max_size=30))
def test_memory_stays_within_what_was_seen_and_keeps_its_sum(sizes):
    pattern = only(recorded(steady(*(process(pid, rss=rss) for pid, rss in enumerate(sizes)))))
    low, high = pattern.memory.bytes
    assert min(sizes) - 1024 <= low <= high <= max(sizes) + 1024
    assert (low + high) / 2 == pytest.approx(sum(sizes) / len(sizes), abs=1024)


def churning(rate, life, seconds=20, name="job", every=0.5):
    """Censuses of a host on which `rate` processes per second live for `life` seconds, beside one that stays."""
    born = [number / rate for number in range(int(rate * seconds))]
    found = []
    for number in range(int(seconds / every) + 1):
        at = number * every
        alive = [
            process(10 + index, name, 0.02) for index, start in enumerate(born) if start < at < start + life
        ]
        found.append(census(at, [process(1, "nginx"), *alive], forks=500 + int(at * 30)))
    return found


def test_what_came_and_went_becomes_churn_with_its_rate_and_lifetimes():
    profile = recorded(churning(rate=4, life=2.2))
    stands, comes = profile.patterns
    assert (stands.names, stands.weight) == (("nginx",), 1)
    assert (comes.names, comes.memory.bytes) == (("job",), (MIB, MIB))
    assert profile.default_churn_rate == pytest.approx(4, rel=0.05)
    # A census each half second tells an age within that.
    assert comes.lifetime_seconds == pytest.approx((2.2, 2.2), abs=0.5)
    assert comes.cpu.cores == pytest.approx(0.02 / 2.2, rel=0.2)
    assert plan(profile).processes == 1


def test_what_the_kernel_counted_is_said_beside_what_was_seen():
    assert (
        "4 short-lived ones seen per second (30 starts per second" in recorded(churning(4, 2.2)).description
    )


def test_a_service_that_was_started_again_stands():
    before = [census(float(at), [process(1, "nginx")]) for at in range(5)]
    after = [census(float(at), [process(2, "nginx")]) for at in range(5, 10)]
    assert counts(recorded([*before, *after])) == {"nginx": 1}
    assert not recorded([*before, *after]).has_churn


def test_a_shell_that_stays_stands_among_those_that_come_and_go():
    censuses = [
        Census(c.at_seconds, c.wall_seconds, 0, TICKS, {**c.processes, 5: process(5, "sh")}, {})
        for c in churning(rate=2, life=1.2, name="sh")
    ]
    assert counts(recorded(censuses)) == {"nginx": 1, "sh": 1}


def test_more_processes_than_can_be_simulated_keep_their_proportion():
    rows = [process(pid, "a" if pid % 4 else "b") for pid in range(20_000)]
    profile = recorded(steady(*rows, seconds=2))
    found = counts(profile)
    assert 4990 <= sum(found.values()) <= MAXIMUM_PROCESSES
    assert found["a"] == pytest.approx(3 * found["b"], rel=0.01)
    assert "25% of them, in proportion" in profile.description


def test_a_host_with_a_name_for_each_process_is_still_a_document_that_is_read():
    rows = [process(pid, f"worker-{pid}", cpu=pid) for pid in range(4800)]
    extra = [process(5000 + pid, f"twin-{pid // 2}") for pid in range(100)]
    profile = recorded(steady(*rows, *extra, seconds=2))
    assert len(profile.patterns) <= MOST_KINDS + 2
    expected = Counter({one.name: 1 for one in rows}) + Counter(one.name for one in extra)
    assert counts(profile) == expected


def test_a_host_where_everything_that_comes_has_a_name_of_its_own_is_still_a_document_that_is_read():
    stays = [process(pid, f"worker-{pid}") for pid in range(3000)]
    censuses = [
        census(float(at), [*stays, *(process(10_000 + 500 * at + n, f"job-{at}-{n}") for n in range(100))])
        for at in range(10)
    ]
    profile = recorded(censuses)
    churn = [pattern for pattern in profile.patterns if pattern.churn]
    assert len(churn) == MOST_CHURN_KINDS + 1
    assert sum(pattern.churn for pattern in churn) == 800
    assert profile.default_churn_rate == pytest.approx(800 / 9, rel=1e-3)
    # Of the last ones nobody can say that they will go.
    assert len(counts(profile)) == 3100
