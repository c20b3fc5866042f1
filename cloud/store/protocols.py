"""Names of protocols, as they are stored and asked for.

In: the number of a package. Out: a name in small letters: `http/1`, `http/2`, `grpc`.
Diggers that are newer than this program may send numbers that it does not know: those
have a name, too, and there are few of them.
"""

from proto.v1.collector_pb2 import Protocol

MOST_UNKNOWN = 64
"""Numbers below have names of their own; all above share one."""
OTHER = "other"


def name(number: int) -> str:
    """The name; empty if none was told."""
    if number in Protocol.values():
        return _named(Protocol.Name(Protocol.ValueType(number))) if number else ""
    return f"protocol/{number}" if 0 < number < MOST_UNKNOWN else OTHER


def _named(constant: str) -> str:
    return constant.lower().replace("_", "/")


NAMES = tuple(name(number) for number in Protocol.values() if number)
"""Those that this program knows, to choose from."""
