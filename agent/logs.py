"""Log lines on standard error: lifecycle, recovered, lost. Never captured bytes."""

import logging
import os
import sys


def set_up(level: str) -> None:
    """Sends our own log lines to standard error, and silences gRPC's."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    log = logging.getLogger("vethscope")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S")
    )
    log.handlers[:] = [handler]
    log.setLevel(level)
    log.propagate = False
