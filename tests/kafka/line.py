"""The line behind the queue, for tests: a real cloud, diggers, records."""

import os
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

from agent.digger.program import Digger
from agent.kafka.producer import RecordProducer
from agent.kafka.topics import ensure_topics
from agent.record import encoder, server_key
from agent.settings import Addresses, Cloud, Detector, Kafka, Settings
from agent.settings import Digger as DiggerSettings
from cloud.program import serve
from tests.agent.digger.records import PORT, START_NS, batch, record
from tests.ports import free_port


class RunningCloud:
    """The cloud in threads, its store in a file; `stop` and `start` again at will."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "cloud.sqlite3"
        self.server = f"127.0.0.1:{free_port()}"
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def start(self) -> None:
        self._stop, ready = threading.Event(), threading.Event()
        self._thread = threading.Thread(
            target=serve,
            args=("127.0.0.1:0", self.server, f"sqlite:///{self._file}", self._stop),
            kwargs={"on_ready": lambda _: ready.set()},
        )
        self._thread.start()
        assert ready.wait(20)

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(20)
            assert not self._thread.is_alive()

    def pairs(self) -> int:
        return self.number("SELECT COALESCE(SUM(pairs), 0) FROM traffic")

    def number(self, query: str) -> int:
        with closing(sqlite3.connect(self._file)) as database:
            return int(database.execute(query).fetchone()[0])

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self._file)) as database:
            return database.execute(query).fetchall()


class RunningDigger:
    """A digger in a thread of this process."""

    def __init__(self, settings: Settings) -> None:
        self.digger = Digger(settings)
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self.digger.run, args=(self._stop,), daemon=True
        )
        self._thread.start()

    def stop(self) -> float:
        """Seconds that it took."""
        began = time.monotonic()
        self._stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()
        return time.monotonic() - began


class DiggerProcess:
    """A digger in a process that can be killed."""

    def __init__(self, settings: Settings) -> None:
        environment = {
            "KUBECONFIG": os.devnull,
            "VETHSCOPE_KAFKA_BOOTSTRAP": settings.kafka.bootstrap,
            "VETHSCOPE_CLOUD_SERVER": settings.cloud.server,
            "VETHSCOPE_DETECTOR_SERVER": settings.detector.server,
            "VETHSCOPE_ADDRESSES_LISTEN": settings.addresses.listen,
            "VETHSCOPE_DIGGER_PACKAGE_SECONDS": str(settings.digger.package_seconds),
        }
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                _imports() + "from tests.kafka.one_digger import main; main()",
            ],
            env=os.environ | environment,
        )

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)

    def stop(self) -> None:
        self._process.terminate()
        status = self._process.wait(10)
        assert status == 0, f"ended with {status}"


def _imports() -> str:
    """The child imports sources or compiled modules as this process does."""
    return "import tests.plain; " if "tests.plain" in sys.modules else ""


def settings(bootstrap: str, cloud: RunningCloud, detector: str) -> Settings:
    return Settings(
        addresses=Addresses(listen="127.0.0.1:0"),
        cloud=Cloud(server=cloud.server),
        detector=Detector(server=detector),
        digger=DiggerSettings(package_seconds=0.2, inspect_per_second=20),
        kafka=Kafka(bootstrap=bootstrap),
    )


class Traffic:
    """Writes records: numbered users of several servers."""

    def __init__(self, settings: Settings) -> None:
        ensure_topics(settings, threading.Event())
        self._producer = RecordProducer(settings)
        self.sent = 0

    def send(self, count: int, pace_seconds: float = 0) -> None:
        for _ in range(count):
            self.sent += 1
            pair = record(
                f"GET /users/{self.sent} HTTP/1.1",
                response={"id": self.sent, "email": f"user{self.sent}@example.com"},
                at_ns=START_NS + self.sent * 1_000_000,
            )
            server = bytes((10, 0, 0, self.sent % 8))
            value = encoder.encode(batch(pair, server=server))
            self._producer.send(server_key(server, PORT), value)
            self._producer.poll()
            if pace_seconds:
                time.sleep(pace_seconds)

    def send_rubbish(self) -> None:
        self.sent += 1
        self._producer.send(b"key", b"rubbish")

    def flush(self) -> None:
        assert self._producer.flush(60) == 0
        assert not self._producer.dropped
