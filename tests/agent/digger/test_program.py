"""The digger as a whole, with small peers around it."""

import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import grpc
import msgspec
import pytest
import yaml
from msgspec import structs

from agent import health
from agent.cluster.watching import watch
from agent.digger import inspection, package
from agent.digger.program import Digger
from agent.kafka.descriptors import DescriptorsTopic
from agent.kafka.embedded import EmbeddedBroker
from agent.kafka.producer import RecordProducer
from agent.kafka.topics import ensure_topics
from agent.record import VERSION, Message, NodeCoverage, Record, encoder, server_key
from agent.settings import Addresses, Cloud, Detector, Kafka, Settings
from agent.settings import Digger as DiggerSettings
from detection.protobuf.services import services_of_set
from proto.v1 import collector_pb2
from tests.agent.cluster.apiserver import ApiServer
from tests.agent.digger.collector import SmallCollector
from tests.agent.digger.detector import DetectorProcess, SmallDetector
from tests.agent.digger.records import PORT, SERVER, START_NS, batch, record
from tests.agent.outside.mmdb import write
from tests.detection.protobuf.made import descriptors, make
from tests.ports import free_port
from tests.topics import COVERAGE_TOPIC
from tests.waiting import busyness, eventually, freeze

PRIVATE, PUBLIC = b"\x0a\0\0\x09", b"\x08\x08\x08\x08"


