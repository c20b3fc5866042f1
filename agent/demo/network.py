"""The demo's network: namespaces, each joined to the host by a veth pair.

Made with pyroute2: host ends, addresses of both families and forwarding between all of
them, so that all traffic is routed through the host. Addresses are from ranges kept
for tests and documentation (RFC 2544, 5737, 3849), pods' from one block and those of
who is outside from another; blocks that meet an address or route of this host are
passed over. The namespaces are those of child processes, so the kernel removes all of
it with them; what is left to restore are switches of the host, and only on kernels that
cannot forward IPv6 for single interfaces.
"""

import errno
import os
import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Self

import msgspec
from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

INSIDE = "eth0"
ENDS = 16
"""Namespaces that one block has addresses for."""

Network = IPv4Network | IPv6Network

Ranges = Mapping[int, tuple[str, ...]]

PODS_RANGES: Ranges = {
    4: ("198.19.240.0/20", "192.0.2.0/24"),
    6: ("2001:db8:7e57::/56", "2001:db8:5ce0::/56"),
}
"""In order: the first ones are seldom in use, even where others are put to use."""
OUTSIDE_RANGES: Ranges = {
    4: ("203.0.113.0/24", "198.51.100.0/24"),
    6: ("2001:db8:a11e::/56", "2001:db8:0b5::/56"),
}
_BLOCK_PREFIXES = {4: 26, 6: 64}
_END_PREFIXES = {4: 30, 6: 126}
_IFA_F_NODAD = 2
_OWN_NAME = re.compile(r"vs(\d+)p\d+")
_SYSCTLS = Path("/proc/sys/net")


class NetworkError(Exception):
    """The network cannot be made here; says why."""


class End(msgspec.Struct, frozen=True):
    """One family's addresses of a pair."""

    host: str
    inside: str
    prefix: int
    default: str
    """The default route's destination."""


Ends = tuple[End, ...]
"""One for each family."""


class DemoNetwork:
    """As a context: what it changed on the host is put back at the end."""

    def __init__(self, pods: Iterable[str], outside: Iterable[str]) -> None:
        """For at most ENDS of each. Raises NetworkError."""
        self._route = IPRoute()
        self._sysctls = _Sysctls()
        try:
            self._remove_remnants()
            self.ends = self._choose(tuple(pods), tuple(outside))
        except (NetworkError, NetlinkError) as error:
            self._route.close()
            raise NetworkError(str(error)) from error
        self._numbers = {name: number for number, name in enumerate(self.ends)}

    def addresses(self, name: str) -> tuple[str, ...]:
        return tuple(end.inside for end in self.ends[name])

    def join(self, name: str, pid: int) -> None:
        """Makes the pair between the host and the process's namespace."""
        try:
            self._join(name, pid)
        except (NetlinkError, OSError) as error:
            raise NetworkError(f"the network cannot be made here: {error}") from error

    def close(self) -> None:
        for name in self.ends:
            self._remove(self._host_name(name))
        self._sysctls.restore()
        self._route.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _choose(
        self, pods: tuple[str, ...], outside: tuple[str, ...]
    ) -> dict[str, Ends]:
        families, taken = _families(), list(_taken(self._route))
        chosen: dict[str, Ends] = {}
        for names, ranges in ((pods, PODS_RANGES), (outside, OUTSIDE_RANGES)):
            blocks = free_blocks(ranges, taken, families, os.getpid())
            for number, name in enumerate(names):
                chosen[name] = tuple(_end(block, number) for block in blocks)
            families = [block.version for block in blocks]
        if not families:
            raise NetworkError("no range kept for tests is free on this host")
        return {name: _of(families, ends) for name, ends in chosen.items()}

    def _host_name(self, name: str) -> str:
        return f"vs{os.getpid()}p{self._numbers[name]}"

    def _remove_remnants(self) -> None:
        """Of killed demos: their last sockets may hold a namespace for a while."""
        for _, name in socket.if_nameindex():
            owner = _OWN_NAME.fullmatch(name)
            if owner and not Path(f"/proc/{owner[1]}").exists():
                self._remove(name)

    def _remove(self, name: str) -> None:
        """It may be gone already, with its namespace."""
        for index in self._route.link_lookup(ifname=name):
            try:
                self._route.link("del", index=index)
            except NetlinkError as error:
                if error.code != errno.ENODEV:
                    raise

    def _join(self, joined: str, pid: int) -> None:
        name = self._host_name(joined)
        peer = {"ifname": INSIDE, "net_ns_pid": pid}
        self._route.link("add", ifname=name, kind="veth", peer=peer)
        index = socket.if_nametoindex(name)
        self._sysctls.forward(name)
        self._route.link("set", index=index, state="up")
        for end in self.ends[joined]:
            self._route.addr(
                "add",
                index=index,
                address=end.host,
                prefixlen=end.prefix,
                flags=_IFA_F_NODAD,
            )


