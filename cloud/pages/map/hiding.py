"""What a person leaves out of the map: read, and changed by two forms.

In: who asks, and names. Out: the person's own list, at most MOST_HIDDEN names, which
holds for nobody else. A name that is nowhere on the map leaves out nothing.
"""

from urllib.parse import urlencode

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.pages.map.reports import MapQuery
from cloud.pages.map.tables import hidden
from cloud.pages.page import Action, FieldError, Sent
from cloud.store.rows import printable
from cloud.store.store import Store
from cloud.visitor import Role

_KEPT = tuple(
    field.encode_name
    for field in msgspec.structs.fields(MapQuery)
    if field.encode_name not in ("page", "size")
)
"""Filters of the map that come with a form."""
MOST_HIDDEN = 50
"""Names of a person: they are all shown above the map."""
WRITE_SECONDS = 30.0
"""For a change: it waits for the packages before it."""


def names(connection: Connection, person: str) -> list[str]:
    """In the order of the alphabet."""
    own = sa.select(hidden.c.name).where(hidden.c.person == person)
    return list(connection.scalars(own.order_by(hidden.c.name).limit(MOST_HIDDEN)))


def actions(store: Store) -> list[Action]:
    """Leave a name out, and show it again; everybody may, for themselves."""
    change = _Change(store)
    return [
        Action(
            "/map/hide",
            "map-hide",
            change.hide,
            Role.VIEWER,
            fields=("name", *_KEPT),
            again="/map",
        ),
        Action(
            "/map/show",
            "map-show",
            change.show,
            Role.VIEWER,
            fields=("name", *_KEPT),
            again="/map",
        ),
    ]


class _Change:
    def __init__(self, store: Store) -> None:
        self._store = store

    def hide(self, sent: Sent) -> str:
        """Leaves a name out of the sender's maps."""
        name = printable(sent.one("name"))
        if not name:
            raise FieldError("", "give the name of what shall be left out")
        key = (hidden.c.person == sent.visitor.name, hidden.c.name == name)

        def job(connection: Connection) -> bool:
            known = names(connection, sent.visitor.name)
            if name not in known and len(known) < MOST_HIDDEN:
                row = {"person": sent.visitor.name, "name": name}
                connection.execute(sa.insert(hidden).values(**row))
            return bool(connection.scalar(sa.select(sa.func.count()).where(*key)))

        if not self._store.run(job).result(WRITE_SECONDS):
            words = f"You leave out {MOST_HIDDEN} names already; show one again first."
            raise FieldError("", words)
        return _back(sent)

    def show(self, sent: Sent) -> str:
        """Shows a name again that was left out."""
        name = printable(sent.one("name"))
        key = (hidden.c.person == sent.visitor.name, hidden.c.name == name)

        def job(connection: Connection) -> bool:
            return bool(connection.execute(sa.delete(hidden).where(*key)).rowcount)

        self._store.run(job).result(WRITE_SECONDS)
        return _back(sent)


def _back(sent: Sent) -> str:
    """To the map as it was looked at: its filters came with the form."""
    kept = {name: value for name in _KEPT if (value := sent.one(name, 300))}
    return f"/map?{urlencode(kept)}" if kept else "/map"
