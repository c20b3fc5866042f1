"""Both sides of the payroll, each a process within its pod's network namespace.

gRPC opens its sockets in threads of its own, so one process cannot stand in two
namespaces as the other services do. A process is in the namespace of the thread that
started it. All of it dies with this process.
"""

import os
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

from agent.demo.payroll.counts import Counts

PORT = 50051


class Payroll:
    """To be made in the main thread, which lives as long as this process."""

    def __init__(
        self,
        client: AbstractContextManager[None],
        server: AbstractContextManager[None],
        addresses: tuple[str, ...],
        port: int = PORT,
    ) -> None:
        """`client` and `server` are contexts within their namespaces; `addresses` are
        the server's."""
        targets = [f"[{a}]:{port}" if ":" in a else f"{a}:{port}" for a in addresses]
        with server:
            self._server = _start("serving", targets)
        with client:
            self._client = _start("calling", targets)

    def begin(self, rate: float) -> None:
        """Calls a second from now on."""
        assert self._client.stdin
        self._client.stdin.write(b"%f\n" % rate)
        self._client.stdin.flush()

    def finish(self) -> Counts:
        """Lets the call under way end."""
        assert self._client.stdin
        assert self._client.stdout
        self._client.stdin.close()
        told = self._client.stdout.readline()
        return msgspec.json.decode(told, type=Counts) if told else Counts()

    def close(self) -> None:
        for process in (self._client, self._server):
            with process:
                process.kill()


def _start(module: str, targets: list[str]) -> subprocess.Popen[bytes]:
    name = f"agent.demo.payroll.{module}"
    return subprocess.Popen(
        [sys.executable, "-P", "-m", name, str(os.getpid()), *targets],
        cwd=Path(__file__).parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
