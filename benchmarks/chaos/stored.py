"""What the cloud stored, read from its database by SQL: the same cells as were sent."""

from collections import Counter

import sqlalchemy as sa

from benchmarks.chaos.traffic import (
    EXCHANGES,
    PAIRS,
    REQUEST_BYTES,
    RESPONSE_BYTES,
    Cell,
)
from cloud.store.schema import coverage, endpoints, offsets, traffic, workloads

OF_EXCHANGES = frozenset(("refused",))
OF_MESSAGES = frozenset(("expired", "recreated", "undecodable", "unknown_version"))
"""Reasons of the queue's coverage: what they count is in no row."""
SKIPPED = "skipped"


class Stored:
    """One database; empties nothing, so it must begin empty."""

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(url)

    def cells(self) -> Counter[Cell]:
        server, client = workloads.alias(), workloads.alias()
        statuses = [traffic.c[f"status_{name}"] for name in PAIRS]
        query = (
            sa.select(
                server.c.name,
                endpoints.c.method,
                endpoints.c.path,
                client.c.name,
                *statuses,
                traffic.c.request_bytes,
                traffic.c.response_bytes,
            )
            .join(endpoints, endpoints.c.id == traffic.c.endpoint_id)
            .join(server, server.c.id == endpoints.c.server_id)
            .join(client, client.c.id == traffic.c.client_id)
        )
        found: Counter[Cell] = Counter()
        with self._engine.connect() as connection:
            for row in connection.execute(query):
                for measure, amount in zip(
                    (*PAIRS, REQUEST_BYTES, RESPONSE_BYTES), row[4:], strict=True
                ):
                    found[Cell(*row[:4], measure)] += amount
        return +found

    def pairs(self) -> int:
        return self._sum(sa.select(sa.func.sum(traffic.c.pairs)))

    def inspected(self) -> int:
        return self._sum(sa.select(sa.func.sum(traffic.c.inspected)))

    def losses(self) -> Counter[str]:
        """Exchanges that are told to be in no row, by reason."""
        query = (
            sa.select(coverage.c.reason, sa.func.sum(coverage.c.amount))
            .where(coverage.c.reason.in_(OF_EXCHANGES | OF_MESSAGES))
            .where(coverage.c.is_bytes == 0)
            .group_by(coverage.c.reason)
        )
        told: Counter[str] = Counter()
        with self._engine.connect() as connection:
            for reason, amount in connection.execute(query):
                told[reason] = int(amount)
        told[SKIPPED] = self._sum(sa.select(sa.func.sum(offsets.c.skipped)))
        for reason in OF_MESSAGES | {SKIPPED}:
            told[reason] *= EXCHANGES
        return +told

    def close(self) -> None:
        self._engine.dispose()

    def _sum(self, query: sa.Select[tuple[int]]) -> int:
        with self._engine.connect() as connection:
            return int(connection.scalar(query) or 0)
