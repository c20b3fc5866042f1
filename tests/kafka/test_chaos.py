"""A short run of `benchmarks.chaos`: whatever is killed, sent and stored are equal."""

import os
import random
import subprocess
import sys

import pytest

from tests.kafka import broker

LONGEST_SECONDS = 90
"""Of a run: the kills take some 15 of it, starting all parts about 10."""


def test_what_was_sent_is_stored_whatever_part_is_killed() -> None:
    if reason := broker.missing():
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    flags = ["--kills", "5", "--records", "10000", "--per-second", "800"]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.chaos", *flags),
            *("--seed", str(random.randrange(1 << 32))),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONGEST_SECONDS,
    )
    assert done.returncode == 0, done.stdout
