"""What the demo tells: one JSON document, or tables for a terminal."""

import re
from collections import defaultdict

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agent.demo.client import Counts
from agent.demo.findings import Finding
from agent.demo.stage import Places
from agent.interceptor.coverage import Counts as CoverageCounts
from cloud.pages.formats import protocol

_UNPAIRED = "unpaired_"
_COLOURS = {"high": "bold red", "medium": "yellow", "low": "green"}
_RANKS = ("high", "medium", "low")
_FRAME = 10
"""Characters of a row that are lines and spaces around three columns."""
_LEAST_ENDPOINT = 20
"""Characters: narrower terminals break the lines themselves."""


class Summary(msgspec.Struct):
    """The document of `demo --json`."""

    exchanges_sent: int
    json_exchanges_sent: int
    """Those with JSON in the request or the answer."""
    grpc_exchanges_sent: int
    pairs_captured: int
    unpaired: dict[str, int]
    """Reason → messages."""
    ring_drops: int
    findings: list[Finding]
    packages_accepted: int
    dashboard: str
    is_replayed: bool
    """The traffic came from a capture that the demo made itself."""


def summary(
    sent: Counts,
    captured: CoverageCounts,
    findings: list[Finding],
    packages_accepted: int,
    dashboard: str,
    is_replayed: bool,
) -> Summary:
    counts = captured.counts
    return Summary(
        exchanges_sent=sent.exchanges,
        json_exchanges_sent=sent.json_exchanges,
        grpc_exchanges_sent=sent.grpc_exchanges,
        pairs_captured=counts.get("pairs", 0),
        unpaired={
            name.removeprefix(_UNPAIRED): number
            for name, number in sorted(counts.items())
            if name.startswith(_UNPAIRED)
        },
        ring_drops=counts.get("ring_drops", 0),
        findings=findings,
        packages_accepted=packages_accepted,
        dashboard=dashboard,
        is_replayed=is_replayed,
    )


def print_tables(summary: Summary, captured: CoverageCounts, console: Console) -> None:
    """Endpoints with their data types by sensitivity, then the coverage."""
    console.print(_findings_table(summary.findings, console.width))
    console.print(_coverage_table(summary, captured))
    console.print(f"Dashboard: {summary.dashboard}")
    console.print("What to open first, while it runs:")
    for line in Places.of(summary.dashboard).lines():
        console.print(line, soft_wrap=True)


def _findings_table(findings: list[Finding], width: int) -> Table:
    """An endpoint with who asks whom beside its data types, whose names stay whole."""
    kinds = [f.data_type for f in findings]
    table = Table(title="Sensitive data by endpoint", title_justify="left")
    least = max(map(len, kinds), default=0) + len("sensitivity") + _FRAME
    at_most = max(width - least, _LEAST_ENDPOINT)
    table.add_column("endpoint, and who asks whom", overflow="fold", max_width=at_most)
    table.add_column("sensitivity", no_wrap=True)
    table.add_column("data types", no_wrap=True)
    by_row: defaultdict[tuple[str, str, str, str], set[str]] = defaultdict(set)
    for found in findings:
        edge = f"{found.client} → {found.server}"
        row = found.endpoint, found.protocol, edge, found.sensitivity
        by_row[row].add(found.data_type)
    for row in sorted(by_row, key=lambda r: (r[0], _rank(r[3]))):
        endpoint, spoken, edge, level = row
        style = _COLOURS.get(level, "")
        shown = _broken_at_slashes(endpoint, at_most)
        table.add_row(
            f"{escape(shown)}\n[dim]{escape(edge)}, {protocol(spoken)}[/]",
            f"[{style}]{level}[/]" if style else level,
            "\n".join(sorted(by_row[row])),
        )
    return table


def _broken_at_slashes(endpoint: str, most: int) -> str:
    """Lines of at most so many characters where slashes allow it."""
    lines = [""]
    for part in re.split(r"(?=[/ ])", endpoint):
        if len(lines[-1]) + len(part) > most and lines[-1]:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.strip() for line in lines)


def _rank(level: str) -> int:
    return _RANKS.index(level) if level in _RANKS else len(_RANKS)


def _coverage_table(summary: Summary, captured: CoverageCounts) -> Table:
    table = Table(title="Coverage", title_justify="left", show_header=False)
    table.add_column("what")
    table.add_column("how much", justify="right")
    rows = {
        "exchanges sent": summary.exchanges_sent,
        "with JSON": summary.json_exchanges_sent,
        "over gRPC": summary.grpc_exchanges_sent,
        "pairs captured": summary.pairs_captured,
        "ring drops": summary.ring_drops,
        "packages accepted": summary.packages_accepted,
    }
    rows |= {f"unpaired: {name}": number for name, number in summary.unpaired.items()}
    rows |= {f"bytes: {name}": size for name, size in captured.buckets.items()}
    for what, number in rows.items():
        if number or not what.startswith(("unpaired", "bytes")):
            table.add_row(what.replace("_", " "), f"{number:,}")
    return table
