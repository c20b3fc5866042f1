"""Violations on both databases: opened, decided about, gone, and back."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.policies import bench, trial
from cloud.policies.book import MOST_VERSIONS, Book
from cloud.policies.book import versions as versions_of
from cloud.policies.decisions import Decision, DecisionError, Decisions
from cloud.policies.judging import Judging
from cloud.policies.rule import MOST_POLICIES, PolicyError, read
from cloud.policies.tables import State, violations
from cloud.store.store import Store
from proto.v1 import collector_pb2 as c
from tests.cloud.packages import SECOND, START, endpoint, offsets, package, place
from tests.waiting import eventually

TAGS = {"financial.payment_card": frozenset(["pci_dss"])}
PROCESSOR = c.Workload(kind="External", name="api.cards.example")
CARD = place("financial.payment_card", "$.card", 3, direction=c.REQUEST)
DENY = """
policies:
  - id: outside
    title: Cards outside
    severity: high
    deny: {data: {tags: pci_dss}, to: {outside: true}}
"""
NEW = """
policies:
  - id: fresh
    title: New places
    severity: low
    deny: {data: {tags: pci_dss}, new: true}
"""


class Court:
    """A store with its policies and a clock that a test moves."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now_ns = START + 60 * SECOND
        self.judging = Judging(store, lambda _: TAGS, lambda: self.now_ns)
        store.tell_new_places(self.judging.note)
        self.book = Book(store, clock_ns=lambda: self.now_ns)
        self.decisions = Decisions(store, lambda: self.now_ns)
        self._offset = 0

    def adopt(self, text: str) -> None:
        for policy in read(text):
            self.book.save([policy], "anna")
            self.book.switch(policy.id, True, "anna")

    def send(self, path: str = "/charges", at: int = START, **changed: Any) -> None:
        told: dict[str, Any] = {"places": [CARD], "server": PROCESSOR, "at": at}
        row = endpoint(path, method="POST", **told | changed)
        covered = offsets(self._offset, self._offset + 1)
        self._offset += 1
        assert self.store.add(package(covered, endpoints=[row], at=at))

    def found(self) -> list[tuple[str, int, int]]:
        columns = violations.c
        chosen = sa.select(columns.policy_id, columns.state, columns.returned)
        with self.store.reading() as connection:
            return [tuple(row) for row in connection.execute(chosen)]

    def keys(self) -> list[int]:
        with self.store.reading() as connection:
            return list(connection.scalars(sa.select(violations.c.id)))


@pytest.fixture
def court(store: Store) -> Court:
    return Court(store)


def test_new_place_is_judged_once_it_is_stored(court: Court) -> None:
    court.adopt(DENY)
    court.send()
    court.send(server=c.Workload(kind="Deployment", name="inside"))
    court.judging.judge_fresh()
    assert court.found() == [("outside", State.NEW, 0)]
    court.judging.judge_fresh()
    court.judging.judge_all()
    assert len(court.found()) == 1


def test_all_places_are_judged_after_a_start(court: Court) -> None:
    court.send()
    court.adopt(DENY)
    later = Judging(court.store, lambda _: TAGS, lambda: court.now_ns)
    later.judge_all()
    assert court.found() == [("outside", State.NEW, 0)]


