"""What stays, or is changed, when a copy of the store is put back.

In: the copy and the database that it replaces. Out: the copy, changed, as doors and
alerts need it.
"""

import time
from collections.abc import Callable

from sqlalchemy import Connection

from cloud.alerts.restoring import keep_alerts
from cloud.doors.restoring import goes_on_from, keep_doors
from cloud.store.backup import Keep


def keep_all(who: str, now_ns: Callable[[], int] = time.time_ns) -> Keep:
    """What to do with the copy, for `cloud.store.backup.restore`."""
    doors = keep_doors(who, now_ns)

    def keep(copy: Connection, live: Connection | None) -> None:
        is_same = live is not None and goes_on_from(copy, live)
        keep_alerts(copy, live if is_same else None, now_ns())
        doors(copy, live)

    return keep
