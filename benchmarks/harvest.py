"""What the harvest of names costs a node: `python -m benchmarks.harvest`, as root.

Starts programs of one network namespace, as pods have them, and lets a harvest look at
them: once they have begun, again when nothing is new, as it does all day, and as once a
day. Printed is processor time of this process, and what the looks of a minute take. All
other processes of the machine are passed over, as the node's own are.
"""

import argparse
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from agent.harvest import harvest as module
from agent.harvest.harvest import Harvest
from tests.agent.harvest.made import Clock, Told
from tests.rings.networks import alone

PYTHONS = 10
"""Of the programs, such with a library of gRPC; the others are small."""
_PYTHON = "import grpc_health.v1.health_pb2, sys; print(flush=True); sys.stdin.read()"


@contextmanager
def running(count: int) -> Iterator[int]:
    """So many programs run in a network of their own; gives its inode."""
    python = [sys.executable, "-c", _PYTHON]
    own = os.stat("/proc/thread-self/ns/net").st_ino  # noqa: PTH116
    pipe = subprocess.PIPE
    started = []
    try:
        for number in range(count):
            command = python if number < PYTHONS else ["sleep", "3600"]
            started.append(subprocess.Popen(command, stdin=pipe, stdout=pipe))
        for process in started[:PYTHONS]:
            assert process.stdout
            process.stdout.readline()
        yield own
    finally:
        for process in started:
            process.kill()
            process.communicate()


def look(harvest: Harvest) -> float:
    """Processor time of one look, in seconds."""
    before = time.thread_time()
    harvest.look(threading.Event())
    return time.thread_time() - before


def main(arguments: list[str]) -> None:
    """Runs and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=300)
    parser.add_argument("--looks", type=int, default=30)
    options = parser.parse_args(arguments)
    module.CPU_SECONDS = math.inf  # else it would wait for the next minute
    told, clock = Told(), Clock()
    with alone(), running(options.processes) as own:
        harvest = Harvest(lambda: frozenset((own,)), told, clock=clock)
        idle = Harvest(lambda: frozenset((0,)), told, clock=clock)
        look(harvest)
        steps = []
        for age in (*module.AGES_SECONDS, module.AGAIN_SECONDS):
            clock.now += age
            steps.append(look(harvest))
        quiet = [look(harvest) for _ in range(options.looks)]
        passing = [look(idle) for _ in range(options.looks)]
        known = len(harvest._known)
    all_ = sum(name.isdigit() for name in os.listdir("/proc"))  # noqa: PTH208
    looks = module.MINUTE_SECONDS / module.LOOK_SECONDS
    print(f"{known} processes of pods; {all_} others; {len(told.services)} services")
    names = ("begun", "again after a minute", "as once a day")
    for name, seconds in zip(names, steps, strict=True):
        print(f"{name}: {seconds:.3f} s, {seconds / known * 1e6:.0f} us a process")
    for name, found in (("nothing new", quiet), ("no pod", passing)):
        best = min(found)
        print(f"{name}: {best * 1e3:.2f} ms a look, {best * looks:.4f} s a minute")


if __name__ == "__main__":
    main(sys.argv[1:])
