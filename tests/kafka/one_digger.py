"""A digger in a process of its own, settings from the environment."""

import logging

from agent import settings
from agent.digger.program import Digger
from agent.lifecycle import stop_on_signals


def main() -> None:
    logging.basicConfig(level=logging.INFO)
    Digger(settings.load()).run(stop_on_signals())
