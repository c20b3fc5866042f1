"""Who is outside, as stored: workloads of kind External, with what is known of them.

In: a connection, for whom and how many. Out: a row for each party, country, network and
kind of client, the latest new ones first.
"""

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.store.schema import parties, workloads


class Party(NamedTuple):
    """What is known of a workload outside."""

    cluster: str
    workload_id: int
    name: str
    country: str
    network: str
    is_robot: bool
    first_seen_ns: int
    last_seen_ns: int


def listed(
    connection: Connection, most: int, *conditions: sa.ColumnElement[bool]
) -> list[Party]:
    """At most so many that keep the conditions, on columns of `parties` and
    `workloads`."""
    order: tuple[Any, ...] = (parties.c.first_seen_ns.desc(), parties.c.workload_id)
    selected = (
        sa.select(
            parties.c.cluster,
            parties.c.workload_id,
            workloads.c.name,
            parties.c.country,
            parties.c.network,
            parties.c.is_robot,
            parties.c.first_seen_ns,
            parties.c.last_seen_ns,
        )
        .join(workloads, workloads.c.id == parties.c.workload_id)
        .where(*conditions)
        .order_by(*order)
        .limit(most)
    )
    found = connection.execute(selected)
    return [Party(*row[:5], bool(row[5]), *row[6:]) for row in found]
