"""Forgets what was not seen for longer than facts are kept.

In: a time. Out: names and summaries last seen before it are gone, some thousand at a
step, and the counts of what there is are right again. A name that comes back later is
new. What a cluster counted in sum stays, as long as the cluster is there.
"""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Table

from cloud.store import schema
from cloud.store.rows import SURE
from cloud.store.schema import Level, changes

STEP_ROWS = 5_000
"""Deleted in one transaction."""
MOST_CHANGES = 50_000
"""Of a cluster, some 20 MB: more than a hundred a day for all the days that are kept.
The least grave and among them the oldest go first."""

Step = Callable[..., bool]


def facts(connection: Connection, level: Level, before: int) -> bool:
    """Deletes the oldest interval of a level; false if none is before `before`."""
    for table in (level.traffic, level.coverage):
        start = table.c.start_seconds
        oldest = connection.scalar(sa.select(sa.func.min(start)))
        if oldest is not None and oldest < before:
            connection.execute(sa.delete(table).where(start == oldest))
            return True
    return False


def _old(table: Table) -> Step:
    """Deletes rows of a table that were last seen too long ago."""

    def step(connection: Connection, before_ns: int) -> bool:
        return _delete(connection, table, table.c.last_seen_ns < before_ns)

    return step


def _old_refusals(connection: Connection, before_ns: int) -> bool:
    refusals = schema.refusals
    return _delete(connection, refusals, refusals.c.last_ns < before_ns)


def _orphans(table: Table, *owned: sa.ColumnElement[bool]) -> Step:
    """Deletes rows of a table that nothing refers to any more."""

    def step(connection: Connection, before_ns: int) -> bool:
        return _delete(connection, table, sa.and_(*(sa.not_(one) for one in owned)))

    return step


def _delete(
    connection: Connection, table: Table, condition: sa.ColumnElement[bool]
) -> bool:
    key = list(table.primary_key)
    chosen = sa.select(*key).where(condition).limit(STEP_ROWS)
    matches: Any = sa.tuple_(*key).in_(chosen) if len(key) > 1 else key[0].in_(chosen)
    deleted = connection.execute(sa.delete(table).where(matches)).rowcount
    if deleted:
        tell(connection)
    return deleted == STEP_ROWS


def tell(connection: Connection) -> None:
    """Makes all writers look anew which names and partitions there are."""
    job = schema.job
    connection.execute(sa.update(job).values(forgotten=job.c.forgotten + 1))


def _exists(table: Table, *conditions: sa.ColumnElement[bool]) -> sa.Exists:
    return sa.exists(sa.select(sa.literal(1)).select_from(table).where(*conditions))


def _has_place() -> sa.Exists:
    places, types = schema.places, schema.endpoint_types
    return _exists(
        places,
        places.c.endpoint_id == types.c.endpoint_id,
        places.c.data_type == types.c.data_type,
        places.c.likelihood >= SURE,
    )


def _is_kept() -> sa.Exists:
    places, corrected = schema.places, schema.corrected_places
    return _exists(
        places,
        places.c.endpoint_id == corrected.c.endpoint_id,
        places.c.id == corrected.c.place_id,
    )


def _has_edge() -> sa.Exists:
    edges, types = schema.edges, schema.edge_types
    return _exists(
        edges,
        edges.c.client_id == types.c.client_id,
        edges.c.server_id == types.c.server_id,
    )


def _is_referred_to() -> sa.Exists:
    explanations, whys = schema.explanations, schema.place_whys
    return _exists(
        whys,
        whys.c.cluster == explanations.c.cluster,
        whys.c.explanation_id == explanations.c.id,
    )


def _in_use(workload: sa.ColumnElement[int]) -> tuple[sa.Exists, ...]:
    return (
        _exists(schema.endpoints, schema.endpoints.c.server_id == workload),
        _exists(schema.traffic, schema.traffic.c.client_id == workload),
        _exists(schema.parts, schema.parts.c.workload_id == workload),
        _exists(schema.parties, schema.parties.c.workload_id == workload),
        _exists(schema.outward, schema.outward.c.workload_id == workload),
    )


