"""Encrypted records: nothing captured stands in the topics, and every pair arrives."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from agent.demo.planted import PLANTED
from agent.demo.recording import Recorded
from agent.encryption import MARK, Unreadable
from agent.kafka.producer import RecordProducer
from agent.loading import load
from agent.settings import Settings
from agent.standalone import Standalone
from tests import topics
from tests.agent.digger.detector import SmallDetector
from tests.agent.test_keys import key_file
from tests.kafka.line import RunningCloud, RunningDigger, Traffic, settings
from tests.ports import free_port
from tests.topics import COVERAGE_TOPIC, RECORDS_TOPIC
from tests.waiting import eventually

OLD, NEW = b"\x01" * 32, b"\x02" * 32
RATE = 200.0
TRAFFIC_SECONDS = 1.5
SHORTEST = 6
"""Shorter planted values stand by chance in other bytes."""


def with_keys(chosen: Settings, folder: Path, *keys: bytes) -> Settings:
    folder.mkdir(exist_ok=True)
    kafka = msgspec.structs.replace(
        chosen.kafka, encryption_key_file=key_file(folder, *keys)
    )
    return msgspec.structs.replace(chosen, kafka=kafka)


def required(chosen: Settings) -> Settings:
    kafka = msgspec.structs.replace(chosen.kafka, encryption_required=True)
    return msgspec.structs.replace(chosen, kafka=kafka)


def stored(bootstrap: str) -> list[tuple[str, bytes, bytes]]:
    """Topic, key and value of all that the broker holds of ours."""
    return [
        (message.topic(), message.key() or b"", message.value() or b"")
        for message in topics.stored(bootstrap, RECORDS_TOPIC, COVERAGE_TOPIC)
    ]


def counted(cloud: RunningCloud, reason: Unreadable) -> int:
    return cloud.number(
        "SELECT COALESCE(SUM(amount), 0) FROM coverage "
        f"WHERE is_bytes = 0 AND reason = '{reason.value}'"
    )


def run_line(bootstrap: str, folder: Path, flags: dict[str, str]) -> tuple[int, int]:
    """JSON pairs that the demo's traffic had, and those that the cloud counted."""
    addresses, collector = (f"127.0.0.1:{free_port()}" for _ in range(2))
    flags |= {
        "addresses-listen": addresses,
        "addresses-server": addresses,
        "cloud-listen": "127.0.0.1:0",
        "cloud-collector-listen": collector,
        "cloud-server": collector,
        "cloud-database-url": f"sqlite:///{folder / 'store.sqlite3'}",
        "capture-bodies": "all",
        "digger-package-seconds": "0.3",
        "kafka-bootstrap": bootstrap,
    }
    chosen = load(environment={}, flags=flags)
    with (
        Recorded(folder) as traffic,
        Standalone(chosen, threading.Event(), traffic.source) as standalone,
    ):
        assert standalone.ready()
        traffic.begin(standalone, RATE)
        traffic.counts(TRAFFIC_SECONDS)
        sent = traffic.finish().json_exchanges
        assert standalone.quiesce(30)
    with closing(sqlite3.connect(folder / "store.sqlite3")) as store:
        arrived = store.execute("SELECT SUM(pairs) FROM traffic").fetchone()[0]
    return sent, arrived


@pytest.mark.parametrize("is_encrypted", [True, False])
def test_no_planted_value_stands_in_the_topics_and_every_pair_arrives(
    bootstrap: str, tmp_path: Path, is_encrypted: bool
) -> None:
    """Without encryption the same search finds them: it would see a leak."""
    flags = {}
    if is_encrypted:
        flags = {
            "kafka-encryption-key-file": key_file(tmp_path, NEW, OLD),
            "kafka-encryption-required": "true",
        }
    sent, arrived = run_line(bootstrap, tmp_path, flags)
    assert sent == arrived > 100
    messages = stored(bootstrap)
    assert any(topic == RECORDS_TOPIC for topic, _, _ in messages)
    assert all(value.startswith(MARK) == is_encrypted for _, _, value in messages)
    held = b"\0".join(key + b"\0" + value for _, key, value in messages)
    planted = {p.value.encode() for p in PLANTED if len(p.value) >= SHORTEST}
    found = {value for value in planted if value in held}
    if is_encrypted:
        assert not found
        assert b"HTTP/1.1" not in held
    else:
        assert len(found) > len(planted) / 2


@pytest.mark.parametrize("known", [(), (NEW,)])
def test_a_digger_without_the_key_counts_and_goes_on(
    bootstrap: str,
    cloud: RunningCloud,
    detector: SmallDetector,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    known: tuple[bytes, ...],
) -> None:
    plain = settings(bootstrap, cloud, detector.address)
    traffic = Traffic(with_keys(plain, tmp_path / "sender", OLD))
    reader = with_keys(plain, tmp_path / "reader", *known) if known else plain
    digger = RunningDigger(reader)
    traffic.send(300)
    traffic.flush()
    assert eventually(lambda: digger.digger.digested == 300)
    readable = Traffic(reader)
    readable.send(100)
    readable.flush()
    assert eventually(lambda: digger.digger.digested == 400)
    digger.stop()
    assert cloud.pairs() == 100
    assert counted(cloud, Unreadable.UNKNOWN_KEY) == 300
    told = [r for r in caplog.records if "encrypted" in r.message]
    assert len(told) == 1


def test_keys_change_and_encryption_begins_under_traffic(
    bootstrap: str, cloud: RunningCloud, detector: SmallDetector, tmp_path: Path
) -> None:
    plain = settings(bootstrap, cloud, detector.address)
    old = with_keys(plain, tmp_path / "old", OLD, NEW)
    new = with_keys(plain, tmp_path / "new", NEW, OLD)
    digger = RunningDigger(old)
    for sender in (plain, old, new):
        traffic = Traffic(sender)
        traffic.send(200)
        traffic.flush()
    assert eventually(lambda: digger.digger.digested == 600)
    digger.stop()
    assert cloud.pairs() == 600


def test_what_has_no_key_or_stands_elsewhere_is_refused(
    bootstrap: str, cloud: RunningCloud, detector: SmallDetector, tmp_path: Path
) -> None:
    plain = settings(bootstrap, cloud, detector.address)
    keyed = with_keys(plain, tmp_path, OLD)
    traffic = Traffic(keyed)
    traffic.send(8)
    traffic.flush()
    intruder = RecordProducer(plain)
    for _, key, value in stored(bootstrap):
        intruder.send(key + b"!", value)
        intruder.send(key, value[:-1])
    assert intruder.flush(10) == 0
    forged = Traffic(plain)
    forged.send(5)
    forged.flush()
    digger = RunningDigger(required(keyed))
    assert eventually(lambda: digger.digger.digested == 8 + 16 + 5)
    digger.stop()
    assert cloud.pairs() == 8
    assert counted(cloud, Unreadable.ALTERED) == 16
    assert counted(cloud, Unreadable.PLAIN) == 5
