"""Writes small MMDB files (maxmind.github.io/MaxMind-DB): a tree and its data."""

from ipaddress import ip_network
from pathlib import Path
from typing import Any

_MARK = b"\xab\xcd\xefMaxMind.com"


def write(file: Path, networks: dict[str, Any]) -> Path:
    """A file that knows these IPv4 networks."""
    tree: list[list[Any]] = [[None, None]]
    for text, told in networks.items():
        network = ip_network(text)
        node, bits = 0, int(network.network_address)
        for depth in range(network.prefixlen):
            side = bits >> (31 - depth) & 1
            if depth == network.prefixlen - 1:
                tree[node][side] = ("data", told)
            elif tree[node][side] is None:
                tree.append([None, None])
                tree[node][side] = len(tree) - 1
            node = tree[node][side] if isinstance(tree[node][side], int) else node
    data, count = bytearray(), len(tree)
    records = bytearray()
    for pair in tree:
        for one in pair:
            number = count
            if isinstance(one, int):
                number = one
            elif one is not None:
                number = count + 16 + len(data)
                data += _encoded(one[1])
            records += number.to_bytes(3, "big")
    about = {
        "binary_format_major_version": 2,
        "binary_format_minor_version": 0,
        "build_epoch": 1,
        "database_type": "Test",
        "description": {"en": "test"},
        "ip_version": 4,
        "languages": [],
        "node_count": count,
        "record_size": 24,
    }
    file.write_bytes(bytes(records + bytes(16) + data) + _MARK + _encoded(about))
    return file


def _encoded(value: Any) -> bytes:
    if isinstance(value, str):
        return _control(2, len(value.encode())) + value.encode()
    if isinstance(value, dict):
        parts = [
            _encoded(key)
            + (_number(key, told) if type(told) is int else _encoded(told))
            for key, told in value.items()
        ]
        return _control(7, len(value)) + b"".join(parts)
    return bytes((0, 4))


def _number(key: str, value: int) -> bytes:
    """Of 64, 32 or 16 bits, as the format wants it for the key."""
    raw = value.to_bytes(8, "big").lstrip(b"\0")
    if key == "build_epoch":
        return bytes((len(raw), 2)) + raw
    return _control(6 if key == "node_count" else 5, len(raw)) + raw


def _control(kind: int, size: int) -> bytes:
    if size < 29:
        return bytes((kind << 5 | size,))
    return bytes((kind << 5 | 29, size - 29))
