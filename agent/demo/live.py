"""The demo's real traffic: the shop and its client, each in its own namespace.

As a context it makes the network and the two processes and takes them away again.
Raises NetworkError or ChildError where that is not possible, Stopped when the user
ends the demo meanwhile.
"""

import threading
import time
from contextlib import ExitStack
from ipaddress import ip_address
from typing import Self

import msgspec

from agent.demo.client import Counts
from agent.demo.network import SIDES, DemoNetwork
from agent.demo.process import Child, ChildError, Stopped
from agent.interceptor.privileges import Capability, capabilities
from agent.interceptor.program import Interceptor
from agent.standalone import Standalone

START_SECONDS = 10.0
"""For each step of the children; a loaded machine starts Python slowly."""
COVER_SECONDS = 10.0
FINISH_SECONDS = 0.5
"""Exchanges under way when the traffic ends."""
_TICK_SECONDS = 0.05

_NEEDED = (Capability.NET_ADMIN, Capability.NET_RAW, Capability.SYS_ADMIN)


def missing_capabilities() -> list[str]:
    """Those that capturing in own namespaces needs."""
    held = capabilities()
    return [f"CAP_{needed.name}" for needed in _NEEDED if needed not in held]


class Live:
    """Traffic between two processes, routed through the host."""

    source = Interceptor

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._counts = Counts()
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as made:
            self._network = made.enter_context(DemoNetwork())
            self._children = {
                side: made.enter_context(Child(f"agent.demo.{side}", self._stop))
                for side in SIDES
            }
            self._join("shop")
            self._children["shop"].hear("listening", START_SECONDS)
            self._join("client")
            self._reach()
            self._resources = made.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children.values():
            child.finish()
        self._resources.close()

    @property
    def addresses(self) -> dict[str, tuple[str, ...]]:
        """Side → its addresses."""
        return {side: self._network.addresses(side) for side in SIDES}

    def begin(self, standalone: Standalone, rate: float) -> None:
        """Starts the client once all interfaces are captured."""
        own = frozenset(
            ip_address(a).packed for s in self.addresses.values() for a in s
        )
        end = time.monotonic() + COVER_SECONDS
        while not standalone.monitors(own):
            if self._stop.wait(_TICK_SECONDS):
                raise Stopped
            if time.monotonic() > end or standalone.wait(0):
                raise ChildError("the demo's interfaces are not captured")
        self._children["client"].say(rate)

    def counts(self, seconds: float) -> Counts:
        """What the client counted; waits for news at most so long."""
        for told in self._children["client"].take(seconds):
            self._counts = msgspec.convert(told, Counts)
        return self._counts

    def finish(self) -> Counts:
        """Lets exchanges under way end; then nobody needs the shop any more."""
        self._children["client"].finish()
        end = time.monotonic() + FINISH_SECONDS
        while not self._counts.finished and time.monotonic() < end:
            self.counts(_TICK_SECONDS)
        self._children["shop"].finish()
        return self._counts

    def _join(self, side: str) -> None:
        child = self._children[side]
        child.hear("entered", START_SECONDS)
        child.say(self._network.join(side, child.pid))

    def _reach(self) -> None:
        client = self._children["client"]
        told = client.hear("reached", START_SECONDS)
        if not told["reached"]:
            raise ChildError(
                "the shop cannot be reached through this host; its firewall may drop "
                "what it forwards"
            )
