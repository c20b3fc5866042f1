"""Outages: each reason once, and once that they are over."""

from agent.outage import Outage


def test_reasons_are_told_once_and_nobody_only_first() -> None:
    told: list[str] = []
    outage = Outage("cloud", "host:1", "packages wait", told.append)
    outage.end()
    assert not outage.is_on
    for reason in ("", "refuses us", "", "refuses us"):
        outage.tell(reason)
        assert outage.is_on
    outage.end()
    outage.end()
    outage.tell("refuses us")
    assert told == [
        "cloud: host:1 is not reachable, packages wait",
        "cloud: host:1 refuses us, packages wait",
        "cloud: host:1 is back",
        "cloud: host:1 refuses us, packages wait",
    ]
