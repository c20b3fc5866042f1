"""Violations that are new or returned, as lines of Today: one a policy and flow."""

from collections.abc import Sequence

from sqlalchemy import Connection

from cloud.pages import formats
from cloud.pages.policies.reading import opened
from cloud.pages.policies.reports import Violation
from cloud.pages.reports import Workload
from cloud.pages.today.reports import Line, LineType
from cloud.pages.today.words import counted, listed, spoken
from cloud.policies.rule import Policy
from cloud.visitor import Scope

MOST_READ = 300
"""The latest; all are under Violations."""
_GRAVITY = {"high": 4, "medium": 3, "low": 2}
_LEVELS = ("none", "low", "medium", "high")


def lines(
    connection: Connection, window_ns: tuple[int, int], scope: Scope
) -> tuple[list[Line], bool]:
    """Those opened after one moment and until another, and if these are all."""
    found, policies = opened(connection, window_ns, MOST_READ, scope)
    flows: dict[tuple[object, ...], list[Violation]] = {}
    for one in found:
        ends = (_key(one.sender), _key(one.receiver))
        flows.setdefault((one.policy, *ends), []).append(one)
    told = [_line(flow, policies.get(flow[0].policy), scope) for flow in flows.values()]
    return told, len(found) < MOST_READ


def _key(one: Workload) -> tuple[str, ...]:
    return one.cluster, one.namespace, one.kind, one.name


def _line(flow: Sequence[Violation], policy: Policy | None, scope: Scope) -> Line:
    first = flow[0]
    types = {one.data_type: one.sensitivity for one in flow}
    gravest = sorted(types, key=lambda name: (-_LEVELS.index(types[name]), name))
    returned = sum(one.returned > 0 for one in flow)
    again = " It was accepted or called fixed before." if returned else ""
    said = listed([formats.data_type(name) for name in gravest])
    fields = f" in {counted(len(flow), 'field')}" if len(flow) > 1 else ""
    flows_to = f"{spoken(first.sender)} sends {said}{fields} to"
    why = f" {policy.why}" if policy and policy.why else ""
    advice = policy.advice if policy and policy.advice else ""
    filters = formats.query(
        {}, policy=first.policy, q=(first.receiver.name or first.sender.name)[:200]
    )
    endpoints = {one.endpoint_id for one in flow}
    where = f"/violations{filters}"
    is_request = first.direction == "request"
    server = first.receiver if is_request else first.sender
    is_seen = len(endpoints) == 1 and scope.holds(server.cluster, server.namespace)
    return Line(
        kind="violation",
        gravity=_GRAVITY.get(first.severity, 2),
        sensitivity=types[gravest[0]],
        title=f"Violation{' returned' if returned else ''}: {first.title}",
        why=f"{flows_to} {spoken(first.receiver)}.{again}{why}",
        advice=advice or "Stop it, or accept it with a reason and a day until which.",
        evidence=f"/endpoints/{first.endpoint_id}" if is_seen else where,
        action=where,
        action_words="Confirm or decide",
        cluster=first.receiver.cluster,
        client=first.sender if is_request else first.receiver,
        server=server,
        data_types=[LineType(name, types[name]) for name in gravest],
        fields=len(flow),
        endpoints=len(endpoints),
        changes=len(flow),
        at=max(one.opened for one in flow),
    )
