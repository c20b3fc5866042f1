"""Frames that end where readable memory ends: a read past one ends the process.

In come seeds for damage, and capture files if any are named; each frame, whole, cut and
damaged, is fed to the compiled modules from the last bytes before a page that must not
be touched. For `test_memory.py`, which runs this as a process of its own.

Usage: python -m tests.rings.guarded [--rounds N] [FILE...]
"""

import argparse
import ctypes
import gzip
import mmap
import random
from collections.abc import Iterable, Iterator

import dpkt

from rings.limits import Limits
from rings.packets.block import PCAP, Block, Layout
from rings.streams.assembler import Assembler
from tests.rings.packets.test_tunnel import CASES
from tests.rings.wire import (
    START_NS,
    Conversation,
    assert_closed,
    chunked,
    pcap_records,
    request,
    response,
)

LIMITS = Limits(keep_all_bodies=True, tunnels=True, offline=True)
_READABLE_BYTES = 1 << 20


class Guarded:
    """Memory whose end cannot be read past."""

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, _READABLE_BYTES + mmap.PAGESIZE)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        if libc.mprotect(address + _READABLE_BYTES, mmap.PAGESIZE, 0) != 0:
            raise OSError(ctypes.get_errno(), "the guard page was refused")

    def block(self, link: int, at_ns: int, frame: bytes, length: int) -> Block:
        """One frame, its last byte the last that can be read."""
        record = pcap_records([(at_ns, frame)], {0: length})
        start = _READABLE_BYTES - len(record)
        self.memory[start:_READABLE_BYTES] = record
        layout = Layout(PCAP, nanoseconds=True, link=link)
        return Block(memoryview(self.memory), layout, start, _READABLE_BYTES)


def own_frames() -> Iterator[tuple[int, bytes]]:
    """Link type and frame: tunnels of every kind, and a conversation."""
    yield from CASES.values()
    talk = Conversation().open()
    talk.ask(request("/a", "POST", b'{"a": 1}'), 7)
    talk.answer(response(b'{"b": 2}'), 7)
    talk.ask(request("/b"))
    talk.answer(chunked(b"abc", b"defgh"), 5)
    talk.close()
    yield from ((1, frame) for _, frame in talk.frames())


def frames_of(path: str) -> Iterator[tuple[int, bytes]]:
    opened = gzip.open if path.endswith(".gz") else open
    with opened(path, "rb") as file:
        reader = dpkt.pcap.UniversalReader(file)
        yield from ((reader.datalink(), frame) for _, frame in reader)


def damaged(frame: bytes, chance: random.Random) -> bytes:
    changed = bytearray(frame[: chance.randrange(len(frame) + 1)])
    for _ in range(chance.randrange(4)):
        if changed:
            place = chance.randrange(min(len(changed), 120))
            changed[place] = chance.randrange(256)
    return bytes(changed)


def run(frames: Iterable[tuple[int, bytes]], rounds: int, chance: random.Random) -> int:
    """Feeds each frame whole and `rounds` times damaged; how many were fed."""
    guarded, assembler, fed = Guarded(), Assembler(LIMITS), 0
    for link, frame in frames:
        cases = [frame, *(damaged(frame, chance) for _ in range(rounds))]
        for case in cases:
            at_ns = START_NS + fed * 1000
            assembler.feed(guarded.block(link, at_ns, case, len(frame)))
            fed += 1
    assembler.close()
    assert_closed(assembler)
    return fed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    fed = run(own_frames(), options.rounds, random.Random(1))
    for path in options.files:
        fed += run(frames_of(path), options.rounds, random.Random(path))
    print(f"{fed:,} frames, none read past its end")


if __name__ == "__main__":
    main()
