"""The demo's real traffic: the company in namespaces of its own, routed by the host.

As a context it makes the network and the processes and takes them away again. Raises
NetworkError or ChildError where that is not possible, Stopped when the user ends the
demo meanwhile.
"""

import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from ipaddress import ip_address
from typing import Self

import msgspec

from agent.demo.client import Counts
from agent.demo.company import OUTSIDE, PODS, ROLL_OUT
from agent.demo.network import DemoNetwork
from agent.demo.planted import PAY
from agent.demo.process import Child, ChildError, Stopped
from agent.demo.traffic import Order
from agent.harvest.harvest import Pace
from agent.interceptor.privileges import Capability, capabilities
from agent.interceptor.program import Interceptor
from agent.settings import Settings
from agent.standalone import Standalone

START_SECONDS = 10.0
"""For each step of the child; a loaded machine starts Python slowly."""
COVER_SECONDS = 10.0
NAMES_SECONDS = 10.0
"""For those of the payroll's fields; then its calls begin without them."""
FINISH_SECONDS = 1.0
"""Exchanges under way when the traffic ends."""
_TICK_SECONDS = 0.05
PACE = Pace(look_seconds=0.25, ages_seconds=(0.0,))
"""The programs have begun when they are found."""

_NEEDED = (Capability.NET_ADMIN, Capability.NET_RAW, Capability.SYS_ADMIN)


def missing_capabilities() -> list[str]:
    """Those that capturing in own namespaces needs."""
    held = capabilities()
    return [f"CAP_{needed.name}" for needed in _NEEDED if needed not in held]


class Live:
    """Traffic between namespaces, routed through the host."""

    @staticmethod
    def source(settings: Settings) -> Interceptor:
        return Interceptor(settings, PACE)

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._counts = Counts()
        self._resources = ExitStack()
        self._pay_until = 0.0

    def __enter__(self) -> Self:
        with ExitStack() as made:
            self._network = made.enter_context(DemoNetwork(PODS, OUTSIDE))
            self._child = made.enter_context(Child("agent.demo.traffic", self._stop))
            entered = self._child.hear("entered", START_SECONDS)
            for name, pid in entered["entered"].items():
                self._network.join(name, pid)
            self._child.say(self._network.ends)
            self._reach()
            self._resources = made.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._child.finish()
        self._resources.close()

    @property
    def addresses(self) -> Mapping[str, tuple[str, ...]]:
        """Pods and who is outside → their addresses."""
        return {name: self._network.addresses(name) for name in self._network.ends}

    def begin(self, standalone: Standalone, rate: float) -> None:
        """Starts the clients once all pods' interfaces are captured."""
        first = PODS.keys() - set(ROLL_OUT.values())
        end = time.monotonic() + COVER_SECONDS
        while not self._is_covered(standalone, first):
            if self._stop.wait(_TICK_SECONDS):
                raise Stopped
            if time.monotonic() > end or standalone.wait(0):
                raise ChildError("the demo's interfaces are not captured")
        self._child.say(Order(rate=rate))
        self._pay_until = time.monotonic() + NAMES_SECONDS

    def pay(self, standalone: Standalone, rate: float) -> bool:
        """Starts the payroll's client once the names of its messages are known; false
        as long as they are not."""
        is_late = time.monotonic() > self._pay_until
        is_due = is_late or standalone.knows(PAY.removeprefix("POST "))
        if is_due:
            self._child.say(Order(grpc_rate=rate))
        return is_due

    def roll_out(self, standalone: Standalone) -> bool:
        """Sends clients to the new pods; false as long as those are not captured."""
        is_covered = self._is_covered(standalone, ROLL_OUT.values())
        if is_covered:
            self._child.say(Order(roll_out=True))
        return is_covered

    def counts(self, seconds: float) -> Counts:
        """What the clients counted; waits for news at most so long."""
        for told in self._child.take(seconds):
            self._counts = msgspec.convert(told, Counts)
        return self._counts

    def finish(self) -> Counts:
        """Lets exchanges under way end."""
        self._child.finish()
        end = time.monotonic() + FINISH_SECONDS
        while not self._counts.finished and time.monotonic() < end:
            self.counts(_TICK_SECONDS)
        return self._counts

    def _is_covered(self, standalone: Standalone, pods: Iterable[str]) -> bool:
        own = (address for pod in pods for address in self._network.addresses(pod))
        return standalone.monitors(frozenset(ip_address(a).packed for a in own))

    def _reach(self) -> None:
        told = self._child.hear("reached", START_SECONDS)
        if not told["reached"]:
            raise ChildError(
                "the services cannot be reached through this host; its firewall may "
                "drop what it forwards"
            )
