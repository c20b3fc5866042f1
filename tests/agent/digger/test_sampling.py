"""Sampling keeps its bound."""

from agent.digger import sampling
from agent.digger.sampling import Sampler, shape

SECOND = 10**9
START = 1_700_000_000 * SECOND


def test_each_endpoint_status_class_and_shape_is_inspected_at_first_sight() -> None:
    sampler = Sampler(0, 3600)
    firsts = [("a", 2, 1), ("a", 4, 1), ("a", 2, 9), ("b", 2, 1)]
    assert all(sampler.is_chosen(*first, START) for first in firsts)
    assert not any(sampler.is_chosen(*first, START + 1) for first in firsts)


def test_the_rate_beyond_first_sights_is_the_budget() -> None:
    sampler = Sampler(50, 3600)
    sampler.is_chosen("a", 2, 1, START)
    chosen = sum(
        sampler.is_chosen("a", 2, 1, START + n * SECOND // 1000) for n in range(10_000)
    )
    assert 450 <= chosen <= 560


def test_a_busy_endpoint_leaves_budget_to_a_rare_one() -> None:
    sampler = Sampler(10, 3600)
    chosen = {"busy": 0, "rare": 0}
    for n in range(30_000):
        endpoint = "rare" if n % 500 == 0 else "busy"
        at_ns = START + n * SECOND // 1000
        chosen[endpoint] += sampler.is_chosen(endpoint, 2, 1, at_ns)
    assert chosen["rare"] >= 50
    assert chosen["busy"] <= 200


def test_an_endpoint_is_inspected_again_after_the_interval_at_any_budget() -> None:
    sampler = Sampler(0, 60)
    times = [
        second
        for second in range(200)
        if sampler.is_chosen("a", 2, 1, START + second * SECOND)
    ]
    assert times == [0, 60, 120, 180]


def test_time_that_runs_back_changes_nothing() -> None:
    sampler = Sampler(0, 60)
    assert sampler.is_chosen("a", 2, 1, START)
    assert not sampler.is_chosen("a", 2, 1, START - 3600 * SECOND)
    assert sampler.is_chosen("a", 2, 1, START + 60 * SECOND)


def test_shapes_of_an_endpoint_are_bounded() -> None:
    sampler = Sampler(0, 3600)
    chosen = sum(sampler.is_chosen("a", 2, n, START) for n in range(1000))
    assert chosen == sampling.MOST_SHAPES


def test_a_forgotten_endpoint_is_inspected_anew() -> None:
    sampler = Sampler(0, 3600)
    for endpoint in range(sampling.MOST_ENDPOINTS + 1):
        assert sampler.is_chosen(endpoint, 2, 1, START)
    assert sampler.is_chosen(0, 2, 1, START)
    assert not sampler.is_chosen(sampling.MOST_ENDPOINTS, 2, 1, START)


def test_the_same_pairs_are_chosen_again() -> None:
    runs = []
    for _ in range(2):
        sampler = Sampler(5, 10)
        runs.append(
            [
                sampler.is_chosen(n % 7, 2, n % 3, START + n * SECOND // 50)
                for n in range(2000)
            ]
        )
    assert runs[0] == runs[1]


def test_the_shape_is_the_set_of_keys() -> None:
    one = shape(b"application/json", b'{"a": 1, "b": {"c": [2]}}')
    assert one == shape(b"Application/JSON; charset=x", b'{"b":{"c":[]},"a":"x"}')
    assert one != shape(b"application/json", b'{"a": 1, "b": {"d": [2]}}')
    assert one != shape(b"application/json", b'[{"a": 1, "b": {"c": [2]}}]')
    assert one != shape(b"text/plain", b'{"a": 1, "b": {"c": [2]}}')


def test_ids_as_keys_do_not_change_the_shape() -> None:
    assert shape(b"", b'{"u1002": {"a": 1}}') == shape(b"", b'{"u1003": {"a": 1}}')


def test_without_allowance_only_the_bound_is_kept() -> None:
    sampler = Sampler(1000, 60)
    assert sampler.is_chosen("a", 2, 1, START, is_allowed=False)
    assert not sampler.is_chosen("a", 2, 1, START + SECOND, is_allowed=False)
    assert sampler.is_chosen("a", 2, 2, START + SECOND, is_allowed=False)
    assert sampler.is_chosen("a", 2, 1, START + 61 * SECOND, is_allowed=False)


def test_the_allowance_is_a_share_of_time() -> None:
    allowance = sampling.Allowance(0.5, 0)
    assert allowance.is_left(0)
    allowance.spend(2)
    assert not allowance.is_left(1)
    assert allowance.is_left(2.5)
    assert allowance.is_left(1000)
    allowance.spend(sampling.MOST_ALLOWED_SECONDS)
    assert not allowance.is_left(1000)
