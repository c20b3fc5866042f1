"""Killed during a roll-up, again and again: every fact is there, once."""

import subprocess
import sys
import time

from cloud.store.schema import DAY
from cloud.store.store import Store
from tests.cloud.packages import SECOND, START, coverage, endpoint, offsets, package
from tests.cloud.packages import place as found
from tests.cloud.test_windows import totals

NOW = START // SECOND
KILLS = 8
PATHS = 12
CHILD = """
import sys
from cloud.store import rollup
from cloud.store.store import Store
rollup.SLICE_ROWS = 10
store = Store(sys.argv[1], clock=lambda: int(sys.argv[2]))
print("rolls", flush=True)
store.keeper.run_once()
"""


def test_killed_during_a_roll_up_nothing_is_lost_or_doubled(database_url: str) -> None:
    store = Store(database_url, clock=lambda: NOW)
    for hour in range(20):
        at = (NOW - 5 * DAY + hour * 3_600) * SECOND
        many = [endpoint(f"/{n}", [found()], at=at) for n in range(PATHS)]
        reported = coverage({"paired": 5}, at=at)
        store.add(package(offsets(hour, hour + 1), endpoints=many, coverage=[reported]))
    before = totals(store)
    assert before == (20 * PATHS, 20 * PATHS, 100)
    for number in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, database_url, str(NOW)],
            stdout=subprocess.PIPE,
        )
        assert child.stdout
        assert child.stdout.readline() == b"rolls\n"
        time.sleep(0.01 * number)
        child.kill()
        child.wait(10)
        child.stdout.close()
        assert totals(store) == before
    store.keeper.run_once()
    assert totals(store) == before
    store.close()
