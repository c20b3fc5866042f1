"""Pods for the tests: real network namespaces, joined to the host as CNI plugins do.

Made by iproute2; names and addresses tell the process, so that runs side by side do
not meet.
"""

import itertools
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

MOUNTS = Path("/run/netns")
DEVICES = Path("/sys/class/net")
GONE_SECONDS = 20.0
"""The kernel removes a deleted pod's interface in the host later, and until then it may
pass for that of the next pod, whose namespace has the same number."""

NET = f"198.18.{os.getpid() % 256}"
"""First three bytes of this process's own addresses (RFC 2544)."""
NET_6 = f"2001:db8:{os.getpid() % 65536:x}"
"""First three groups of them (RFC 3849)."""


class IpError(Exception):
    """ip(8) refused."""


@dataclass(frozen=True)
class Pod:
    """A network namespace."""

    name: str
    host_name: str
    """Of the interface in the host; empty: there is none."""

    @property
    def path(self) -> Path:
        return MOUNTS / self.name

    @property
    def inode(self) -> int:
        return self.path.stat().st_ino


class Node:
    """Makes pods, and removes all that it made."""

    _numbers = itertools.count(1)
    """One for all nodes: no name is used again."""

    def __init__(self) -> None:
        self._pods: list[Pod] = []
        self._links: list[str] = []
        self._host_ends: list[Path] = []

    def name(self) -> str:
        return f"vs{os.getpid() % 100000}x{next(self._numbers)}"

    def empty(self) -> Pod:
        """A namespace without any interface but loopback."""
        pod = Pod(self.name(), "")
        ip(f"netns add {pod.name}")
        self._pods.append(pod)
        return pod

    def routed(self, *addresses: str, kind: str = "veth") -> Pod:
        """Point to point: what Calico, AWS and GKE do."""
        pod = Pod(self.name(), self.name())
        ip(f"netns add {pod.name}")
        self._pods.append(pod)
        ip("link set lo up", inside=pod)
        self.join(pod, pod.host_name, "eth0", *addresses, kind=kind)
        return pod

    def gateway(self, address: str) -> Pod:
        """In a /30 of its own; the address before it is the host's, its router."""
        net, _, last = address.rpartition(".")
        router = f"{net}.{int(last) - 1}"
        pod = self.routed(f"{address}/30")
        ip(f"addr add {router}/30 dev {pod.host_name}")
        ip(f"route add default via {router}", inside=pod)
        return pod

    def bridged(self, bridge: str, *addresses: str) -> Pod:
        pod = self.routed(*addresses)
        ip(f"link set {pod.host_name} master {bridge}")
        return pod

    def hostless(self, parent: str, kind: str, *addresses: str) -> Pod:
        """On its own device over `parent`, made in the host and moved in."""
        pod, device = self.empty(), self.name()
        mode = "mode bridge" if kind == "macvlan" else "mode l2"
        ip(f"link add link {parent} name {device} type {kind} {mode}")
        ip(f"link set {device} netns {pod.name} name net1")
        ip(*(_add(address, "net1") for address in addresses), inside=pod)
        ip("link set net1 up", inside=pod)
        return pod

    def bridge(self) -> str:
        name = self.name()
        ip(f"link add {name} type bridge", f"link set {name} up")
        self._links.append(name)
        return name

    def join(
        self, pod: Pod, host_name: str, inside: str, *addresses: str, kind: str = "veth"
    ) -> None:
        """One more pair between the pod and the host."""
        options = "mode l3 " if kind == "netkit" else ""
        ip(
            f"link add {host_name} type {kind} {options}"
            f"peer name {inside} netns {pod.name}"
        )
        ip(*(_add(address, inside) for address in addresses), inside=pod)
        ip(f"link set {inside} up", inside=pod)
        ip(f"link set {host_name} up")
        self._host_ends.append(DEVICES / host_name)

    def inner(self, host: Pod, router: str, *addresses: str) -> Pod:
        """A pod of `host`, which is a node of its own and its pod's router."""
        pod, outside = self.empty(), self.name()
        ip("link set lo up", inside=pod)
        ip(
            f"link add {outside} type veth peer name eth0 netns {pod.name}",
            _add(router, outside),
            f"link set {outside} up",
            inside=host,
        )
        ip(*(_add(address, "eth0") for address in addresses), inside=pod)
        via = router.partition("/")[0]
        ip("link set eth0 up", f"route add default via {via}", inside=pod)
        return pod

    def remove(self, pod: Pod) -> None:
        self._pods.remove(pod)
        ip(f"netns del {pod.name}")

    def close(self) -> None:
        for pod in list(self._pods):
            self.remove(pod)
        for link in self._links:
            ip(f"link del {link}")
        end = time.monotonic() + GONE_SECONDS
        while any(map(Path.exists, self._host_ends)) and time.monotonic() < end:
            time.sleep(0.01)


def ip(*commands: str, inside: Pod | None = None) -> None:
    """Runs the commands of ip(8). Raises IpError."""
    where = ["-n", inside.name] if inside else []
    done = subprocess.run(
        ["ip", *where, "-batch", "-"],
        input="\n".join(commands),
        text=True,
        capture_output=True,
        timeout=20,
        check=False,
    )
    if done.returncode:
        raise IpError(f"{done.stderr.strip()}: {'; '.join(commands)}")


def kernel_has(kind: str) -> bool:
    """Where the kernel knows no such interface there is none to be found."""
    try:
        ip(f"link add link lo name vsprobe type {kind}", "link del vsprobe")
    except (IpError, FileNotFoundError) as error:
        return "Unknown device type" not in str(error)
    return True


def _add(address: str, interface: str) -> str:
    nodad = " nodad" if ":" in address else ""
    return f"addr add {address} dev {interface}{nodad}"
