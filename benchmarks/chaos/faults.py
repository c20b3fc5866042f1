"""Faults at random: parts killed and started again, the detector frozen as well.

The sequence follows from the seed; what else happens at that moment does not.
"""

import random
import threading
from collections.abc import Callable

from benchmarks.chaos.line import Line

AWAY_SECONDS = (0.1, 3.0)
"""How long a killed part stays away before it starts."""
FROZEN_SECONDS = (0.5, 6.0)
FREEZE_SHARE = 0.1
"""Of the faults; all others are kills."""
FROZEN = "detector"

Tell = Callable[[str], None]


def run(line: Line, kills: int, seconds: float, seed: int, tell: Tell) -> None:
    """So many kills in about so many seconds, and freezes between them.

    Raises PartError if a part ended by itself.
    """
    chance = random.Random(seed)
    pause = threading.Event()
    done = 0
    while done < kills:
        pause.wait(chance.uniform(0, 2 * seconds / kills))
        line.check()
        if chance.random() < FREEZE_SHARE:
            frozen = chance.uniform(*FROZEN_SECONDS)
            tell(f"freezes {FROZEN} for {frozen:.1f} s")
            line.parts[FROZEN].freeze()
            pause.wait(frozen)
            line.parts[FROZEN].thaw()
            continue
        done += 1
        name, away = chance.choice(line.names), chance.uniform(*AWAY_SECONDS)
        tell(f"{done} of {kills}: kills {name} for {away:.1f} s")
        line.kill(name)
        pause.wait(away)
        line.start(name)
