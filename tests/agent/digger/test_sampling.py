"""Sampling keeps its bound."""

import pytest

from agent.digger import sampling
from agent.digger.sampling import DUE, EXTRA, FIRST, NONE, Budget, Sampler

START = 1000.0


def inspected(sampler: Sampler, endpoint: str, kind: int, now: float) -> int:
    """Chosen and done at once."""
    choice = sampler.choose(endpoint, kind, True, now)
    if choice:
        sampler.succeed(endpoint, kind, now)
    return choice


def test_each_endpoint_and_kind_is_inspected_at_first_sight() -> None:
    sampler = Sampler(0, 3600)
    firsts = [("a", 1), ("a", 2), ("b", 1)]
    assert [inspected(sampler, *one, START) for one in firsts] == [FIRST] * 3
    assert [inspected(sampler, *one, START + 1) for one in firsts] == [NONE] * 3


def test_what_comes_without_bodies_stays_a_first_sight() -> None:
    sampler = Sampler(0, 3600)
    assert sampler.choose("a", 1, False, START) == NONE
    assert sampler.choose("a", 1, True, START) == FIRST


def test_a_first_sight_that_failed_is_chosen_again() -> None:
    sampler = Sampler(100, 60)
    assert sampler.choose("a", 1, True, START) == FIRST
    assert sampler.choose("a", 1, True, START) == NONE
    sampler.fail("a", 1)
    assert sampler.choose("a", 1, True, START) == FIRST


def test_what_was_due_and_failed_is_due_again() -> None:
    sampler = Sampler(0, 60)
    assert inspected(sampler, "a", 1, START) == FIRST
    assert sampler.choose("a", 1, True, START + 60) == DUE
    assert sampler.choose("a", 1, True, START + 61) == NONE
    sampler.fail("a", 1)
    assert sampler.choose("a", 1, True, START + 62) == DUE


def test_a_choice_of_which_nothing_was_heard_is_forgotten() -> None:
    sampler = Sampler(0, 10)
    assert sampler.choose("a", 1, True, START) == FIRST
    assert sampler.choose("a", 1, True, START + 59) == NONE
    assert sampler.choose("a", 1, True, START + 61) == FIRST


def test_the_rate_beyond_first_sights_is_the_budget() -> None:
    sampler = Sampler(50, 3600)
    inspected(sampler, "a", 1, START)
    chosen = [inspected(sampler, "a", 1, START + n / 1000) for n in range(10_000)]
    assert 450 <= chosen.count(EXTRA) <= 560


def test_an_infinite_rate_inspects_all() -> None:
    sampler = Sampler(float("inf"), 60)
    assert inspected(sampler, "a", 1, START) == FIRST
    choices = [inspected(sampler, "a", 1, START + n // 5) for n in range(50)]
    assert choices == [EXTRA] * 50


def test_a_busy_endpoint_leaves_budget_to_a_rare_one() -> None:
    sampler = Sampler(10, 3600)
    chosen = {"busy": 0, "rare": 0}
    for n in range(30_000):
        endpoint = "rare" if n % 500 == 0 else "busy"
        chosen[endpoint] += bool(inspected(sampler, endpoint, 1, START + n / 1000))
    assert chosen["rare"] >= 50
    assert chosen["busy"] <= 200


def test_an_endpoint_is_due_after_the_interval_at_any_budget() -> None:
    sampler = Sampler(0, 60)
    times = [s for s in range(200) if inspected(sampler, "a", 1, START + s)]
    assert times == [0, 60, 120, 180]


def test_kinds_of_an_endpoint_are_bounded() -> None:
    sampler = Sampler(0, 3600)
    chosen = sum(bool(inspected(sampler, "a", n, START)) for n in range(1000))
    assert chosen == sampling.MOST_KINDS


def test_a_forgotten_endpoint_is_inspected_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sampling, "MOST_ENDPOINTS", 2)
    sampler = Sampler(0, 3600)
    assert [inspected(sampler, e, 1, START) for e in "abc"] == [FIRST] * 3
    assert inspected(sampler, "a", 1, START + 1) == FIRST


def test_a_budget_is_a_rate_with_a_second_saved_up() -> None:
    budget = Budget(10, START)
    taken = 0
    for n in range(1000):
        if budget.is_left(START + n / 100):
            budget.spend(1)
            taken += 1
    assert 100 <= taken <= 111


def test_a_debt_is_waited_for() -> None:
    budget = Budget(10, START)
    budget.spend(30)
    assert budget.wait_seconds(START) == pytest.approx(2, abs=0.01)
    assert not budget.is_left(START + 1.9)
    assert budget.is_left(START + 2.1)


def test_an_endpoint_may_have_several_inspections_under_way() -> None:
    sampler = Sampler(100, 3600)
    inspected(sampler, "a", 1, START)
    chosen = [sampler.choose("a", 1, True, START + n / 90) for n in range(100)]
    assert chosen.count(EXTRA) > 90
