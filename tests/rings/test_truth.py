"""Whatever the capture loses, a pair is a true pair.

Connections are simulated with their truth known: each request carries its number, and
so does its response. Then the capture begins late, loses, repeats and reorders.
"""

import re
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from rings.pairs.message import Pair
from tests.rings.wire import (
    ALL,
    Conversation,
    Sent,
    chunked,
    collect,
    request,
    response,
)

FORGED = (
    b"HTTP/1.1 200 OK\r\nX-Number: 777\r\nContent-Length: 2\r\n\r\n{}"
    b"GET /777 HTTP/1.1\r\nHost: a\r\n\r\n trailing"
)
"""A body that looks like messages."""


@dataclass
class Exchange:
    kind: str
    body_bytes: int
    is_forged: bool
    asked_size: int
    answered_size: int


exchanges = st.builds(
    Exchange,
    st.sampled_from(["length", "chunked", "head", "empty", "interim", "post"]),
    st.integers(0, 400),
    st.booleans(),
    st.integers(20, 300),
    st.integers(20, 300),
)
turns = st.lists(
    st.tuples(st.lists(exchanges, min_size=1, max_size=3), st.booleans()),
    min_size=1,
    max_size=5,
)
"""Requests sent at once, and whether the server sees them all before it answers."""


def body_of(one: Exchange) -> bytes:
    filler = FORGED if one.is_forged else b'{"a": 1}'
    return (filler * (one.body_bytes // len(filler) + 1))[: one.body_bytes]


def asked(number: int, one: Exchange) -> bytes:
    if one.kind == "post":
        return request(f"/{number}", "POST", body_of(one) or b"{}")
    return request(f"/{number}", "HEAD" if one.kind == "head" else "GET")


def answered(number: int, one: Exchange) -> bytes:
    fields = f"X-Number: {number}\r\n"
    body = body_of(one)
    if one.kind == "chunked":
        pieces = [piece for piece in (body[:100], body[100:]) if piece]
        return chunked(*pieces, fields=fields)
    if one.kind == "head":
        return response(body, fields=fields)[: -len(body) or None]
    if one.kind == "empty":
        return f"HTTP/1.1 204 No Content\r\n{fields}\r\n".encode()
    early = b"HTTP/1.1 100 Continue\r\n\r\n" if one.kind == "interim" else b""
    return early + response(body, fields=fields)


def converse(plan: list[tuple[list[Exchange], bool]]) -> tuple[list[Sent], int]:
    talk = Conversation().open()
    number = 0
    for burst, sees_all in plan:
        ends = []
        known = talk.server_seq
        for place, one in enumerate(burst):
            talk.ask(asked(number + place, one), one.asked_size, ack=known)
            ends.append(talk.client_seq)
        for place, one in enumerate(burst):
            ack = ends[-1] if sees_all else ends[place]
            talk.answer(answered(number + place, one), one.answered_size, ack=ack)
        number += len(burst)
    talk.close()
    return talk.sent, number


def number_of(pair: Pair) -> int:
    """The pair's number; fails if its two sides differ."""
    assert pair.response is not None
    found = re.search(rb"X-Number: (\d+)", pair.response.head)
    assert found is not None
    assert pair.request.target == b"/" + found[1]
    return int(found[1])


def proven(frames: list[tuple[int, bytes]]) -> list[int]:
    pairs, _ = collect(frames, ALL)
    return [number_of(pair) for pair in pairs if pair.response is not None]


@settings(max_examples=500)
@given(turns, st.data())
def test_a_pair_is_a_true_pair_whatever_is_lost(
    plan: list[tuple[list[Exchange], bool]], data: st.DataObject
) -> None:
    sent, _ = converse(plan)
    begin = data.draw(st.integers(0, len(sent)), "begin")
    lost = data.draw(st.sets(st.integers(0, len(sent) - 1), max_size=8), "lost")
    if data.draw(st.booleans(), "without the server's SYN"):
        lost |= {1, 2}
    again = data.draw(st.sets(st.integers(0, len(sent) - 1), max_size=4), "again")
    shifts = data.draw(
        st.lists(st.integers(0, 4), min_size=len(sent), max_size=len(sent)), "shifts"
    )
    order = [
        (place + shifts[place], sent[place].frame)
        for place in range(begin, len(sent))
        if place not in lost
    ]
    order += [(place + 3, sent[place].frame) for place in again if place >= begin]
    order.sort(key=lambda late: late[0])
    frames = [
        (sent[0].at_ns + i * 100_000, frame) for i, (_, frame) in enumerate(order)
    ]
    numbers = proven(frames)
    assert len(numbers) == len(set(numbers))


@settings(max_examples=300)
@given(turns, st.data())
def test_every_exchange_is_paired_if_nothing_is_lost(
    plan: list[tuple[list[Exchange], bool]], data: st.DataObject
) -> None:
    sent, count = converse(plan)
    shifts = data.draw(
        st.lists(st.integers(0, 6), min_size=len(sent), max_size=len(sent)), "shifts"
    )
    again = data.draw(st.sets(st.integers(0, len(sent) - 1), max_size=4), "again")
    order = [
        (place if one.is_opening else place + shifts[place], one.frame)
        for place, one in enumerate(sent)
    ]
    order += [(place + 3, sent[place].frame) for place in again]
    order.sort(key=lambda late: late[0])
    frames = [
        (sent[0].at_ns + i * 100_000, frame) for i, (_, frame) in enumerate(order)
    ]
    assert sorted(proven(frames)) == list(range(count))


@given(turns, st.integers(0, 40))
def test_a_client_that_waits_is_paired_again_after_capture_begins_late(
    plan: list[tuple[list[Exchange], bool]], begin: int
) -> None:
    """From the second request that was captured whole on, if none is pipelined."""
    plan = [([burst[0]], sees_all) for burst, sees_all in plan]
    sent, count = converse(plan)
    frames = [(one.at_ns, one.frame) for one in sent][begin:]
    numbers = proven(frames)
    assert numbers == list(range(count))[count - len(numbers) :]
