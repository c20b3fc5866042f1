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
    AddressIndex,
    Workload,
    place,
    unresolved,
)
from agent.digger.heads import METHODS
from agent.digger.inspection import Inspector, Outcome
from agent.digger.package import INTERVAL_NS, Draft, Edge, Unnamed
from agent.digger.row import Row
from agent.digger.sampling import Sampler
from agent.digger.waiting import Job
from agent.naming.endpoints import Endpoints
from agent.naming.workloads import told
from agent.record import Batch, Fact, Record
from detection.finding import Finding

MOST_GIVEN_UP = 10_000
"""Addresses that nobody waits for any more; then all are waited for once again."""

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
    ) -> None:
        self.draft = Draft()
        self.sampler = sampler
        self._index = index
        self._endpoints = endpoints
        self._inspector = inspector
        self._given_up: set[bytes] = set()

    def count(self, batch: Batch, now: float) -> int:
        """Counts all that the batch tells; the number of exchanges. `now` is
        monotonic."""
        exchanges = 0
        server, port = batch.server, batch.server_port
        for fact in batch.facts:
            exchanges += fact.exchanges
            self._count(server, port, fact, None, now)
        for record in batch.records:
            exchanges += 1
            self._count(server, port, record.fact, record, now)
        return exchanges

    def gather(self, now: float) -> None:
        """Takes the outcomes of inspections that ended."""
        for outcome in self._inspector.take():
            self._end(outcome, now)

    def resolve(self, ip: bytes, at_ns: int) -> Workload:
        """The name of an address that had none; it is not waited for again."""
        known = self._index.find(ip, at_ns) or place(ip)
        if known is None:
            if len(self._given_up) >= MOST_GIVEN_UP:
                self._given_up.clear()
            self._given_up.add(ip)
        return told(known, self._endpoints.segments) if known else unresolved(ip)

    def _count(
        self, ip: bytes, port: int, fact: Fact, record: Record | None, now: float
    ) -> None:
        at_ns: cython.longlong = fact.first_ns
        method = _METHODS.get(fact.method, "OTHER")
        server = self._name(ip, at_ns)
        client = self._client(fact, at_ns)
        place = (ip, port) if isinstance(server, Unnamed) else (server, port)
        # Replicas of a client are several clients: addresses tell them apart.
        asking = fact.client
        status = fact.status
        path = self._endpoints.template(
            place, method, fact.target, asking, status, at_ns
        )
        operation = ""
        if fact.operation:
            operation = self._endpoints.operation(
                place, fact.operation, asking, status, at_ns
            )
        interval_ns = at_ns - at_ns % INTERVAL_NS
        edge = Edge(server, client, port, method, path, operation, interval_ns)
        times: cython.longlong = fact.exchanges
        row: Row = self.draft.row(edge, at_ns)
        row.count(
            status,
            at_ns,
            fact.waited_ns // (1000 * times),
            fact.request_bytes,
            fact.response_bytes,
            fact.truncated,
            times,
        )
        if fact.last_ns > row.last_ns:
            row.last_ns = fact.last_ns
        endpoint = (server, port, method, path, operation)
        kind = (status // 100, fact.shape)
        choice = self.sampler.choose(endpoint, kind, record is not None, now)
        if choice:
            self._choose(edge, endpoint, kind, choice, record, now)

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
            draft.find(
                job.edge,
                job.record.fact.first_ns,
                self._told(job, "request", outcome.found[0]),
                self._told(job, "response", outcome.found[1]),
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

    def _name(self, ip: bytes, at_ns: int) -> Workload | Unnamed:
        known = self._index.find(ip, at_ns) or place(ip)
        if known is not None:
            return told(known, self._endpoints.segments)
        if self._index.is_static or ip in self._given_up:
            return unresolved(ip)
        return self.draft.unname(ip, at_ns)

    def _client(self, fact: Fact, at_ns: int) -> Workload | Unnamed:
        """Also one that a mesh's proxy hides, by the identity that it vouches for."""
        namespace, _, account = fact.client_identity.partition("/")
        if account:
            return Workload(namespace, "ServiceAccount", account)
        if not any(fact.client):
            return BEHIND_PROXY
        return self._name(fact.client, at_ns)
