"""Ports for servers that must know their number before they listen."""

import socket


def free_port() -> int:
    """Of loopback; free a moment ago, and refused while nobody takes it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
