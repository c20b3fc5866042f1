"""Instructions of an exchange, counted: what two states of the code take, exactly.

Each reader goes under valgrind through a capture of each kind, and through one without
an exchange, whose count is taken away: the start of Python and of the modules. Counts
depend on nothing else that the machine does. `pairs` ends before records are made; what
`ours` takes beyond it is the record's. A tree is a folder with another state of the
project, built there (`python setup.py build_ext --inplace`); it is asked for readers
that it has itself.

Usage: python -m benchmarks.capture.instructions [--exchanges N] [--tree FOLDER]
       [--kinds NAME…] [--readers NAME…]
"""

import argparse
import dataclasses
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.capture.traffic import KINDS, Traffic, write

FEW_CONNECTIONS = 500
"""Of the kind that has ten thousand."""
_COUNT = re.compile(rb"Collected : (\d+)")
_KINDS = ("json", "lossy", "html", "connections", "http2 1", "http2 100", "grpc 1")


def counted(tree: Path, reader: str, capture: Path) -> int:
    """Instructions of a reader that begins, reads and ends."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    command += [
        sys.executable,
        "-m",
        "benchmarks.capture.readers",
        reader,
        str(capture),
    ]
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": str(tree)}
    done = subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, check=True
    )
    found = _COUNT.search(done.stderr)
    if found is None:
        raise RuntimeError("valgrind told no count")
    return int(found[1])


def captures(folder: Path, exchanges: int, names: list[str]) -> dict[str, Path]:
    """A capture of each kind, and one without an exchange."""
    paths = {}
    kinds = {kind.name: kind for kind in KINDS}
    for name in names:
        connections = min(kinds[name].connections, FEW_CONNECTIONS)
        kind = dataclasses.replace(
            kinds[name], exchanges=exchanges, connections=connections
        )
        paths[name] = folder / f"{name}.pcap"
        write(paths[name], kind, 1)
    paths[""] = folder / "nothing.pcap"
    write(paths[""], Traffic("nothing", 0), 1)
    return paths


def main(arguments: list[str]) -> None:
    """Counts and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exchanges", type=int, default=3_000)
    parser.add_argument("--tree", type=Path)
    parser.add_argument("--kinds", nargs="+", default=_KINDS)
    parser.add_argument("--readers", nargs="+", default=["pairs", "ours"])
    options = parser.parse_args(arguments)
    trees = [tree for tree in (options.tree, Path.cwd()) if tree]
    with tempfile.TemporaryDirectory() as folder:
        paths = captures(Path(folder), options.exchanges, options.kinds)
        for reader in options.readers:
            start = {tree: counted(tree, reader, paths[""]) for tree in trees}
            for name in options.kinds:
                counts = [counted(tree, reader, paths[name]) for tree in trees]
                taken = [
                    (count - start[tree]) / options.exchanges
                    for tree, count in zip(trees, counts, strict=True)
                ]
                told = "  ".join(f"{one:10,.0f}" for one in taken)
                ratio = f"  {taken[-1] / taken[0] - 1:+.1%}" if options.tree else ""
                print(f"{reader:6} {name:12} {told}{ratio}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
