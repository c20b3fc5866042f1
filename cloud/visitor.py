"""Who asks, and what of the clusters they may see: between the doors and the pages.

The front door puts a Visitor into the ASGI scope of each request that it hands on, and
the fields of a form beside it; pages take both from here and ask nothing else. A page
says which role it needs (`cloud.pages.page`), and the front door asks for that.
"""

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import ColumnElement, FromClause
from starlette.requests import Request

MOST_PLACES = 200
"""Clusters and namespaces that one visitor may be limited to."""


class Role(IntEnum):
    """What somebody may do: each the same as the one before, and more."""

    VIEWER = 1
    """See all pages."""
    EDITOR = 2
    """Change what pages let change."""
    ADMIN = 3
    """Say who else may."""


class Scope(NamedTuple):
    """Whole clusters, and namespaces of clusters. None of both: everything."""

    clusters: frozenset[str] = frozenset()
    namespaces: frozenset[tuple[str, str]] = frozenset()
    """Cluster and namespace."""

    @property
    def is_everything(self) -> bool:
        return not self.clusters and not self.namespaces

    @property
    def is_of_clusters(self) -> bool:
        """Whole clusters only, so what is kept by cluster can be added up."""
        return not self.namespaces

    def holds(self, cluster: str, namespace: str) -> bool:
        """Whether what is in a namespace of a cluster is within."""
        is_within = cluster in self.clusters or (cluster, namespace) in self.namespaces
        return self.is_everything or is_within

    def workloads(self, table: FromClause) -> ColumnElement[bool]:
        """Whether a row of workloads is within."""
        if self.is_everything:
            return sa.true()
        cluster, namespace = table.c.cluster, table.c.namespace
        within = cluster.in_(sorted(self.clusters))
        if not self.namespaces:
            return within
        both = sa.tuple_(cluster, namespace).in_(sorted(self.namespaces))
        return sa.or_(within, both)

    def of_cluster(self, column: ColumnElement[str]) -> ColumnElement[bool]:
        """Whether a row that tells of a whole cluster is within."""
        if self.is_everything:
            return sa.true()
        return column.in_(sorted(self.clusters))

    def __str__(self) -> str:
        """As `read_scope` reads it: `CLUSTER` or `CLUSTER/NAMESPACE`, with spaces."""
        whole = sorted(self.clusters)
        return " ".join([*whole, *(f"{c}/{n}" for c, n in sorted(self.namespaces))])


EVERYTHING = Scope()


def read_scope(text: str) -> Scope:
    """The way back of a Scope's text. Raises ValueError."""
    parts = text.split()
    if len(parts) > MOST_PLACES:
        raise ValueError(f"at most {MOST_PLACES} clusters and namespaces")
    pairs = [part.partition("/") for part in parts]
    if any(not cluster or (slash and not name) for cluster, slash, name in pairs):
        raise ValueError("write CLUSTER or CLUSTER/NAMESPACE")
    return Scope(
        frozenset(cluster for cluster, slash, _ in pairs if not slash),
        frozenset((cluster, name) for cluster, slash, name in pairs if slash),
    )


class Visitor(NamedTuple):
    """Somebody who was let in."""

    name: str
    role: Role
    scope: Scope = EVERYTHING
    proof: str = ""
    """What a form must carry; empty for programs, which send their key instead."""
    audit: Callable[[str, str], None] = lambda action, subject: None
    """Writes who did what to what into the audit log. Raises UnavailableError."""


VISITOR, FORM, AGAIN = "vethscope.visitor", "vethscope.form", "vethscope.again"
"""Keys of the ASGI scope."""
SECRET_FIELDS = frozenset(
    ("again", "chosen", "current", "key", "password", "proof", "token", "url")
)
"""Of forms: typed anew each time, for nothing keeps or shows them."""
Form = Mapping[str, list[str]]
"""Name → values, as they were sent."""


class Again(NamedTuple):
    """A form that nobody acts on: it is shown again, filled, and sent once more."""

    words: str
    status: int = 200


def visitor(request: Request) -> Visitor:
    """Who asks; the front door lets nobody else through."""
    found: Any = request.scope[VISITOR]
    assert isinstance(found, Visitor)
    return found


def form(request: Request) -> Form:
    """The fields of a form that was sent; its proof is checked already."""
    found: Form = request.scope.get(FORM, {})
    return found


def again(request: Request) -> Again | None:
    """Whether the form is only shown; the front door says so."""
    found: Again | None = request.scope.get(AGAIN)
    return found


def without_secrets(form: Form) -> Form:
    """What may be kept for a while, and shown again."""
    return {name: told for name, told in form.items() if name not in SECRET_FIELDS}
