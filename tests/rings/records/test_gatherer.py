"""Pairs in, batches out: what msgspec reads of them is what was seen."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.record import VERSION, Batch, batch_decoder, encoder, server_key
from rings.pairs.message import Pair
from rings.records.chooser import Chooser
from rings.records.gatherer import Gatherer, Packed
from tests.rings.wire import START_NS, pairs_of, request, response

SECOND = 10**9
MOST = 1 << 20

INTERVAL_NS = 300 * 10**9


def pair(
    target: str = "/a", answer: bytes = b'{"a": 1}', asked: bytes = b"", **changes: int
) -> Pair:
    (made,) = pairs_of(request(target, "POST", b"{}"), response(b"{}"))
    assert made.response is not None
    for message, body in ((made.request, asked), (made.response, answer)):
        message.body, message.body_bytes = body, len(body)
    made.server_port = changes.get("port", 80)
    made.interface = changes.get("interface", 0)
    made.request.first_ns = changes.get("at_ns", START_NS)
    made.response.first_ns = made.request.first_ns + changes.get("waited_ns", 1000)
    return made


def gatherer(chooser: Chooser | None = None) -> Gatherer:
    made = Gatherer(VERSION, "node-1", chooser, lambda _: b"web/front")
    made.most_bytes = MOST
    return made


def lean() -> Gatherer:
    """After the first sight of POST /a: the rest is facts."""
    made = gatherer(Chooser(0, 1e9, 1))
    made.feed([pair("/a")], 0)
    made.close()
    return made


def read(packed: list[Packed]) -> list[Batch]:
    """Each as msgspec would have written it, too."""
    batches = []
    for key, value, exchanges in packed:
        batch = batch_decoder.decode(value)
        assert encoder.encode(batch) == value
        assert batch.exchanges == exchanges
        assert key == server_key(batch.server, batch.server_port)
        assert (batch.version, batch.node) == (VERSION, "node-1")
        batches.append(batch)
    return batches


def gathered(made: Gatherer, *pairs: Pair) -> list[Batch]:
    return read(made.feed(list(pairs), 0) + made.close())


def test_all_is_sent_whole_without_a_chooser() -> None:
    asked = pair("/users/7?q=1", b'{"b": 2}', b'{"a": 1}')
    asked.client_port = 40_000
    (batch,) = gathered(gatherer(), asked)
    (record,) = batch.records
    assert not batch.facts
    assert asked.response is not None
    assert (batch.server, batch.server_port) == (asked.server, 80)
    fact = record.fact
    assert (fact.client, record.client_port, fact.client_identity) == (
        asked.client,
        40_000,
        "",
    )
    assert (fact.method, fact.target, fact.status) == (b"POST", b"/users/7", 200)
    assert (fact.exchanges, fact.truncated) == (1, 0)
    assert (record.started_ns, record.answered_ns) == (START_NS, START_NS + 1000)
    for message, captured in (
        (record.request, asked.request),
        (record.response, asked.response),
    ):
        assert message.head == captured.head
        assert message.body == captured.body
        assert message.body_bytes == len(captured.body)
        assert (message.truncated, message.gaps) == (False, 0)
    assert fact.request_bytes == len(asked.request.head) + 8
    assert fact.response_bytes == len(asked.response.head) + 8


def test_equal_exchanges_are_one_fact() -> None:
    (batch,) = gathered(
        lean(),
        pair(at_ns=START_NS + 5, waited_ns=10),
        pair("/a?other=query", at_ns=START_NS + 1, waited_ns=20),
        pair(at_ns=START_NS + 9, waited_ns=-3),
        pair("/a#fragment", at_ns=START_NS + 2, waited_ns=900),
    )
    (fact,) = batch.facts
    assert (fact.exchanges, fact.target) == (4, b"/a")
    assert (fact.first_ns, fact.last_ns) == (START_NS + 1, START_NS + 9)
    assert fact.waited_ns == 930
    assert not batch.records


def test_exchanges_of_one_fact_took_about_the_same_time() -> None:
    waits = [100_000, 101_000, 110_000, 150_000, 250_000, 10**12]
    (batch,) = gathered(lean(), *(pair(waited_ns=waited) for waited in waits))
    means = [fact.waited_ns // fact.exchanges for fact in batch.facts]
    assert means == [100_500, 110_000, 150_000, 250_000, 10**12]


def test_exchanges_of_one_fact_lie_in_one_interval() -> None:
    ends = START_NS // INTERVAL_NS * INTERVAL_NS + INTERVAL_NS
    (batch,) = gathered(
        lean(), pair(at_ns=ends - 1), pair(at_ns=ends), pair(at_ns=ends)
    )
    assert [fact.exchanges for fact in batch.facts] == [1, 2]


def test_what_tells_exchanges_apart_makes_facts_of_their_own() -> None:
    made = lean()
    others = [pair() for _ in range(3)]
    others[0].client = b"\x0a\0\0\x09"
    others[1].client = bytes(16)
    assert others[2].response is not None
    others[2].response.status = 201
    (batch,) = gathered(made, pair(), *others)
    assert [fact.exchanges for fact in batch.facts] == [1] * 4
    assert len({encoder.encode(fact) for fact in batch.facts}) == 4


@pytest.mark.parametrize("name", ["truncated", "gap_bytes"])
@pytest.mark.parametrize("is_request", [True, False])
def test_messages_that_are_not_whole_are_counted_once(
    name: str, is_request: bool
) -> None:
    cut = pair()
    assert cut.response is not None
    message = cut.request if is_request else cut.response
    setattr(message, name, 5)
    (batch,) = gathered(lean(), cut, pair())
    assert [fact.truncated for fact in batch.facts] == [1]
    (batch,) = gathered(gatherer(), cut)
    assert batch.records[0].fact.truncated == 1


def test_a_request_without_an_answer_is_left_out() -> None:
    unanswered = pair()
    unanswered.response = None
    assert not gathered(gatherer(), unanswered)


def test_servers_have_batches_of_their_own() -> None:
    batches = gathered(gatherer(), pair(port=81), pair(port=80), pair(port=81))
    assert [(b.server_port, b.exchanges) for b in batches] == [(81, 2), (80, 1)]


def test_a_batch_ends_when_it_is_old() -> None:
    made = gatherer()
    assert not made.feed([pair(port=80)], SECOND)
    assert not made.feed([pair(port=81)], SECOND + 300_000_000)
    assert not made.expire(SECOND + 499_999_999)
    (batch,) = read(made.expire(SECOND + 500_000_000))
    assert batch.server_port == 80
    (batch,) = read(made.expire(2 * SECOND))
    assert batch.server_port == 81
    assert not made.expire(9 * SECOND)
    assert not made.close()


def test_a_batch_ends_when_it_is_large() -> None:
    made = gatherer()
    body = json.dumps({"a": "x" * 50_000}).encode()
    ended = made.feed([pair(answer=body) for _ in range(4)], 0)
    assert [batch.exchanges for batch in read(ended)] == [3]
    assert [batch.exchanges for batch in read(made.close())] == [1]


def test_facts_make_a_batch_large_too() -> None:
    made = gatherer(Chooser(0, 1e9, 1))
    ended = made.feed([pair(f"/{n}") for n in range(2500)], 0)
    (batch,) = read(ended)
    assert 1000 < batch.exchanges < 2500
    assert batch.exchanges + read(made.close())[0].exchanges == 2500


def test_much_in_many_batches_ends_the_oldest() -> None:
    made = gatherer()
    body = json.dumps({"a": "x" * 100_000}).encode()
    ended = made.feed([pair(answer=body, port=n) for n in range(1, 101)], 0)
    assert [b.server_port for b in read(ended)] == list(range(1, len(ended) + 1))
    assert 10 < len(ended) < 25


def test_a_large_record_does_not_make_a_batch_too_large() -> None:
    made = gatherer()
    small = [pair(answer=b'{"a": "' + b"x" * 100_000 + b'"}')]
    large = [pair(answer=b'{"a": "' + b"x" * (MOST - 50_000) + b'"}')]
    ended = made.feed(small + large, 0)
    assert [batch.exchanges for batch in read(ended)] == [1, 1]
    assert made.records_cut == 0
    assert max(len(value) for _, value, _ in ended) <= MOST


@given(st.integers(0, 9_000), st.integers(0, 9_000), st.integers(1_000, 12_000))
def test_bodies_are_cut_to_fit(asked: int, answered: int, most: int) -> None:
    made = gatherer()
    made.most_bytes = most
    exchange = pair(asked=b"a" * asked, answer=b"b" * answered)
    ended = made.feed([exchange], 0) + made.close()
    assert all(len(value) <= most for _, value, _ in ended)
    (batch,) = read(ended)
    (record,) = batch.records
    kept = len(record.request.body) + len(record.response.body)
    is_cut = kept < asked + answered
    assert made.records_cut == record.fact.truncated == is_cut
    assert record.request.truncated == (len(record.request.body) < asked)
    assert record.response.truncated == (len(record.response.body) < answered)
    assert record.response.body_bytes == answered
    assert record.fact.response_bytes > answered
    if is_cut:
        assert kept > most - 1_000
        shorter, half = min(asked, answered), kept // 2
        sizes = (len(record.request.body), len(record.response.body))
        assert min(sizes) >= min(shorter, half)


def test_heads_larger_than_all_leave_no_body() -> None:
    made = gatherer()
    made.most_bytes = 100
    (batch,) = gathered(made, pair(asked=b"{}"))
    (record,) = batch.records
    assert (record.request.body, record.response.body) == (b"", b"")
    assert record.fact.truncated == 1


def test_behind_a_proxy_the_client_is_whom_it_vouches_for() -> None:
    made = gatherer()
    made.behind_proxy = {7}
    hidden, plain = pair(interface=7), pair(interface=8)
    hidden.client = plain.client = bytes(15) + b"\1"
    (batch,) = gathered(made, hidden, plain)
    told = [
        (r.fact.client, r.client_port, r.fact.client_identity) for r in batch.records
    ]
    assert told == [
        (bytes(16), 0, "web/front"),
        (bytes(15) + b"\1", plain.client_port, ""),
    ]


def test_long_targets_are_cut() -> None:
    (batch,) = gathered(lean(), pair("/" + "a" * 5000))
    assert [len(r.fact.target) for r in batch.records] == [2048]


def test_what_is_chosen_is_whole_and_the_rest_is_counted() -> None:
    made = gatherer(Chooser(10, 1e9, 1))
    packed: list[Packed] = []
    for n in range(1000):
        asked = pair(f"/users/{n % 7}", at_ns=START_NS + n * SECOND // 100)
        packed += made.feed([asked], n * SECOND // 100)
        packed += made.expire(n * SECOND // 100)
    batches = read(packed + made.close())
    assert sum(batch.exchanges for batch in batches) == 1000
    assert made.records == sum(len(batch.records) for batch in batches)
    assert 80 < made.records < 130
    assert (made.delayed, gatherer().delayed) == (0, 0)
    told: Counter[bytes] = Counter()
    for batch in batches:
        for fact in batch.facts + [record.fact for record in batch.records]:
            told[fact.target] += fact.exchanges
    assert told == {b"/users/%d" % n: 143 if n < 6 else 142 for n in range(7)}


def test_what_the_path_does_not_say_is_told_beside() -> None:
    query = b'{"operationName": "OrderById", "query": "query OrderById {order}"}'
    (batch,) = gathered(gatherer(), pair("/q", b"{}", query), pair("/q"))
    told = [record.fact.operation for record in batch.records]
    assert told == [b"query OrderById", b""]


def test_parts_tell_their_number_and_count_as_one_exchange() -> None:
    parts = [pair(at_ns=START_NS + n * SECOND) for n in range(3)]
    for number, part in enumerate(parts):
        part.part, part.is_last = number, number == 2
        part.exchanges = int(number == 0)
    (batch,) = gathered(gatherer(), *parts)
    assert [one.part for one in batch.records] == [0, 1, 2]
    assert [one.is_last for one in batch.records] == [False, False, True]
    assert [one.fact.exchanges for one in batch.records] == [1, 0, 0]
    first, second, _ = [one.fact for one in batch.records]
    assert first.request_bytes == len(batch.records[0].request.head)
    assert (second.request_bytes, second.response_bytes) == (0, 8)
    assert second.waited_ns == 0
    assert batch.exchanges == 1


def test_parts_that_are_only_counted_are_no_exchange_of_their_own() -> None:
    part = pair("/a")
    part.part, part.exchanges = 4, 0
    (batch,) = gathered(lean(), part)
    (fact,) = batch.facts
    assert (fact.exchanges, fact.request_bytes, fact.response_bytes) == (0, 0, 8)