@pytest.fixture(autouse=True)
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test may find the cluster of whoever runs it."""
    file = tmp_path / "kubeconfig"
    monkeypatch.setattr(
        "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(file)
    )
    return file


class Line:
    """Broker, detector, collector and the settings that join them."""

    def __init__(
        self, broker: EmbeddedBroker, detector: SmallDetector, cloud: SmallCollector
    ) -> None:
        self.cloud = cloud
        self.settings = Settings(
            addresses=Addresses(listen="127.0.0.1:0"),
            cloud=Cloud(server=f"127.0.0.1:{cloud.port}"),
            detector=Detector(server=detector.address),
            digger=DiggerSettings(package_seconds=0.2, inspect_per_second=0),
            kafka=Kafka(bootstrap=broker.bootstrap),
        )
        ensure_topics(self.settings, threading.Event())
        self.producer = RecordProducer(self.settings)

    def send(self, *pairs: Record, server: bytes = SERVER) -> None:
        for pair in pairs:
            value = encoder.encode(batch(pair, server=server))
            self.producer.send(server_key(server, PORT), value)
        assert self.producer.flush(10) == 0

    def endpoints(self) -> list[collector_pb2.Endpoint]:
        return [e for package in self.cloud.packages for e in package.endpoints]


@pytest.fixture
def line() -> Iterator[Line]:
    with (
        EmbeddedBroker() as broker,
        SmallDetector() as detector,
        SmallCollector() as cloud,
    ):
        yield Line(broker, detector, cloud)


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


@pytest.fixture
def start(stop: threading.Event) -> Iterator[Callable[[Settings], Digger]]:
    threads = []

    def started(settings: Settings) -> Digger:
        digger = Digger(settings)
        threads.append(threading.Thread(target=digger.run, args=(stop,)))
        threads[-1].start()
        return digger

    yield started
    stop.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


Start = Callable[[Settings], Digger]


def test_without_names_addresses_stand_for_themselves(line: Line, start: Start) -> None:
    digger = start(line.settings)
    line.send(record(client=PUBLIC), record(client=PRIVATE))
    assert eventually(lambda: digger.digested == 2)
    clients = {(e.client.kind, e.client.name) for e in line.endpoints()}
    assert clients == {("External", "internet"), ("Unresolved", "10.0.0.9")}
    assert digger.packages_accepted == len(line.cloud.packages)


def test_fields_of_a_service_that_was_told_have_their_names(
    line: Line, start: Start
) -> None:
    topic = DescriptorsTopic(line.settings)
    (shop,) = services_of_set(descriptors())
    assert eventually(lambda: topic.tell(shop))
    topic.close(5)
    digger = start(structs.replace(line.settings, detector=Detector()))
    data = make("Person", given_name="Jane", email="jane@example.com")
    body = b"\0" + len(data.SerializeToString()).to_bytes(4, "big")
    body += data.SerializeToString()
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\n\r\n"
    for service in ("shop.v1.People", "shop.v1.Others"):
        one = record(f"POST /{service}/Get HTTP/1.1")
        one.response = Message(answer, body, len(body), False, 0)
        line.send(one)
    assert eventually(lambda: digger.digested == 2, 30)
    assert eventually(lambda: sum(e.inspected for e in line.endpoints()) == 2, 30)
    found = {
        collector_pb2.Names.Name(endpoint.names): {
            (place.path, place.data_type) for place in endpoint.places
        }
        for endpoint in line.endpoints()
        if endpoint.inspected
    }
    email = "contact.email"
    assert found["NAMES_UNKNOWN"] == {("$.3", email)}
    assert ("$.email", email) in found["NAMES_KNOWN"]
    assert ("$.given_name", "personal.first_name") in found["NAMES_KNOWN"]


def test_a_server_outside_is_named_by_its_host(
    line: Line, start: Start, tmp_path: Path
) -> None:
    ranges = tmp_path / "ranges.toml"
    ranges.write_text('[[range]]\nname = "office"\naddresses = ["10.0.0.9"]')
    places = write(tmp_path / "places.mmdb", {"8.8.0.0/16": {"country": "NO"}})
    addresses = structs.replace(
        line.settings.addresses, ranges_file=str(ranges), geography_files=str(places)
    )
    digger = start(structs.replace(line.settings, addresses=addresses))
    asked = record("POST /charges HTTP/1.1", client=PRIVATE)
    asked.request.head = (
        b"POST /charges HTTP/1.1\r\nHost: tenant-4711.example.com\r\n\r\n"
    )
    line.send(asked, server=PUBLIC)
    assert eventually(lambda: digger.digested == 1)
    (endpoint,) = line.endpoints()
    assert (endpoint.server.kind, endpoint.server.name) == (
        *("External", "{name}.example.com"),
    )
    assert (endpoint.client.kind, endpoint.client.name) == ("External", "office")
    parties = [party for sent in line.cloud.packages for party in sent.parties]
    assert {(p.workload.name, p.country, p.is_robot) for p in parties} == {
        ("{name}.example.com", "NO", False),
        ("office", "", True),
    }


def test_a_correction_reaches_what_comes(line: Line, start: Start) -> None:
    told = collector_pb2.Correction(data_type="contact.email")
    line.cloud.corrections = collector_pb2.CorrectResponse(
        revision=3, corrections=[told]
    )
    digger = start(line.settings)
    assert eventually(lambda: digger.corrections_revision == 3)
    line.send(record("POST /a HTTP/1.1", request={"email": "jane@example.com"}))
    assert eventually(lambda: digger.digested == 1)
    assert [list(one.places) for one in line.endpoints()] == [[]]


def test_a_client_behind_a_proxy_is_named_by_its_identity(
    line: Line, start: Start
) -> None:
    digger = start(line.settings)
    hidden = record(client=bytes(4))
    vouched = record(client=bytes(4), identity="web/front")
    line.send(hidden, vouched)
    assert eventually(lambda: digger.digested == 2)
    clients = {
        (e.client.namespace, e.client.kind, e.client.name) for e in line.endpoints()
    }
    assert clients == {
        ("", "Unresolved", "behind a proxy"),
        ("web", "ServiceAccount", "front"),
    }


def test_names_come_from_the_file(line: Line, start: Start, tmp_path: Path) -> None:
    file = tmp_path / "names.toml"
    file.write_text("[[workload]]\nname = 'web'\naddresses = ['10.0.0.9']")
    addresses = Addresses(file=str(file), listen="127.0.0.1:0")
    settings = Settings(
        addresses=addresses,
        cloud=line.settings.cloud,
        detector=line.settings.detector,
        digger=line.settings.digger,
        kafka=line.settings.kafka,
    )
    digger = start(settings)
    line.send(record(client=PRIVATE))
    assert eventually(lambda: digger.digested == 1)
    assert line.endpoints()[0].client.name == "web"


def test_a_package_waits_for_names_that_are_on_their_way(
    line: Line, start: Start, kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "PAUSE_SECONDS", (0.01, 0.1))
    with ApiServer() as server:
        document = {
            "current-context": "c",
            "clusters": [{"name": "k", "cluster": {"server": server.url}}],
            "users": [{"name": "u", "user": {"token": "token"}}],
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        }
        kubeconfig.write_text(yaml.safe_dump(document))
        digger = start(line.settings)
        line.send(record(client=PRIVATE, at_ns=time.time_ns()), server=PRIVATE)
        assert eventually(lambda: ("pods", "watch") in kinds(server))
        assert not eventually(lambda: digger.digested > 0, 1)
        web = server.pod("web-1", "10.0.0.9")
        web["metadata"]["labels"] = {"tier": "gold", "secret": "x", "owner": "payments"}
        server.tell("pods", "ADDED", web)
        assert eventually(lambda: digger.digested == 1)
        assert line.endpoints()[0].client.name == "web"
        assert line.endpoints()[0].server.namespace == "shop"
        (facts,) = [f for sent in line.cloud.packages for f in sent.workloads]
        assert (facts.workload.kind, facts.workload.name) == ("DaemonSet", "web")
        assert (facts.owner, facts.labels["tier"]) == ("payments", "gold")
        assert "secret" not in facts.labels
        line.send(record(client=b"\x0a\0\0\x0a"), server=PRIVATE)
        assert eventually(lambda: digger.digested == 2)
        assert line.endpoints()[1].client.name == "10.0.0.10"


def kinds(server: ApiServer) -> set[tuple[str, str]]:
    return {(r, "watch" if "watch" in q else "list") for r, q in server.requests}


def test_what_an_inspected_pair_holds_is_in_the_package(
    line: Line, start: Start
) -> None:
    digger = start(line.settings)
    canary = {"email": "jane.canary@example.com"}
    pairs = [
        record(f"POST /users/{n} HTTP/1.1", request=canary, at_ns=START_NS + n)
        for n in range(50)
    ]
    line.send(*pairs)
    assert eventually(lambda: digger.digested == 50)
    (endpoint,) = line.endpoints()
    assert (endpoint.traffic[0].pairs, endpoint.inspected) == (50, 1)
    (place,) = endpoint.places
    assert (place.data_type, place.direction) == (
        "contact.email",
        collector_pb2.REQUEST,
    )
    assert b"canary" not in line.cloud.packages[0].SerializeToString()
    assert line.cloud.packages[0].catalog_digest == "small"


def test_coverage_of_nodes_is_passed_on(line: Line, start: Start) -> None:
    start(line.settings)
    node = NodeCoverage(VERSION, "node-1", 1, 2, b"", {"paired": 7}, {"connections": 1})
    line.producer.send(b"node-1", encoder.encode(node), 0, COVERAGE_TOPIC)
    line.producer.send(b"node-1", b"rubbish", 0, COVERAGE_TOPIC)
    assert line.producer.flush(10) == 0
    assert eventually(lambda: bool(line.cloud.packages))
    coverage = [c for package in line.cloud.packages for c in package.coverage]
    assert {c.node: dict(c.bytes) for c in coverage}["node-1"] == {"paired": 7}
    assert sum(c.counts.get("undecodable", 0) for c in coverage) == 1


def test_a_digger_told_to_stop_first_stops_at_once(line: Line) -> None:
    stop = threading.Event()
    stop.set()
    Digger(line.settings).run(stop)


@pytest.fixture
def soon_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standing still is noticed after a moment."""
    monkeypatch.setattr(health, "STILL_SECONDS", 1.0)
    monkeypatch.setattr(inspection, "PAUSE_SECONDS", (0.1, 0.2))