@pytest.mark.parametrize("number", [1, 2, 5])
def test_slices_judge_each_place_once(
    court: Court, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.policies.judging.SLICE_PLACES", 2)
    monkeypatch.setattr("cloud.policies.judging.PAUSE_SECONDS", 0)
    for path in range(number):
        court.send(f"/charges/{path}")
    court.adopt(DENY)
    court.judging.judge_all()
    assert len(court.found()) == number


@pytest.mark.parametrize(
    "change",
    [
        lambda court: court.book.switch("outside", False, "anna"),
        lambda court: court.book.save(
            read(DENY + "    allow: [{to: {name: '*.cards.example'}}]"), "anna"
        ),
        lambda court: court.book.remove("outside"),
    ],
)
def test_what_breaks_a_policy_no_more_is_gone(
    court: Court, change: Callable[[Court], None]
) -> None:
    court.adopt(DENY)
    court.send()
    court.judging.judge_fresh()
    assert court.found()
    change(court)
    court.judging.judge_all()
    assert court.found() == []


def test_only_what_came_after_the_switch_is_new(court: Court) -> None:
    court.send("/old")
    court.adopt(NEW)
    court.send("/late", at=court.now_ns + SECOND)
    court.judging.judge_all()
    assert court.found() == [("fresh", State.NEW, 0)]


def test_accepted_is_new_again_after_its_day_if_it_is_seen(court: Court) -> None:
    court.adopt(DENY)
    court.send()
    court.judging.judge_fresh()
    until = court.now_ns + 100 * SECOND
    accepted = Decision(State.ACCEPTED, "contract 12", until)
    assert court.decisions.decide(court.keys(), accepted, "anna") == 1
    court.judging.judge_all()
    assert court.found() == [("outside", State.ACCEPTED, 0)]
    court.now_ns = until + SECOND
    court.judging.judge_returned()
    assert court.found() == [("outside", State.ACCEPTED, 0)]
    court.send(at=until + SECOND)
    court.judging.judge_returned()
    assert court.found() == [("outside", State.NEW, 1)]


def test_fixed_is_new_again_when_it_is_seen_later(court: Court) -> None:
    court.adopt(DENY)
    court.send()
    court.judging.judge_fresh()
    court.decisions.decide(court.keys(), Decision(State.FIXED), "anna")
    court.send(at=court.now_ns + bench.RETURN_NS // 2)
    court.judging.judge_returned()
    assert court.found() == [("outside", State.FIXED, 0)]
    court.send(at=court.now_ns + bench.RETURN_NS + 5 * SECOND)
    court.judging.judge_returned()
    assert court.found() == [("outside", State.NEW, 1)]


@pytest.mark.parametrize("state", [State.WRONG, State.CONFIRMED])
def test_decision_stays_while_the_flow_goes_on(court: Court, state: State) -> None:
    court.adopt(DENY)
    court.send()
    court.judging.judge_fresh()
    court.decisions.decide(court.keys(), Decision(state, "looked at"), "anna")
    court.send(at=START + 20 * SECOND)
    court.judging.judge_all()
    court.judging.judge_returned()
    assert court.found() == [("outside", state, 0)]


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        (Decision(State.ACCEPTED), "reason"),
        (Decision(State.WRONG, "  "), "reason"),
        (Decision(State.ACCEPTED, "x", until_ns=5), "is over"),
        (Decision(State.CONFIRMED, "x" * 1_001), "1,000"),
        (Decision(assignee="x" * 101), "100"),
    ],
)
def test_incomplete_decision_is_refused(
    court: Court, decision: Decision, words: str
) -> None:
    with pytest.raises(DecisionError, match=words):
        court.decisions.decide([1], decision, "anna")


def test_violations_are_bounded(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "MOST_VIOLATIONS", 2)
    court.adopt(DENY)
    for path in range(4):
        court.send(f"/charges/{path}")
    court.judging.judge_all()
    assert len(court.found()) == 2
    assert court.judging.is_full


def test_violation_of_a_forgotten_place_is_gone(court: Court) -> None:
    court.adopt(DENY)
    court.send()
    court.judging.judge_fresh()

    def forget(connection: Connection) -> bool:
        connection.execute(sa.text("DELETE FROM places"))
        return False

    court.store.run(forget).result(10)
    court.judging.judge_all()
    assert court.found() == []


def test_policies_keep_their_versions(court: Court) -> None:
    court.adopt(DENY)
    for number in range(MOST_VERSIONS + 5):
        (policy,) = read(DENY.replace("Cards outside", f"Cards {number}"))
        court.book.save([policy], "ben")
    with court.store.reading() as connection:
        versions = versions_of(connection, "outside")
    assert len(versions) == MOST_VERSIONS
    assert versions[0].policy.title == "Cards 104"
    assert versions[0].changed_by == "ben"
    kept = court.book.get("outside")
    assert kept is not None
    assert (kept.version, kept.is_on) == (106, True)
    court.book.save([kept.policy], "ben")
    assert court.book.all() == [kept]


def test_policies_are_bounded_and_known(court: Court) -> None:
    (policy,) = read(DENY)
    many = [
        msgspec.structs.replace(policy, id=f"p{number}")
        for number in range(MOST_POLICIES)
    ]
    court.book.save(many, "anna")
    with pytest.raises(PolicyError, match="at most"):
        court.book.save([policy], "anna")
    with pytest.raises(PolicyError, match="no such policy"):
        court.book.switch("outside", True, "anna")


def test_trial_tells_what_the_past_would_have_broken(court: Court) -> None:
    court.send("/one")
    court.send("/two")
    court.send("/three", places=[place("contact.email")])
    with court.store.reading() as connection:
        found = trial.run(connection, read(DENY)[0], TAGS, court.now_ns)
        fresh = trial.run(connection, read(NEW)[0], TAGS, court.now_ns)
    assert (found.read, found.broken, found.is_whole) == (2, 2, True)
    assert [(one.name, other.name, n) for one, other, n in found.between] == [
        ("gateway", "api.cards.example", 2)
    ]
    assert fresh.broken == 2
    assert court.found() == []


def test_thread_finds_what_live_traffic_breaks(court: Court) -> None:
    court.adopt(DENY)
    court.judging.start()
    try:
        court.send()
        assert eventually(lambda: bool(court.found()))
        assert court.found() == [("outside", State.NEW, 0)]
    finally:
        court.judging.close()
