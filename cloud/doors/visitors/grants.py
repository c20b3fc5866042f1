"""What groups of a provider may do: `GROUP=ROLE` or `GROUP=ROLE@CLUSTER/NAMESPACE`.

In: the operator's line and a person's groups. Out: a role and a scope, or None. Of
several groups the highest role counts, with all that its own grants name together: so
nobody gets a role in a place that no single grant gives it in. The group `*` is
everybody whom the provider knows.
"""

from collections.abc import Iterable
from typing import NamedTuple

from cloud.visitor import EVERYTHING, Role, Scope, read_scope

EVERYBODY = "*"
MOST_GRANTS = 500


class Grant(NamedTuple):
    group: str
    role: Role
    scope: Scope = EVERYTHING


def read_grants(text: str) -> tuple[Grant, ...]:
    """`admins=admin; shop team=viewer@prod/shop test`. Raises ValueError."""
    parts = [part.strip() for part in text.split(";")]
    grants = tuple(_grant(part) for part in parts if part)
    if len(grants) > MOST_GRANTS:
        raise ValueError(f"at most {MOST_GRANTS} grants")
    return grants


def granted(
    grants: Iterable[Grant], groups: frozenset[str]
) -> tuple[Role, Scope] | None:
    """What somebody of these groups may do and see; None: nothing."""
    fitting = [
        grant for grant in grants if grant.group in groups or grant.group == EVERYBODY
    ]
    if not fitting:
        return None
    role = max(grant.role for grant in fitting)
    scopes = [grant.scope for grant in fitting if grant.role is role]
    if any(scope.is_everything for scope in scopes):
        return role, EVERYTHING
    return role, Scope(
        frozenset().union(*(scope.clusters for scope in scopes)),
        frozenset().union(*(scope.namespaces for scope in scopes)),
    )


def _grant(text: str) -> Grant:
    """A group's own name may have `=` in it, as LDAP's do."""
    group, equals, what = text.rpartition("=")
    word, at, places = what.partition("@")
    role, group = word.strip(), group.strip()
    known = [one.name.lower() for one in Role]
    if not equals or not group or role not in known:
        raise ValueError(f"{text!r}: write GROUP=ROLE, ROLE one of {', '.join(known)}")
    scope = read_scope(places)
    if at and scope.is_everything:
        raise ValueError(f"{text!r}: after @ comes CLUSTER or CLUSTER/NAMESPACE")
    if role == "admin" and not scope.is_everything:
        raise ValueError(f"{text!r}: an admin sees everything")
    return Grant(group, Role[role.upper()], scope)
