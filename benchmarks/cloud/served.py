"""The cloud as a program of its own, measured from outside.

`python -m benchmarks.cloud.served URL COLLECTOR KEEPER_SECONDS PAGES` runs it as
`vethscope cloud` does, with room for a benchmark's senders; it prints the link that
lets in. PAGES says which process makes them.
"""

import subprocess
import sys
import threading
import time
from pathlib import Path

import grpc

from cloud.doors.clusters.rates import Limits
from cloud.program import Opened, serve
from cloud.store import keeper
from proto.v1.collector_pb2_grpc import CollectorStub
from tests.cloud.running import opened as let_in
from tests.ports import free_port

NO_LIMITS = Limits(packages=1 << 30, rows=1 << 40)
"""The senders are one machine's, and far faster than fifty clusters are."""
APART, INSIDE = "apart", "inside"
CONNECTIONS = 8
"""Each cluster has its own in truth."""
OPTIONS = [("grpc.use_local_subchannel_pool", 1)]


class Served:
    """A cloud in a process; use as a context."""

    def __init__(self, url: str, keeper_seconds: int, pages: str) -> None:
        self.collector = f"127.0.0.1:{free_port()}"
        command = [sys.executable, "-u", "-m", __name__, url, self.collector]
        self._process = subprocess.Popen(
            [*command, str(keeper_seconds), pages], stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> "Served":
        try:
            self._enter()
        except BaseException:
            self._end()
            raise
        self._channels = [
            grpc.insecure_channel(self.collector, OPTIONS) for _ in range(CONNECTIONS)
        ]
        self.stubs = [CollectorStub(channel) for channel in self._channels]
        return self

    def __exit__(self, *_: object) -> None:
        for channel in self._channels:
            channel.close()
        self._end()

    def _enter(self) -> None:
        assert self._process.stdout
        link = self._process.stdout.readline().strip()
        self.address = link.partition("/enter")[0]
        self.cookie = let_in(link)

    def _end(self) -> None:
        self._process.terminate()
        self._process.wait(60)
        assert self._process.stdout
        self._process.stdout.close()

    @property
    def cpu_seconds(self) -> float:
        """The processor time of all threads of both processes, by the numbers of
        clock_getcpuclockid(3)."""
        return sum(time.clock_gettime(~pid << 3 | 2) for pid in self._pids())

    @property
    def resident_mib(self) -> float:
        return self._status(self._process.pid, "VmRSS")

    @property
    def peak_mib(self) -> float:
        """Of the larger process."""
        return max(self.peaks_mib)

    @property
    def peaks_mib(self) -> list[float]:
        """Of the one that stores and of the one that makes pages."""
        return [self._status(pid, "VmHWM") for pid in self._pids()]

    def _pids(self) -> list[int]:
        """Children belong to the thread that made them (proc_pid_task(5))."""
        tasks = Path(f"/proc/{self._process.pid}/task").glob("*/children")
        made = [int(pid) for children in tasks for pid in children.read_text().split()]
        return [self._process.pid, *made]

    @staticmethod
    def _status(pid: int, name: str) -> float:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        [line] = [line for line in lines if line.startswith(name)]
        return int(line.split()[1]) / 1_024


def main() -> None:
    url, collector, period, pages = sys.argv[1:]
    keeper.PERIOD_SECONDS = int(period)

    def tell(opened: Opened) -> None:
        print(opened.link(), flush=True)

    serve(
        "127.0.0.1:0",
        collector,
        url,
        threading.Event(),
        tell,
        limits=NO_LIMITS,
        is_apart=pages == APART,
    )


if __name__ == "__main__":
    main()
