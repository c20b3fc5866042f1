"""Parties: what the other end is called that is not in the cluster, and what is known
of it.

In: addresses without an owner, with the exchange's heads where it was sent whole. Out:
a workload of kind External, named by the host that clients call, by the range that the
user named, or `internet`; and, now and then, a row of what is known of it: country,
network, whether it is a robot.

Facts without heads have the name that whole exchanges of the same address and port gave
it: each kind of exchange is sent whole when first seen. Where an address serves several
hosts, only whole exchanges tell which, so facts count as `internet`.
"""

import re
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from agent.cluster.addresses import INTERNET, Workload, place
from agent.outside.geography import Geography
from agent.outside.hosts import Hosts
from agent.outside.ranges import Ranges
from agent.outside.robots import Robots

EXTERNAL = INTERNET.kind
MOST_PARTIES = 1_000
"""Names of hosts in a cluster; what has no room is `internet`."""
MOST_SERVERS = 50_000
"""Addresses with ports of which the host is remembered, the latest."""
MOST_CLIENTS = 50_000
"""Addresses of which is remembered whether they are robots, the latest."""
MOST_ROWS = 5_000
"""Rows remembered as told; then all are told anew."""
AGAIN_NS = 300 * 10**9
"""A row is told again after so long: it is last seen to five minutes."""
SEVERAL = ""
"""The host of an address that serves several."""

_AUTHORITY = re.compile(rb"\nhost[ \t]*:([^\r\n]*)", re.IGNORECASE)
_ABSOLUTE = re.compile(rb"[A-Z]+ https?://([^/? ]+)")
_AGENT = re.compile(rb"\nuser-agent[ \t]*:([^\r\n]*)", re.IGNORECASE)


class Party(NamedTuple):
    """A row of what is known of a workload outside."""

    workload: Workload
    country: str
    network: str
    is_robot: bool


class Parties:
    """Names them; for one thread."""

    def __init__(
        self,
        hosts: Hosts,
        ranges: Ranges | None = None,
        geography: Geography | None = None,
        robots: Robots | None = None,
    ) -> None:
        self._hosts = hosts
        self._ranges = ranges or Ranges()
        self._geography = geography or Geography([])
        self._robots = robots or Robots.load()
        self._named: dict[str, Workload] = {}
        self._servers: OrderedDict[tuple[bytes, int], str] = OrderedDict()
        self._clients: OrderedDict[bytes, bool] = OrderedDict()
        self._told: dict[Party, int] = {}
        self.place = lru_cache(65_536)(self._place)

    def server(self, ip: bytes, port: int, client: object, head: bytes) -> Workload:
        """The name of a public address that was asked; `head` if it was sent whole."""
        key = (ip, port)
        if not head:
            known = self._servers.get(key)
            return self._workload(known) if known else INTERNET
        namespace = client.namespace if isinstance(client, Workload) else ""
        host = self._hosts.name(authority(head), namespace)
        known = self._servers.get(key)
        self._servers[key] = host if known in (None, host) else SEVERAL
        self._servers.move_to_end(key)
        if len(self._servers) > MOST_SERVERS:
            self._servers.popitem(last=False)
        return self._workload(host) if host else INTERNET

    def see(
        self,
        workload: Workload,
        ip: bytes,
        head: bytes | None,
        at_ns: int,
        tell: Callable[[Party, int], None],
    ) -> None:
        """Tells what is known of the address behind a workload, if that is news.

        `head` is a client's; None: of a server.
        """
        country, network = self._geography.find(ip)
        is_robot = head is not None and self._is_robot(ip, head)
        party = Party(workload, country, network, is_robot)
        told_ns = self._told.get(party)
        if told_ns is not None and at_ns - told_ns < AGAIN_NS:
            return
        if len(self._told) >= MOST_ROWS:
            self._told.clear()
        self._told[party] = at_ns
        tell(party, at_ns)

    def clear(self) -> None:
        """What was told may have been lost."""
        self._told.clear()

    def _place(self, ip: bytes) -> Workload | None:
        """What an address without an owner is called, as far as that tells."""
        name = self._ranges.name(ip)
        if name == INTERNET.name:
            return INTERNET
        return Workload("", EXTERNAL, name) if name else place(ip)

    def _workload(self, host: str) -> Workload:
        known = self._named.get(host)
        if known is None:
            if len(self._named) >= MOST_PARTIES:
                return INTERNET
            known = self._named[host] = Workload("", EXTERNAL, host)
        return known

    def _is_robot(self, ip: bytes, head: bytes) -> bool:
        """By this exchange, else by the last one of the address that was sent whole."""
        if not head:
            return self._clients.get(ip, False)
        found = _AGENT.search(head)
        is_robot = self._robots.is_robot(found[1].strip() if found else b"")
        self._clients[ip] = is_robot
        self._clients.move_to_end(ip)
        if len(self._clients) > MOST_CLIENTS:
            self._clients.popitem(last=False)
        return is_robot


def authority(head: bytes) -> bytes:
    """The host that a request is for, as sent: of its target, else of its field."""
    found = _ABSOLUTE.match(head) or _AUTHORITY.search(head)
    return found[1].strip() if found else b""
