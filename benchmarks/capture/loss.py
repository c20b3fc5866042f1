"""What is paired when the capture loses frames, and that no pair is wrong.

Simulates connections whose truth is known, short and long request targets (a line of
three segments), clients that wait and clients that pipeline, and loses and reorders
frames. Prints the share of exchanges that were paired for each loss rate: of all, and
of those of which no frame was lost, which others' loss made doubtful.
The exit status is 1 if a pair is wrong.

Usage: python -m benchmarks.capture.loss [--seed N] [--exchanges N]
"""

import argparse
import random
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks.capture.traffic import MSS, Side, frame
from rings.limits import Limits
from rings.packets.block import ETHERNET, PCAP, Block, Layout
from rings.streams.assembler import Assembler

RATES = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1)
REORDERED = 0.02
EXCHANGES = 12
"""Of a connection."""
BURST = 3
"""Requests that a pipelining client sends at once."""
LONG = 3_000
"""Bytes of a long target."""
_STEP_NS = 200_000
_SYN, _ACK, _FIN, _PSH = 2, 16, 1, 8


@dataclass(slots=True)
class Sent:
    """A frame, and the exchange that it carries a part of."""

    frame: bytes
    number: int = -1


@dataclass(slots=True)
class Count:
    """Of one kind of clients at one loss rate."""

    exchanges: int = 0
    whole: int = 0
    paired: int = 0
    whole_paired: int = 0
    wrong: int = 0


@dataclass(slots=True)
class Talk:
    """One connection as it was sent."""

    client: Side
    server: Side
    sent: list[Sent] = field(default_factory=list)

    def say(self, is_client: bool, data: bytes, flags: int, number: int = -1) -> None:
        source, target = self.client, self.server
        if not is_client:
            source, target = target, source
        for start in range(0, max(len(data), 1), MSS):
            piece = data[start : start + MSS]
            self.sent.append(Sent(frame(source, target, piece, flags), number))
            source.sequence += len(piece) + (1 if flags & (_SYN | _FIN) else 0)


def talk(
    chance: random.Random, port: int, first: int, is_long: bool, burst: int
) -> Talk:
    """A connection whose exchanges have numbers from `first` on."""
    client = Side(bytes([10, 1, port >> 8 & 255, 1]), port, chance.randrange(1 << 32))
    server = Side(bytes([10, 0, 0, 1]), 80, chance.randrange(1 << 32))
    made = Talk(client, server)
    made.say(True, b"", _SYN)
    made.say(False, b"", _SYN | _ACK)
    made.say(True, b"", _ACK)
    for start in range(first, first + EXCHANGES, burst):
        numbers = range(start, min(start + burst, first + EXCHANGES))
        known = server.sequence
        for number in numbers:
            target = f"/{number}?q=" + "a" * (LONG if is_long else 20)
            made.say(
                True, f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode(), 24, number
            )
        assert known == server.sequence
        for number in numbers:
            body = b'{"name": "x"}' * chance.randrange(1, 60)
            head = (
                f"HTTP/1.1 200 OK\r\nX-Number: {number}\r\nContent-Length: {len(body)}"
            )
            made.say(False, head.encode() + b"\r\n\r\n" + body, _ACK | _PSH, number)
            if chance.random() < 0.5:
                made.say(True, b"", _ACK)
    made.say(True, b"", _FIN | _ACK)
    made.say(False, b"", _FIN | _ACK)
    made.say(True, b"", _ACK)
    return made


def captured(
    sent: list[Sent], rate: float, chance: random.Random
) -> tuple[list[bytes], set[int]]:
    """The frames that are left, and the exchanges that lost one."""
    left: list[tuple[float, bytes]] = []
    hurt: set[int] = set()
    for place, one in enumerate(sent):
        if chance.random() < rate:
            hurt.add(one.number)
        else:
            late = 1.5 if chance.random() < REORDERED else 0.0
            left.append((place + late, one.frame))
    left.sort(key=lambda pair: pair[0])
    return [one for _, one in left], hurt


def records(frames: list[bytes], start_ns: int) -> Iterator[bytes]:
    for place, one in enumerate(frames):
        seconds, fraction = divmod(start_ns + place * _STEP_NS, 1_000_000_000)
        yield struct.pack("<IIII", seconds, fraction, len(one), len(one)) + one


def measure(rate: float, is_long: bool, burst: int, exchanges: int, seed: int) -> Count:
    """Pairs of many connections, one after the other."""
    chance = random.Random(f"{seed} {rate} {is_long} {burst}")
    assembler = Assembler(Limits(keep_all_bodies=True, in_parts=False))
    count = Count()
    at_ns = 1_700_000_000_000_000_000
    for first in range(0, exchanges, EXCHANGES):
        port = 20_000 + first // EXCHANGES % 40_000
        made = talk(chance, port, first, is_long, burst)
        frames, hurt = captured(made.sent, rate, chance)
        data = b"".join(records(frames, at_ns))
        at_ns += 1_000_000_000
        layout = Layout(PCAP, nanoseconds=True, link=ETHERNET)
        pairs = assembler.feed(Block(memoryview(data), layout, 0, len(data)))
        pairs += assembler.close()
        count.exchanges += EXCHANGES
        count.whole += EXCHANGES - len(hurt - {-1})
        for pair in pairs:
            if pair.response is None:
                continue
            asked = int(pair.request.target[1:].partition(b"?")[0])
            if int(pair.response.field(b"x-number")) != asked:
                count.wrong += 1
                continue
            count.paired += 1
            count.whole_paired += asked not in hurt
    return count


def main(arguments: list[str]) -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--exchanges", type=int, default=6_000, help="of each kind")
    options = parser.parse_args(arguments)
    total = Count()
    print("| lost | client | short, of all | long, of all | short, of whole | long |")
    print("|---|---|---|---|---|---|")
    for burst in (1, BURST):
        for rate in RATES:
            shares: list[list[float]] = []
            for is_long in (False, True):
                one = measure(rate, is_long, burst, options.exchanges, options.seed)
                total.paired += one.paired
                total.wrong += one.wrong
                shares.append(
                    [one.paired / one.exchanges, one.whole_paired / max(one.whole, 1)]
                )
            (short, short_whole), (long, long_whole) = shares
            kind = "waits" if burst == 1 else f"pipelines {burst}"
            cells = " | ".join(
                f"{share:.1%}" for share in (short, long, short_whole, long_whole)
            )
            print(f"| {rate:.1%} | {kind} | {cells} |", flush=True)
    print(f"{total.wrong} wrong of {total.paired:,} pairs")
    return int(total.wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
