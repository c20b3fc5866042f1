"""Why a data type stands in a field, as it is stored and read.

In: explanations of packages (`Why` in detector.proto). Out: a small document for each
different one, the keys by which fields refer to it, and for an endpoint the explanation
of each of its fields. They hold words of catalogs, never of messages.
"""

from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.store.schema import explanations, identity, place_whys
from proto.v1 import detector_pb2

FieldKey = tuple[int, int, str, str]
"""Direction, location, path, data type."""


class Why(msgspec.Struct, array_like=True, frozen=True):
    """One explanation; the fields are those of detector.proto."""

    rule: str
    validator: str
    verdict: str
    context: tuple[str, ...]
    phrase: str
    points: tuple[int, ...]
    usual: int
    combination: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Why).decode


def document(told: detector_pb2.Why) -> bytes:
    """As stored."""
    why = Why(
        _printable(told.rule),
        _printable(told.validator),
        _printable(told.verdict),
        tuple(map(_printable, told.context)),
        _printable(told.phrase),
        tuple(told.points),
        told.usual,
        _printable(told.combination),
    )
    return _encode(why)


def explanation_key(cluster: str, document: bytes) -> int:
    """Of an explanation; a cluster has its own."""
    return identity("explanation", cluster, document)


def field_key(*field: Any) -> int:
    """Of a field of an endpoint (`FieldKey`)."""
    return identity("field", *field)


def of_endpoint(connection: Connection, endpoint: int) -> dict[int, Why]:
    """The explanations of an endpoint's fields, by `field_key`."""
    is_same = sa.and_(
        explanations.c.cluster == place_whys.c.cluster,
        explanations.c.id == place_whys.c.explanation_id,
    )
    selected = (
        sa.select(place_whys.c.field_id, explanations.c.told)
        .join(explanations, is_same)
        .where(place_whys.c.endpoint_id == endpoint)
    )
    return {field: _decode(bytes(told)) for field, told in connection.execute(selected)}


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
