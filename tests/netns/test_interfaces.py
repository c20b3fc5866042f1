"""agent.interceptor.search.interfaces against the kernel's own namespaces."""

import contextlib
import random
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyroute2 import IPRoute

from agent.interceptor.search.interfaces import Interfaces
from agent.interceptor.search.pods import PodInterface
from tests.netns.pods import Node, Pod, ip, kernel_has
from tests.waiting import busyness, eventually

NEVER = 30.0
"""Seconds after which a change that did not come is a failure."""
ISSUED_CAPABILITIES = "+net_raw,+net_admin,+sys_admin,+sys_ptrace"


def packed(*addresses: str) -> frozenset[bytes]:
    return frozenset(
        socket.inet_pton(socket.AF_INET6 if ":" in a else socket.AF_INET, a)
        for a in addresses
    )


def of(pod: Pod, found: tuple[PodInterface, ...]) -> list[PodInterface]:
    return [i for i in found if i.namespace_inode == pod.inode]


def scan(pod: Pod) -> list[PodInterface]:
    return of(pod, Interfaces().scan())


class Watch:
    """A running watch; waits for what it reports."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.latest: tuple[PodInterface, ...] = ()
        self.failure: BaseException | None = None
        self._changed = threading.Condition()
        self._started = False
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        self.until(lambda found: self._started)

    def until(self, holds: Callable[[tuple[PodInterface, ...]], bool]) -> float:
        """When it held first (monotonic seconds)."""
        with self._changed:
            came = self._changed.wait_for(lambda: holds(self.latest), NEVER)
            assert came, f"not reported; last: {self.latest}"
            return time.monotonic()

    def _run(self) -> None:
        Interfaces().watch(self.stop, self._take)

    def _take(self, found: tuple[PodInterface, ...]) -> None:
        with self._changed:
            self.latest, self._started = found, True
            self._changed.notify_all()

    def close(self) -> None:
        self.stop.set()
        self.thread.join(NEVER)
        assert not self.thread.is_alive()


@pytest.fixture
def watch(node: Node) -> Iterator[Watch]:
    running = Watch()
    try:
        yield running
    finally:
        running.close()


APART = """
import sys, threading
from pathlib import Path
from agent.interceptor.search.interfaces import Interfaces
stop, interfaces = threading.Event(), Interfaces()
watch = threading.Thread(target=interfaces.watch, args=(stop, lambda found: None))
for word in map(str.strip, sys.stdin):
    if word == "watch":
        watch.start()
    elif word == "scan":
        assert interfaces.scan()
    held = sorted(entry.name for entry in Path("/proc/self/fd").iterdir())
    print(*held, *sorted(thread.name for thread in threading.enumerate()), flush=True)
stop.set()
"""


class Apart:
    """A process where no other test opens files; `told` is what it holds."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", APART],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def told(self, word: str) -> list[str]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().split()

    def close(self) -> None:
        self._process.communicate(timeout=NEVER)
        assert self._process.returncode == 0


@pytest.fixture
def apart() -> Iterator[Apart]:
    running = Apart()
    try:
        yield running
    finally:
        running.close()


def has(*addresses: str) -> Callable[[tuple[PodInterface, ...]], bool]:
    return lambda found: any(i.addresses == packed(*addresses) for i in found)


def has_not(*addresses: str) -> Callable[[tuple[PodInterface, ...]], bool]:
    return lambda found: not has(*addresses)(found)


def test_routed_pod_is_found_with_its_host_end(node: Node) -> None:
    pod = node.routed("192.0.2.1/32", "2001:db8::1/128")
    (found,) = scan(pod)
    assert found == PodInterface(
        namespace_inode=pod.inode,
        host_index=socket.if_nametoindex(pod.host_name),
        host_name=pod.host_name,
        pod_name_in_ns="eth0",
        addresses=packed("192.0.2.1", "2001:db8::1"),
        namespace_path=str(pod.path),
        pod_index=found.pod_index,
        link_local=found.link_local,
    )
    assert len(found.link_local) == 1


def test_bridged_pods_are_told_apart_and_the_bridge_is_no_pod(node: Node) -> None:
    bridge = node.bridge()
    pods = [node.bridged(bridge, f"192.0.2.{n}/24") for n in (1, 2)]
    assert [i.addresses for pod in pods for i in scan(pod)] == [
        packed("192.0.2.1"),
        packed("192.0.2.2"),
    ]
    assert bridge not in {i.host_name for i in Interfaces().scan()}


def test_ipv6_only_pod_is_found_without_its_link_local_address(node: Node) -> None:
    (found,) = scan(node.routed("2001:db8::5/64"))
    assert found.addresses == packed("2001:db8::5")


def test_ipv4_link_local_address_is_left_out(node: Node) -> None:
    (found,) = scan(node.routed("169.254.9.9/16", "192.0.2.9/32"))
    assert found.addresses == packed("192.0.2.9")


def test_point_to_point_address_is_the_pods_own_not_the_routers(node: Node) -> None:
    (found,) = scan(node.routed("192.0.2.7 peer 192.0.2.254"))
    assert found.addresses == packed("192.0.2.7")


