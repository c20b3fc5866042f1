"""Chosen exchanges through a detector, while counting goes on."""

import gzip
import threading
from collections.abc import Callable

import pytest

from agent.bodies import Bodies, body_prefix
from agent.cluster.addresses import INTERNET
from agent.digger import inspection
from agent.digger.detectors import AwayError, Known, Part, RefusedError, Scanned
from agent.digger.inspection import Inspector, Outcome
from agent.digger.package import Edge
from agent.digger.sampling import EXTRA, FIRST
from agent.digger.waiting import Job
from agent.record import Message as Captured
from agent.settings import Digger
from tests.agent.digger.records import record
from tests.waiting import eventually

BODY = b'{"email": "jane@example.com"}'


def part(captured: Captured, limit: int) -> Part:
    return Bodies(limit).of(captured, captured)[0]


EDGE = Edge(INTERNET, INTERNET, 80, "GET", "/")


class Scripted:
    """A detector that does what the test says; findings are empty lists."""

    digest = "scripted"
    lanes = 1

    known = Known()

    def __init__(self, answer: Callable[[list[Part]], object]) -> None:
        self.asked: list[int] = []
        self._answer = answer

    def scan(self, messages: list[Part]) -> Scanned:
        if messages:
            self.asked.append(len(messages))
        self._answer(messages)
        return Scanned([[] for _ in messages], 0.0)

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "PAUSE_SECONDS", (0.01, 0.02))


def inspector(detector: Scripted) -> Inspector:
    return Inspector(detector, Digger(), 1 << 20)


def job(name: str = "x", choice: int = FIRST) -> Job:
    return Job(EDGE, name, 1, choice, record(request={"name": name}), 0.0)


def taken(running: Inspector, count: int) -> dict[object, Outcome]:
    outcomes: list[Outcome] = []

    def is_all() -> bool:
        outcomes.extend(running.take())
        return len(outcomes) >= count

    assert eventually(is_all)
    return {outcome.job.endpoint: outcome for outcome in outcomes}


def holds(messages: list[Part], name: str) -> bool:
    return any(name.encode() in one.body for one in messages)


def test_outcomes_come_back_for_each_job() -> None:
    detector = Scripted(lambda _: None)
    with inspector(detector) as running:
        for name in "abc":
            assert running.put(job(name))
        outcomes = taken(running, 3)
        assert all(outcome.found == ([], []) for outcome in outcomes.values())
        assert eventually(lambda: running.is_idle)
    assert (running.counts.inspected, sum(detector.asked)) == (3, 6)


def test_a_thread_wakes_for_a_job_and_for_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inspection, "LONGEST_PAUSE_SECONDS", 60)
    detector = Scripted(lambda _: None)
    detector.lanes = 4
    with inspector(detector) as running:
        for name in "abc":
            assert running.put(job(name))
            assert taken(running, 1).keys() == {name}


def test_one_refused_exchange_does_not_hold_up_the_others() -> None:
    def answer(messages: list[Part]) -> None:
        if holds(messages, "poison"):
            raise RefusedError

    with inspector(Scripted(answer)) as running:
        for name in ("a", "poison", "b"):
            running.put(job(name))
        outcomes = taken(running, 3)
    assert outcomes["poison"].is_refused
    assert outcomes["a"].found == outcomes["b"].found == ([], [])


def test_a_mistake_of_ours_costs_one_exchange() -> None:
    def answer(messages: list[Part]) -> None:
        if holds(messages, "poison"):
            raise RecursionError("quotes what was captured")

    with inspector(Scripted(answer)) as running:
        running.put(job("poison"))
        running.put(job("a"))
        outcomes = taken(running, 2)
    assert outcomes["poison"].is_refused
    assert outcomes["a"].found is not None


