"""Sent against stored: equal in every cell, or every loss told to the record."""

import time
from collections import Counter
from dataclasses import dataclass

from benchmarks.chaos.line import Line
from benchmarks.chaos.stored import Stored
from benchmarks.chaos.traffic import PAIRS, Cell

SETTLE_SECONDS = 60.0
"""Without a new pair for so long nothing more comes."""
LOOK_SECONDS = 0.5
MEMORY_BYTES = 256 << 20
"""Of each process of ours."""
MOST_SHOWN = 5
UNSURE = "delivery_unknown"
"""What a producer gave up without knowing whether it is stored."""


@dataclass(frozen=True)
class Verdict:
    """What became of the records."""

    sent: int
    stored: int
    told: Counter[str]
    """Lost records by reason, as cloud and producer tell."""
    missing: Counter[Cell]
    extra: Counter[Cell]
    inspected: int

    @property
    def is_good(self) -> bool:
        """Nothing counted twice, and what is missing is told to the record."""
        missing = sum(n for cell, n in self.missing.items() if cell.measure in PAIRS)
        most = self.told.total()
        is_told = most - self.told[UNSURE] <= missing <= most
        return not self.extra and is_told and bool(missing or not self.missing)

    def lines(self) -> list[str]:
        told = ", ".join(f"{n:,} {reason}" for reason, n in sorted(self.told.items()))
        words = [
            f"sent {self.sent:,}, stored {self.stored:,}, inspected {self.inspected:,}",
            f"told as lost: {told or 'none'}",
        ]
        for name, cells in (("missing", self.missing), ("counted twice", self.extra)):
            if cells:
                pairs = sum(n for cell, n in cells.items() if cell.measure in PAIRS)
                words.append(f"{name}: {pairs:,} pairs in {len(cells)} cells, such as")
                shown = cells.most_common(MOST_SHOWN)
                words += [f"  {' '.join(cell)}: {n:,}" for cell, n in shown]
        words.append("equal" if self.is_good else "NOT EQUAL")
        return words


def settle(line: Line, stored: Stored) -> None:
    """Waits until all that was sent is stored or told, or nothing more comes."""
    line.traffic.finish()
    before, since = -1, time.monotonic()
    while time.monotonic() - since < SETTLE_SECONDS:
        line.check()
        lost = stored.losses() + line.traffic.dropped
        reached = stored.pairs() + lost.total()
        if reached - lost[UNSURE] >= line.traffic.sent:
            return
        if reached != before:
            before, since = reached, time.monotonic()
        time.sleep(LOOK_SECONDS)


def judge(line: Line, stored: Stored) -> Verdict:
    """Once the diggers have stopped, so that nothing can change any more."""
    settle(line, stored)
    line.stop_diggers()
    expected, found = line.traffic.expected, stored.cells()
    return Verdict(
        sent=line.traffic.sent,
        stored=stored.pairs(),
        told=stored.losses() + line.traffic.dropped,
        missing=expected - found,
        extra=found - expected,
        inspected=stored.inspected(),
    )


def memory_lines(line: Line) -> list[str]:
    """Each process's peak, against what it may take."""
    words = []
    for name, part in line.parts.items():
        peak = part.peak_bytes
        share = f"{peak / MEMORY_BYTES:.0%} of {MEMORY_BYTES >> 20} MiB"
        lives = f"{part.kills} kills, {part.freezes} freezes"
        words.append(f"{name:10} peak {peak / (1 << 20):6.1f} MiB, {share}, {lives}")
    words.append(f"{'broker':10} {line.broker_kills} kills")
    return words


def is_small(line: Line) -> bool:
    return all(part.peak_bytes <= MEMORY_BYTES for part in line.parts.values())
