"""Which response answers which request."""

import pytest

from rings.limits import Budget, Limits
from rings.pairs.message import Message
from rings.pairs.pairing import Pairer
from rings.stats import Stats
from tests.rings.wire import (
    ALL,
    MS,
    START_NS,
    Conversation,
    collect,
    outcomes,
    request,
    response,
)


def keep_alive(count: int, is_open: bool = True) -> Conversation:
    talk = Conversation()
    if is_open:
        talk.open()
    for number in range(count):
        talk.ask(request(f"/{number}"))
        talk.answer(response(b"{}", 200 + number))
    return talk


def test_pipelined_requests_are_answered_in_order() -> None:
    talk = Conversation().open()
    talk.ask(request("/0") + request("/1") + request("/2"))
    talk.answer(response(b"{}", 200) + response(b"{}", 201))
    talk.answer(response(b"{}", 202))
    pairs, _ = collect(talk.frames(), ALL)
    assert outcomes(pairs) == [("GET", f"/{n}", 200 + n) for n in range(3)]


def test_a_request_that_is_never_answered_is_counted() -> None:
    talk = Conversation().open()
    talk.ask(request("/0"))
    talk.close()
    pairs, assembler = collect(talk.frames(), ALL)
    assert outcomes(pairs) == [("GET", "/0", None)]
    assert assembler.total().unpaired() == {
        "no_response": 1,
        "no_request": 0,
        "ambiguous": 0,
    }
    assert collect(talk.frames())[0] == []


def test_a_response_sent_before_the_request_came_is_no_answer() -> None:
    """A server's timeout (408) crosses the next request on the wire."""
    talk = Conversation().open()
    before = talk.client_seq
    start = talk.server_seq
    talk.ask(request("/0"), ack=start)
    talk.answer(response(b"{}", 408), ack=before)
    pairs, assembler = collect(talk.frames(), ALL)
    assert outcomes(pairs) == [("GET", "/0", None)]
    assert assembler.total().unpaired_no_request == 1


def test_an_answer_before_the_request_ended_waits_for_its_end() -> None:
    talk = Conversation().open()
    head = b"POST /0 HTTP/1.1\r\nContent-Length: 10\r\n\r\n"
    talk.ask(head + b"12345")
    talk.answer(response(b"{}", 200))
    talk.ask(b"67890")
    talk.close()
    (pair,) = collect(talk.frames(), ALL)[0]
    assert bytes(pair.request.body) == b"1234567890"


def test_a_capture_that_begins_late_pairs_from_the_first_whole_exchange() -> None:
    for cut in range(3):
        frames = keep_alive(3, is_open=False).frames()[cut:]
        pairs, _ = collect(frames, ALL)
        first = 0 if cut == 0 else 1
        assert outcomes(pairs) == [("GET", f"/{n}", 200 + n) for n in range(first, 3)]


def test_the_last_pair_is_proven_by_the_servers_end() -> None:
    talk = keep_alive(2, is_open=False)
    talk.close()
    pairs, _ = collect(talk.frames(), ALL)
    assert outcomes(pairs) == [("GET", "/0", 200), ("GET", "/1", 201)]


def test_a_servers_end_elsewhere_proves_nothing() -> None:
    talk = keep_alive(1, is_open=False)
    talk.server_seq += 500
    talk.close()
    pairs, assembler = collect(talk.frames(), ALL)
    assert outcomes(pairs) == [("GET", "/0", None)]
    assert assembler.total().unpaired_ambiguous == 2


def burst(size: int) -> Conversation:
    """Requests sent at once, then their responses; mid-stream."""
    talk = Conversation(server_seq=5000)
    for number in range(size):
        talk.ask(request(f"/{number}"), ack=5000)
    for number in range(size):
        talk.answer(response(b"{}", 200 + number))
    return talk


@pytest.mark.parametrize("size", [2, 3, 4])
def test_a_client_that_pipelined_before_the_capture_is_never_paired(size: int) -> None:
    for seen in range(1, size):
        talk = burst(size)
        talk.ask(request("/x"))
        talk.answer(response(b"{}", 299))
        talk.close()
        pairs, _ = collect(talk.frames()[seen:], ALL)
        assert {status for *_, status in outcomes(pairs)} == {None}