def stays(holds: Callable[[], bool]) -> bool:
    """For longer than it takes to be found standing still."""
    return not eventually(lambda: not holds(), 2.5)


@pytest.mark.usefixtures("soon_still")
def test_it_lives_but_is_not_ready_while_the_detector_is_away(
    line: Line, start: Start
) -> None:
    away = Detector(server=f"127.0.0.1:{free_port()}")
    digger = start(msgspec.structs.replace(line.settings, detector=away))
    assert eventually(lambda: digger.is_ready)
    line.send(record())
    assert eventually(lambda: not digger.is_ready)
    assert stays(lambda: digger.is_live and digger.has_started)
    with SmallDetector(away.server):
        assert eventually(lambda: digger.is_ready)
        assert eventually(lambda: digger.digested == 1)


@pytest.mark.usefixtures("soon_still")
def test_it_lives_but_is_not_ready_while_the_cloud_does_not_know_it(
    line: Line, start: Start
) -> None:
    line.cloud.tokens = {"Bearer other"}
    digger = start(line.settings)
    assert eventually(digger.is_reading.is_set)
    assert eventually(lambda: not digger.is_ready)
    line.send(record())
    assert stays(lambda: digger.is_live and not digger.is_ready)
    line.cloud.tokens = {None}
    assert eventually(lambda: digger.is_ready and digger.digested == 1)


@pytest.mark.usefixtures("soon_still")
def test_it_lives_but_is_not_ready_while_kafka_is_away(
    line: Line, start: Start
) -> None:
    nowhere = Kafka(bootstrap=f"127.0.0.1:{free_port()}")
    digger = start(msgspec.structs.replace(line.settings, kafka=nowhere))
    assert eventually(lambda: digger.has_started)
    assert stays(lambda: digger.is_live and not digger.is_ready)


def test_the_rest_of_a_batch_is_void_when_the_cloud_refuses_within_it(
    line: Line, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Full drafts within one batch, the first of them refused: all is read again."""
    monkeypatch.setattr(package, "MOST_ROWS", 2)
    line.send(*(record(f"GET /{word} HTTP/1.1") for word in ("users", "orders") * 100))
    line.cloud.failures = [grpc.StatusCode.FAILED_PRECONDITION]
    digger = start(line.settings)
    assert eventually(lambda: digger.digested == 200)
    ranges = sorted(
        (o.partition, o.first, o.next)
        for sent in line.cloud.packages
        for o in sent.offsets
        if "records" in o.topic
    )
    assert ranges[0][1] == 0
    for before, after in pairwise(ranges):
        assert after[1] == before[2]
    traffic = [t for e in line.endpoints() for t in e.traffic]
    assert sum(t.pairs for t in traffic) == 200


def test_it_stops_at_once_though_the_detector_hangs(
    line: Line, start: Start, stop: threading.Event
) -> None:
    with DetectorProcess() as hung:
        found = Detector(server=hung.address)
        digger = start(msgspec.structs.replace(line.settings, detector=found))
        freeze(hung.pid)
        line.send(record())
        assert eventually(lambda: digger.digested == 1)
        began = time.monotonic()
        stop.set()
        assert eventually(lambda: not any(map(is_inspecting, threading.enumerate())))
        assert time.monotonic() - began < 4 * busyness()


def is_inspecting(thread: threading.Thread) -> bool:
    return thread.name.startswith("inspection")
