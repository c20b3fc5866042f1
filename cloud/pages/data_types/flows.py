"""Reads who sends a data type to whom, and who outside receives it.

In: a data type and a visitor. Out: a flow for each way between two: what is sent in
requests goes from client to server, what is returned in answers the other way.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from cloud.pages import outside, reports
from cloud.pages.data_types.listing import CLIENTS, SERVERS, Ends
from cloud.pages.data_types.reports import Receiver, TypeFlow
from cloud.pages.overview import named, touching
from cloud.pages.reports import Workload
from cloud.store.schema import edge_types
from cloud.store.windows import EXTERNAL
from cloud.visitor import Scope

MOST_EDGES = 5_000
"""Read for a page, the gravest."""
MOST_RECEIVERS = 20
MOST_NAMED = 3
"""Of ours, beside a receiver."""


class Flow(NamedTuple):
    """One way between two, by their keys."""

    sender: int
    receiver: int
    is_outward: bool
    """The receiver is outside."""
    way: str
    sensitivity: int
    values: int


def flows(
    connection: Connection, name: str, scope: Scope
) -> tuple[list[Flow], Ends | None]:
    """The gravest first, and who has the data type; None: these are not all."""
    of = edge_types.c
    chosen = (
        sa.select(
            *(of.client_id, of.server_id, of.sensitivity, of.returned, of["count"]),
            (CLIENTS.c.kind == EXTERNAL).label("is_client_outside"),
            (SERVERS.c.kind == EXTERNAL).label("is_server_outside"),
        )
        .join(CLIENTS, CLIENTS.c.id == of.client_id)
        .join(SERVERS, SERVERS.c.id == of.server_id)
        .where(of.data_type == name, touching(scope, edge_types))
        .order_by(of.sensitivity.desc(), of["count"].desc(), of.client_id, of.server_id)
        .limit(MOST_EDGES)
    )
    rows = connection.execute(chosen).all()
    found: list[Flow] = []
    for client, server, sensitivity, returned, count, *outside_ in rows:
        if count > returned:
            sent = int(count - returned)
            out = bool(outside_[1])
            found.append(Flow(client, server, out, "sent", sensitivity, sent))
        if returned > 0:
            out, back = bool(outside_[0]), int(returned)
            found.append(Flow(server, client, out, "returned", sensitivity, back))
    found.sort(key=attrgetter("sensitivity", "values"), reverse=True)
    return found, _ends(rows, found) if len(rows) < MOST_EDGES else None


def _ends(rows: Iterable[Row[Any]], found: Iterable[Flow]) -> Ends:
    clients = {row.client_id for row in rows if not row.is_client_outside}
    servers = {row.server_id for row in rows if not row.is_server_outside}
    outside_ = {flow.receiver for flow in found if flow.is_outward}
    return Ends(len(clients | servers), len(outside_))


def told(connection: Connection, found: Sequence[Flow]) -> list[TypeFlow]:
    """With the names of both."""
    names = named(connection, {key for flow in found for key in flow[:2]})
    return [
        TypeFlow(
            sender=names[flow.sender],
            receiver=names[flow.receiver],
            way=flow.way,
            sensitivity=_sensitivity(flow.sensitivity),
            count=flow.values,
        )
        for flow in found
    ]


def receivers(connection: Connection, found: list[Flow]) -> tuple[list[Receiver], int]:
    """Those outside who receive most, and how many there are."""
    grouped: defaultdict[int, list[Flow]] = defaultdict(list)
    for flow in found:
        if flow.is_outward:
            grouped[flow.receiver].append(flow)
    shown = dict(list(grouped.items())[:MOST_RECEIVERS])
    senders = {flow.sender for into in shown.values() for flow in into[:MOST_NAMED]}
    names = named(connection, senders | shown.keys())
    known = outside.known(connection, list(shown))
    return [
        _receiver(party, into, names, known[party]) for party, into in shown.items()
    ], len(grouped)


def _receiver(
    party: int, into: list[Flow], names: dict[int, Workload], known: list[Row[Any]]
) -> Receiver:
    countries, networks = outside.places_of(known)
    return Receiver(
        party=names[party],
        sensitivity=_sensitivity(max(flow.sensitivity for flow in into)),
        count=sum(flow.values for flow in into),
        senders=[names[flow.sender] for flow in into[:MOST_NAMED]],
        senders_total=len(into),
        countries=countries,
        networks=networks,
    )


def _sensitivity(number: int) -> str:
    return reports.sensitivity(number)  # type: ignore[arg-type]
