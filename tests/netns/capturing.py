"""What the tests in namespaces share: a capturing interceptor and what came of it.

Real rings, a real broker whose records are read back, and waits that all end.
"""

import itertools
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

from agent.cluster.address_list.service import Server
from agent.cluster.addresses import POD, AddressIndex, Workload
from agent.harvest.harvest import USUAL, Pace
from agent.interceptor.program import Interceptor
from agent.loading import load
from agent.record import NodeCoverage, batch_decoder, coverage_decoder
from agent.settings import Settings
from tests.agent.digger.records import Exchange, exchanges
from tests.netns.pods import Pod
from tests.topics import COVERAGE_TOPIC, RECORDS_TOPIC, coming, stored
from tests.waiting import eventually

WAIT_SECONDS = 30.0
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
    """A digger's address service with these addresses only, `#` before the port of one
    that has its own; gives its host:port."""
    listed = kinds if isinstance(kinds, Mapping) else dict.fromkeys(kinds, POD)
    index = AddressIndex()
    for address, kind in listed.items():
        workload = Workload("", "Pod", address)
        host, _, port = address.partition("#")
        key = packed(host) + (int(port).to_bytes(2, "big") if port else b"")
        index.add(key, workload, kind, 0, address)
    index.complete()
    with Server(index, "127.0.0.1:0") as server:
        yield f"127.0.0.1:{server.port}"


@contextmanager
def capturing(
    used: Settings, pods: Iterable[str], pace: Pace = USUAL
) -> Iterator[Interceptor]:
    """Captures these pods until the block ends; counters can be read afterwards."""
    interceptor = Interceptor(used, pace)
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
    batches = map(batch_decoder.decode, coming(bootstrap, RECORDS_TOPIC, WAIT_SECONDS))
    told = itertools.chain.from_iterable(map(exchanges, batches))
    return list(itertools.islice(told, count))


def coverage_windows(bootstrap: str, pod: bytes, pairs: int) -> list[NodeCoverage]:
    """The pod's reports, until they tell of so many pairs."""
    told: list[NodeCoverage] = []
    for window in windows_of(bootstrap):
        told += [window] if window.pod == pod else []
        if told and sum(window.counts.get("pairs", 0) for window in told) >= pairs:
            break
    return told


def windows_of(bootstrap: str) -> Iterator[NodeCoverage]:
    """The reports that are there and come, until time is up."""
    return map(coverage_decoder.decode, coming(bootstrap, COVERAGE_TOPIC, WAIT_SECONDS))


def told_of(bootstrap: str, pod: bytes) -> list[NodeCoverage]:
    """All reports of the pod, or (empty) of the node as a whole, that there are."""
    windows = map(coverage_decoder.decode, all_values(bootstrap, COVERAGE_TOPIC))
    return [window for window in windows if window.pod == pod]


def all_values(bootstrap: str, topic: str) -> list[bytes]:
    """All that is on the topic."""
    return [message.value() or b"" for message in stored(bootstrap, topic)]


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
