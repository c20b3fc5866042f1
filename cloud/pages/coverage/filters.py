"""Which parts of the coverage are asked for, as conditions for the store."""

from typing import NamedTuple

import sqlalchemy as sa

from cloud.pages.coverage.reports import CoverageQuery
from cloud.store.rows import printable
from cloud.store.schema import coverage, parts, workloads
from cloud.visitor import EVERYTHING, Scope

PARTS = parts.join(workloads, workloads.c.id == parts.c.workload_id)


class Sought(NamedTuple):
    """What a visitor may see, and which of that is asked for; empty: all."""

    scope: Scope = EVERYTHING
    cluster: str = ""
    namespace: str = ""
    node: str = ""
    text: str = ""
    reason: str = ""

    @property
    def is_of_clusters(self) -> bool:
        """Whole clusters, so what is kept by cluster can be added up."""
        is_of_some = self.namespace or self.node or self.text
        return self.scope.is_of_clusters and not is_of_some

    @property
    def is_of_node(self) -> bool:
        """One whole node."""
        is_named = bool(self.cluster and self.node)
        return is_named and self.scope.is_of_clusters and not self.namespace

    def of_cluster(self, column: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
        """Whether a row that tells of a whole cluster is sought."""
        within = self.scope.of_cluster(column)
        return sa.and_(within, column == self.cluster) if self.cluster else within

    def of_part(self) -> list[sa.ColumnElement[bool]]:
        """Whether a row of PARTS is sought, whatever its reasons are."""
        conditions = [self.scope.workloads(workloads)]
        if self.cluster:
            conditions.append(parts.c.cluster == self.cluster)
        if self.namespace:
            conditions.append(workloads.c.namespace == self.namespace)
        if self.node:
            conditions.append(parts.c.node == self.node)
        if self.text:
            named = (workloads.c.name, workloads.c.namespace, parts.c.node)
            has = (one.icontains(self.text, autoescape=True) for one in named)
            conditions.append(sa.or_(*has))
        return conditions

    def with_reason(self) -> list[sa.ColumnElement[bool]]:
        """The same, and whether it has the reason."""
        if not self.reason:
            return self.of_part()
        told = sa.select(sa.literal(1)).where(
            coverage.c.part_id == parts.c.id,
            coverage.c.reason == self.reason,
            coverage.c.amount > 0,
        )
        return [*self.of_part(), sa.exists(told)]


def sought(query: CoverageQuery, scope: Scope) -> Sought:
    """Names as the store writes them."""
    return Sought(
        scope=scope,
        cluster=printable(query.cluster),
        namespace=printable(query.namespace),
        node=printable(query.node),
        text=printable(query.text.strip()),
        reason=query.reason,
    )
