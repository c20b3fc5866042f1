"""What the kernel's tables say of pods' interfaces, as last read.

In come events and the time, out go `PodInterface`s and when to look again. A namespace
is read when something happened in it; those that could not be found or are not complete
are looked for again with growing pauses. What an idle node costs is bounded by the
intervals below.
"""

import errno
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.interceptor.search.bypass import Bypass
from agent.interceptor.search.namespaces import Namespaces
from agent.interceptor.search.netlink import (
    HOST,
    Change,
    Counters,
    Event,
    Link,
    Netlink,
    is_link_local,
)
from agent.interceptor.search.pods import PodInterface

log = logging.getLogger("vethscope")

FRESH_SECONDS = 10.0
"""A namespace is asked again for so long after it was new, if no event would tell."""
PAUSE_SECONDS = (0.02, 1.0)
"""First and longest pause before it is asked again; each is twice the one before."""
SEARCH_SECONDS = (0.05, 5.0)
"""Likewise, before all processes are looked at for a namespace that is not found."""
MOUNTS_SECONDS = 0.02
"""Mounts are looked at that often at most, however many change."""
VANISH_SECONDS = 0.1
"""A namespace that was unmounted and still lives then is searched for."""
PROCESSES_SECONDS = 2.0
"""New processes are looked at that often, for proxies and unmounted namespaces."""
EVERY_PROCESS_SECONDS = 60.0
"""And all of them that often: processes may change their namespace."""
REVISIT_SECONDS = 1.0
"""One namespace is read again that often, in turn: a net for missed events."""
COUNTERS_SECONDS = 5.0
"""Both ends of each pair are compared that often."""
LINKS_SECONDS = 60.0
"""All host interfaces are read again that often."""
_REGULAR = {
    "processes": PROCESSES_SECONDS,
    "every process": EVERY_PROCESS_SECONDS,
    "revisit": REVISIT_SECONDS,
    "counters": COUNTERS_SECONDS,
    "links": LINKS_SECONDS,
}
_PAIRS = frozenset({"veth", "netkit"})
_HOSTLESS = frozenset({"", "macvlan", "ipvlan", "macvtap", "ipvtap", "vlan"})


@dataclass(slots=True)
class _Namespace:
    """What is known of a namespace, by its id."""

    inode: int = 0
    path: str = ""
    proxy: str = ""
    links: dict[int, Link] = field(default_factory=dict)
    addresses: dict[int, frozenset[bytes]] = field(default_factory=dict)

    def addresses_of(self, index: int) -> tuple[frozenset[bytes], frozenset[bytes]]:
        """Of an interface: those that are known beyond its link, and the others."""
        addresses = self.addresses.get(index, frozenset())
        link_local = frozenset(filter(is_link_local, addresses))
        return addresses - link_local, link_local


@dataclass(slots=True)
class _Pauses:
    """Looking again and again, with growing pauses."""

    at: float
    until: float
    pause: float
    longest: float

    def take(self, now: float) -> bool:
        """It is looked now; false if that was the last time."""
        self.at = now + self.pause
        self.pause = min(2 * self.pause, self.longest)
        return now < self.until


