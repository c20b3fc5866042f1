"""What the demo tells: one JSON document, or tables for a terminal."""

from collections import defaultdict

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agent.demo.client import Counts
from agent.demo.findings import Finding
from agent.interceptor.coverage import Counts as CoverageCounts

_UNPAIRED = "unpaired_"
_COLOURS = {"high": "bold red", "medium": "yellow", "low": "green"}
_RANKS = ("high", "medium", "low")


class Summary(msgspec.Struct):
    """The document of `demo --json`."""

    exchanges_sent: int
    json_exchanges_sent: int
    """Those with JSON in the request or the answer."""
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
    console.print(_findings_table(summary.findings))
    console.print(_coverage_table(summary, captured))
    console.print(f"Dashboard: {summary.dashboard}")


def _findings_table(findings: list[Finding]) -> Table:
    table = Table(title="Sensitive data by endpoint", title_justify="left")
    for column in ("endpoint", "client → server", "sensitivity", "data types"):
        table.add_column(column, overflow="fold")
    by_row: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    for found in findings:
        row = found.endpoint, f"{found.client} → {found.server}", found.sensitivity
        by_row[row].add(found.data_type)
    for row in sorted(by_row, key=lambda r: (r[0], _rank(r[2]))):
        endpoint, edge, level = row
        style = _COLOURS.get(level, "")
        table.add_row(
            escape(endpoint),
            edge,
            f"[{style}]{level}[/]" if style else level,
            "\n".join(sorted(by_row[row])),
        )
    return table


def _rank(level: str) -> int:
    return _RANKS.index(level) if level in _RANKS else len(_RANKS)


def _coverage_table(summary: Summary, captured: CoverageCounts) -> Table:
    table = Table(title="Coverage", title_justify="left", show_header=False)
    table.add_column("what")
    table.add_column("how much", justify="right")
    rows = {
        "exchanges sent": summary.exchanges_sent,
        "with JSON": summary.json_exchanges_sent,
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
