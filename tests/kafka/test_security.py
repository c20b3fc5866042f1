"""Kafka over TLS, by password and certificate; what is wrong is told in one line."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from agent.kafka.producer import RecordProducer
from agent.settings import Settings
from tests.agent.digger.detector import SmallDetector
from tests.certificates import Authority
from tests.kafka.broker import PASSWORD, USER, KafkaNode
from tests.kafka.line import RunningCloud, RunningDigger, Traffic, settings
from tests.waiting import eventually

WATCH_SECONDS = 2.5
"""Long enough for several attempts after the first line."""
PROTOCOL = "kafka.security_protocol"


def changed(chosen: Settings, *changes: dict[str, str]) -> Settings:
    kafka = chosen.kafka
    for change in changes:
        kafka = msgspec.structs.replace(kafka, **change)
    return msgspec.structs.replace(chosen, kafka=kafka)


class Ways:
    """To one node, each as it should be, and parts of them that are wrong."""

    def __init__(self, node: KafkaNode, folder: Path) -> None:
        pem = node.authority.issue(folder / "own", "vethscope")
        stranger = Authority().issue(folder / "stranger")
        trusted = {"ca_file": pem.ca}
        self.password = trusted | {
            "bootstrap": node.by_password,
            "security_protocol": "SASL_SSL",
            "sasl_username": USER,
            "sasl_password": PASSWORD,
        }
        self.plain = self.password | {"sasl_mechanism": "PLAIN"}
        self.scram = self.password | {"sasl_mechanism": "SCRAM-SHA-512"}
        self.certificate = trusted | {
            "bootstrap": node.by_certificate,
            "security_protocol": "SSL",
            "certificate_file": pem.certificate,
            "key_file": pem.key,
        }
        self.wrong = {
            "password": self.plain | {"sasl_password": "wrong"},
            "password, SCRAM": self.scram | {"sasl_password": "wrong"},
            "mechanism": self.plain | {"sasl_mechanism": "SCRAM-SHA-256"},
            "authority": self.scram | {"ca_file": stranger.ca},
            "TLS to plain text": self.certificate | {"bootstrap": node.bootstrap},
            "plain text to TLS": {"bootstrap": node.by_certificate},
            "plain text to password": {"bootstrap": node.by_password},
            "no password": self.certificate | {"bootstrap": node.by_password},
            "password unasked": self.certificate
            | self.plain
            | {"bootstrap": node.by_certificate},
            "certificate": self.certificate
            | {"certificate_file": stranger.certificate, "key_file": stranger.key},
            "no certificate": self.certificate
            | {"certificate_file": "", "key_file": ""},
        }


WORDS = {
    "password": "refuses kafka.sasl_username or kafka.sasl_password",
    "password, SCRAM": "refuses kafka.sasl_username or kafka.sasl_password",
    "mechanism": "does not take kafka.sasl_mechanism",
    "authority": "has a certificate that kafka.ca_file does not prove",
    "TLS to plain text": f"does not speak TLS: see {PROTOCOL}",
    "plain text to TLS": f"hangs up: it may want TLS, see {PROTOCOL}",
    "plain text to password": f"hangs up: it may want TLS, see {PROTOCOL}",
    "no password": f"hangs up: it may want a password, see {PROTOCOL}",
    "password unasked": f"wants no password: see {PROTOCOL}",
    "certificate": "refuses our certificate: see kafka.certificate_file",
    "no certificate": "refuses our certificate: see kafka.certificate_file",
}


@pytest.fixture
def ways(kafka: KafkaNode, tmp_path: Path) -> Iterator[Ways]:
    yield Ways(kafka, tmp_path)
    kafka.delete_topics()


@contextmanager
def polled(producer: RecordProducer) -> Iterator[None]:
    stop = threading.Event()

    def poll() -> None:
        while not stop.wait(0.05):
            producer.poll()

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.message for r in caplog.records if r.message.startswith("kafka: ")]


@pytest.mark.parametrize("way", ["plain", "scram", "certificate"])
def test_all_records_are_counted_over_tls(
    ways: Ways,
    cloud: RunningCloud,
    detector: SmallDetector,
    caplog: pytest.LogCaptureFixture,
    way: str,
) -> None:
    chosen = changed(settings("", cloud, detector.address), getattr(ways, way))
    traffic = Traffic(chosen)
    digger = RunningDigger(chosen)
    traffic.send(1000)
    traffic.flush()
    assert eventually(lambda: digger.digger.digested == 1000)
    assert eventually(lambda: digger.digger.is_ready)
    digger.stop()
    assert cloud.pairs() == 1000
    assert not lines(caplog)


@pytest.mark.parametrize("mistake", WORDS)
def test_each_mistake_is_told_in_one_line_and_the_digger_is_not_ready(
    ways: Ways,
    cloud: RunningCloud,
    detector: SmallDetector,
    caplog: pytest.LogCaptureFixture,
    mistake: str,
) -> None:
    chosen = changed(settings("", cloud, detector.address), ways.wrong[mistake])
    digger = RunningDigger(chosen)
    assert eventually(lambda: len(lines(caplog)) > 0)
    threading.Event().wait(WATCH_SECONDS)
    assert digger.digger.has_started
    assert digger.digger.is_live
    assert not digger.digger.is_ready
    digger.stop()
    (line,) = lines(caplog)
    assert line == f"kafka: {chosen.kafka.bootstrap} {WORDS[mistake]}, trying on"
    assert all(r.levelno == logging.WARNING for r in caplog.records if r.msg == line)


@pytest.mark.parametrize("mistake", WORDS)
def test_a_producer_tells_each_mistake_in_one_line(
    ways: Ways, caplog: pytest.LogCaptureFixture, mistake: str
) -> None:
    chosen = changed(Settings(), ways.wrong[mistake])
    producer = RecordProducer(chosen)
    with polled(producer):
        assert eventually(lambda: len(lines(caplog)) > 0)
        threading.Event().wait(WATCH_SECONDS)
        assert not producer.reachability.is_up
    assert lines(caplog) == [
        f"kafka: {chosen.kafka.bootstrap} {WORDS[mistake]}, trying on"
    ]


def test_no_secret_stands_in_any_line(
    ways: Ways, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for change in ({"sasl_mechanism": "SCRAM-SHA-256"}, {"sasl_username": "nobody"}):
        producer = RecordProducer(changed(Settings(), ways.scram, change))
        with polled(producer):
            threading.Event().wait(WATCH_SECONDS)
    assert len(lines(caplog)) == 2
    assert PASSWORD not in caplog.text
    assert "nobody" not in caplog.text


def test_what_is_put_right_at_the_broker_works_without_a_restart(
    ways: Ways,
    kafka: KafkaNode,
    cloud: RunningCloud,
    detector: SmallDetector,
    caplog: pytest.LogCaptureFixture,
) -> None:
    chosen = changed(
        settings("", cloud, detector.address), ways.scram, {"sasl_username": "late"}
    )
    digger = RunningDigger(chosen)
    assert eventually(lambda: len(lines(caplog)) > 0)
    kafka.add_user("late", PASSWORD)
    assert eventually(lambda: digger.digger.is_ready)
    traffic = Traffic(chosen)
    traffic.send(100)
    traffic.flush()
    assert eventually(lambda: digger.digger.digested == 100)
    digger.stop()
    told = lines(caplog)
    assert len(told) == 2
    assert told[1] == f"kafka: {kafka.by_password} is back"
