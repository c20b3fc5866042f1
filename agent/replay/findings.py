"""Findings of a capture's pairs, as the digger and the detector make them.

In: pairs out of a capture file. Out: one JSON line for each pair with findings, and
their sums for a table. Every pair is inspected, answered or not. Names of endpoints are
told as in the cluster, but words need no time to prove: a file may be short.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec
from rich.console import Console
from rich.table import Table

from agent.bodies import Bodies, body_prefix
from agent.digger.heads import METHODS
from agent.naming.endpoints import Endpoints
from agent.record import Message as Captured
from detection.corrections import Place, of_endpoints
from detection.finding import Finding
from detection.finding import Message as Inspected
from detection.heads import message
from detection.lines import shown_path
from detection.protobuf.schemas import Schemas
from detection.scanner import Scanner
from rings.pairs.message import Message, Pair
from rings.records.operation import LOOKED_AT, operation

TOGETHER = 64
"""Pairs scanned at once: bounds the bodies held."""
MOST_TEMPLATES = 1 << 20
"""Of one server: a file ends by itself."""
MOST_ROWS = 200
"""Of the table at the end."""


class Found(msgspec.Struct, omit_defaults=True):
    """A finding as `vethscope detect` writes it, and where it stood."""

    data_type: str
    path: str
    sensitivity: str
    likelihood: str
    count: int
    direction: str
    location: str
    is_least: bool = False
    """More may be there: a bound ended the reading."""


class Line(msgspec.Struct, omit_defaults=True):
    """A pair with findings, as the contract of `--findings` has it."""

    file: str
    connection: int
    method: str
    path: str
    status: int | None
    findings: list[Found]
    operation: str = ""


class Row(NamedTuple):
    """A line of the table."""

    endpoint: str
    direction: str
    location: str
    path: str
    data_type: str
    sensitivity: str


class Findings:
    """Inspects pairs; feed them, then flush."""

    def __init__(
        self, catalog: str, body_bytes: int, schemas: Schemas | None = None
    ) -> None:
        """`schemas` tell the names in protobuf messages. Raises CatalogError."""
        self._scanner = Scanner.load(catalog)
        self._corrections = of_endpoints(self._scanner.catalog.corrections)
        self._bodies = Bodies(body_bytes, schemas)
        self._endpoints = Endpoints(proof_seconds=0, most_templates=MOST_TEMPLATES)
        self._waiting: list[tuple[str, Pair, str, str]] = []
        self.sums: Counter[Row] = Counter()

    def feed_all(self, file: str, pairs: Iterable[Pair]) -> Iterator[Line]:
        """Takes pairs; gives the lines of those that were scanned now."""
        for pair in pairs:
            yield from self.feed(file, pair)

    def feed(self, file: str, pair: Pair) -> Iterator[Line]:
        """Takes a pair; gives the lines of those that were scanned now."""
        request, response = pair.request, pair.response
        method = request.method if request.method in METHODS else b"OTHER"
        server = (pair.server, pair.server_port)
        status = response.status if response else 0
        at_ns = request.first_ns
        path = self._endpoints.template(
            server, method.decode(), request.target, pair.client, status, at_ns
        )
        body = body_prefix(_captured(request), LOOKED_AT)
        called = self._endpoints.operation(
            server,
            operation(request.head, request.target, body),
            pair.client,
            status,
            at_ns,
        )
        self._waiting.append((file, pair, path, called))
        if len(self._waiting) >= TOGETHER:
            yield from self.flush()

    def flush(self) -> Iterator[Line]:
        """The lines of the pairs that wait."""
        waiting, self._waiting = self._waiting, []
        flat = [m for _, pair, _, _ in waiting for m in self._messages(pair)]
        found = list(self._scanner.scan(flat))
        for (file, pair, path, called), asked, answered in zip(
            waiting, found[::2], found[1::2], strict=True
        ):
            method = pair.request.method
            called_by = method.decode() if method in METHODS else "OTHER"
            endpoint = " ".join(filter(None, (path, called)))
            shown: list[Found] = []
            for direction, findings in (("request", asked), ("response", answered)):
                place = Place(method=called_by, endpoint=endpoint, direction=direction)
                kept = self._corrections.apply(place, findings)
                shown += [_found(finding, direction) for finding in kept]
            if not shown:
                continue
            line = Line(
                file=file,
                connection=pair.connection,
                method=called_by,
                path=path,
                status=pair.response.status if pair.response else None,
                findings=shown,
                operation=called,
            )
            self._sum(line)
            yield line

    def _messages(self, pair: Pair) -> list[Inspected]:
        answer = _captured(pair.response) if pair.response else _NOTHING
        asked = _captured(pair.request)
        return [message(*part[:3]) for part in self._bodies.of(asked, answer)]

    def _sum(self, line: Line) -> None:
        endpoint = f"{line.method} {line.path} {line.operation}".strip()
        for found in line.findings:
            row = Row(
                endpoint,
                found.direction,
                found.location,
                found.path,
                found.data_type,
                found.sensitivity,
            )
            self.sums[row] += found.count

    def print_table(self, console: Console) -> None:
        """Sums by endpoint and place, the most frequent first."""
        table = Table(*(name.replace("_", " ") for name in Row._fields))
        table.add_column("count", justify="right")
        for row, count in self.sums.most_common(MOST_ROWS):
            table.add_row(*row, str(count))
        console.print(table)


_NOTHING = Captured(b"", b"", 0, False, 0)


def _captured(message: Message) -> Captured:
    return Captured(
        head=bytes(message.head),
        body=bytes(message.body),
        body_bytes=message.body_bytes,
        truncated=message.truncated,
        gaps=message.gap_bytes,
    )


def _found(finding: Finding, direction: str) -> Found:
    return Found(
        data_type=finding.data_type,
        path=shown_path(finding.location, finding.path),
        sensitivity=finding.sensitivity.name.lower(),
        likelihood=finding.likelihood.name.lower(),
        count=finding.count,
        direction=direction,
        location=finding.location.name.lower(),
        is_least=finding.is_least,
    )
