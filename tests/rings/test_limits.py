"""Bounds are positive and frozen, and a budget bounds what all hold together."""

import dataclasses

import pytest

from rings.limits import Limits
from rings.streams.assembler import Assembler
from tests.rings.wire import (
    ALL,
    Conversation,
    assert_closed,
    block_of,
    exchange,
    request,
    response,
)


def test_bounds_are_positive() -> None:
    for field in dataclasses.fields(Limits):
        value = getattr(Limits(), field.name)
        assert value is False or value > 0


def test_bounds_do_not_change() -> None:
    with pytest.raises(AttributeError):
        Limits().connections = 5  # type: ignore[misc]


def held(limits: Limits, *conversations: Conversation) -> Assembler:
    """Fed with all at once, checked after each frame, then closed."""
    assembler = Assembler(limits)
    sent = [frame for talk in conversations for frame in talk.frames()]
    for frame in sorted(sent):
        assembler.feed(block_of([frame]))
        assert assembler.budget.held_bytes <= limits.held_bytes + 2000
    assembler.close()
    assert_closed(assembler)
    return assembler


def talks(count: int) -> list[Conversation]:
    return [Conversation((40000 + number, 80)).open() for number in range(count)]


def test_bodies_of_all_connections_share_a_budget() -> None:
    limits = Limits(held_bytes=20_000)
    conversations = talks(10)
    for talk in conversations:
        talk.ask(request("/a"))
        talk.answer(response(b"[" + b" " * 3000 + b"]"))
    total = held(limits, *conversations).total()
    assert total.pairs == 10
    assert 0 < total.bodies_truncated < 10
    assert total.memory_refusals == total.bodies_truncated


def test_held_segments_of_all_connections_share_a_budget() -> None:
    limits = Limits(held_bytes=20_000, keep_all_bodies=True)
    conversations = talks(30)
    for talk in conversations:
        talk.ask(request("/a"))
        talk.server_seq += 1
        talk.answer(response(b"x" * 1000))
    total = held(limits, *conversations).total()
    assert total.gaps == 30
    assert total.memory_refusals > 0


def test_heads_of_all_connections_share_a_budget() -> None:
    limits = Limits(held_bytes=20_000, keep_all_bodies=True)
    conversations = talks(30)
    for talk in conversations:
        talk.ask(request("/a", fields=f"X: {'x' * 1400}\r\n")[:-2])
    total = held(limits, *conversations).total()
    assert total.broken_messages == 30
    assert 0 < total.memory_refusals < 30


def test_requests_of_all_connections_share_a_budget() -> None:
    limits = Limits(held_bytes=20_000, keep_all_bodies=True)
    conversations = talks(3)
    for talk in conversations:
        for number in range(20):
            talk.ask(request(f"/{number}", fields=f"X: {'x' * 800}\r\n"))
    total = held(limits, *conversations).total()
    assert total.unpaired_no_response == 60
    assert 0 < total.memory_refusals < 60


def test_what_a_body_leaves_is_let_go_with_its_message() -> None:
    talk = exchange()
    talk.answer(b"HTTP/1.1 100 Continue\r\n\r\n")
    assembler = Assembler(ALL)
    for frame in talk.frames():
        assembler.feed(block_of([frame]))
    assert assembler.budget.held_bytes == len(b"HTTP/1.1 100 Continue\r\n\r\n")
    assembler.close()
    assert_closed(assembler)
