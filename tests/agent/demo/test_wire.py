"""The demo's HTTP against h11, and against itself."""

import asyncio
import gzip

import h11
import pytest

from agent.demo.api import Answer, Request, answer
from agent.demo.calls import ROUND, call
from agent.demo.wire import encode_answer, encode_request, read_body, read_head

CYCLE = [call(number).request for number in range(ROUND)]


def read_by_h11(
    sent: bytes, received: bytes
) -> tuple[h11.Request, h11.Response, bytes]:
    """The request and the answer as another implementation reads them."""
    server, client = h11.Connection(h11.SERVER), h11.Connection(h11.CLIENT)
    server.receive_data(sent)
    request = server.next_event()
    assert isinstance(request, h11.Request)
    client.send(request)
    client.send(h11.EndOfMessage())
    client.receive_data(received)
    response = client.next_event()
    assert isinstance(response, h11.Response)
    body = b""
    while isinstance(event := client.next_event(), h11.Data):
        body += bytes(event.data)
    assert isinstance(event, h11.EndOfMessage)
    assert client.trailing_data[0] == b""
    return request, response, body


@pytest.mark.parametrize("request_", CYCLE[::3], ids=lambda r: f"{r.method} {r.target}")
def test_another_implementation_reads_the_same(request_: Request) -> None:
    answered = answer(request_.method, request_.target)
    bodiless = request_._replace(body=b"")
    asked, told, body = read_by_h11(encode_request(bodiless), encode_answer(answered))
    assert asked.target == request_.target.encode()
    assert told.status_code == answered.status
    assert (gzip.decompress(body) if answered.is_gzip else body) == answered.body


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 5000])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_bodies_are_read_as_encoded(size: int, is_chunked: bool) -> None:
    body = bytes(n % 256 for n in range(size))

    async def read() -> tuple[str, bytes]:
        reader = asyncio.StreamReader()
        reader.feed_data(encode_answer(Answer(200, body, is_chunked=is_chunked)))
        reader.feed_eof()
        head = await read_head(reader)
        return head.first[1], await read_body(reader, head)

    assert asyncio.run(read()) == ("200", body)


def test_request_with_a_body_is_read_as_encoded() -> None:
    request = next(r for r in CYCLE if r.body)

    async def read() -> tuple[list[str], bytes, bool]:
        reader = asyncio.StreamReader()
        reader.feed_data(encode_request(request, is_last=True))
        head = await read_head(reader)
        return head.first, await read_body(reader, head), head.is_last

    first, body, is_last = asyncio.run(read())
    assert (first[:2], body) == ([request.method, request.target], request.body)
    assert is_last
