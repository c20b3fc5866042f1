"""Benchmark of the capture core: pairs and bytes per CPU second, memory, and rivals.

Generates captures from a seed, runs every reader on each in a process of its own, and
prints a line for each and the ratios. Numbers are of one core and include the start of
nothing but the reading: not of Python. Rivals read the first captures only.

Usage: python -m benchmarks.capture [--seed N] [--runs N] [--scale FRACTION]
       [--kinds NAME…]
"""

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.capture.traffic import KINDS, Traffic, write

RIVALS = ("dpkt", "tshark")
MULTIPLEXED = ("http2 1", "http2 10", "http2 100", "grpc 1", "grpc 100")
COMPARED = ("json", "large")
"""Kinds of traffic that the rivals read too; of HTTP/2 and gRPC tshark alone does."""


@dataclasses.dataclass(frozen=True, slots=True)
class Measured:
    pairs: int
    payload_bytes: int
    cpu_seconds: float
    memory_bytes: int

    @property
    def pair_rate(self) -> float:
        return self.pairs / self.cpu_seconds


def measure(name: str, path: Path, runs: int) -> Measured:
    """The best of some runs: others on the machine only ever add."""
    results = []
    for _ in range(runs):
        command = [sys.executable, "-m", "benchmarks.capture.readers", name, str(path)]
        output = subprocess.run(command, check=True, capture_output=True).stdout
        line = json.loads(output)
        del line["reader"]
        results.append(Measured(**line))
    return min(results, key=lambda result: result.cpu_seconds)


def line(traffic: Traffic, name: str, result: Measured, payload: int) -> str:
    rate = payload / result.cpu_seconds / 1e6
    per_exchange = result.cpu_seconds / traffic.exchanges * 1e6
    return (
        f"{traffic.name:12} {name:7} {result.pairs:8,} pairs "
        f"{result.pair_rate:11,.0f} pairs/s {rate:8,.0f} MB/s "
        f"{per_exchange:8.2f} us/exchange {result.memory_bytes / 1e6:6.1f} MB"
    )


def rivals_of(traffic: Traffic) -> tuple[str, ...]:
    if traffic.streams:
        return ("tshark",)
    return RIVALS if traffic.name in COMPARED else ()


def main(arguments: list[str]) -> None:
    """Runs all and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0)
    names = [kind.name for kind in KINDS]
    parser.add_argument("--kinds", nargs="+", choices=names, default=names)
    options = parser.parse_args(arguments)
    cost: dict[tuple[str, str], float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            if kind.name not in options.kinds:
                continue
            exchanges = max(1, int(kind.exchanges * options.scale))
            traffic = dataclasses.replace(kind, exchanges=exchanges)
            path = Path(folder) / f"{traffic.name}.pcap"
            write(path, traffic, options.seed)
            rivals = rivals_of(traffic)
            payload = 0
            for name in ("ours", "pairs", "walk", "report", "lines", *rivals):
                result = measure(name, path, 1 if name in rivals else options.runs)
                payload = payload or result.payload_bytes
                cost[traffic.name, name] = result.cpu_seconds / exchanges
                print(line(traffic, name, result, payload), flush=True)
            path.unlink()
    print_ratios(cost)


def print_ratios(cost: dict[tuple[str, str], float]) -> None:
    kinds = [kind for kind, name in cost if name == "walk"]
    for kind, rival in [key for key in cost if key[1] in RIVALS]:
        ratio = cost[kind, rival] / cost[kind, "ours"]
        print(f"{kind}: {ratio:.1f} times the speed of {rival}")
    for kind in ("connections", "lossy", "html", "tls", *MULTIPLEXED):
        if kind in kinds and "json" in kinds:
            ratio = cost[kind, "ours"] / cost["json", "ours"]
            print(f"{kind}: {ratio:.2f} times the cost of json")
    for kind in kinds:
        ratio = cost[kind, "ours"] / cost[kind, "walk"]
        pairs = cost[kind, "pairs"] / cost[kind, "walk"]
        print(f"{kind}: {ratio:.1f} times the floor, {pairs:.1f} without records")
    for kind in [kind for kind in COMPARED if kind in kinds]:
        report = cost[kind, "report"] / cost[kind, "pairs"]
        lines = cost[kind, "lines"] / cost[kind, "pairs"]
        print(f"{kind}: replay {report:.1f} times the core, {lines:.1f} with --pairs")


if __name__ == "__main__":
    main(sys.argv[1:])
