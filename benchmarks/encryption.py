"""What the encryption of records costs: `python -m benchmarks.encryption [--rounds N]`.

Sealed and opened are the demo's exchanges, all of them whole, in batches as nodes send
them and, for comparison, each alone; in processor time of this process. Then the way
from pairs to Kafka, with encryption and without in turn, the broker in a process of
its own, and the bytes that go there. zlib, which was not chosen, stands beside.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import zstandard
from confluent_kafka import Producer

from agent.demo.capture import Capture
from agent.digger.decoding import decode_batch
from agent.encryption import LEVEL, Opener, Sealer
from agent.kafka.client import client_config
from agent.kafka.producer import RecordProducer
from agent.kafka.reachability import Reachability
from agent.record import VERSION
from agent.settings import Kafka, Settings
from rings.packets.pcap import read_blocks
from rings.pairs.message import Pair
from rings.records.gatherer import Gatherer, Packed
from rings.streams.assembler import Assembler
from tests.agent.test_keys import key_file
from tests.topics import RECORDS_TOPIC

EXCHANGES = 4000
RATE = 1000.0
SEED = 2026
FLUSH_SECONDS = 30.0
BLOCK_PAIRS = 100
"""Pairs that come at once."""
_BROKER = """
from agent.kafka.embedded import EmbeddedBroker
with EmbeddedBroker() as broker:
    print(broker.bootstrap, flush=True)
    input()
"""


def pairs(capture: Path) -> list[Pair]:
    assembler = Assembler()
    found = [p for block in read_blocks(str(capture)) for p in assembler.feed(block)]
    return [pair for pair in found if pair.response is not None]


def gathered(found: list[Pair], together: int) -> Iterator[Packed]:
    """Batches, closed after so many pairs at the latest."""
    gatherer = Gatherer(VERSION, "node", None, lambda _: b"")
    for start in range(0, len(found), BLOCK_PAIRS):
        block = found[start : start + BLOCK_PAIRS]
        if together == 1:
            for pair in block:
                yield from gatherer.feed([pair], 0) + gatherer.close()
        else:
            yield from gatherer.feed(block, 0)
    yield from gatherer.close()


def used(work: Callable[[], object]) -> float:
    """Processor seconds of this process, librdkafka's threads too."""
    before = time.process_time()
    work()
    return time.process_time() - before


@contextmanager
def broker() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _BROKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    try:
        yield process.stdout.readline().strip()
    finally:
        process.communicate("\n", timeout=FLUSH_SECONDS)


def print_pieces(found: list[Pair], rounds: int, together: int) -> None:
    """Of one record each."""
    key = os.urandom(32)
    seal = Sealer(key).seal
    opened = Opener((key,), True, 1 << 30).open
    batches = [(name, value) for name, value, _ in gathered(found, together)]
    sealed = [(name, seal(RECORDS_TOPIC, name, value)) for name, value in batches]
    small = [zlib.compress(value, 1) for _, value in batches]
    pack = zstandard.ZstdCompressor(level=LEVEL).compress
    pieces: dict[str, Callable[[], object]] = {
        "gather": lambda: list(gathered(found, together)),
        "seal": lambda: [seal(RECORDS_TOPIC, name, value) for name, value in batches],
        "zstd of it": lambda: [pack(value) for _, value in batches],
        "open": lambda: [opened(RECORDS_TOPIC, name, value) for name, value in sealed],
        "decode": lambda: [decode_batch(value) for _, value in batches],
        "zlib 1": lambda: [zlib.compress(value, 1) for _, value in batches],
    }
    count = len(found)
    print(f"{count:,} records in {len(batches):,} messages, of one record:")
    plain_bytes = sum(len(value) for _, value in batches) / count
    sealed_bytes = sum(len(value) for _, value in sealed) / count
    small_bytes = sum(map(len, small)) / count
    print(f"  {plain_bytes:,.0f} bytes, sealed with zstd {LEVEL} {sealed_bytes:,.0f}")
    print(f"  by zlib 1 {small_bytes:,.0f} bytes")
    for name, work in pieces.items():
        seconds = min(used(work) for _ in range(rounds))
        print(f"  {name:10} {seconds / count * 1e6:6.2f} µs")


def print_line(found: list[Pair], bootstrap: str, file: str, rounds: int) -> None:
    """Processor time of a record from pair to broker: of this thread, of all."""
    own: dict[str, list[float]] = {"": [], file: []}
    whole: dict[str, list[float]] = {"": [], file: []}
    for _ in range(rounds):
        for chosen in own:
            producer = RecordProducer(
                Settings(kafka=Kafka(bootstrap, encryption_key_file=chosen))
            )
            began, thread = time.process_time(), time.thread_time()
            for key, value, exchanges in gathered(found, BLOCK_PAIRS):
                producer.send(key, value, exchanges)
                producer.poll()
            own[chosen].append(time.thread_time() - thread)
            assert producer.flush(FLUSH_SECONDS) == 0
            assert not producer.dropped
            whole[chosen].append(time.process_time() - began)
    for chosen, name in (("", "plain"), (file, "sealed")):
        thread = statistics.median(own[chosen]) / len(found) * 1e6
        process = statistics.median(whole[chosen]) / len(found) * 1e6
        print(
            f"{name:8} {thread:5.2f} µs in the thread that sends, {process:5.2f} in all"
        )


def print_wire(found: list[Pair], bootstrap: str) -> None:
    """Bytes of a record between producer and broker, all of the protocol counted."""
    seal = Sealer(os.urandom(32)).seal
    for together in (1, BLOCK_PAIRS):
        plain = [(name, value) for name, value, _ in gathered(found, together)]
        sealed = [(name, seal(RECORDS_TOPIC, name, value)) for name, value in plain]
        for coding, messages in (("lz4", plain), ("none", sealed)):
            sent = _wire_bytes(bootstrap, coding, messages)
            name = f"{len(messages):,} messages, compression {coding}"
            print(f"wire, {name}: {sent / len(found):,.0f} bytes a record")


def _wire_bytes(
    bootstrap: str, coding: str, messages: list[tuple[bytes, bytes]]
) -> int:
    told: list[str] = []
    kafka = client_config(Kafka(bootstrap), Reachability(bootstrap))
    batches = {"compression.type": coding, "linger.ms": 20}
    producer = Producer(kafka | batches | {"stats_cb": told.append})
    for number, (name, value) in enumerate(messages):
        producer.produce(RECORDS_TOPIC, value, name)
        if number % (RATE // 100) == 0:
            time.sleep(0.01)
    assert producer.flush(FLUSH_SECONDS) == 0
    told.clear()
    while not told:
        producer.poll(0.1)
    brokers = json.loads(told[-1])["brokers"].values()
    return sum(broker["txbytes"] for broker in brokers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name, broker() as bootstrap:
        folder = Path(name)
        capture = folder / "demo.pcap"
        piece = Capture(SEED).piece(0, EXCHANGES, time.time_ns(), RATE)
        capture.write_bytes(piece)
        found = pairs(capture)
        for together in (1, BLOCK_PAIRS):
            print_pieces(found, rounds, together)
        print_line(found, bootstrap, key_file(folder, os.urandom(32)), rounds)
        print_wire(found, bootstrap)


if __name__ == "__main__":
    main()
