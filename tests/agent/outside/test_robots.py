"""Robots are told by their words; browsers are not robots."""

import pytest

from agent.outside.robots import Robots

ROBOTS = Robots.load()


@pytest.mark.parametrize(
    "sent",
    [
        b"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        b"Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
        b"curl/8.5.0",
        b"python-requests/2.32",
        b"",
        b"  ",
    ],
)
def test_robots(sent: bytes) -> None:
    assert ROBOTS.is_robot(sent)


@pytest.mark.parametrize(
    "sent",
    [
        b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        b"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like "
        b"Gecko) Chrome/140.0.0.0 Safari/537.36",
        b"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
        b"(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
        b"\xff\xfe",
    ],
)
def test_people(sent: bytes) -> None:
    assert not ROBOTS.is_robot(sent)