def test_two_requests_at_once_after_a_late_start_are_pipelined() -> None:
    talk = Conversation()
    talk.ask(request("/0"), ack=1)
    talk.ask(request("/1"), ack=1)
    talk.server_seq = 1
    talk.answer(response(b"{}"))
    talk.answer(response(b"{}"))
    talk.close()
    pairs, assembler = collect(talk.frames(), ALL)
    assert {status for *_, status in outcomes(pairs)} == {None}
    assert assembler.total().unpaired_no_request == 2


def test_a_lost_request_costs_two_exchanges_at_most() -> None:
    talk = keep_alive(6)
    frames = [(at_ns * 1, frame) for at_ns, frame in talk.frames()]
    del frames[5]
    pairs, _ = collect(frames, ALL)
    numbers = [target for _, target, status in outcomes(pairs) if status]
    assert numbers == ["/0", "/2", "/3", "/4"]


def test_a_lost_response_is_not_taken_from_the_next() -> None:
    talk = keep_alive(6)
    frames = talk.frames()
    del frames[6]
    pairs, _ = collect(frames, ALL)
    assert ("GET", "/1", None) in outcomes(pairs)
    answered = [(target, status) for _, target, status in outcomes(pairs) if status]
    assert answered == [("/0", 200), ("/2", 202), ("/3", 203), ("/4", 204)]


def test_more_requests_than_the_bound_are_dropped_and_counted() -> None:
    limits = Limits(keep_all_bodies=True, requests=2)
    talk = Conversation().open()
    talk.ask(b"".join(request(f"/{number}") for number in range(5)))
    talk.answer(response(b"{}") * 5)
    pairs, assembler = collect(talk.frames(), limits)
    assert {status for *_, status in outcomes(pairs)} == {None}
    stats = assembler.total()
    assert (stats.unpaired_no_response, stats.unpaired_no_request) == (5, 5)


def message(is_request: bool, start: int, end: int, acknowledged: int) -> Message:
    made = Message()
    made.is_request = is_request
    made.start, made.acknowledged = start, acknowledged
    made.head_end = made.end = end
    made.is_done = True
    return made


def uncertain() -> Pairer:
    return Pairer(Stats(), Limits(keep_all_bodies=True), Budget(1 << 20), [], 1)


def test_a_server_that_acknowledged_more_than_the_request_proves_pipelining() -> None:
    pairer = uncertain()
    asked = message(True, 0, 100, 0)
    pairer.take_request(asked)
    assert pairer.match(message(False, 0, 50, 130)) is None
    assert pairer.pipelines
    pairer.close()
    assert pairer.stats.unpaired_no_response == 1


@pytest.mark.parametrize(("start", "acknowledged"), [(1, 100), (0, 99)])
def test_numbers_that_do_not_fit_prove_nothing(start: int, acknowledged: int) -> None:
    pairer = uncertain()
    pairer.take_request(message(True, 0, 100, 0))
    assert pairer.match(message(False, start, 50, acknowledged)) is None
    assert not pairer.pipelines


def proposed() -> Pairer:
    pairer = uncertain()
    asked, answered = message(True, 0, 100, 0), message(False, 0, 50, 100)
    pairer.take_request(asked)
    assert pairer.match(answered) is asked
    pairer.end_response(answered)
    assert pairer.held is not None
    return pairer


def is_given_up(pairer: Pairer) -> bool:
    """Whether the request was handed on without a response."""
    return [pair.response for pair in pairer.sink] == [None]


def test_an_older_request_is_given_up_for_the_proven_one() -> None:
    pairer = uncertain()
    pairer.take_request(message(True, 0, 100, 0))
    second = message(True, 100, 200, 40)
    pairer.take_request(second)
    assert pairer.match(message(False, 40, 90, 200)) is second
    assert pairer.stats.unpaired_no_response == 1


def test_the_next_request_proves_or_refutes_the_held_pair() -> None:
    pairer = proposed()
    pairer.take_request(message(True, 100, 150, 50))
    assert len(pairer.sink) == 1
    assert pairer.is_certain
    pairer = proposed()
    pairer.take_request(message(True, 100, 150, 0))
    assert is_given_up(pairer)
    assert pairer.pipelines
    assert pairer.stats.unpaired_ambiguous == 2


