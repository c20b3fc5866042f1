"""Who may come in after a copy of the store was put back.

In: the doors' tables of the copy and of the database that it replaces. Out: those of
the copy, changed. What was revoked since must not open anything again, so where the
database goes on from the copy, its own keys, people and audit log stay as they are now.
Whether it does shows in the audit log: it holds the copy's last line. Where it does
not, because it is new after a loss, those of the copy come back, without visits and
links, which are of moments that are past.
"""

import time
from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.doors.keys import Kind
from cloud.doors.tables import audit, keys, users
from cloud.store.backup import Keep, take_over


def keep_doors(who: str, now_ns: Callable[[], int] = time.time_ns) -> Keep:
    """What to do with the copy, for `cloud.store.backup.restore`."""

    def keep(copy: Connection, live: Connection | None) -> None:
        if live is not None and goes_on_from(copy, live):
            for table in (keys, users, audit):
                take_over(table, copy, live)
            subject = "people and keys stayed as they were"
        else:
            moments = keys.c.kind.in_([Kind.VISIT.value, Kind.LINK.value])
            copy.execute(sa.delete(keys).where(moments))
            subject = "people and keys came from the copy"
        line = {"at_ns": now_ns(), "who": who, "address": "", "subject": subject}
        copy.execute(sa.insert(audit).values(action="store restored", **line))

    return keep


def goes_on_from(copy: Connection, live: Connection) -> bool:
    """Whether what was revoked in the copy's time and since is known to `live`."""
    last = copy.execute(sa.select(audit).order_by(audit.c.id.desc()).limit(1)).first()
    if last is None:
        # Nobody ever came in: there is nothing to bring back.
        return True
    same = live.execute(sa.select(audit).where(audit.c.id == last.id)).first()
    oldest = live.scalar(sa.select(sa.func.min(audit.c.id))) or 0
    return same == last or oldest > last.id
