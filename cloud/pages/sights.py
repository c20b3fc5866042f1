"""Reads how an endpoint was over time: pairs, failures, latencies, and its fields.

In: an endpoint and how far back. Out: trends, a rate and quantiles of latency, from the
facts of the window; and for each field the clients that see it. Facts are read once.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from cloud.pages.reports import Field, Latency, Workload
from cloud.pages.trend import Trend, trend
from cloud.store import trends, whys
from cloud.store.facts import Seen, quantile_us
from cloud.store.schema import places, workloads
from cloud.store.trends import Steps, Told

MOST_TRENDS = 40
"""Fields with a trend, the gravest: each is some 700 bytes of a page."""
MOST_PLACES = 20_000
"""Of an endpoint, over all clients: those that are read to tell who sees a field."""
MOST_NAMED = 3
"""Clients named of a field."""
LEAST_SECONDS = 60.0
"""That a rate is told of: fewer say little."""


class Sights(NamedTuple):
    """An endpoint in a window of time."""

    pairs: Trend
    failures: Trend
    rate: float | None
    """Pairs a minute."""
    latency: Latency | None
    told: list[Told]
    steps: Steps
    heard: set[int]
    now: float


def of(
    connection: Connection, endpoint: Row[Any], clients: int, seconds: int, now: float
) -> Sights:
    """Of the last `seconds`, or less if there are more facts than can be read."""
    steps = trends.steps(connection, int(now), seconds, clients)
    told = trends.told(connection, endpoint.id, steps)
    heard = trends.heard(connection, {endpoint.cluster: [endpoint.server_id]}, steps)
    pairs = [step.counters[0] for step in told]
    heard |= {position for position, count in enumerate(pairs) if count}
    failures = [trends.failed(step.counters) for step in told]
    return Sights(
        trend(pairs, steps, heard, now),
        trend(failures, steps, heard, now),
        rate(sum(pairs), steps, heard, endpoint.first_seen_ns / 1e9, now),
        _latency([step.seen for step in told]),
        told,
        steps,
        heard,
        now,
    )


def add_to(
    connection: Connection, endpoint: int, fields: Sequence[Field], sights: Sights
) -> None:
    """Writes into each field who sees it, and the gravest ones' trends."""
    known, clients = _places(connection, endpoint)
    counts: Counter[tuple[str, int]] = Counter()
    for position, step in enumerate(sights.told):
        for place, count in step.seen.places.items():
            if place in known:
                counts[known[place], position] += count
    named = {end for of in clients.values() for end, _ in of.most_common(MOST_NAMED)}
    names = _names(connection, named)
    for number, field in enumerate(fields):
        seen_by = clients[field.id]
        largest = (names.get(end) for end, _ in seen_by.most_common(MOST_NAMED))
        field.clients = [client for client in largest if client]
        field.clients_total = len(seen_by)
        if number < MOST_TRENDS:
            values = [counts[field.id, p] for p in range(sights.steps.total)]
            field.trend = trend(values, sights.steps, sights.heard, sights.now)


def field_id(direction: int, location: int, path: str, data_type: str) -> str:
    """Of a field's line on the page of its endpoint."""
    return f"f{whys.field_key(direction, location, path, data_type):016x}"


def rate(
    pairs: int, steps: Steps, heard: Collection[int], first: float, now: float
) -> float | None:
    """Pairs a minute of the steps that agents were heard in, from the first pair on:
    what began in a long step was not slow in it."""
    if not heard:
        return None
    begins = [steps.start + position * steps.seconds for position in heard]
    seconds = sum(
        max(0.0, min(begin + steps.seconds, now) - max(begin, first))
        for begin in begins
    )
    return 60 * pairs / max(seconds, LEAST_SECONDS)


def _latency(seen: Sequence[Seen]) -> Latency | None:
    whole = Seen()
    for one in seen:
        whole.add(one)
    pairs = sum(whole.latency.values())
    if not pairs:
        return None
    quantiles = (quantile_us(whole.latency, share) or 0 for share in (0.5, 0.95, 0.99))
    return Latency(pairs, whole.sum_us // pairs, *quantiles)


def _places(
    connection: Connection, endpoint: int
) -> tuple[dict[int, str], defaultdict[str, Counter[int]]]:
    """Place → field; field → client → values."""
    chosen = (
        sa.select(places, places.c["count"].label("counted"))
        .where(places.c.endpoint_id == endpoint)
        .order_by(places.c.sensitivity.desc())
        .limit(MOST_PLACES)
    )
    known: dict[int, str] = {}
    clients: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for row in connection.execute(chosen):
        field = field_id(row.direction, row.location, row.path, row.data_type)
        known[row.id] = field
        clients[field][row.client_id] += row.counted
    return known, clients


def _names(connection: Connection, keys: set[int]) -> dict[int, Workload]:
    chosen = sa.select(workloads).where(workloads.c.id.in_(keys))
    return {
        row.id: Workload(row.cluster, row.namespace, row.kind, row.name)
        for row in connection.execute(chosen)
    }