def _of(families: list[int], ends: Ends) -> Ends:
    """Those of the families that all have."""
    return tuple(e for e in ends if ip_address(e.inside).version in families)


def free_blocks(
    ranges: Ranges, taken: Iterable[Network], families: Iterable[int], start: int = 0
) -> list[Network]:
    """A block for each family that meets nothing taken; none: no family has one.

    Demos that begin at the same time ask from different starts, so they do not meet.
    """
    known = list(taken)
    found = []
    for family in families:
        free = (
            block
            for block in _blocks(ranges[family], family, start)
            if not any(_meet(block, other) for other in known)
        )
        found += list(next(([block] for block in free), []))
    return found


def _blocks(ranges: tuple[str, ...], family: int, start: int) -> Iterator[Network]:
    for text in ranges:
        prefix = _BLOCK_PREFIXES[family]
        blocks: list[Network] = list(ip_network(text).subnets(new_prefix=prefix))
        turn = start % len(blocks)
        yield from blocks[turn:] + blocks[:turn]


def _meet(left: Network, right: Network) -> bool:
    return left.version == right.version and left.overlaps(right)


def _end(block: Network, number: int) -> End:
    prefix = _END_PREFIXES[block.version]
    start = int(block.network_address) + number * 4
    kind = type(block.network_address)
    default = "0.0.0.0/0" if block.version == 4 else "::/0"
    return End(str(kind(start + 1)), str(kind(start + 2)), prefix, default)


def _families() -> list[int]:
    """IPv6 may be switched off."""
    switch = _SYSCTLS / "ipv6/conf/default/disable_ipv6"
    has_v6 = switch.exists() and switch.read_text().strip() == "0"
    return [4, 6] if has_v6 else [4]


def _taken(route: IPRoute) -> Iterator[Network]:
    """Destinations that the host knows, but for its default routes."""
    for known in route.get_routes():
        if destination := known.get_attr("RTA_DST"):
            yield ip_network(f"{destination}/{known['dst_len']}", strict=False)


class _Sysctls:
    """Switches of the host, remembered as they were."""

    def __init__(self) -> None:
        self._before: list[tuple[Path, str]] = []

    def forward(self, interface: str) -> None:
        """Lets packets that come from the interface go on to others.

        Duplicate address detection would hold back the first IPv6 packets for a second.
        """
        own = _SYSCTLS / "ipv6/conf" / interface
        (_SYSCTLS / "ipv4/conf" / interface / "forwarding").write_text("1")
        if not own.exists():
            return
        (own / "accept_dad").write_text("0")
        if (own / "force_forwarding").exists():  # since Linux 6.17
            (own / "force_forwarding").write_text("1")
        else:
            self._forward_everywhere()

    def restore(self) -> None:
        while self._before:
            switch, value = self._before.pop()
            if switch.exists():
                switch.write_text(value)

    def _forward_everywhere(self) -> None:
        """Older kernels know only one switch for all, which turns the others with it,
        and would stop the host from taking router advertisements."""
        conf = _SYSCTLS / "ipv6/conf"
        if (conf / "all/forwarding").read_text().strip() != "0":
            return
        for switch in conf.glob("*/forwarding"):
            self._before.append((switch, switch.read_text()))
        for switch in conf.glob("*/accept_ra"):
            if switch.read_text().strip() == "1":
                self._set(switch, "2")
        self._set(conf / "all/forwarding", "1")

    def _set(self, switch: Path, value: str) -> None:
        self._before.append((switch, switch.read_text()))
        switch.write_text(value)
