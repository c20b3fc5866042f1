"""Which state the store is in, for what is kept between requests (`kept.py`)."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.store.schema import clusters, job


def revision(connection: Connection) -> tuple[Any, ...]:
    """Another one after each package, and when something was forgotten."""
    told = sa.select(sa.func.coalesce(sa.func.sum(clusters.c.packages), 0))
    forgotten = sa.select(sa.func.coalesce(sa.func.max(job.c.forgotten), 0))
    return connection.scalar(told), connection.scalar(forgotten)