def test_what_must_be_inspected_waits_for_a_detector_that_is_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    is_there = threading.Event()

    def answer(_: list[Part]) -> None:
        if not is_there.is_set():
            raise AwayError("detector:7082: UNAVAILABLE")

    with inspector(Scripted(answer)) as running:
        assert running.put(job("a"))
        assert eventually(lambda: running.is_away)
        assert running.is_idle
        assert running.put(job("b"))
        assert not running.put(job("extra", EXTRA))
        assert (running.waiting, running.counts.away) == (2, 1)
        is_there.set()
        assert taken(running, 2).keys() == {"a", "b"}
        assert running.put(job("extra", EXTRA))
    words = [record.message for record in caplog.records]
    assert words == [
        "detector: detector:7082: UNAVAILABLE, counting goes on without it",
        "detector: is back, 2 exchanges waited",
    ]


def test_what_may_be_inspected_is_left_when_the_detector_goes_away() -> None:
    def answer(_: list[Part]) -> None:
        raise AwayError("gone")

    with inspector(Scripted(answer)) as running:
        running.put(job("extra", EXTRA))
        outcome = taken(running, 1)["extra"]
    assert outcome.found is None
    assert not outcome.is_refused


def test_an_exchange_that_takes_the_detector_away_each_time_is_refused() -> None:
    def answer(messages: list[Part]) -> None:
        if holds(messages, "poison"):
            raise AwayError("crashed")

    with inspector(Scripted(answer)) as running:
        for name in ("a", "poison", "b"):
            running.put(job(name))
        outcomes = taken(running, 3)
    assert outcomes["poison"].is_refused
    assert outcomes["a"].found == outcomes["b"].found == ([], [])


def test_what_was_under_way_when_all_became_void_has_no_outcome() -> None:
    may_answer = threading.Event()
    with inspector(Scripted(lambda _: may_answer.wait(5) and None)) as running:
        running.put(job("void"))
        assert eventually(lambda: running.waiting == 0)
        running.clear()
        may_answer.set()
        running.put(job("new"))
        assert taken(running, 1).keys() == {"new"}


def coded(coding: str, body: bytes, truncated: bool = False) -> Captured:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n\r\n".encode()
    return Captured(head, body, len(body), truncated, 0)


def test_a_message_goes_as_it_was_captured() -> None:
    asked, answered = Bodies(99).parts(record("GET /a?b=1 HTTP/1.1", request={"x": 1}))
    assert asked.head.startswith(b"GET /a?b=1 HTTP/1.1\r\n")
    assert (asked.body, asked.is_cut) == (b'{"x": 1}', False)
    assert (answered.head[:12], answered.body) == (b"HTTP/1.1 200", b"")
    assert "GET" not in repr(asked)


def test_bodies_are_content_decoded() -> None:
    decoded = part(coded("gzip", gzip.compress(BODY)), 1000)
    assert (decoded.body, decoded.is_cut) == (BODY, False)


@pytest.mark.parametrize(
    "captured",
    [
        coded("gzip", gzip.compress(BODY)[:-9]),
        coded("unheard-of", b"\x1f\x9d" + BODY),
        coded("", BODY, truncated=True),
    ],
)
def test_a_body_not_whole_is_marked(captured: Captured) -> None:
    assert part(captured, 1000).is_cut


def test_the_prefix_is_bounded() -> None:
    assert body_prefix(coded("", BODY), 5) == BODY[:5]
    assert body_prefix(coded("gzip", gzip.compress(BODY)), 5) == BODY[:5]


def test_a_transfer_coding_is_undone_too() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
    coded = Captured(head, gzip.compress(BODY), 99, False, 0)
    assert part(coded, 1 << 20).body == BODY


def test_a_body_whose_coding_nobody_named_is_known_by_its_bytes() -> None:
    assert part(coded("", gzip.compress(BODY)), 1 << 20).body == BODY


def test_bodies_that_cannot_be_read_are_counted() -> None:
    one = job()
    head = b"POST / HTTP/1.1\r\nContent-Encoding: compress\r\n\r\n"
    one.record.request = Captured(head, b"\x1f\x9d\x90\0", 4, False, 0)
    with inspector(Scripted(lambda _: None)) as running:
        running.put(one)
        assert taken(running, 1)["x"].unread == 1
