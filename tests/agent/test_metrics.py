"""The text that Prometheus reads."""

import re
import time

from agent.metrics import COUNTER, Metric, counter, exposition, gauge, of_process

LINE = re.compile(r'[a-zA-Z_:][a-zA-Z0-9_:]*(\{[a-z]+="([^"\\\n]|\\.)*"\})? [0-9.e+-]+')


def test_each_name_is_described_before_its_values() -> None:
    told = exposition(
        [
            Metric("a_total", COUNTER, "Words.", "kind", {"y": 2.5, "x": 1}),
            gauge("b", "More.", 0),
        ]
    )
    assert told.splitlines() == [
        "# HELP a_total Words.",
        "# TYPE a_total counter",
        'a_total{kind="x"} 1',
        'a_total{kind="y"} 2.5',
        "# HELP b More.",
        "# TYPE b gauge",
        "b 0",
    ]


def test_label_values_cannot_break_out() -> None:
    told = exposition([Metric("a", COUNTER, "Words.", "kind", {'"\n\\': 1})])
    assert told.splitlines()[-1] == r'a{kind="\"\n\\"} 1'


def test_large_counters_keep_their_digits() -> None:
    told = exposition([counter("a_total", "Words.", 123_456_789_012_345)])
    assert told.endswith(" 123456789012345\n")


def test_of_a_process_every_line_is_well_formed() -> None:
    told = exposition(of_process(time.monotonic() - 5)).splitlines()
    values = [line for line in told if not line.startswith("#")]
    assert len(values) == 3
    assert all(LINE.fullmatch(line) for line in values)
    assert 5 <= float(values[-1].split()[1]) < 60
