"""A digger in a process of its own, settings from the environment."""

import logging

from agent.digger.program import Digger
from agent.lifecycle import stop_on_signals
from agent.loading import load


def main() -> None:
    logging.basicConfig(level=logging.INFO)
    Digger(load()).run(stop_on_signals())
