"""gRPC's own library for Python as peers: a server, and a client of all kinds of call.

`python -m tests.peers.calling serve PORT` answers a message with it twice, backwards.
`… call PORT COUNT` makes COUNT unary calls at once on one connection, then streams of
all three kinds, and ends with an error if an answer is not the one.
`… tell PORT` sends the demo's planted values, in messages' fields and in metadata, and
gets both back.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import grpc

from agent.demo.planted import PLANTED

UNARY, STREAMING = "/shop.Orders/Get", "/shop.Orders/Talk"
TELLING = "/shop.Customers/Update"
TOLD_AT_ONCE = 12
KINDS = 3
"""Of streaming, after the unary calls."""


class Service(grpc.GenericRpcHandler):
    """Answers every method."""

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes]:
        if handler_call_details.method == TELLING:
            return grpc.unary_unary_rpc_method_handler(_same)
        if handler_call_details.method == UNARY:
            return grpc.unary_unary_rpc_method_handler(_answer)
        return grpc.stream_stream_rpc_method_handler(_answer_all)


def answer(message: bytes) -> bytes:
    return message[::-1] * 2


def _answer(message: bytes, context: grpc.ServicerContext) -> bytes:
    context.set_trailing_metadata(_told(context))
    return answer(message)


def _same(message: bytes, context: grpc.ServicerContext) -> bytes:
    context.set_trailing_metadata(_told(context))
    return message


def _answer_all(
    messages: Iterator[bytes], context: grpc.ServicerContext
) -> Iterator[bytes]:
    context.set_trailing_metadata(_told(context))
    yield from map(answer, messages)


def _told(context: grpc.ServicerContext) -> tuple[tuple[str, str], ...]:
    """The caller's own metadata, given back."""
    return tuple(
        (key, str(value))
        for key, value in context.invocation_metadata()
        if key.startswith("x-")
    )


def serve(port: int) -> None:
    server = grpc.server(ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((Service(),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    server.wait_for_termination()


def call(port: int, count: int) -> None:
    asked = [b"%d:" % n + bytes((65 + n % 26,)) * (n * 37 % 3000) for n in range(count)]
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        unary: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(UNARY)
        calls = [
            unary.future(
                message,
                metadata=(("x-id", str(n)),),
                timeout=30,
                compression=grpc.Compression.Gzip if n % 3 else None,
            )
            for n, message in enumerate(asked)
        ]
        assert [one.result() for one in calls] == list(map(answer, asked))
        some = asked[:10]
        for kind in range(KINDS):
            told = (("x-id", f"stream {kind}"),)
            both: grpc.StreamStreamMultiCallable[bytes, bytes]
            both = channel.stream_stream(STREAMING)
            sent = some[:1] if kind == 0 else some
            got = list(both(iter(sent), metadata=told, timeout=30))
            assert got == list(map(answer, sent))


def message_of(values: Sequence[str]) -> bytes:
    """Protobuf: the values as fields 1, 2, … (at most 15) of one message."""
    fields = [
        bytes((number << 3 | 2,)) + _size(len(value.encode())) + value.encode()
        for number, value in enumerate(values, 1)
    ]
    return b"".join(fields)


def _size(number: int) -> bytes:
    low, rest = number & 127, number >> 7
    return bytes((low | 128,)) + _size(rest) if rest else bytes((low,))


def tell(port: int) -> None:
    values = [planted.value for planted in PLANTED]
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(TELLING)
        for start in range(0, len(values), TOLD_AT_ONCE):
            some = values[start : start + TOLD_AT_ONCE]
            metadata = tuple((f"x-told-{n}", value) for n, value in enumerate(some))
            asked = message_of(some)
            assert call(asked, metadata=metadata, timeout=30) == asked


if __name__ == "__main__":
    verb, *numbers = sys.argv[1:]
    verbs: dict[str, Callable[..., None]] = {"serve": serve, "call": call, "tell": tell}
    verbs[verb](*map(int, numbers))