def test_a_loss_releases_the_held_pair() -> None:
    pairer = proposed()
    pairer.lose()
    assert pairer.held is None
    assert not pairer.pipelines
    pairer = proposed()
    pairer.close()
    assert is_given_up(pairer)
    assert pairer.stats.unpaired_ambiguous == 2


def test_a_loss_before_the_response_ended_refutes_it_too() -> None:
    pairer = uncertain()
    asked, answered = message(True, 0, 100, 0), message(False, 0, 50, 100)
    answered.is_done = False
    pairer.take_request(asked)
    assert pairer.match(answered) is asked
    pairer.lose()
    answered.is_done = True
    pairer.end_response(answered)
    pairer.take_request(message(True, 130, 150, 50))
    assert is_given_up(pairer)
    assert not pairer.is_certain


def test_a_request_before_the_response_ended_refutes_it_too() -> None:
    pairer = uncertain()
    asked, answered = message(True, 0, 100, 0), message(False, 0, 50, 100)
    pairer.take_request(asked)
    assert pairer.match(answered) is asked
    pairer.take_request(message(True, 100, 150, 50))
    pairer.end_response(answered)
    assert is_given_up(pairer)
    assert pairer.pipelines


def test_a_request_lost_with_the_end_of_the_response_before_proves_nothing() -> None:
    """Each direction's hole hides that the other's was acknowledged."""
    talk = Conversation().open()
    talk.ask(request("/1"))
    talk.answer(response(b"{}"))
    talk.ask(request("/2"))
    talk.answer(response(b"{}", 202)[:-1])
    talk.answer(b"}")
    known = talk.server_seq
    for number in (3, 4, 5):
        talk.ask(request(f"/{number}"), ack=known)
    for number in (3, 4, 5):
        talk.answer(response(b"{}", 200 + number))
    talk.ask(request("/6"))
    talk.answer(response(b"{}", 206))
    talk.close()
    frames = talk.frames()
    pairs, _ = collect(frames[5:7] + frames[9:], ALL)
    assert len(pairs) > 2
    for _, target, status in outcomes(pairs):
        assert status in (None, 200 + int(target[1:]))


@pytest.mark.parametrize("order", [(3, 1, 4, 5), (3, 1, 2, 4, 5), (4, 1, 3, 5)])
def test_without_the_servers_syn_its_start_is_what_the_first_byte_acknowledges(
    order: tuple[int, ...],
) -> None:
    """Else a response that came before would be the one before, as if known."""
    talk = Conversation().open()
    del talk.sent[1:]
    for number in range(3):
        talk.ask(request(f"/{number}"))
        talk.answer(response(b"{}", 200 + number))
    talk.close()
    frames = [frame for _, frame in talk.frames()]
    first = [frames[0], *(frames[place] for place in order)]
    rest = [frame for place, frame in enumerate(frames) if place > 5]
    late = [(START_NS + i * MS, frame) for i, frame in enumerate([*first, *rest])]
    for _, target, status in outcomes(collect(late, ALL)[0]):
        assert status in (None, 200 + int(target[1:]))


def test_a_reset_that_acknowledges_more_than_was_seen_proves_nothing() -> None:
    """The answer of the last request is lost, and so is the start of the first one."""
    talk = Conversation().open()
    talk.ask(request("/0" + "x" * 100), 40)
    talk.answer(response(b"{}"))
    known = talk.server_seq
    talk.ask(request("/1"), 20)
    talk.ask(request("/2"), ack=known)
    talk.answer(response(b"{}", 201))
    talk.acknowledge(True)
    talk.answer(response(b"{}", 202))
    talk.reset()
    frames = talk.frames()
    at = next(i for i, (_, frame) in enumerate(frames) if b"GET /1" in frame)
    late = next(i for i, (_, frame) in enumerate(frames) if b" 202 " in frame)
    del frames[late], frames[at]
    assert ("GET", "/2", 201) not in outcomes(collect(frames, ALL)[0])


def test_a_second_response_refutes_the_held_pair() -> None:
    pairer = proposed()
    assert pairer.match(message(False, 50, 90, 100)) is None
    assert pairer.pipelines


def test_the_servers_end_proves_only_at_the_responses_end() -> None:
    pairer = proposed()
    pairer.end_responses(50)
    assert len(pairer.sink) == 1
    pairer.end_responses(50)
    pairer = proposed()
    pairer.end_responses(51)
    assert is_given_up(pairer)
