"""Makes what is stored agree with corrections: places, and what is added up over them.

In: a transaction, the rules of the moment, and places or servers. Out: places that are
what they must be, whatever they were before, with what was found there kept beside
(`corrected_places`); and the sums of their endpoints, edges and data types, added up
anew from places. So repeating a step changes nothing, undoing a correction restores
exactly, and a step that was killed is done again. Keys of places stay: facts name them.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.store.corrections import Correction, Key
from cloud.store.keys import among
from cloud.store.rows import SURE
from cloud.store.rules import Found, Rules, corrected
from cloud.store.schema import (
    MOST,
    corrected_places,
    corrections,
    data_types,
    edge_types,
    edges,
    endpoint_types,
    endpoints,
    places,
    traffic,
    workloads,
)
from cloud.store.statements import chunks
from proto.v1 import collector_pb2

_AT_ONCE = 5_000
"""Keys named in one statement; SQLite takes 32,766 values."""
_IS_KEPT = sa.and_(
    corrected_places.c.endpoint_id == places.c.endpoint_id,
    corrected_places.c.place_id == places.c.id,
)
_IS_SURE = places.c.likelihood >= SURE


class Rewritten(NamedTuple):
    """A place that is another thing than before."""

    endpoint_id: int
    place_id: int
    is_corrected: bool


def servers(connection: Connection, one: Correction) -> list[int]:
    """The workloads that a correction may reach, by their keys."""
    chosen = sa.select(workloads.c.id).where(*_reach(workloads, one, _OF_WORKLOAD))
    if one.name:
        return list(connection.scalars(chosen.order_by(workloads.c.id)))
    serving = sa.select(endpoints.c.server_id).distinct()
    serving = serving.order_by(endpoints.c.server_id)
    if one.cluster:
        serving = serving.where(endpoints.c.server_id.in_(chosen))
    return list(connection.scalars(serving))


def keys(
    connection: Connection, one: Correction, servers: Collection[int], most: int
) -> list[Key]:
    """Places of servers that a correction reaches, in their order; at most so many."""
    owned = sa.select(endpoints.c.id).where(
        endpoints.c.server_id.in_(servers), *_reach(endpoints, one, _OF_ENDPOINT)
    )
    chosen = (
        sa.select(places.c.endpoint_id, places.c.id)
        .select_from(places.outerjoin(corrected_places, _IS_KEPT))
        .where(places.c.endpoint_id.in_(owned), _found_type() == one.data_type)
        .where(*_reach(places, one, _OF_PLACE))
        .order_by(*places.primary_key)
        .limit(most)
    )
    return [(row[0], row[1]) for row in connection.execute(chosen)]


def amend(
    connection: Connection, rules: Rules, wanted: Iterable[Key]
) -> list[Rewritten]:
    """Makes places what they must be, and the sums of their endpoints."""
    rewritten: list[Rewritten] = []
    types: dict[int, set[str]] = defaultdict(set)
    updates, kept, gone = [], [], []
    for row in _stored(connection, list(wanted)):
        is_so = Found(row.data_type, row.sensitivity, row.likelihood)
        found = is_so
        if row.correction_id is not None:
            found = Found(row.found_type, row.found_sensitivity, row.found_likelihood)
        place = (*row[:7], row.direction, row.location, row.field)
        one = rules.speaking(place, found.data_type)
        must_be = corrected(one.correction, found) if one else found
        key = {"at_endpoint": row.endpoint_id, "at_place": row.id}
        if one is not None and one.id != row.correction_id:
            kept.append((row.endpoint_id, row.id, one.id, *found))
        if one is None and row.correction_id is not None:
            gone.append(key)
        if must_be != is_so:
            updates.append(key | {f"to_{k}": v for k, v in must_be._asdict().items()})
            types[row.endpoint_id] |= {is_so.data_type, must_be.data_type}
            done = Rewritten(row.endpoint_id, row.id, one is not None)
            rewritten.append(done)
    _write(connection, updates, kept, gone)
    for some in chunks(sorted(types), _AT_ONCE):
        _sum_endpoints(connection, some, set().union(*(types[key] for key in some)))
    return rewritten


def sum_edges(
    connection: Connection, servers: Collection[int], types: Collection[str]
) -> None:
    """What clients and servers send each other, of some data types."""
    server, client = endpoints.c.server_id, places.c.client_id
    returned = sa.case(
        (places.c.direction == collector_pb2.RESPONSE, places.c["count"]), else_=0
    )
    found = (
        sa.select(
            *(client, server, places.c.data_type),
            *(sa.func.max(places.c.sensitivity), _sum(places.c["count"])),
            _sum(returned),
        )
        .join(endpoints, endpoints.c.id == places.c.endpoint_id)
        .where(server.in_(servers), places.c.data_type.in_(types), _IS_SURE)
        .group_by(client, server, places.c.data_type)
    )
    rows = [
        dict(
            zip(
                edge_types.c.keys(),
                (*row[:4], _most(row[4]), _most(row[5])),
                strict=True,
            )
        )
        for row in connection.execute(found)
    ]
    known = sa.select(edges.c.client_id, edges.c.server_id, edges.c.sensitivity)
    known = known.where(edges.c.server_id.in_(servers))
    stored = {(row[0], row[1]): row[2] for row in connection.execute(known)}
    is_old = sa.and_(
        edge_types.c.client_id == sa.bindparam("at_client"),
        edge_types.c.server_id == sa.bindparam("at_server"),
        edge_types.c.data_type == sa.bindparam("of_type"),
    )
    old = [
        {"at_client": client, "at_server": server, "of_type": name}
        for client, server in stored.keys()
        | {(row["client_id"], row["server_id"]) for row in rows}
        for name in types
    ]
    if old:
        connection.execute(sa.delete(edge_types).where(is_old), old)
    if rows:
        connection.execute(sa.insert(edge_types), rows)
    _sum_sensitivities(connection, servers, stored)


def sum_types(
    connection: Connection, types: Collection[str], cluster: str = ""
) -> None:
    """Data types of a cluster, or of each."""
    of_cluster = workloads.c.cluster == cluster if cluster else sa.true()
    name = places.c.data_type
    source = (
        endpoint_types.join(
            places,
            sa.and_(
                places.c.endpoint_id == endpoint_types.c.endpoint_id,
                places.c.data_type == endpoint_types.c.data_type,
            ),
        )
        .join(endpoints, endpoints.c.id == places.c.endpoint_id)
        .join(workloads, workloads.c.id == endpoints.c.server_id)
    )
    found = (
        sa.select(
            *(workloads.c.cluster, name, sa.func.max(places.c.sensitivity)),
            sa.func.count(sa.distinct(places.c.endpoint_id)),
            _sum(places.c["count"]),
            sa.func.min(places.c.first_seen_ns),
            sa.func.max(places.c.last_seen_ns),
        )
        .select_from(source)
        .where(endpoint_types.c.data_type.in_(types), _IS_SURE, of_cluster)
        .group_by(workloads.c.cluster, name)
    )
    rows = [
        dict(zip(data_types.c.keys(), (*row[:4], _most(row[4]), *row[5:]), strict=True))
        for row in connection.execute(found)
    ]
    old: sa.ColumnElement[bool] = data_types.c.data_type.in_(types)
    if cluster:
        old = sa.and_(old, data_types.c.cluster == cluster)
    connection.execute(sa.delete(data_types).where(old))
    if rows:
        connection.execute(sa.insert(data_types), rows)


def types_beside(connection: Connection, data_type: str) -> set[str]:
    """A data type, and all that corrections ever made of it."""
    named = sa.select(corrections.c.becomes).distinct()
    made = named.where(corrections.c.data_type == data_type)
    return {data_type, *connection.scalars(made)} - {""}


_OF_WORKLOAD = {"cluster": "cluster", "namespace": "namespace", "kind": "kind"}
_OF_WORKLOAD |= {"name": "name"}
_OF_ENDPOINT = {"port": "port", "method": "method", "endpoint": "path"}
_OF_PLACE = {"direction": "direction", "location": "location", "path": "path"}
"""What a correction names → the column."""


def _reach(
    table: sa.FromClause, one: Correction, names: dict[str, str]
) -> list[sa.ColumnElement[bool]]:
    return [
        table.c[column] == getattr(one, name)
        for name, column in names.items()
        if getattr(one, name)
    ]


_PLACED = (
    *(workloads.c[name] for name in ("cluster", "namespace", "kind", "name")),
    *(endpoints.c.port, endpoints.c.method, endpoints.c.path),
    *(places.c.endpoint_id, places.c.id, places.c.direction, places.c.location),
    places.c.path.label("field"),
    *(places.c.data_type, places.c.sensitivity, places.c.likelihood),
    corrected_places.c.correction_id,
    corrected_places.c.data_type.label("found_type"),
    corrected_places.c.sensitivity.label("found_sensitivity"),
    corrected_places.c.likelihood.label("found_likelihood"),
)


def _stored(connection: Connection, wanted: list[Key]) -> Iterable[sa.Row[Any]]:
    source = (
        places.join(endpoints, endpoints.c.id == places.c.endpoint_id)
        .join(workloads, workloads.c.id == endpoints.c.server_id)
        .outerjoin(corrected_places, _IS_KEPT)
    )
    chosen = sa.select(*_PLACED).select_from(source)
    for some in chunks(wanted, _AT_ONCE):
        at = among(connection, places.primary_key, some)
        yield from connection.execute(chosen.where(at)).all()


def _found_type() -> sa.ColumnElement[str]:
    return sa.func.coalesce(corrected_places.c.data_type, places.c.data_type)


def _write(
    connection: Connection,
    updates: list[dict[str, Any]],
    kept: list[tuple[Any, ...]],
    gone: list[dict[str, Any]],
) -> None:
    of = corrected_places.c
    is_its = sa.and_(
        of.endpoint_id == sa.bindparam("at_endpoint"),
        of.place_id == sa.bindparam("at_place"),
    )
    if updates:
        is_place = sa.and_(
            places.c.endpoint_id == sa.bindparam("at_endpoint"),
            places.c.id == sa.bindparam("at_place"),
        )
        values: dict[str, Any] = {
            name: sa.bindparam(f"to_{name}") for name in Found._fields
        }
        connection.execute(sa.update(places).where(is_place).values(values), updates)
    old = [{"at_endpoint": row[0], "at_place": row[1]} for row in kept]
    if gone or old:
        connection.execute(sa.delete(corrected_places).where(is_its), [*gone, *old])
    if kept:
        rows = [dict(zip(of.keys(), row, strict=True)) for row in kept]
        connection.execute(sa.insert(corrected_places), rows)


def _sum_endpoints(
    connection: Connection, keys: Collection[int], types: Collection[str]
) -> None:
    """Sensitivities of endpoints and of their clients' traffic; some data types."""
    named = (places.c.endpoint_id, places.c.client_id, places.c.data_type)
    found = (
        sa.select(*named, sa.func.max(places.c.sensitivity))
        .where(places.c.endpoint_id.in_(keys), _IS_SURE)
        .group_by(*named)
    )
    of_endpoint = dict.fromkeys(keys, 0)
    asked = sa.select(traffic.c.endpoint_id, traffic.c.client_id, traffic.c.sensitivity)
    asked = asked.where(traffic.c.endpoint_id.in_(keys))
    stored = {(row[0], row[1]): row[2] for row in connection.execute(asked)}
    of_client = dict.fromkeys(stored, 0)
    typed: set[tuple[str, int]] = set()
    for endpoint, client, data_type, sensitivity in connection.execute(found):
        of_endpoint[endpoint] = max(of_endpoint[endpoint], sensitivity)
        key = (endpoint, client)
        of_client[key] = max(of_client.get(key, 0), sensitivity)
        if data_type in types:
            typed.add((data_type, endpoint))
    at: sa.BindParameter[int] = sa.bindparam("at_endpoint")
    grave: sa.BindParameter[int] = sa.bindparam("to_sensitivity")
    connection.execute(
        sa.update(endpoints).where(endpoints.c.id == at).values(sensitivity=grave),
        [{"at_endpoint": k, "to_sensitivity": v} for k, v in of_endpoint.items()],
    )
    is_its = sa.and_(
        traffic.c.endpoint_id == at, traffic.c.client_id == sa.bindparam("at_client")
    )
    changed = [
        {"at_endpoint": key[0], "at_client": key[1], "to_sensitivity": sensitivity}
        for key, sensitivity in of_client.items()
        if stored.get(key) not in (None, sensitivity)
    ]
    if changed:
        statement = sa.update(traffic).where(is_its).values(sensitivity=grave)
        connection.execute(statement, changed)
    is_old = sa.and_(
        endpoint_types.c.endpoint_id.in_(keys), endpoint_types.c.data_type.in_(types)
    )
    connection.execute(sa.delete(endpoint_types).where(is_old))
    if typed:
        rows = [{"data_type": name, "endpoint_id": key} for name, key in sorted(typed)]
        connection.execute(sa.insert(endpoint_types), rows)


