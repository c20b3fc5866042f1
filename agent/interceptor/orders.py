"""What the interceptor tells its workers, as MessagePack structs on a socket."""

import msgspec

from agent.interceptor.reading.inside import Inside
from agent.settings import Settings


class Start(msgspec.Struct, tag=True):
    """The first order."""

    settings: Settings
    number: int
    """Among the node's workers."""
    ring_bytes: int
    fanout_group: int | None
    workers: int
    """Of this node."""
    seed: int
    """Of the numbers by which connections are shed."""


class Cluster(msgspec.Struct, tag=True):
    """Which addresses are monitored anywhere, or what changed of that: encoded sets
    (`agent/cluster/address_list/blocks.py`), first those that went."""

    is_whole: bool
    removed: bytes
    added: bytes
    nodes: bytes | None = None
    """All addresses of nodes; None: as before."""


class Monitor(msgspec.Struct, tag=True):
    """Which interfaces of this node to read."""

    revision: int
    host: dict[int, tuple[bytes, ...]]
    """Host interface index → the pod's addresses."""
    inside: dict[int, Inside]
    """Number of the view → where it is captured; each by one worker."""
    proxied: dict[int, int]
    """Number of a view → that of its pod's loopback, if a mesh proxy is there."""
    own: frozenset[bytes]
    """All addresses of this node's monitored pods."""
    aliases: dict[bytes, bytes] = {}
    """Addresses by which nobody else knows such a pod → one by which it is known."""


class Flush(msgspec.Struct, tag=True):
    """Hand on all that was captured and say when the broker has it."""


class Stop(msgspec.Struct, tag=True):
    """Hand on all that was captured and end."""


Order = Start | Cluster | Monitor | Flush | Stop
encode_order = msgspec.msgpack.Encoder().encode
decode_order = msgspec.msgpack.Decoder(Order).decode
