"""Moments of the store, each later than all before.

In: a transaction that alone writes, and the time by our clock. Out: that time, or a
nanosecond after the moment that was given last, whichever is later. So what one
transaction stores is later than all that anybody could read before it ended, even
within one second, and with clouds whose clocks differ: `newest` is up to when a reader
has seen everything.
"""

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.store.schema import moments

_ONLY = moments.c.id == 1


def following(connection: Connection, now_ns: int) -> int:
    """The moment of what this transaction stores."""
    after = sa.case(
        (moments.c.last_ns >= now_ns, moments.c.last_ns + 1), else_=sa.literal(now_ns)
    )
    changed = sa.update(moments).where(_ONLY).values(last_ns=after)
    given = connection.scalar(changed.returning(moments.c.last_ns))
    if given is None:
        connection.execute(sa.insert(moments).values(id=1, last_ns=now_ns))
        return now_ns
    return int(given)


def newest(connection: Connection) -> int:
    """The last one of what this connection sees; 0: there is none."""
    return connection.scalar(sa.select(moments.c.last_ns).where(_ONLY)) or 0
