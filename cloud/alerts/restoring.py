"""Alerts after a copy of the store was put back: what was told is not told again.

In: the copy and, where it goes on from the copy, the database that it replaces. Out:
the copy, changed. What the database knows of alerts, channels and rules too, stays as
it is now: what was sent since is sent, and a channel that was deleted stays so. Without
it, what waited in the copy for more than an hour is marked, since it may have been
sent long ago: people look at it and send it again. In both, what happened before this
moment is told to nobody: diggers send again what came after the copy.
"""

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.alerts.tables import State, cursors, deliveries, metadata, seen
from cloud.store.backup import take_over

WAITED_NS = 3_600 * 10**9
"""What waits for longer than that when it comes back is marked."""
MARK = "from a copy that was put back: it may have been sent already"


def keep_alerts(copy: Connection, live: Connection | None, now_ns: int) -> None:
    """Changes the copy; `live` is None where it does not go on from the copy."""
    if live is not None:
        for table in metadata.sorted_tables:
            take_over(table, copy, live)
    else:
        of = deliveries.c
        unsent = of.state.in_((State.GATHERING, State.WAITING))
        late = sa.update(deliveries).where(unsent, of.created_ns < now_ns - WAITED_NS)
        copy.execute(late.values(state=State.DEAD, reason=MARK))
        copy.execute(sa.delete(seen))
    copy.execute(sa.update(cursors).values(begin_ns=now_ns, at_ns=now_ns))
