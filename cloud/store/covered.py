"""Coverage in steps of time, added up from facts.

In: a connection, keys of parts or of wholes (`wholes.py`), and steps. Out: for each
step what became of the bytes and exchanges, or that nothing was heard.
"""

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.store import windows
from cloud.store.facts import Amounts, amounts_of
from cloud.store.schema import LEVELS
from cloud.store.statements import chunks
from cloud.store.trends import Steps

_AT_ONCE = 500
"""Keys named in one statement."""


def told(
    connection: Connection, keys: Collection[int], steps: Steps
) -> dict[int, list[Amounts | None]]:
    """Key of a part or of a whole → what became of its bytes in each step; None: it was
    not heard. Keys without any are left out."""
    found: dict[int, list[Amounts | None]] = {}
    for level in LEVELS:
        table = level.coverage.c
        for some in chunks(sorted(keys), _AT_ONCE):
            chosen = sa.select(table.start_seconds, table.part_id, table.amounts)
            chosen = chosen.where(table.part_id.in_(some))
            facts = windows.within(connection, chosen, level, steps.window)
            for start, key, amounts in facts:
                row = found.setdefault(key, [None] * steps.total)
                _add(row, steps.position(start), amounts_of(amounts))
    return found


def summed(
    rows: Collection[list[Amounts | None]], steps: Steps
) -> list[Amounts | None]:
    """What became of the bytes of all rows together."""
    total: list[Amounts | None] = [None] * steps.total
    for row in rows:
        for position, amounts in enumerate(row):
            if amounts is not None:
                _add(total, position, amounts)
    return total


def _add(row: list[Amounts | None], position: int, amounts: Amounts) -> None:
    known = row[position]
    if known is None:
        known = row[position] = Amounts()
    known.add(amounts)