def _sum_sensitivities(
    connection: Connection,
    servers: Collection[int],
    stored: dict[tuple[int, int], int],
) -> None:
    """Of edges, as far as they are others than before."""
    pair = (traffic.c.client_id, endpoints.c.server_id)
    found = (
        sa.select(*pair, sa.func.max(traffic.c.sensitivity))
        .join(endpoints, endpoints.c.id == traffic.c.endpoint_id)
        .where(endpoints.c.server_id.in_(servers))
        .group_by(*pair)
    )
    is_its = sa.and_(
        edges.c.client_id == sa.bindparam("at_client"),
        edges.c.server_id == sa.bindparam("at_server"),
    )
    changed = [
        {"at_client": client, "at_server": server, "to_sensitivity": sensitivity}
        for client, server, sensitivity in connection.execute(found)
        if stored.get((client, server)) not in (None, sensitivity)
    ]
    if changed:
        grave: sa.BindParameter[int] = sa.bindparam("to_sensitivity")
        connection.execute(
            sa.update(edges).where(is_its).values(sensitivity=grave), changed
        )


def _sum(column: sa.ColumnElement[int]) -> sa.ColumnElement[float]:
    """Exact below 2^53, where counters stop; whole numbers could pass 63 bits."""
    return sa.func.sum(sa.cast(column, sa.Float))


def _most(total: float) -> int:
    return min(int(total), MOST)