_WORKLOAD = schema.workloads.c.id
NAMES: tuple[Step, ...] = (
    _old(schema.places),
    _orphans(schema.corrected_places, _is_kept()),
    _old(schema.traffic),
    _orphans(
        schema.endpoints,
        _exists(schema.traffic, schema.traffic.c.endpoint_id == schema.endpoints.c.id),
    ),
    _orphans(
        schema.place_whys,
        _exists(
            schema.endpoints, schema.endpoints.c.id == schema.place_whys.c.endpoint_id
        ),
    ),
    _orphans(schema.explanations, _is_referred_to()),
    _old(schema.edges),
    _orphans(schema.edge_types, _has_edge()),
    _orphans(schema.endpoint_types, _has_place()),
    _old(schema.data_types),
    _old(schema.parts),
    _old(schema.nodes),
    _old(schema.parties),
    _old(schema.outward),
    *(
        _orphans(table, *_in_use(table.c.workload_id))
        for table in (schema.workload_facts, schema.revisions)
    ),
    _orphans(
        schema.coverage,
        _exists(schema.parts, schema.parts.c.id == schema.coverage.c.part_id),
    ),
    _orphans(
        schema.workloads,
        *_in_use(_WORKLOAD),
        _exists(
            schema.workload_facts, schema.workload_facts.c.workload_id == _WORKLOAD
        ),
        _exists(schema.revisions, schema.revisions.c.workload_id == _WORKLOAD),
    ),
    _old(schema.clusters),
    _orphans(
        schema.coverage_totals,
        _exists(
            schema.clusters, schema.clusters.c.name == schema.coverage_totals.c.cluster
        ),
    ),
    *(
        _orphans(
            table, _exists(schema.clusters, schema.clusters.c.name == table.c.cluster)
        )
        for table in (schema.catalog_types, schema.correction_tellings)
    ),
    _orphans(
        schema.offsets,
        _exists(schema.clusters, schema.clusters.c.name == schema.offsets.c.cluster),
    ),
    _orphans(
        schema.senders,
        _exists(schema.clusters, schema.clusters.c.name == schema.senders.c.cluster),
    ),
    _old_refusals,
)
"""In this order: what refers before what is referred to."""


def old_changes(connection: Connection, before_ns: int) -> bool:
    """Deletes changes that were stored before."""
    stored = changes.c.stored_ns
    chosen = sa.select(changes.c.id).where(stored < before_ns)
    return _delete_changes(connection, chosen.order_by(stored), STEP_ROWS)


def surplus_changes(connection: Connection) -> bool:
    """Deletes changes of a cluster that has more than MOST_CHANGES."""
    cluster, number = changes.c.cluster, sa.func.count()
    counted = sa.select(cluster, number).group_by(cluster)
    full = connection.execute(counted.having(number > MOST_CHANGES)).first()
    if full is None:
        return False
    chosen = sa.select(changes.c.id).where(cluster == full[0])
    chosen = chosen.order_by(changes.c.gravity, changes.c.at_ns, changes.c.id)
    _delete_changes(connection, chosen, min(full[1] - MOST_CHANGES, STEP_ROWS))
    return True


def _delete_changes(
    connection: Connection, chosen: sa.Select[tuple[int]], most: int
) -> bool:
    matches = changes.c.id.in_(chosen.limit(most))
    return connection.execute(sa.delete(changes).where(matches)).rowcount == most


def recount(connection: Connection) -> bool:
    """Counts what there is, once names are gone."""
    clusters, endpoints, edges = schema.clusters, schema.endpoints, schema.edges
    workloads, types = schema.workloads, schema.endpoint_types
    of_cluster = workloads.c.cluster == clusters.c.name
    served = endpoints.join(workloads, workloads.c.id == endpoints.c.server_id)
    asked = edges.join(workloads, workloads.c.id == edges.c.server_id)
    found = served.join(schema.places, schema.places.c.endpoint_id == endpoints.c.id)
    connection.execute(
        sa.update(clusters).values(
            endpoints=_count(served, of_cluster),
            edges=_count(asked, of_cluster),
            places=_count(found, of_cluster),
            parts=_count(schema.parts, schema.parts.c.cluster == clusters.c.name),
        )
    )
    totals = schema.data_types
    typed = types.join(endpoints, endpoints.c.id == types.c.endpoint_id).join(
        workloads, workloads.c.id == endpoints.c.server_id
    )
    is_same = sa.and_(
        workloads.c.cluster == totals.c.cluster,
        types.c.data_type == totals.c.data_type,
    )
    connection.execute(sa.update(totals).values(endpoints=_count(typed, is_same)))
    return False


def _count(
    source: sa.FromClause, condition: sa.ColumnElement[bool]
) -> sa.ScalarSelect[int]:
    counted = sa.select(sa.func.count()).select_from(source).where(condition)
    return counted.scalar_subquery()
