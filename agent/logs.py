"""Log lines on standard error: lifecycle, recovered, lost. Never captured bytes."""

import logging
import sys


def set_up(level: str) -> None:
    """Sends our own log lines to standard error."""
    log = logging.getLogger("vethscope")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S")
    )
    log.handlers[:] = [handler]
    log.setLevel(level)
    log.propagate = False