def test_each_interface_of_a_pod_is_found(node: Node) -> None:
    pod = node.routed("192.0.2.1/32")
    second = node.name()
    node.join(pod, second, "net1", "198.51.100.1/32")
    assert {(i.host_name, i.pod_name_in_ns, i.addresses) for i in scan(pod)} == {
        (pod.host_name, "eth0", packed("192.0.2.1")),
        (second, "net1", packed("198.51.100.1")),
    }


def test_netkit_pod_is_found(node: Node) -> None:
    if not kernel_has("netkit"):
        return
    pod = node.routed("192.0.2.1/32", kind="netkit")
    (found,) = scan(pod)
    assert (found.host_name, found.addresses) == (pod.host_name, packed("192.0.2.1"))


@pytest.mark.parametrize("kind", ["macvlan", "ipvlan"])
def test_pod_without_a_host_end_has_host_index_0_and_a_path(
    node: Node, kind: str
) -> None:
    if not kernel_has(kind):
        return
    parent = node.bridge()
    pod = node.empty()
    ip(f"link add link {parent} name net1 netns {pod.name} type {kind}")
    ip("addr add 192.0.2.3/24 dev net1", "link set net1 up", inside=pod)
    (found,) = scan(pod)
    assert (found.host_index, found.host_name, found.pod_name_in_ns) == (0, "", "net1")
    assert found.addresses == packed("192.0.2.3")
    assert found.namespace_path == str(pod.path)


def test_pair_within_the_host_and_between_two_pods_is_no_pod(node: Node) -> None:
    left, right, inner = node.name(), node.name(), node.empty()
    outer = node.routed("192.0.2.1/32")
    ip(f"link add {left} type veth peer name {right}")
    ip(f"link add inner type veth peer name eth0 netns {inner.name}", inside=outer)
    ip("addr add 192.0.2.77/24 dev eth0", inside=inner)
    try:
        found = Interfaces().scan()
        assert not {left, right} & {i.host_name for i in found}
        assert not of(inner, found)
        assert len(of(outer, found)) == 1
    finally:
        ip(f"link del {left}")


def test_namespace_of_a_process_without_mount_is_found(node: Node) -> None:
    process = subprocess.Popen(["unshare", "--net", "sleep", "60"])
    host_name = node.name()
    path = Path(f"/proc/{process.pid}/ns/net")
    try:
        own = Path("/proc/self/ns/net").stat().st_ino
        deadline = time.monotonic() + NEVER
        while path.stat().st_ino == own and time.monotonic() < deadline:
            time.sleep(0.01)
        ip(f"link add {host_name} type veth peer name eth0 netns {process.pid}")
        (found,) = [i for i in Interfaces().scan() if i.host_name == host_name]
        assert found.namespace_inode == path.stat().st_ino
        assert found.namespace_path == str(path)
    finally:
        process.kill()
        process.wait()


def test_a_namespace_that_nothing_shows_is_no_pod(node: Node) -> None:
    pod = node.routed("192.0.2.1/32")
    assert not of(pod, Interfaces(run_netns=()).scan())


def test_the_hosts_own_namespace_is_no_pod_though_it_is_mounted(
    node: Node, tmp_path: Path
) -> None:
    mount = tmp_path / "host"
    mount.touch()
    subprocess.run(["mount", "--bind", "/proc/self/ns/net", mount], check=True)
    try:
        inode = mount.stat().st_ino
        found = Interfaces(run_netns=[tmp_path]).scan()
        assert inode not in {i.namespace_inode for i in found}
    finally:
        subprocess.run(["umount", mount], check=True)


def test_watch_reports_a_pod_that_comes_and_goes(node: Node, watch: Watch) -> None:
    pod = node.routed("192.0.2.1/32")
    watch.until(has("192.0.2.1"))
    node.remove(pod)
    watch.until(has_not("192.0.2.1"))


def test_watch_reports_a_peer_moved_into_a_pod(node: Node, watch: Watch) -> None:
    pod, host_name, inside = node.empty(), node.name(), node.name()
    ip(f"link add {host_name} type veth peer name {inside}", f"link set {host_name} up")
    ip(f"link set {inside} netns {pod.name}")
    ip(f"addr add 192.0.2.4/32 dev {inside}", f"link set {inside} up", inside=pod)
    watch.until(
        lambda found: any(
            i.host_name == host_name and i.addresses == packed("192.0.2.4")
            for i in found
        )
    )


def test_watch_reports_addresses_that_change_within_a_pod(
    node: Node, watch: Watch
) -> None:
    pod = node.routed("192.0.2.1/32")
    watch.until(has("192.0.2.1"))
    ip("addr add 2001:db8::9/128 dev eth0 nodad", inside=pod)
    watch.until(has("192.0.2.1", "2001:db8::9"))
    ip("addr del 192.0.2.1/32 dev eth0", inside=pod)
    watch.until(has("2001:db8::9"))


