"""What the tests in namespaces share: a capturing interceptor and what came of it.

Real rings, a real broker whose records are read back, and waits that all end.
"""

import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from agent.cluster.addresses import POD, AddressIndex, Workload
from agent.cluster.service import Server
from agent.interceptor.program import Interceptor
from agent.record import NodeCoverage, batch_decoder, coverage_decoder
from agent.settings import Settings, load
from tests.agent.digger.records import Exchange, exchanges
from tests.netns.pods import Pod
from tests.topics import COVERAGE_TOPIC, RECORDS_TOPIC
from tests.waiting import eventually

WAIT_SECONDS = 15.0
_PEERS = "tests.netns.peers"


def packed(address: str) -> bytes:
    """Network order."""
    return ip_address(address).packed


def settings(bootstrap: str, addresses: str, **flags: str) -> Settings:
    """Nothing but these, whatever the environment says; all bodies are sent."""
    own = {"kafka-bootstrap": bootstrap, "addresses-server": addresses}
    own |= {"capture-bodies": "all", **flags}
    return load(environment={}, flags=own)


@contextmanager
def address_list(kinds: Mapping[str, int] | Iterable[str]) -> Iterator[str]:
    """A digger's address service with these addresses only; gives its host:port."""
    listed = kinds if isinstance(kinds, Mapping) else dict.fromkeys(kinds, POD)
    index = AddressIndex()
    for address, kind in listed.items():
        workload = Workload("", "Pod", address)
        index.add(packed(address), workload, kind, 0, address)
    index.complete()
    with Server(index, "127.0.0.1:0") as server:
        yield f"127.0.0.1:{server.port}"


@contextmanager
def capturing(used: Settings, pods: Iterable[str]) -> Iterator[Interceptor]:
    """Captures these pods until the block ends; counters can be read afterwards."""
    interceptor = Interceptor(used)
    wanted = frozenset(map(packed, pods))
    stop = threading.Event()
    failures: list[BaseException] = []

    def run() -> None:
        try:
            interceptor.run(stop)
        except BaseException as error:
            failures.append(error)
            raise

    thread = threading.Thread(target=run)
    thread.start()
    try:
        wait_for(lambda: wanted <= interceptor.monitored or bool(failures))
        yield interceptor
    finally:
        stop.set()
        thread.join(WAIT_SECONDS)
        assert not thread.is_alive()


@contextmanager
def forwarding() -> Iterator[None]:
    """The host routes between the pods meanwhile.

    Where a switch is on already it stays on: a run beside this one may rely on it.
    """
    switches = (
        Path("/proc/sys/net/ipv4/ip_forward"),
        Path("/proc/sys/net/ipv6/conf/all/forwarding"),
    )
    before = {switch: switch.read_text() for switch in switches}
    for switch in switches:
        switch.write_text("1")
    try:
        yield
    finally:
        for switch, value in before.items():
            switch.write_text(value)


def wait_for(holds: Callable[[], bool]) -> None:
    assert eventually(holds, WAIT_SECONDS), "did not come true in time"


def records(bootstrap: str, count: int) -> list[Exchange]:
    """The first `count` whole records, or fewer if no more come in time."""
    batches = map(batch_decoder.decode, _values(bootstrap, RECORDS_TOPIC))
    told = itertools.chain.from_iterable(map(exchanges, batches))
    return list(itertools.islice(told, count))


def coverage_windows(bootstrap: str, pod: bytes, pairs: int) -> list[NodeCoverage]:
    """The pod's reports, until they tell of so many pairs."""
    told: list[NodeCoverage] = []
    for value in _values(bootstrap, COVERAGE_TOPIC):
        window = coverage_decoder.decode(value)
        told += [window] if window.pod == pod else []
        if told and sum(window.counts.get("pairs", 0) for window in told) >= pairs:
            break
    return told


def _values(bootstrap: str, topic: str) -> Iterator[bytes]:
    """What is and comes on the topic, until nothing came for long or time is up."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "test",
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([topic])
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        message = consumer.poll(0.2)
        if message is not None and not message.error():
            yield message.value() or b""
    consumer.close()


def all_values(bootstrap: str, topic: str) -> list[bytes]:
    """All that is on the topic, until nothing comes any more."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "all"})
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in partitions])
    values: list[bytes] = []
    while messages := consumer.consume(1000, timeout=2.0 if values else WAIT_SECONDS):
        values += [message.value() or b"" for message in messages]
    consumer.close()
    return values


def accounts_for_all(interceptor: Interceptor) -> bool:
    """The byte identity: each payload byte stands in one bucket."""
    total = interceptor.coverage.total()
    return total.counts["payload_bytes"] == sum(total.buckets.values())


def start(pod: Pod | None, *words: str) -> subprocess.Popen[bytes]:
    """One of the peers, in the pod or (None) on the host."""
    inside = ["ip", "netns", "exec", pod.name] if pod else []
    return subprocess.Popen(
        [*inside, sys.executable, "-m", _PEERS, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


@contextmanager
def serving(pod: Pod | None, port: int) -> Iterator[None]:
    """The JSON server, listening."""
    process = start(pod, "serve", str(port))
    try:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        yield
    finally:
        process.kill()
        process.communicate()


def ask(pod: Pod | None, host: str, port: int, count: int) -> int:
    """Exchanges done over one connection."""
    asking = start(pod, "ask", host, str(port), str(count))
    return int(asking.communicate(timeout=60)[0])
