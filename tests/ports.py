"""Ports for servers that must know their number before they listen."""

import random
import socket
from pathlib import Path

FIRST_STEADY = 10_000
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """Of loopback; free a moment ago, and refused while nobody takes it."""
    return _bound(0)


def steady_port() -> int:
    """The same for a server that goes away and comes back to its port: none of those
    that the kernel gives to clients meanwhile (ip(7), ip_local_port_range)."""
    first_of_clients = int(_RANGE.read_text().split()[0])
    while True:
        try:
            return _bound(random.randrange(FIRST_STEADY, first_of_clients))
        except OSError:
            continue


def _bound(port: int) -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", port))
        bound: int = probe.getsockname()[1]
        return bound