def test_watch_reports_an_interface_without_host_end(node: Node, watch: Watch) -> None:
    parent, pod = node.bridge(), node.empty()
    ip(f"link add link {parent} name net1 netns {pod.name} type macvlan")
    ip("addr add 192.0.2.3/24 dev net1", inside=pod)
    watch.until(has("192.0.2.3"))


def test_watch_follows_a_host_interface_that_is_renamed(
    node: Node, watch: Watch
) -> None:
    pod, renamed = node.routed("192.0.2.1/32"), node.name()
    watch.until(has("192.0.2.1"))
    ip(f"link set {pod.host_name} down", f"link set {pod.host_name} name {renamed}")
    watch.until(lambda found: [i.host_name for i in of(pod, found)] == [renamed])


def test_watch_under_churn_reports_each_pod_in_time_and_leaks_nothing(
    node: Node, watch: Watch, apart: Apart
) -> None:
    """200 pods at random; the 99th of 100 is seen within 200 ms of its last step."""
    chance = random.Random(7)
    standing: list[Pod] = []
    delays = []
    made: set[bytes] = set()
    apart.told("watch")
    assert eventually(lambda: apart.told("") == apart.told(""))
    held = len(apart.told(""))
    for number in range(200):
        address = f"198.51.{number // 250}.{number % 250 + 1}"
        made |= packed(address)
        standing.append(node.routed(f"{address}/32"))
        up = time.monotonic()
        delays.append(max(0.0, watch.until(has(address)) - up))
        while len(standing) > 5 or (standing and chance.random() < 0.3):
            node.remove(standing.pop(chance.randrange(len(standing))))
    for pod in standing:
        node.remove(pod)
    watch.until(lambda found: not any(a in i.addresses for i in found for a in made))
    assert statistics.quantiles(delays, n=100)[98] < 0.2 * busyness()
    assert eventually(lambda: len(apart.told("")) <= held)


def test_scan_leaves_no_file_open_and_keeps_no_namespace_alive(
    node: Node, apart: Apart
) -> None:
    pod = node.routed("192.0.2.1/32")
    host_name = pod.host_name
    before = apart.told("")
    assert apart.told("scan") == before
    node.remove(pod)
    deadline = time.monotonic() + NEVER
    while host_name in dict(socket.if_nameindex()).values():
        assert time.monotonic() < deadline, "the namespace lives on"
        time.sleep(0.01)


REPORT = """
import logging
from agent.interceptor.search.interfaces import Interfaces
logging.basicConfig(format="%(message)s")
for i in Interfaces().scan():
    print(i.host_name, bool(i.namespace_inode), sorted(a.hex() for a in i.addresses))
"""


def report_with(capabilities: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["setpriv", f"--bounding-set=-all{capabilities}", sys.executable, "-c", REPORT],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )


def test_without_any_capability_host_ends_are_found_and_it_is_said_once(
    node: Node,
) -> None:
    pods = [node.routed(f"192.0.2.{n}/32") for n in (1, 2)]
    result = report_with("")
    lines = result.stdout.splitlines()
    assert {f"{pod.host_name} True []" for pod in pods} <= set(lines)
    assert result.stderr.count("CAP_NET_ADMIN") == 1


@pytest.mark.parametrize("capabilities", ["+net_admin", ISSUED_CAPABILITIES])
def test_addresses_are_found_with_few_capabilities(
    node: Node, capabilities: str
) -> None:
    pod = node.routed("192.0.2.1/32")
    result = report_with(f",{capabilities}")
    assert f"{pod.host_name} True ['c0000201']" in result.stdout.splitlines()
    assert result.stderr == ""


FOLLOW = """
import threading
from agent.interceptor.search.interfaces import Interfaces
def show(found):
    print(sorted(a.hex() for i in found for a in i.addresses), flush=True)
Interfaces().watch(threading.Event(), show)
"""


def test_without_hearing_inside_a_late_address_is_still_reported(node: Node) -> None:
    with contextlib.closing(_Follower()) as follower:
        pod = node.routed()
        time.sleep(0.3)
        ip("addr add 192.0.2.8/32 dev eth0", inside=pod)
        follower.until("c0000208")


class _Follower:
    """A watch in a process without CAP_NET_BROADCAST."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._more = threading.Condition()
        capabilities = f"--bounding-set=-all,{ISSUED_CAPABILITIES}"
        self._process = subprocess.Popen(
            ["setpriv", capabilities, sys.executable, "-c", FOLLOW],
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.until("[")

    def until(self, part: str) -> None:
        """A line with that in it has come."""
        with self._more:
            assert self._more.wait_for(
                lambda: any(part in line for line in self._lines), NEVER
            ), self._lines

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            with self._more:
                self._lines.append(line.strip())
                self._more.notify_all()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stdout
        self._process.stdout.close()


def test_scan_works_after_pyroute2_was_used_elsewhere(node: Node) -> None:
    """Its message classes share tables that depend on who came first."""
    pod = node.routed("192.0.2.1/32")
    with IPRoute() as route:
        assert list(route.get_addr())
    assert scan(pod)[0].addresses == packed("192.0.2.1")
