"""A worker that cannot begin says why."""

import socket
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec

from agent.interceptor.coverage import Report
from agent.interceptor.orders import Start, encode_order
from agent.settings import Capture, Kafka, Settings


def test_keys_that_went_bad_since_the_start_end_the_interceptor(tmp_path: Path) -> None:
    """Not in a circle of restarts: the report's failure ends the role."""
    settings = Settings(
        capture=Capture(priority="normal"),
        kafka=Kafka("127.0.0.1:1", encryption_key_file=str(tmp_path / "gone")),
    )
    ours, theirs = socket.socketpair()
    with Connection(ours.detach()) as orders, theirs:
        orders.send_bytes(encode_order(Start(settings, 0, 4 << 20, None, 1, 0)))
        worker = subprocess.run(
            [
                sys.executable,
                "-m",
                "agent.interceptor.reading.worker",
                str(theirs.fileno()),
            ],
            pass_fds=[theirs.fileno()],
            timeout=60,
            capture_output=True,
            text=True,
        )
        report = msgspec.msgpack.decode(orders.recv_bytes(), type=Report)
    assert (worker.returncode, worker.stderr) == (1, "")
    assert report.failure.startswith("kafka.encryption_key_file: no such file")
