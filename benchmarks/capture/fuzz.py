"""Coverage-guided fuzzing of head, chunk and stream parsing with atheris.

In come bytes that choose what a client and a server send, in which pieces, and what is
lost; nothing may raise, every payload byte must land in one bucket and every held one
be let go. The plain
modules are run, which atheris can see into.

Usage: python -m benchmarks.capture.fuzz [libFuzzer's options, as -max_total_time=60]
"""

import struct
import sys

import atheris

import tests.plain  # noqa: F401

with atheris.instrument_imports(include=["rings"]):
    from rings.limits import Limits
    from rings.streams.assembler import Assembler

from benchmarks.capture.mutate import ASKS_SOCKET, OPENS_SOCKET, WAY
from tests.rings.wire import Conversation, block_of

LIMITS = Limits(keep_all_bodies=True, head_bytes=400, body_bytes=300, part_bytes=90)


_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_SETTINGS = bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))


def test_one_input(data: bytes) -> None:
    """One conversation: turns of (who, size, loss) before their bytes; in HTTP/2 the
    turns are frames, whose lengths are right."""
    provider = atheris.FuzzedDataProvider(data)
    talk = Conversation()
    if provider.ConsumeBool():
        talk.open()
    opening = provider.ConsumeIntInRange(0, 4)
    is_http2 = opening == 3
    if opening == 1:
        talk.ask(ASKS_SOCKET)
        talk.answer(OPENS_SOCKET + WAY)
    elif opening == 2:
        talk.ask(b"GET /a HTTP/1.1\r\n\r\n")
        talk.answer(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    elif is_http2:
        talk.ask(_PREFACE + _SETTINGS)
        talk.answer(_SETTINGS)
    lost = set()
    for _ in range(provider.ConsumeIntInRange(1, 8)):
        send = talk.ask if provider.ConsumeBool() else talk.answer
        size = provider.ConsumeIntInRange(1, 64)
        sent = b""
        if is_http2:
            sent = provider.ConsumeBytes(6)
        payload = provider.ConsumeBytes(provider.ConsumeIntInRange(0, 300))
        if len(sent) == 6:
            kind, flags, number = sent[0] % 11, sent[1], sent[5] % 8
            head = struct.pack(">IBI", len(payload) << 8 | kind, flags, number)
            payload = head + payload
        send(payload, size)
        if provider.ConsumeBool():
            lost.add(provider.ConsumeIntInRange(0, 64))
    if provider.ConsumeBool():
        talk.close()
    frames = [one for place, one in enumerate(talk.frames()) if place not in lost]
    assembler = Assembler(LIMITS)
    if frames:
        assembler.feed(block_of(frames))
    assembler.close()
    stats = assembler.total()
    assert stats.payload_bytes == sum(stats.buckets().values())
    assert stats.in_flight_bytes == 0
    assert assembler.budget.held_bytes == 0


def main() -> None:
    """Runs until libFuzzer's options end it."""
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
