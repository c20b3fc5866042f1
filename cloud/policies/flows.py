"""Flows out of the store: each place of an endpoint's messages as one.

In: a connection and which places. Out: their flows, with the keys of the place and the
times when it was seen. What a request carries the client sends; what a response carries
the server sends.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from cloud.policies.matching import Flow, Side
from cloud.store.keys import among
from cloud.store.rows import SURE
from cloud.store.schema import endpoints, places, workload_facts, workloads
from proto.v1 import collector_pb2, detector_pb2

_SERVERS, _CLIENTS = workloads.alias("servers"), workloads.alias("clients")
_SERVED, _ASKED = workload_facts.alias("served"), workload_facts.alias("asked")
_SIDES = ("cluster", "namespace", "kind", "name")
_FACTS = ("part_of", "owner")
_REQUEST = collector_pb2.REQUEST


class Placed(NamedTuple):
    """A flow and where it stands in the store."""

    endpoint_id: int
    place_id: int
    last_seen_ns: int
    flow: Flow


def chosen(*conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """A statement for the places that hold under conditions; weak findings are none."""
    return (
        sa.select(
            *(places.c[name] for name in ("endpoint_id", "id", "first_seen_ns")),
            *(places.c[name] for name in ("last_seen_ns", "data_type", "sensitivity")),
            *(places.c[name] for name in ("direction", "location", "errors")),
            endpoints.c.method,
            endpoints.c.path,
            *(_SERVERS.c[name].label(f"server_{name}") for name in _SIDES),
            *(_CLIENTS.c[name].label(f"client_{name}") for name in _SIDES),
            *(_SERVED.c[name].label(f"server_{name}") for name in _FACTS),
            *(_ASKED.c[name].label(f"client_{name}") for name in _FACTS),
        )
        .join(endpoints, endpoints.c.id == places.c.endpoint_id)
        .join(_SERVERS, _SERVERS.c.id == endpoints.c.server_id)
        .join(_CLIENTS, _CLIENTS.c.id == places.c.client_id)
        .outerjoin(_SERVED, _SERVED.c.workload_id == endpoints.c.server_id)
        .outerjoin(_ASKED, _ASKED.c.workload_id == places.c.client_id)
        .where(places.c.likelihood >= SURE, *conditions)
    )


def read(connection: Connection, statement: sa.Select[Any]) -> Iterator[Placed]:
    """The flows of a statement made by `chosen`."""
    for row in connection.execute(statement):
        yield _placed(row)


def of_keys(
    connection: Connection, keys: Iterable[tuple[Any, ...]]
) -> Iterator[Placed]:
    """The flows of places by endpoint and place."""
    keys = list(keys)
    if not keys:
        return
    wanted = among(connection, (places.c.endpoint_id, places.c.id), keys)
    yield from read(connection, chosen(wanted))


def _placed(row: Row[Any]) -> Placed:
    told = row._mapping
    server, client = (
        Side(
            *(told[f"{end}_{name}"] for name in _SIDES),
            *(told[f"{end}_{name}"] or "" for name in _FACTS),
        )
        for end in ("server", "client")
    )
    is_request = row.direction == _REQUEST
    flow = Flow(
        sender=client if is_request else server,
        receiver=server if is_request else client,
        data_type=row.data_type,
        sensitivity=row.sensitivity,
        endpoint=f"{row.method} {row.path}",
        location=detector_pb2.Location.Name(row.location).lower(),
        direction="request" if is_request else "response",
        is_in_errors=row.errors > 0,
        first_seen_ns=row.first_seen_ns,
    )
    return Placed(row.endpoint_id, row.id, row.last_seen_ns, flow)
