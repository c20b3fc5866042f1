"""A network of the tests' own whose loopback is captured.

Segments are as long as an Ethernet carries them. The kernel gives each frame of the
loopback twice; one of the two is taken.
"""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.rings.networks import alone

_OUTGOING = 4
_ALL = 3
_RECEIVE_FORCE = 33
_BUFFER_BYTES = 64 << 20
_LINK = "ip link set lo mtu 1500 gso_max_segs 1 up"

Frames = list[tuple[int, bytes]]


@contextmanager
def network() -> Iterator[None]:
    """This thread and what it starts are in it."""
    with alone():
        subprocess.run(_LINK.split(), check=True)
        yield


@contextmanager
def captured() -> Iterator[Frames]:
    """All frames of the loopback, once the block has ended."""
    frames: Frames = []
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL)) as tap:
        tap.setsockopt(socket.SOL_SOCKET, _RECEIVE_FORCE, _BUFFER_BYTES)
        tap.bind(("lo", 0))
        tap.setblocking(False)
        yield frames
        at_ns = time.time_ns()
        while True:
            try:
                frame, address = tap.recvfrom(1 << 18)
            except BlockingIOError:
                return
            if address[2] != _OUTGOING:
                at_ns += 1000
                frames.append((at_ns, frame))
