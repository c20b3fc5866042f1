"""Finds the interfaces of the pods on this node, and follows their changes.

In: the kernel's own tables. A host interface of kind veth or netkit names its peer's
index and namespace; that namespace tells its interfaces and addresses. It works for
bridge, point-to-point and routed networks alike and no name is looked at. Out:
`PodInterface` values. "Host" is the namespace that this process is in: with
hostNetwork the node's, and always the one in which the rings will be opened.

A namespace without an end in the host (macvlan, ipvlan, a device moved in) is
reported with host index 0, so that a ring can be opened inside. A veth whose other
end is in a third namespace is not reported: that one's traffic passes the outer pod.
A namespace that neither a process nor a mount shows is not a pod's: the node may
itself hang on a veth (kind), whose other end is then taken for no pod; and a ring of
ours may be all that keeps it.

Needs CAP_NET_ADMIN to look into namespaces, CAP_SYS_PTRACE to know which is which,
CAP_NET_BROADCAST to hear of address changes there at once (else it asks again).
"""

import contextlib
import errno
import logging
import select
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from agent.interceptor.search.namespaces import MountEvents, Namespaces, default_mounts
from agent.interceptor.search.netlink import Events, Netlink
from agent.interceptor.search.pods import PodInterface
from agent.interceptor.search.tables import Tables

log = logging.getLogger("vethscope")

STOP_SECONDS = 0.25
"""Between looks at the stop event."""


class Interfaces:
    """The node's pod interfaces. Keeps no state between calls, nor open files."""

    def __init__(
        self, proc: Path = Path("/proc"), run_netns: Iterable[Path] | None = None
    ) -> None:
        self._proc = proc
        self._mounts = tuple(default_mounts(proc) if run_netns is None else run_netns)

    def scan(self) -> tuple[PodInterface, ...]:
        """All of them, now; about 2 ms a namespace. Raises OSError without netlink."""
        with Netlink() as netlink:
            tables = Tables(netlink, self._namespaces(), hears_inside=False)
            tables.read_all(time.monotonic())
            return tables.interfaces()

    def watch(
        self,
        stop: threading.Event,
        on_change: Callable[[tuple[PodInterface, ...]], None],
        on_host_pods: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Calls with all of them at once and after each change, until `stop`; likewise
        with the number of pods that are on the host's network and have none."""
        with (
            Events() as events,
            Netlink() as netlink,
            contextlib.closing(MountEvents(self._proc)) as mounts,
        ):
            namespaces = self._namespaces()
            tables = Tables(netlink, namespaces, events.hears_inside)
            host_pods = -1
            tables.read_all(time.monotonic())
            poll = select.poll()
            poll.register(events, select.POLLIN)
            for file in mounts.files:
                poll.register(file, select.POLLPRI)
            while not stop.is_set():
                if tables.take_changed():
                    on_change(tables.interfaces())
                if namespaces.host_pods != host_pods:
                    host_pods = namespaces.host_pods
                    on_host_pods(host_pods)
                pause = min(STOP_SECONDS, tables.pause(time.monotonic()))
                ready = {file for file, _ in poll.poll(pause * 1000)}
                _feed(tables, events)
                tables.tick(time.monotonic(), not ready.isdisjoint(mounts.files))

    def _namespaces(self) -> Namespaces:
        return Namespaces(self._proc, self._mounts)


def _feed(tables: Tables, events: Events) -> None:
    try:
        for event in events.read():
            tables.feed(event, time.monotonic())
    except OSError as error:
        if error.errno != errno.ENOBUFS:
            raise
        log.warning("interface events were lost: reading all interfaces again")
        tables.read_all(time.monotonic())
