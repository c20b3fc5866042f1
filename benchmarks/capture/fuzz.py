"""Coverage-guided fuzzing of head, chunk and stream parsing with atheris.

In come bytes that choose what a client and a server send, in which pieces, and what is
lost; nothing may raise, every payload byte must land in one bucket and every held one
be let go. The plain
modules are run, which atheris can see into.

Usage: python -m benchmarks.capture.fuzz [libFuzzer's options, as -max_total_time=60]
"""

import sys

import atheris

import tests.plain  # noqa: F401

with atheris.instrument_imports(include=["rings"]):
    from rings.assembler import Assembler
    from rings.limits import Limits

from tests.rings.wire import Conversation, block_of

LIMITS = Limits(keep_all_bodies=True, head_bytes=400, body_bytes=300)


def test_one_input(data: bytes) -> None:
    """One conversation: turns of (who, size, loss) before their bytes."""
    provider = atheris.FuzzedDataProvider(data)
    talk = Conversation()
    if provider.ConsumeBool():
        talk.open()
    lost = set()
    for _ in range(provider.ConsumeIntInRange(1, 8)):
        send = talk.ask if provider.ConsumeBool() else talk.answer
        size = provider.ConsumeIntInRange(1, 64)
        send(provider.ConsumeBytes(provider.ConsumeIntInRange(0, 300)), size)
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
