"""Names for ranges of addresses, from a TOML file (setting `addresses.ranges_file`).

    [[range]]
    name = "office"
    addresses = ["192.0.2.0/24", "2001:db8:1::/48"]

A range named `internet` holds addresses that count as public though they are not:
hosts there are called as clients call them.

In: the file's text. Out: for an address the name of the smallest range that holds it.
Raises NamesError with all mistakes.
"""

from ipaddress import ip_address, ip_network
from pathlib import Path

import msgspec

from agent.cluster.names import NamesError, Text

MOST_RANGES = 10_000
"""Published ranges of large clouds have some thousand."""


class _Range(msgspec.Struct, forbid_unknown_fields=True):
    name: Text
    addresses: list[str]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    range: list[_Range] = []


class Ranges:
    """Looks up by length of prefix, the longest first: a look-up for each length."""

    def __init__(self, named: dict[str, str] | None = None) -> None:
        """Range in CIDR form → name. Raises ValueError."""
        self._tables: dict[tuple[int, int], dict[int, str]] = {}
        for text, name in (named or {}).items():
            network = ip_network(text, strict=False)
            key = (network.version, network.prefixlen)
            table = self._tables.setdefault(key, {})
            table[int(network.network_address)] = name
        self._order = sorted(self._tables, key=lambda key: -key[1])

    @classmethod
    def load(cls, file: str) -> "Ranges":
        """Of a file; without one there are none. Raises NamesError."""
        if not file:
            return cls()
        try:
            read = msgspec.toml.decode(Path(file).read_bytes(), type=_File)
        except (OSError, ValueError) as error:
            raise NamesError(f"addresses.ranges_file: {file}: {error}") from error
        named = {text: one.name for one in read.range for text in one.addresses}
        wrong = [
            f"addresses.ranges_file: {file}: {text!r}: not a range of addresses"
            for text in named
            if not _is_range(text)
        ]
        if len(named) > MOST_RANGES:
            wrong.append(f"addresses.ranges_file: {file}: more than {MOST_RANGES}")
        if wrong:
            raise NamesError("\n".join(wrong))
        return cls(named)

    def name(self, ip: bytes) -> str:
        """Of an address, 4 or 16 bytes; empty: it is in no range."""
        if not self._order:
            return ""
        address = ip_address(ip)
        number, bits = int(address), 8 * len(ip)
        for version, prefix in self._order:
            if version == address.version:
                start = number >> (bits - prefix) << (bits - prefix)
                name = self._tables[version, prefix].get(start)
                if name:
                    return name
        return ""


def _is_range(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True
