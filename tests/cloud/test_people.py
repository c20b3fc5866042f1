"""People, their passwords and their visits, in a time of the test's own."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any, Literal

import pytest
from argon2 import PasswordHasher

from cloud.doors.ledger import Ledger
from cloud.doors.visitors import people as module
from cloud.doors.visitors.people import Attempts, People
from cloud.doors.visitors.visits import (
    IDLE_SECONDS,
    LINK_SECONDS,
    VISIT_SECONDS,
    Visits,
)
from cloud.errors import DoorError
from cloud.visitor import Role

PASSWORD = "correct horse battery"
HERE = "192.0.2.1"
OPERATOR = "operator"


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def ns(self) -> int:
        return int(self.seconds * 1e9)

    def now(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(database_url: str, clock: Clock) -> Iterator[Ledger]:
    with closing(Ledger(database_url, clock.ns)) as opened:
        yield opened


@pytest.fixture
def people(ledger: Ledger) -> People:
    known = People(ledger, PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    known.add("ann", Role.VIEWER, PASSWORD, OPERATOR)
    return known


@pytest.fixture
def visits(ledger: Ledger, people: People, clock: Clock) -> Visits:
    return Visits(ledger, people, Attempts(clock.now))


def log_in(visits: Visits) -> str:
    cookie = visits.log_in("ann", PASSWORD, HERE)
    assert cookie
    return cookie


def test_right_password_lets_in_with_the_own_role(visits: Visits) -> None:
    visitor = visits.visitor(log_in(visits))
    assert visitor
    assert (visitor.name, visitor.role) == ("ann", Role.VIEWER)


@pytest.mark.parametrize(
    ("name", "password"),
    [("ann", "wrong"), ("nobody", PASSWORD), ("", ""), ("ann\0", PASSWORD)],
)
def test_anything_else_does_not(visits: Visits, name: str, password: str) -> None:
    assert visits.log_in(name, password, HERE) is None


def test_names_are_not_told_by_work(people: People, visits: Visits) -> None:
    """A name that nobody has costs the same hash."""
    hashed = []

    class Counting(PasswordHasher):
        def verify(self, *given: Any, **named: Any) -> Literal[True]:
            hashed.append(given)
            return super().verify(*given, **named)

    people._hasher = Counting(time_cost=1, memory_cost=8, parallelism=1)
    for name in ("ann", "nobody"):
        visits.log_in(name, "wrong", HERE)
    assert len(hashed) == 2


def test_attempts_of_a_name_are_bounded_known_or_not(
    visits: Visits, clock: Clock
) -> None:
    for name in ("ann", "nobody"):
        for number in range(module.ATTEMPTS_OF_NAME):
            assert visits.log_in(name, "wrong", f"192.0.2.{number}") is None
    assert visits.log_in("ann", PASSWORD, "198.51.100.1") is None
    clock.seconds += module.WINDOW_SECONDS
    assert visits.log_in("ann", PASSWORD, "198.51.100.1")


def test_attempts_of_an_address_are_bounded(visits: Visits) -> None:
    for number in range(module.ATTEMPTS_OF_ADDRESS):
        assert visits.log_in(f"name {number}", "wrong", HERE) is None
    assert visits.log_in("ann", PASSWORD, HERE) is None
    assert visits.log_in("ann", PASSWORD, "198.51.100.1")


def test_attempts_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_REMEMBERED", 10)
    attempts = Attempts()
    for number in range(100):
        attempts.fail(str(number), str(number))
    assert len(attempts._failed) == 10


def test_visit_ends_when_idle(visits: Visits, clock: Clock) -> None:
    cookie = log_in(visits)
    for _ in range(3):
        clock.seconds += IDLE_SECONDS - 60
        assert visits.visitor(cookie)
    clock.seconds += IDLE_SECONDS + 1
    assert visits.visitor(cookie) is None
    assert visits.all() == []


def test_visit_ends_however_busy(visits: Visits, clock: Clock) -> None:
    cookie = log_in(visits)
    for _ in range(int(VISIT_SECONDS // 3600) - 1):
        clock.seconds += 3600
        assert visits.visitor(cookie)
    clock.seconds += 3601
    assert visits.visitor(cookie) is None


def test_visit_can_be_ended(visits: Visits) -> None:
    first, second = log_in(visits), log_in(visits)
    known = visits.visitor(first)
    assert known
    visits.end(known.key, OPERATOR)
    assert visits.visitor(first) is None
    assert visits.visitor(second)


def test_new_password_or_removal_ends_visits(people: People, visits: Visits) -> None:
    cookie = log_in(visits)
    people.add("ann", Role.ADMIN, PASSWORD + "2", OPERATOR)
    assert visits.visitor(cookie) is None
    cookie = visits.log_in("ann", PASSWORD + "2", HERE) or ""
    people.remove("ann", OPERATOR)
    assert visits.visitor(cookie) is None
    assert people.all() == []
    with pytest.raises(DoorError):
        people.remove("ann", OPERATOR)


@pytest.mark.parametrize("password", ["", "short", "x" * 201])
def test_weak_passwords_are_refused(people: People, password: str) -> None:
    with pytest.raises(DoorError, match="10 to 200 characters"):
        people.add("bob", Role.VIEWER, password, OPERATOR)


def test_link_opens_once_and_not_for_long(visits: Visits, clock: Clock) -> None:
    link = visits.link()
    cookie = visits.enter(link, HERE)
    assert cookie
    visitor = visits.visitor(cookie)
    assert visitor
    assert visitor.role is Role.ADMIN
    assert visits.enter(link, HERE) is None
    late = visits.link()
    clock.seconds += LINK_SECONDS + 1
    assert visits.enter(late, HERE) is None


def test_api_key_has_its_role_until_it_expires(visits: Visits, clock: Clock) -> None:
    key = visits.make_api_key("robot", Role.EDITOR, 60, OPERATOR)
    program = visits.program(key)
    assert program
    assert program.role is Role.EDITOR
    assert visits.visitor(key) is None
    clock.seconds += 61
    assert visits.program(key) is None
    with pytest.raises(DoorError):
        visits.make_api_key("robot", Role.EDITOR, 1e9, OPERATOR)


def test_logins_are_in_the_audit_log(ledger: Ledger, visits: Visits) -> None:
    log_in(visits)
    visits.log_in("ann\x1b[2J", "wrong", HERE)
    told = [(line.who, line.action, line.address) for line in ledger.audited(2)]
    assert told == [("ann", "login", HERE), ("ann?[2J", "login refused", HERE)]


def test_strangers_fill_no_log(ledger: Ledger, visits: Visits) -> None:
    for _ in range(100):
        assert visits.enter("vsl_000000000000_" + "a" * 43, HERE) is None
    told = [line.action for line in ledger.audited(1_000)]
    assert told.count("link refused") == module.ATTEMPTS_OF_NAME
