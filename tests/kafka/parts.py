"""Parts of the line as in a cluster: each role in a process of its own.

A part can be killed, frozen and started again at the same addresses; the most memory
that it took is kept over its lives.
"""

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from tests.netns.processes import cpu_seconds, peak_bytes
from tests.ports import steady_port
from tests.waiting import eventually, freeze

STOP_SECONDS = 15
LAST_BYTES = 4_000
"""Of the log, told if it ends by itself."""


class PartError(Exception):
    """A part ended by itself, or does not become ready."""


class Part:
    """`vethscope ROLE`, started by `start`; its log goes to a file in the folder."""

    def __init__(
        self, name: str, role: str, folder: Path, settings: dict[str, str]
    ) -> None:
        self.name = name
        self.kills = self.freezes = 0
        self._log = folder / f"{name}.log"
        self._health = f"127.0.0.1:{steady_port()}"
        flags = settings | {"health-listen": self._health}
        self._command = [sys.executable, "-m", "agent.cli", role]
        for flag, value in flags.items():
            self._command += [f"--{flag}", value]
        self._process: subprocess.Popen[bytes] | None = None
        self._peak_bytes = 0

    def start(self) -> None:
        """Returns at once."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=os.environ | {"KUBECONFIG": os.devnull},
                stdout=log,
                stderr=log,
            )

    def wait_ready(self, seconds: float) -> None:
        """Raises PartError."""

        def holds() -> bool:
            self.check()
            return self._answers()

        if not eventually(holds, seconds):
            raise PartError(f"{self.name} is not ready:\n{self.last_words()}")

    def check(self) -> None:
        """Raises PartError if it ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            status = self._process.returncode
            raise PartError(f"{self.name} ended ({status}):\n{self.last_words()}")

    def kill(self) -> None:
        """Ends it as a crash of its machine would."""
        if self._process is not None:
            self.kills += 1
            self.look()
            self._process.kill()
            self._ended()

    def freeze(self) -> None:
        """It keeps its connections but does nothing more, until `thaw`."""
        if self._process is not None:
            self.freezes += 1
            freeze(self._process.pid)

    def thaw(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """As Kubernetes does; kills it after STOP_SECONDS."""
        if self._process is None:
            return
        self.look()
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._ended()

    def look(self) -> None:
        """Takes note of its memory: do it often, a killed process tells nothing."""
        process = self._process
        if process is not None and process.poll() is None:
            self._peak_bytes = max(self._peak_bytes, peak_bytes(process.pid))

    @property
    def peak_bytes(self) -> int:
        """Most memory that was resident, of all its lives."""
        self.look()
        return self._peak_bytes

    @property
    def cpu_seconds(self) -> float:
        """Of this life."""
        return cpu_seconds(self._process.pid) if self._process is not None else 0.0

    def last_words(self) -> str:
        return self._log.read_text(errors="replace")[-LAST_BYTES:]

    def metrics(self) -> dict[str, float]:
        """What it tells Prometheus, by name with labels; empty: no answer."""
        try:
            text = self._get("/metrics")
        except OSError:
            return {}
        lines = (line for line in text.splitlines() if not line.startswith("#"))
        return {
            name: float(value) for name, _, value in (x.rpartition(" ") for x in lines)
        }

    def _answers(self) -> bool:
        try:
            return bool(self._get("/readyz"))
        except OSError:
            return False

    def _get(self, path: str) -> str:
        with urllib.request.urlopen(
            f"http://{self._health}{path}", timeout=5
        ) as answer:
            return str(answer.read().decode())

    def _ended(self) -> None:
        if self._process is not None:
            self._process.wait(STOP_SECONDS)
            self._process = None


def cloud_settings(database: str) -> dict[str, str]:
    """Of a cloud on ports of its own."""
    return {
        "cloud-listen": f"127.0.0.1:{steady_port()}",
        "cloud-collector-listen": f"127.0.0.1:{steady_port()}",
        "cloud-database-url": database,
    }


def digger_settings(bootstrap: str, cloud: str, detector: str) -> dict[str, str]:
    """Of a digger between these addresses."""
    return {
        "addresses-listen": f"127.0.0.1:{steady_port()}",
        "cloud-server": cloud,
        "detector-server": detector,
        "kafka-bootstrap": bootstrap,
    }
