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
itself hang on a veth (kind), whose other end is then taken for no pod.

Needs CAP_NET_ADMIN to look into namespaces, CAP_SYS_PTRACE to know which is which,
CAP_NET_BROADCAST to hear of address changes there at once (else it asks again).
"""

import errno
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from agent.interceptor.namespaces import Namespaces, default_mounts
from agent.interceptor.netlink import Change, Event, Events, Link, Netlink

log = logging.getLogger("vethscope")

TICK_SECONDS = 0.05
"""Between looks at the stop event and the mount directories."""
FRESH_SECONDS = 10.0
"""A new namespace is asked again each tick that long until it is complete."""
REVISIT_SECONDS = 0.5
"""One namespace is read again that often, in turn: a net for missed events."""
SEARCH_SECONDS = 0.2
"""All processes are looked at that often while a new namespace is not found."""
PROCESSES_SECONDS = 10.0
"""All processes are looked at that often, for namespaces that nothing announced."""
LINKS_SECONDS = 60.0
"""All host interfaces are read again that often."""

_PAIRS = frozenset({"veth", "netkit"})
_HOSTLESS = frozenset({"", "macvlan", "ipvlan", "macvtap", "ipvtap"})


@dataclass(frozen=True, slots=True)
class PodInterface:
    """An interface in a pod's network namespace."""

    namespace_inode: int
    """0: not known (no right to look at processes)."""
    host_index: int
    """Of the end in the host; 0: there is none."""
    host_name: str
    pod_name_in_ns: str
    addresses: frozenset[bytes]
    """Network order, 4 or 16 bytes, without link-local ones."""
    namespace_path: str = ""
    """A file to enter the namespace by."""
    pod_index: int = 0
    """Of the end in the pod's namespace."""


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
            view = _View(netlink, self._namespaces(), hears_inside=False)
            view.read_all()
            return view.interfaces()

    def watch(
        self,
        stop: threading.Event,
        on_change: Callable[[tuple[PodInterface, ...]], None],
    ) -> None:
        """Calls with all of them at once and after each change, until `stop`."""
        with Events() as events, Netlink() as netlink:
            view = _View(netlink, self._namespaces(), events.hears_inside)
            view.read_all()
            while not stop.is_set():
                if view.take_changed():
                    on_change(view.interfaces())
                events.wait(TICK_SECONDS)
                _feed(view, events)
                view.tick(time.monotonic())

    def _namespaces(self) -> Namespaces:
        return Namespaces(self._proc, self._mounts)


def _feed(view: "_View", events: Events) -> None:
    try:
        for event in events.read():
            view.feed(event, time.monotonic())
    except OSError as error:
        if error.errno != errno.ENOBUFS:
            raise
        log.warning("interface events were lost: reading all interfaces again")
        view.read_all()


@dataclass(slots=True)
class _Namespace:
    """What is known of a namespace, by its id."""

    inode: int = 0
    path: str = ""
    links: dict[int, Link] = field(default_factory=dict)
    addresses: dict[int, frozenset[bytes]] = field(default_factory=dict)


