"""How soon new pods are captured, and what a quiet node with many pods costs.

`python -m benchmarks.interfaces [--pods N] [--namespaces N] [--seconds S]
[--processes N]`, as root. First pods come and go at random beside an interceptor: the
time from making a pod's interface until every worker's filter passes it. Then an
interceptor is left alone with many namespaces and processes: its and its worker's
processor time and resident memory.
"""

import argparse
import random
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from agent.kafka.embedded import EmbeddedBroker
from tests.netns.capturing import WAIT_SECONDS, capturing, packed, settings
from tests.netns.pods import Node, Pod
from tests.netns.processes import children, cpu_seconds

STANDING = 20
"""Pods that stand at once while others come and go, at most."""
FIRST = "198.18.0.1"
"""Of a pod that stands before: the interceptor has started when it is captured."""
START_SECONDS = 15.0
"""An interceptor first reads all namespaces, which it does once."""
RING_BYTES = 64 << 20


def delays_ms(pods: int) -> list[float]:
    """Of each new pod, from before its interface is made, addressed and brought up:
    three runs of ip(8), some milliseconds each, are counted in."""
    node, chance = Node(), random.Random(4)
    standing: list[Pod] = []
    delays = []
    with ExitStack() as resources:
        resources.callback(node.close)
        broker = resources.enter_context(EmbeddedBroker())
        used = settings(broker.bootstrap, "")
        node.routed(f"{FIRST}/32")
        interceptor = resources.enter_context(capturing(used, [FIRST]))
        for number in range(pods):
            address = f"198.19.{number // 250}.{number % 250 + 1}"
            standing.append(node.empty())
            up = time.monotonic()
            node.join(standing[-1], node.name(), "eth0", f"{address}/32")
            while packed(address) not in interceptor.monitored:
                assert time.monotonic() - up < WAIT_SECONDS, "never captured"
                time.sleep(0.0005)
            delays.append(1000 * (time.monotonic() - up))
            while len(standing) > chance.randrange(STANDING):
                node.remove(standing.pop(chance.randrange(len(standing))))
    return delays


def idle(namespaces: int, processes: int, seconds: float) -> None:
    """Prints what an interceptor takes when nothing happens."""
    with ExitStack() as resources:
        node = Node()
        resources.callback(node.close)
        for number in range(namespaces):
            node.routed(f"198.19.{number // 250}.{number % 250 + 1}/32")
        sleepers = [subprocess.Popen(["sleep", "600"]) for _ in range(processes)]
        for sleeper in sleepers:
            resources.callback(sleeper.kill)
        broker = resources.enter_context(EmbeddedBroker())
        command = [sys.executable, "-m", "agent.cli", "interceptor"]
        command += ["--kafka-bootstrap", broker.bootstrap, "--addresses-server", ""]
        command += ["--capture-ring-bytes", str(RING_BYTES)]
        interceptor = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        resources.callback(interceptor.wait)
        resources.callback(interceptor.terminate)
        time.sleep(START_SECONDS)
        (worker,) = children(interceptor.pid)
        before = [cpu_seconds(pid) for pid in (interceptor.pid, worker)]
        time.sleep(seconds)
        after = [cpu_seconds(pid) for pid in (interceptor.pid, worker)]
        shares = [100 * (b - a) / seconds for a, b in zip(before, after, strict=True)]
        there = len(list(Path("/proc").glob("[0-9]*")))
        print(
            f"idle, {namespaces} namespaces, {there} processes, {seconds:.0f} s:"
            f" interceptor {shares[0]:.2f} % of a core, worker {shares[1]:.2f} %,"
            f" together {sum(shares):.2f} %"
        )
        for name, pid in (("interceptor", interceptor.pid), ("worker", worker)):
            print(f"  {name}: {_memory(pid)}")


def _memory(pid: int) -> str:
    """Resident memory, by what it is of."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    sizes = {line.split()[0]: line.split()[1] for line in lines if "kB" in line}
    names = ("VmRSS:", "RssAnon:", "RssFile:", "RssShmem:")
    return ", ".join(f"{n[:-1]} {int(sizes[n]) / 1024:.1f} MiB" for n in names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pods", type=int, default=200)
    parser.add_argument("--namespaces", type=int, default=250)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--processes", type=int, default=0)
    options = parser.parse_args()
    if options.pods:
        delays = sorted(delays_ms(options.pods))
        hundredths = statistics.quantiles(delays, n=100)
        print(
            f"{len(delays)} pods coming and going: captured after"
            f" {hundredths[49]:.1f} ms (median), {hundredths[89]:.1f} ms (p90),"
            f" {hundredths[98]:.1f} ms (p99), {delays[-1]:.1f} ms (last)"
        )
    if options.namespaces:
        idle(options.namespaces, options.processes, options.seconds)


if __name__ == "__main__":
    main()
