"""A worker's process, as the interceptor has it.

In come orders, passed on over a socket pair; out come its reports, on `reports`.
"""

import logging
import socket
import subprocess
import sys
from multiprocessing.connection import Connection

from agent.interceptor.orders import Order, Start, encode_order

log = logging.getLogger("vethscope")


class Process:
    """A worker process, our end of its socket, and what it said last."""

    def __init__(self, start: Start) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "agent.interceptor.reading.worker",
                    str(theirs.fileno()),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        self.reports = Connection(ours.detach())
        self.is_flushed = True
        self.is_linked = False
        self.revision = 0
        self.send(start)

    def send(self, order: Order) -> None:
        try:
            self.reports.send_bytes(encode_order(order))
        except ConnectionError:
            # Its end is noticed when its reports are read.
            log.debug("a worker is gone")

    def end(self, seconds: float) -> None:
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            log.error("a worker did not drain within %.1f s", seconds)
            self.process.kill()
            self.process.wait()
        self.reports.close()
