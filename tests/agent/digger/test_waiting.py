"""What waits for inspection does so within bounds."""

from typing import Any

import pytest

from agent.cluster.addresses import INTERNET
from agent.digger import waiting
from agent.digger.package import Edge
from agent.digger.sampling import EXTRA, FIRST
from agent.digger.waiting import Job, Waiting
from agent.settings import Digger
from tests.agent.digger.records import record

NOW = 1000.0
EDGE = Edge(INTERNET, INTERNET, 80, "GET", "/")


def job(choice: int = FIRST, body: str = "", failures: int = 0) -> Job:
    one = Job(EDGE, "endpoint", 1, choice, record(request={"a": body}), NOW - 1)
    one.failures = failures
    return one


def queue(**settings: Any) -> Waiting:
    return Waiting(Digger(**settings), NOW)


def test_only_the_first_job_and_a_full_batch_are_news(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting, "BATCH_JOBS", 3)
    waits = queue()
    news = []
    for _ in range(6):
        waits.put(job())
        news.append(waits.is_news)
    assert news == [True, False, True, False, False, True]


def test_what_must_be_inspected_goes_first() -> None:
    waits = queue()
    extra, first = job(EXTRA), job()
    assert waits.put(extra)
    assert waits.put(first)
    assert waits.next(NOW) == [first, extra]
    assert waits.next(NOW) == []


def test_first_sights_have_a_rate_of_their_own_and_leave_room() -> None:
    waits = queue(first_sights_per_second=10)
    for _ in range(50):
        waits.put(job())
    extra = job(EXTRA)
    waits.put(extra)
    first = waits.next(NOW)
    assert (len(first), first[-1]) == (11, extra)
    taken = [len(waits.next(NOW + second)) for second in range(1, 4)]
    assert taken == [10, 10, 10]
    assert 0 < waits.pause_seconds(NOW + 3) <= 0.2


@pytest.mark.parametrize(
    ("choice", "most"), [(FIRST, "MOST_MUST"), (EXTRA, "MOST_MAY")]
)
def test_both_queues_are_bounded(
    choice: int, most: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, most, 3)
    waits = queue()
    assert [waits.put(job(choice)) for _ in range(5)] == [True] * 3 + [False] * 2


def test_bytes_are_bounded_until_they_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    one = job(body="x" * 1000)
    monkeypatch.setattr(waiting, "MOST_BYTES", 2 * one.size)
    waits = queue()
    assert [waits.put(job(body="x" * 1000)) for _ in range(3)] == [True, True, False]
    taken = waits.next(NOW)
    assert not waits.put(one)
    waits.done(taken)
    assert waits.put(one)


def test_a_job_larger_than_all_waits_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MOST_BYTES", 10)
    waits = queue()
    assert waits.put(job())
    assert not waits.put(job())


def test_processor_time_is_a_budget() -> None:
    waits = queue(inspect_share=0.5)
    waits.put(job())
    assert waits.next(NOW)
    waits.spend(1.5)
    waits.put(job())
    assert waits.next(NOW + 1.9) == []
    assert waits.pause_seconds(NOW + 1) == pytest.approx(1, abs=0.01)
    assert waits.next(NOW + 2.1)


def test_bytes_a_second_are_a_budget() -> None:
    waits = queue(inspect_bytes_per_second=1000)
    for _ in range(3):
        waits.put(job(body="x" * 2000))
    assert len(waits.next(NOW)) == 3
    waits.put(job())
    assert waits.next(NOW + 4) == []
    assert len(waits.next(NOW + 8)) == 1


def test_batches_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "BATCH_JOBS", 4)
    waits = queue()
    for _ in range(6):
        waits.put(job())
    assert [len(waits.next(NOW)) for _ in range(3)] == [4, 2, 0]
    monkeypatch.setattr(waiting, "BATCH_BYTES", job(body="x" * 500).size * 2)
    for _ in range(3):
        waits.put(job(body="x" * 500))
    assert [len(waits.next(NOW)) for _ in range(2)] == [2, 1]


def test_a_job_that_failed_comes_alone_and_first() -> None:
    waits = queue()
    waits.put(job())
    failed = [job(failures=1), job(failures=1)]
    waits.put_back(failed)
    assert [waits.next(NOW) for _ in range(2)] == [failed[:1], failed[1:]]
    assert len(waits.next(NOW)) == 1


def test_cleared_is_empty() -> None:
    waits = queue()
    waits.put(job())
    waits.clear()
    assert waits.next(NOW) == []
    assert waits.pause_seconds(NOW) == 0


def test_a_few_jobs_wait_a_moment_for_company(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "BATCH_JOBS", 2)
    waits = queue()
    young = [job(), job()]
    young[0].since = young[1].since = NOW
    waits.put(young[0])
    assert waits.next(NOW + 0.01) == []
    assert waits.next(NOW + 2 * waiting.GATHER_SECONDS) == young[:1]
    waits.put(young[0])
    waits.put(young[1])
    assert waits.next(NOW) == young
