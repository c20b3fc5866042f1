"""Pods replaced at random under traffic: nothing lost, mixed up or left behind.

Addresses are few and used again at once. `CHURN_SECONDS=60` runs for that long.
"""

import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from agent.interceptor.program import Interceptor
from agent.kafka.embedded import EmbeddedBroker
from tests.agent.digger.records import Exchange
from tests.netns.capturing import (
    WAIT_SECONDS,
    accounts_for_all,
    capturing,
    forwarding,
    packed,
    records,
    serving,
    settings,
    start,
    wait_for,
)
from tests.netns.pods import NET, Node, Pod, ip

SECONDS = float(os.environ.get("CHURN_SECONDS", "12"))
SLOTS = 6
"""Pods at once, each with an address of its own that the next one gets."""
VISITS = 15
"""Exchanges with each pod while it stands, then more until it is deleted."""
PORT = 8000
CLIENT = f"{NET}.130"
BROKER_FILES = 16
"""Connections that the broker, which is in this process, may hold meanwhile."""
MOST_GROWTH_BYTES = 16 << 20


class Visitor:
    """Asks servers from one pod, over a connection each time."""

    def __init__(self, pod: Pod) -> None:
        self._process = start(pod, "visit")

    def visit(self, host: str, tag: int, count: int) -> int:
        """Exchanges done; their bodies tell the tag."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{host} {PORT} {tag} {count}\n".encode())
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate(timeout=WAIT_SECONDS)


class Slot:
    """An address, and the pods that have it one after the other."""

    def __init__(self, node: Node, number: int) -> None:
        self._node = node
        self.address = f"{NET}.{134 + 4 * number}"
        self._gateway = f"{NET}.{133 + 4 * number}"
        self._resources = ExitStack()
        self.began_ns = 0

    def fill(self, parent: str, with_device: bool) -> None:
        """A new pod; one with a device of its own has a ring inside."""
        pod = self._node.routed(f"{self.address}/30")
        ip(f"addr add {self._gateway}/30 dev {pod.host_name}")
        ip(f"route add default via {self._gateway}", inside=pod)
        self._resources.callback(self._node.remove, pod)
        self._resources.callback(ip, f"link del {pod.host_name}")
        if with_device:
            ip(f"link add link {parent} name net1 netns {pod.name} type macvlan")
            ip("link set net1 up", "addr add 192.0.2.1/32 dev net1", inside=pod)
        self._resources.enter_context(serving(pod, PORT))
        self.began_ns = time.time_ns()

    def clear(self) -> None:
        self._resources.close()


def files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def resident_bytes(pid: int) -> int:
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def hammered(client: Pod, slot: Slot) -> Iterator[None]:
    """Requests go on until the pod is gone."""
    asking = start(client, "ask", slot.address, str(PORT), "1000000")
    try:
        yield
    finally:
        asking.kill()
        asking.communicate()


def churn(
    interceptor: Interceptor, node: Node, client: Pod, visitor: Visitor
) -> dict[int, tuple[Slot, int, int]]:
    """Tag → its slot, and the time in which its pod stood."""
    chance, parent = random.Random(11), node.bridge()
    slots = [Slot(node, number) for number in range(SLOTS)]
    lives: dict[int, tuple[Slot, int, int]] = {}
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        slot = chance.choice(slots)
        address = packed(slot.address)
        slot.clear()
        wait_for(partial(lambda ip: ip not in interceptor.monitored, address))
        slot.fill(parent, with_device=chance.random() < 0.3)
        wait_for(partial(lambda ip: ip in interceptor.monitored, address))
        tag = len(lives)
        assert visitor.visit(slot.address, tag, VISITS) == VISITS
        if chance.random() < 0.3:
            with hammered(client, slot):
                threading.Event().wait(0.1)
                slot.clear()
        lives[tag] = (slot, slot.began_ns, time.time_ns())
    for slot in slots:
        slot.clear()
    return lives


def test_replaced_pods_are_captured_without_loss_leak_or_wrong_label(
    node: Node,
) -> None:
    client = node.routed(f"{CLIENT}/30")
    ip(f"addr add {NET}.129/30 dev {client.host_name}")
    ip(f"route add default via {NET}.129", inside=client)
    with ExitStack() as resources:
        resources.enter_context(forwarding())
        broker = resources.enter_context(EmbeddedBroker())
        visitor = Visitor(client)
        resources.callback(visitor.close)
        used = settings(broker.bootstrap, "")
        interceptor = resources.enter_context(capturing(used, [CLIENT]))
        (worker,) = interceptor.worker_processes()
        before = (files(os.getpid()), files(worker))
        memory = resident_bytes(worker)
        lives = churn(interceptor, node, client, visitor)
        # Not the namespaces themselves: connections cut off hold them for a while.
        # Beside what leaks nothing there is a connection to the broker by now.
        wait_for(lambda: files(worker) <= before[1] + 1)
        assert interceptor.flush(WAIT_SECONDS)
        total = interceptor.coverage.total()
        read = records(broker.bootstrap, total.counts["pairs"])
        assert files(os.getpid()) <= before[0] + BROKER_FILES
        assert resident_bytes(worker) - memory < MOST_GROWTH_BYTES
        assert interceptor.worker_processes() == [worker]
    assert total.counts.get("ring_drops", 0) == 0
    assert accounts_for_all(interceptor)
    assert_each_is_there(lives, read)


def assert_each_is_there(
    lives: dict[int, tuple[Slot, int, int]], read: list[Exchange]
) -> None:
    """Every visit once, with the address of the pod and within its life."""
    seen: Counter[int] = Counter()
    for record in read:
        body = json.loads(record.request.body or b"{}")
        if (tag := body.get("tag")) is None:
            continue
        seen[tag] += 1
        slot, began_ns, ended_ns = lives[tag]
        assert record.server == packed(slot.address)
        assert record.client == packed(CLIENT)
        assert began_ns <= record.started_ns <= ended_ns
    assert len(lives) > SECONDS / 2
    assert seen == dict.fromkeys(lives, VISITS)