class Tables:
    """Host interfaces and namespaces as last read."""

    def __init__(
        self, netlink: Netlink, namespaces: Namespaces, hears_inside: bool
    ) -> None:
        self._netlink = netlink
        self._places = namespaces
        self._hears_inside = hears_inside
        self._links: dict[int, Link] = {}
        self._namespaces: dict[int, _Namespace] = {}
        self._dirty: set[int] = set()
        self._fresh: dict[int, _Pauses] = {}
        self._sought: _Pauses | None = None
        self._unmounted: dict[int, float] = {}
        self._bypass = Bypass()
        self._turn: list[int] = []
        self._due: dict[str, float] = {}
        self._mounts_at = 0.0
        self._changed = True
        self._may_look_inside = True

    def read_all(self, now: float) -> None:
        """From nothing: what was known may be of namespaces whose ids went on."""
        self._namespaces.clear()
        self._fresh.clear()
        self._unmounted.clear()
        self._read_links()
        self._locate(self._places.all(), now, is_all=True)
        self._read_dirty(now)
        self._due = {what: now + seconds for what, seconds in _REGULAR.items()}
        self._changed = True

    def feed(self, event: Event, now: float) -> None:
        if event.change is Change.NAMESPACE_GONE:
            self._forget(event.namespace)
        elif event.change is Change.INSIDE:
            self._renew(event.namespace)
        elif event.link and event.link.kind in _PAIRS:
            self._take_link(event.link, event.change is Change.LINK)

    def tick(self, now: float, mounts_changed: bool) -> None:
        """Reads what events announced, what is not complete yet, and what is due."""
        if mounts_changed:
            self._due.setdefault("mounts", self._mounts_at)
        if self._is_due("mounts", now):
            self._mounts_at = now + MOUNTS_SECONDS
            self._locate(self._places.mounted(), now, is_all=False)
        self._read_dirty(now)
        if self._must_search(now) or self._is_due("every process", now):
            self._locate(self._places.all(), now, is_all=True)
        elif self._is_due("processes", now):
            self._locate(self._places.more(), now, is_all=True)
        if self._is_due("links", now):
            self._read_links()
        if self._is_due("revisit", now):
            self._revisit()
        if self._is_due("counters", now):
            self._compare_ends()
        self._read_dirty(now)

    def pause(self, now: float) -> float:
        """Seconds until there may be something to do without an event."""
        times = [*self._due.values(), *(fresh.at for fresh in self._fresh.values())]
        times += self._unmounted.values()
        if self._sought:
            times.append(self._sought.at)
        return max(0.0, min(times) - now)

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
                addresses, link_local = namespace.addresses_of(link.peer_index)
                yield PodInterface(
                    namespace_inode=namespace.inode,
                    host_index=link.index,
                    host_name=link.name,
                    pod_name_in_ns=inside.name if inside else "",
                    addresses=addresses,
                    link_local=link_local,
                    namespace_path=namespace.path,
                    pod_index=link.peer_index,
                    is_bypassed=link.index in self._bypass.found,
                    proxy=namespace.proxy,
                )

    def _without_host_end(self) -> Iterator[PodInterface]:
        for namespace in self._namespaces.values():
            for link in namespace.links.values():
                if namespace.inode and link.kind in _HOSTLESS and link.is_ethernet:
                    addresses, link_local = namespace.addresses_of(link.index)
                    yield PodInterface(
                        namespace_inode=namespace.inode,
                        host_index=0,
                        host_name="",
                        pod_name_in_ns=link.name,
                        addresses=addresses,
                        link_local=link_local,
                        namespace_path=namespace.path,
                        pod_index=link.index,
                        proxy=namespace.proxy,
                    )

    def _take_link(self, link: Link, is_there: bool) -> None:
        is_pair = is_there and link.peer_namespace >= 0
        known = self._links.pop(link.index, None)
        if is_pair:
            self._links[link.index] = link
            self._renew(link.peer_namespace)
        else:
            self._bypass.forget(link.index)
        self._changed |= known != self._links.get(link.index)

    def _renew(self, namespace: int) -> None:
        """Something happened in it: it is to be read."""
        self._namespaces.setdefault(namespace, _Namespace())
        self._fresh.pop(namespace, None)
        self._dirty.add(namespace)

    def _forget(self, namespace: int) -> None:
        self._dirty.discard(namespace)
        self._fresh.pop(namespace, None)
        self._unmounted.pop(namespace, None)
        self._changed |= self._namespaces.pop(namespace, None) is not None

    def _read_dirty(self, now: float) -> None:
        due = [number for number, fresh in self._fresh.items() if now >= fresh.at]
        for namespace in self._dirty.union(due):
            self._read(namespace)
            self._look_again(namespace, now)
        self._dirty.clear()

    def _look_again(self, number: int, now: float) -> None:
        """If it is not found yet, or its addresses may come without an event."""
        is_found = self._is_found(number)
        if is_found and self._hears_inside:
            self._fresh.pop(number, None)
            return
        if number not in self._fresh:
            until = now + FRESH_SECONDS
            self._fresh[number] = _Pauses(now, until, *PAUSE_SECONDS)
            if not is_found:
                self._sought = _Pauses(now, until, *SEARCH_SECONDS)
        if not self._fresh[number].take(now):
            del self._fresh[number]

    def _is_found(self, number: int) -> bool:
        return self._namespaces[number].inode != 0 or self._places.is_blind

    def _must_search(self, now: float) -> bool:
        """A namespace is not found, or one that was found may have ended."""
        unmounted = [n for n, at in self._unmounted.items() if now >= at]
        for number in unmounted:
            del self._unmounted[number]
        if self._sought and all(map(self._is_found, self._fresh)):
            self._sought = None
        is_sought = self._sought is not None and now >= self._sought.at
        if is_sought and self._sought and not self._sought.take(now):
            self._sought = None
        return is_sought or bool(unmounted)

    def _is_due(self, what: str, now: float) -> bool:
        if now < self._due.get(what, now + 1):
            return False
        if what in _REGULAR:
            self._due[what] = now + _REGULAR[what]
        else:
            del self._due[what]
        return True

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
                self._renew(link.peer_namespace)
        self._changed |= links != self._links
        self._links = links

    def _locate(self, paths: dict[int, str], now: float, is_all: bool) -> None:
        """Tells which namespace is where; unknown ones get an id and are read.

        `is_all`: `paths` has processes too, so what is not in it has ended.
        """
        known = {n.inode: number for number, n in self._namespaces.items() if n.inode}
        for inode, path in paths.items():
            if inode not in known:
                self._add(inode, path)
        for inode, number in known.items():
            namespace = self._namespaces[number]
            path = paths.get(inode, "")
            if not path and not is_all:
                if not self._is_process(namespace.path):
                    self._unmounted.setdefault(number, now + VANISH_SECONDS)
            elif path != namespace.path:
                namespace.path = path
                namespace.inode = inode if path else 0
                self._changed = True
        if is_all:
            self._note_proxies()

    def _note_proxies(self) -> None:
        """One that was there once is taken to stay: it may be started again."""
        proxies = self._places.proxies()
        for namespace in self._namespaces.values():
            proxy = proxies.get(namespace.inode, "")
            if proxy and not namespace.proxy:
                namespace.proxy = proxy
                self._changed = True

    def _is_process(self, path: str) -> bool:
        return path.endswith("/ns/net")

    def _add(self, inode: int, path: str) -> None:
        number = self._namespace_id(path)
        if number is None:
            return
        self._renew(number)
        self._namespaces[number].inode = inode
        self._namespaces[number].path = path
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

    def _compare_ends(self) -> None:
        if not self._may_look_inside:
            return
        inside: dict[int, Counters] = {}
        for number, namespace in self._namespaces.items():
            for index, counters in self._counters(number).items():
                link = namespace.links.get(index)
                if link and _are_ends(self._links.get(link.peer_index), link, number):
                    inside[link.peer_index] = counters
        host = self._counters(HOST)
        ends = {
            i: (host[i], inside[i]) for i in self._links if i in host and i in inside
        }
        self._changed |= self._bypass.compare(ends)

    def _counters(self, namespace: int) -> dict[int, Counters]:
        try:
            return self._netlink.counters(namespace)
        except OSError as error:
            self._complain(error)
            return {}

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