class _View:
    """Host interfaces and namespaces as last read."""

    def __init__(
        self, netlink: Netlink, namespaces: Namespaces, hears_inside: bool
    ) -> None:
        self._netlink = netlink
        self._places = namespaces
        self._hears_inside = hears_inside
        self._links: dict[int, Link] = {}
        self._namespaces: dict[int, _Namespace] = {}
        self._fresh: dict[int, float] = {}
        self._turn: list[int] = []
        self._due = dict.fromkeys(("revisit", "search", "processes", "links"), 0.0)
        self._changed = True
        self._may_look_inside = True

    def read_all(self) -> None:
        """From nothing: what was known may be of namespaces whose ids went on."""
        self._namespaces.clear()
        self._fresh.clear()
        self._read_links()
        self._locate(self._places.all())
        now = time.monotonic()
        self._read_fresh(now)
        self._due["processes"] = now + PROCESSES_SECONDS
        self._due["links"] = now + LINKS_SECONDS
        self._changed = True

    def feed(self, event: Event, now: float) -> None:
        if event.change is Change.NAMESPACE_GONE:
            self._fresh.pop(event.namespace, None)
            self._changed |= self._namespaces.pop(event.namespace, None) is not None
        elif event.change is Change.INSIDE:
            self._renew(event.namespace, now)
        elif event.link and event.link.kind in _PAIRS:
            self._take_link(event.link, event.change is Change.LINK, now)

    def tick(self, now: float) -> None:
        """Reads what events announced, what is not complete yet, and what is due."""
        if self._places.mounts_changed():
            self._locate(self._places.mounted())
        if not all(map(self._is_located, self._fresh)) and self._is_due(
            "search", now, SEARCH_SECONDS
        ):
            self._locate(self._places.all())
        self._read_fresh(now)
        if self._is_due("processes", now, PROCESSES_SECONDS):
            self._locate(self._places.all())
        if self._is_due("links", now, LINKS_SECONDS):
            self._read_links()
        if self._is_due("revisit", now, REVISIT_SECONDS):
            self._revisit()

    def take_changed(self) -> bool:
        """Something changed since the last call."""
        changed, self._changed = self._changed, False
        return changed

    def interfaces(self) -> tuple[PodInterface, ...]:
        found = [*self._with_host_end(), *self._without_host_end()]
        found.sort(key=lambda i: (i.host_index, i.namespace_inode, i.pod_index))
        return tuple(found)

    def _with_host_end(self) -> Iterator[PodInterface]:
        for link in self._links.values():
            namespace = self._namespaces.get(link.peer_namespace)
            if namespace and (namespace.inode or self._places.is_blind):
                inside = namespace.links.get(link.peer_index)
                yield PodInterface(
                    namespace_inode=namespace.inode,
                    host_index=link.index,
                    host_name=link.name,
                    pod_name_in_ns=inside.name if inside else "",
                    addresses=namespace.addresses.get(link.peer_index, frozenset()),
                    namespace_path=namespace.path,
                    pod_index=link.peer_index,
                )

    def _without_host_end(self) -> Iterator[PodInterface]:
        for namespace in self._namespaces.values():
            for link in namespace.links.values():
                if namespace.inode and link.kind in _HOSTLESS and link.is_ethernet:
                    yield PodInterface(
                        namespace_inode=namespace.inode,
                        host_index=0,
                        host_name="",
                        pod_name_in_ns=link.name,
                        addresses=namespace.addresses.get(link.index, frozenset()),
                        namespace_path=namespace.path,
                        pod_index=link.index,
                    )

    def _take_link(self, link: Link, is_there: bool, now: float) -> None:
        is_pair = is_there and link.peer_namespace >= 0
        known = self._links.pop(link.index, None)
        if is_pair:
            self._links[link.index] = link
            self._renew(link.peer_namespace, now)
        self._changed |= known != self._links.get(link.index)

    def _renew(self, namespace: int, now: float) -> None:
        self._namespaces.setdefault(namespace, _Namespace())
        self._fresh[namespace] = now + FRESH_SECONDS

    def _is_located(self, namespace: int) -> bool:
        known = self._namespaces.get(namespace)
        return known is None or known.inode != 0 or self._places.is_blind

    def _is_complete(self, namespace: int) -> bool:
        """Nothing more will come, or an event will tell."""
        known = self._namespaces.get(namespace)
        return known is None or (
            self._is_located(namespace)
            and (self._hears_inside or bool(known.addresses))
        )

    def _is_due(self, what: str, now: float, seconds: float) -> bool:
        if now < self._due[what]:
            return False
        self._due[what] = now + seconds
        return True

    def _read_fresh(self, now: float) -> None:
        for namespace, until in list(self._fresh.items()):
            self._read(namespace)
            if now >= until or self._is_complete(namespace):
                self._fresh.pop(namespace, None)

    def _revisit(self) -> None:
        self._turn = self._turn or list(self._namespaces)
        if self._turn and (namespace := self._turn.pop()) in self._namespaces:
            self._read(namespace)

    def _read_links(self) -> None:
        links = {
            link.index: link
            for link in self._netlink.links()
            if link.kind in _PAIRS and link.peer_namespace >= 0
        }
        for link in links.values():
            if link.peer_namespace not in self._namespaces:
                self._renew(link.peer_namespace, time.monotonic())
        self._changed |= links != self._links
        self._links = links

    def _locate(self, paths: dict[int, str]) -> None:
        """Tells which namespace is where; unknown ones get an id and are read."""
        known = {n.inode: n for n in self._namespaces.values()}
        standing = set(paths.values())
        for inode, path in paths.items():
            if inode not in known:
                self._add(inode, path)
            elif known[inode].path not in standing:
                known[inode].path = path
                self._changed = True

    def _add(self, inode: int, path: str) -> None:
        namespace = self._namespace_id(path)
        if namespace is None:
            return
        if namespace not in self._namespaces:
            self._renew(namespace, time.monotonic())
        self._namespaces[namespace].inode = inode
        self._namespaces[namespace].path = path
        self._changed = True

    def _namespace_id(self, path: str) -> int | None:
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            return self._netlink.namespace_id(file)
        except OSError as error:
            self._complain(error)
            return None
        finally:
            os.close(file)

    def _read(self, namespace: int) -> None:
        known = self._namespaces[namespace]
        if not self._may_look_inside:
            return
        try:
            links = {link.index: link for link in self._netlink.links(namespace)}
            addresses = self._netlink.addresses(namespace)
        except OSError as error:
            self._complain(error)
            return
        if (links, addresses) != (known.links, known.addresses):
            known.links, known.addresses = links, addresses
            self._changed = True
        self._find_host_ends(namespace, links)

    def _find_host_ends(self, namespace: int, links: dict[int, Link]) -> None:
        """The kernel does not always tell when the other end of a pair has moved."""
        for inside in links.values():
            known = self._links.get(inside.peer_index)
            if inside.kind in _PAIRS and not _are_ends(known, inside, namespace):
                link = self._netlink.link(inside.peer_index)
                if link and _are_ends(link, inside, namespace):
                    self._links[link.index] = link
                    self._changed = True

    def _complain(self, error: OSError) -> None:
        """A namespace that has gone is normal: its end is announced soon."""
        if error.errno in (errno.EPERM, errno.EACCES) and self._may_look_inside:
            self._may_look_inside = False
            log.warning(
                "pods' addresses are not known: looking into their namespaces"
                " needs CAP_NET_ADMIN"
            )


def _are_ends(host: Link | None, inside: Link, namespace: int) -> bool:
    return (
        host is not None
        and host.kind == inside.kind
        and (host.peer_index, host.peer_namespace) == (inside.index, namespace)
    )
