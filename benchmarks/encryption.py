"""What the encryption of records costs: `python -m benchmarks.encryption [--rounds N]`.

Sealed and opened are the records of the demo's traffic, in processor time of this
process; then the way from capture to Kafka, with encryption and without in turn, the
broker in a process of its own, and the bytes that go there. zlib, which was not
chosen, stands beside.
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

from confluent_kafka import Producer

from agent.demo.capture import Capture
from agent.digger.decoding import decode_record
from agent.encryption import LEVEL, Opener, Sealer
from agent.interceptor.worker import record_of
from agent.kafka.client import client_config
from agent.kafka.producer import RecordProducer
from agent.kafka.reachability import Reachability
from agent.record import Record, encoder, server_key
from agent.settings import Kafka, Settings
from rings.assembler import Assembler
from rings.pcap import read_blocks
from tests.agent.test_keys import key_file
from tests.topics import RECORDS_TOPIC

EXCHANGES = 4000
RATE = 1000.0
SEED = 2026
FLUSH_SECONDS = 30.0
_BROKER = """
from agent.kafka.embedded import EmbeddedBroker
with EmbeddedBroker() as broker:
    print(broker.bootstrap, flush=True)
    input()
"""


def records(capture: Path) -> Iterator[Record]:
    assembler = Assembler()
    for block in read_blocks(str(capture)):
        for pair in assembler.feed(block):
            if pair.response is not None:
                yield record_of(pair, pair.response, "node")


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


def print_pieces(capture: Path, rounds: int) -> None:
    """Of one record each."""
    key = os.urandom(32)
    seal = Sealer(key).seal
    opened = Opener((key,), True, 1 << 30).open
    pairs = [(server_key(r), encoder.encode(r)) for r in records(capture)]
    sealed = [(name, seal(RECORDS_TOPIC, name, value)) for name, value in pairs]
    small = [(name, zlib.compress(value, 1)) for name, value in pairs]
    pieces: dict[str, Callable[[], object]] = {
        "seal": lambda: [seal(RECORDS_TOPIC, name, value) for name, value in pairs],
        "open": lambda: [opened(RECORDS_TOPIC, name, value) for name, value in sealed],
        "encode": lambda: [encoder.encode(r) for r in decoded],
        "decode": lambda: [decode_record(value) for _, value in pairs],
        "zlib 1": lambda: [zlib.compress(value, 1) for _, value in pairs],
        "unzlib": lambda: [zlib.decompress(value) for _, value in small],
    }
    decoded = [decode_record(value) for _, value in pairs]
    plain_bytes = statistics.mean(len(value) for _, value in pairs)
    print(f"{len(pairs):,} records of {plain_bytes:,.0f} bytes")
    sealed_bytes = statistics.mean(len(value) for _, value in sealed)
    small_bytes = statistics.mean(len(value) for _, value in small)
    print(f"sealed, zstd {LEVEL}: {sealed_bytes:,.0f}; by zlib 1: {small_bytes:,.0f}")
    for name, work in pieces.items():
        seconds = min(used(work) for _ in range(rounds))
        print(f"{name:8} {seconds / len(pairs) * 1e6:6.2f} µs")


def print_line(capture: Path, bootstrap: str, file: str, rounds: int) -> None:
    """Pairs a processor second from capture to broker."""
    rates: dict[str, list[float]] = {"": [], file: []}

    def run(producer: RecordProducer) -> None:
        for record in records(capture):
            producer.send(server_key(record), encoder.encode(record))
            producer.poll()
        assert producer.flush(FLUSH_SECONDS) == 0
        assert not producer.dropped

    for _ in range(rounds):
        for chosen, measured in rates.items():
            producer = RecordProducer(
                Settings(kafka=Kafka(bootstrap, encryption_key_file=chosen))
            )
            seconds = used(lambda: run(producer))  # noqa: B023
            measured.append(producer.sent / seconds)
    plain, encrypted = (statistics.median(measured) for measured in rates.values())
    print(f"plain     {plain:9,.0f} pairs a processor second")
    print(f"encrypted {encrypted:9,.0f}, ratio {encrypted / plain:.2f}")


def print_wire(capture: Path, bootstrap: str) -> None:
    """Bytes of a record between producer and broker, all of the protocol counted."""
    seal = Sealer(os.urandom(32)).seal
    pairs = [(server_key(r), encoder.encode(r)) for r in records(capture)]
    sealed = [(name, seal(RECORDS_TOPIC, name, value)) for name, value in pairs]
    for coding, messages in (("lz4", pairs), ("none", sealed)):
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
        sent = sum(broker["txbytes"] for broker in brokers)
        print(f"wire, compression {coding}: {sent / len(messages):,.0f} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name, broker() as bootstrap:
        folder = Path(name)
        capture = folder / "demo.pcap"
        piece = Capture(SEED).piece(0, EXCHANGES, time.time_ns(), RATE)
        capture.write_bytes(piece)
        print_pieces(capture, rounds)
        print_line(capture, bootstrap, key_file(folder, os.urandom(32)), rounds)
        print_wire(capture, bootstrap)


if __name__ == "__main__":
    main()
