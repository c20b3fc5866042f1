# cython: annotation_typing=False
"""Counting: every exchange into the package, and the chosen ones to inspection.

In: batches as the interceptors wrote them. Out: rows of the draft, by names and
templates, and jobs for the inspector. Outcomes of inspections come back here. This is
the digger's hot path: a fact costs a few look-ups.
"""

from typing import Any

import cython
from msgspec import structs

from agent.cluster.addresses import (
    BEHIND_PROXY,
    INTERNET,
    AddressIndex,
    Workload,
    unresolved,
)
from agent.digger.heads import METHODS
from agent.digger.inspection import Inspector, Outcome
from agent.digger.package import Draft, Edge, Unnamed, interval_of
from agent.digger.row import Row
from agent.digger.sampling import Sampler
from agent.digger.waiting import Job
from agent.naming.endpoints import Endpoints
from agent.naming.workloads import told
from agent.outside.hosts import Hosts
from agent.outside.parties import EXTERNAL, Parties
from agent.record import UNKNOWN_TARGET, Batch, Fact, Record
from detection.finding import Finding

MOST_GIVEN_UP = 10_000
"""Addresses that nobody waits for any more; then all are waited for once again."""

_UNSPECIFIED = frozenset((bytes(4), bytes(16)))
UNKNOWN_PATH = "/{unknown}"
"""Of a request whose path was told before the capture began."""

_METHODS = {method: method.decode() for method in METHODS}


