"""Mutated Kafka messages through the digger's decoding: no exception, bounded time.

In come batches and coverage reports as nodes write them, changed at random: bytes,
lengths, pieces doubled, left out or nested deep. Out come counts by what became of
each. What is decoded is also counted in a package, which is built.

Usage: python -m benchmarks.records [--messages N] [--seed N]
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from agent.cluster.addresses import INTERNET, Workload
from agent.digger.decoding import Undecodable, decode_batch, decode_coverage
from agent.digger.package import Draft, Edge
from agent.record import VERSION, Batch, NodeCoverage, encoder
from tests.agent.digger.records import batch, fact, record

SLOWEST_SECONDS = 0.5
"""Of one message, whatever else the machine does."""
DRAFT_MESSAGES = 5_000
"""After so many a package is built."""

_MARKS = bytes((0x91, 0x92, 0x81, 0xC0, 0xC4, 0xC6, 0xCB, 0xCF, 0xD3, 0xDB, 0xDD, 0xDF))
_LENGTHS = (b"\xdd\xff\xff\xff\xff", b"\xc6\x7f\xff\xff\xff", b"\xdb\0\xff\xff\xff")
_WORKLOAD = Workload("shop", "Deployment", "api")


def originals() -> list[tuple[Callable[[bytes], Any], bytes]]:
    """Decoder and message."""
    document = {"email": "jane@example.com", "items": [{"id": n} for n in range(9)]}
    batches = [
        batch(fact(), fact(exchanges=9, identity="web/front"), fact(client=bytes(16))),
        batch(record("POST /users/7?q=1 HTTP/1.1", document, document)),
        batch(fact(status=503), record(response=document), server=bytes(16)),
        batch(*(fact(f"GET /a/{n} HTTP/1.1") for n in range(40)), node="n" * 60),
    ]
    counters = {f"reason_{n}": n << 20 for n in range(12)}
    windows = [
        NodeCoverage(VERSION, "node-1", 1, 2, b"\x0a\0\0\1", counters, counters),
        NodeCoverage(VERSION, "node-2", 1, 2),
    ]
    return [(decode_batch, encoder.encode(b)) for b in batches] + [
        (decode_coverage, encoder.encode(w)) for w in windows
    ]


def mutated(value: bytes, chance: random.Random) -> bytes:
    """Changed in one to four places; one in fifty only repeated."""
    changed = bytearray(value)
    for _ in range(chance.randrange(1, 5) if chance.random() > 0.02 else 0):
        place = chance.randrange(len(changed) + 1)
        end = min(len(changed), place + chance.randrange(1, 60))
        kind = chance.randrange(8)
        if kind <= 2 and place < len(changed):
            changed[place] = chance.randrange(256)
        elif kind == 3:
            del changed[place:end]
        elif kind == 4:
            changed[place:place] = changed[place:end]
        elif kind == 5:
            changed[place:end] = chance.choice(_LENGTHS)
        elif kind == 6:
            changed[place:place] = bytes((chance.choice(_MARKS),))
        elif chance.random() < 0.2:
            opening = chance.choice((b"\x91", b"\x81\xa1a", b"\x81\x91"))
            changed[place:place] = opening * chance.choice((10, 600, 3_000))
    if chance.random() < 0.05:
        changed[1:2] = bytes((chance.randrange(VERSION + 3),))
    return bytes(changed)


def fuzz(messages: int, seed: int) -> Counter[str]:
    """How many came to what. Raises whatever the code raises, which is a fault."""
    chance = random.Random(seed)
    counts: Counter[str] = Counter()
    known = originals()
    draft = Draft()
    for number in range(messages):
        decode, original = chance.choice(known)
        value = mutated(original, chance)
        began = time.perf_counter()
        told = decode(value)
        counts["slow"] += time.perf_counter() - began > SLOWEST_SECONDS
        if isinstance(told, Undecodable):
            counts[told.value] += 1
        else:
            counts["decoded"] += 1
            _count(draft, told)
        if number % DRAFT_MESSAGES == DRAFT_MESSAGES - 1 or draft.is_full:
            draft.build("fuzz", lambda *_: INTERNET, 1)
            draft = Draft()
    draft.build("fuzz", lambda *_: INTERNET, 1)
    return counts


def _count(draft: Draft, told: Batch | NodeCoverage) -> None:
    if isinstance(told, NodeCoverage):
        draft.cover_node(told)
        return
    facts = told.facts + [record.fact for record in told.records]
    for one in facts:
        edge = Edge(_WORKLOAD, INTERNET, told.server_port, "GET", "/")
        times = one.exchanges
        waited_us = one.waited_ns // (1000 * times) if times else 0
        sizes = one.request_bytes, one.response_bytes, one.truncated
        row = draft.row(edge, one.first_ns)
        row.count(one.status, one.first_ns, waited_us, *sizes, times)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    began = time.process_time()
    counts = fuzz(options.messages, options.seed)
    told = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
    print(f"{options.messages:,} messages, no exception: {told}")
    print(f"{time.process_time() - began:.1f} CPU seconds")
    return 1 if counts["slow"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