@cython.cclass
class Counting:
    """Counts into `draft`, which the program replaces when it is full or due."""

    def __init__(
        self,
        index: AddressIndex,
        endpoints: Endpoints,
        sampler: Sampler,
        inspector: Inspector,
        parties: Parties | None = None,
    ) -> None:
        self.draft = Draft()
        self.sampler = sampler
        self._index = index
        self._endpoints = endpoints
        self._inspector = inspector
        self._parties = parties or Parties(Hosts(endpoints.segments))
        self._given_up: set[bytes] = set()

    def count(self, batch: Batch, now: float) -> int:
        """Counts all that the batch tells; the number of exchanges. `now` is
        monotonic."""
        exchanges = 0
        server, port = batch.server, batch.server_port
        # Whole ones first: they tell what hosts outside are called.
        for record in batch.records:
            exchanges += record.fact.exchanges
            self._count(server, port, record.fact, record, now)
        for fact in batch.facts:
            exchanges += fact.exchanges
            self._count(server, port, fact, None, now)
        return exchanges

    def gather(self, now: float) -> None:
        """Takes the outcomes of inspections that ended."""
        for outcome in self._inspector.take():
            self._end(outcome, now)

    def resolve(self, ip: bytes, at_ns: int) -> Workload:
        """The name of an address that had none; it is not waited for again."""
        known = self._index.find(ip, at_ns) or self._parties.place(ip)
        if known is None:
            if len(self._given_up) >= MOST_GIVEN_UP:
                self._given_up.clear()
            self._given_up.add(ip)
        return told(known, self._endpoints.segments) if known else unresolved(ip)

    def _count(
        self, ip: bytes, port: int, fact: Fact, record: Record | None, now: float
    ) -> None:
        # At once: one attribute after the other takes several times as long.
        (
            asking,
            identity,
            token,
            target,
            status,
            shape,
            raw,
            protocol,
            times,
            truncated,
            request_bytes,
            response_bytes,
            first_ns,
            last_ns,
            waited_ns,
        ) = structs.astuple(fact)
        at_ns: cython.longlong = first_ns
        method = _METHODS.get(token, "OTHER")
        server = self._name(ip, at_ns, port)
        client = self._client(identity, asking, at_ns)
        if server is INTERNET or _is_outside(server) or _is_outside(client):
            server = self._meet(server, client, ip, port, fact, record)
        place = (ip, port) if isinstance(server, Unnamed) else (server, port)
        # Replicas of a client are several clients: addresses tell them apart.
        path = UNKNOWN_PATH
        if target != UNKNOWN_TARGET:
            path = self._endpoints.template(
                place, method, target, asking, status, at_ns
            )
        operation = ""
        if raw:
            operation = self._endpoints.operation(place, raw, asking, status, at_ns)
        interval = interval_of(at_ns)
        edge: Any = (server, client, port, method, path, operation, interval, protocol)
        row: Row = self.draft.rows.get(edge) or self.draft.add(Edge._make(edge), at_ns)
        row.count(
            status,
            at_ns,
            waited_ns // (1000 * times) if times else 0,
            request_bytes,
            response_bytes,
            truncated,
            times,
        )
        row.reach(last_ns)
        endpoint = (server, port, method, path, operation)
        kind = (status // 100, shape)
        choice = self.sampler.choose(endpoint, kind, record is not None, now)
        if choice:
            self._choose(Edge._make(edge), endpoint, kind, choice, record, now)

    def _choose(
        self,
        edge: Edge,
        endpoint: Any,
        kind: Any,
        choice: int,
        record: Any,
        now: float,
    ) -> None:
        job = Job(edge, endpoint, kind, choice, record, now)
        if not self._inspector.put(job):
            self.sampler.fail(endpoint, kind)
            self.draft.note("not_inspected")

    def _end(self, outcome: Outcome, now: float) -> None:
        job, draft = outcome.job, self.draft
        if outcome.found is not None:
            draft.catalog_digest = self._inspector.digest
            draft.corrections.know(self._inspector.known)
            if outcome.unread:
                draft.note("body_not_read", outcome.unread)
            draft.find(
                job.edge,
                job.record.fact.first_ns,
                self._told(job, "request", outcome.found[0]),
                self._told(job, "response", outcome.found[1]),
                job.record.fact.status,
                job.record.fact.exchanges,
                outcome.is_named,
            )
            self.sampler.succeed(job.endpoint, job.kind, now)
            return
        draft.note("not_inspected")
        if outcome.is_refused:
            self.sampler.succeed(job.endpoint, job.kind, now)
        else:
            self.sampler.fail(job.endpoint, job.kind)

    def _told(self, job: Job, direction: str, findings: list[Finding]) -> list[Finding]:
        """Findings with the names of keys that may be told."""
        edge, fact = job.edge, job.record.fact
        message = f"{edge.method} {edge.path} {edge.operation} {direction}"
        told = []
        for finding in findings:
            path = self._endpoints.key(
                (edge.server, edge.port),
                f"{message} {finding.location}",
                finding.path,
                fact.client,
                fact.first_ns,
            )
            told.append(structs.replace(finding, path=path))
        return told

    def _meet(
        self, server: Any, client: Any, ip: bytes, port: int, fact: Any, record: Any
    ) -> Any:
        """Notes who is outside; the server as it is called."""
        head, at_ns = record.request.head if record else b"", fact.first_ns
        if server is INTERNET:
            server = self._parties.server(ip, port, client, head)
        if _is_outside(server):
            self._parties.see(server, ip, None, at_ns, self.draft.meet)
        if _is_outside(client):
            self._parties.see(client, fact.client, head, at_ns, self.draft.meet)
        return server

    def _name(self, ip: bytes, at_ns: int, port: int) -> Workload | Unnamed:
        known = self._index.find(ip, at_ns, port) or self._parties.place(ip)
        if known is not None:
            return told(known, self._endpoints.segments)
        if self._index.is_static or ip in self._given_up:
            return unresolved(ip)
        return self.draft.unname(ip, at_ns)

    def _client(self, identity: str, ip: bytes, at_ns: int) -> Workload | Unnamed:
        """Also one that a mesh's proxy hides, by the identity that it vouches for."""
        if identity:
            namespace, _, account = identity.partition("/")
            return Workload(namespace, "ServiceAccount", account)
        if ip in _UNSPECIFIED:
            return BEHIND_PROXY
        return self._name(ip, at_ns, 0)


def _is_outside(workload: Any) -> bool:
    return len(workload) > 1 and workload[1] == EXTERNAL
