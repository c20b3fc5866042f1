"""The broker's limit: asked without waiting, asked again, never raised above ours."""

from concurrent.futures import Future
from typing import Any, ClassVar

import pytest
from confluent_kafka import KafkaError, KafkaException

from agent.kafka import limit as limits
from agent.kafka.client import message_bytes
from agent.kafka.limit import ASK_SECONDS, LEAST_BYTES, Limit
from agent.settings import Kafka, Settings

SETTINGS = Settings(kafka=Kafka("127.0.0.1:1"))


class Entry:
    def __init__(self, value: str) -> None:
        self.value = value


class Admin:
    """Stands for librdkafka's client; answers when it is told to."""

    asked: ClassVar[list["Future[Any]"]] = []

    def __init__(self, _: object) -> None:
        """Connects to nothing."""

    def describe_configs(self, topics: list[Any], **_: object) -> dict[Any, Any]:
        Admin.asked.append(Future())
        return {topics[0]: Admin.asked[-1]}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list["Future[Any]"]:
    monkeypatch.setattr(limits, "AdminClient", Admin)
    Admin.asked = []
    return Admin.asked


def test_it_is_asked_once_and_not_waited_for(asked: list["Future[Any]"]) -> None:
    limit = Limit(SETTINGS)
    for now in (0.0, 1.0, 100.0):
        limit.poll(now)
    assert len(asked) == 1
    assert limit.bytes == message_bytes(SETTINGS)
    asked[0].set_result({"max.message.bytes": Entry("500000")})
    for now in (101.0, 1000.0):
        limit.poll(now)
    assert (limit.bytes, len(asked)) == (500_000, 1)


@pytest.mark.parametrize(("value", "expected"), [("9" * 12, 0), ("1000", LEAST_BYTES)])
def test_it_is_between_two_bounds(
    asked: list["Future[Any]"], value: str, expected: int
) -> None:
    limit = Limit(SETTINGS)
    limit.poll(0)
    asked[0].set_result({"max.message.bytes": Entry(value)})
    limit.poll(1)
    assert limit.bytes == (expected or message_bytes(SETTINGS))


@pytest.mark.parametrize(
    ("code", "times"),
    [(KafkaError._TIMED_OUT, 2), (KafkaError.TOPIC_AUTHORIZATION_FAILED, 1)],
)
def test_who_may_not_answer_is_not_asked_again(
    asked: list["Future[Any]"], code: int, times: int
) -> None:
    limit = Limit(SETTINGS)
    limit.poll(0)
    asked[0].set_exception(KafkaException(KafkaError(code)))
    limit.poll(1)
    limit.poll(ASK_SECONDS - 1)
    assert len(asked) == 1
    limit.poll(ASK_SECONDS)
    assert len(asked) == times


@pytest.mark.parametrize("answer", [{}, {"max.message.bytes": Entry("much")}])
def test_rubbish_changes_nothing(asked: list["Future[Any]"], answer: object) -> None:
    limit = Limit(SETTINGS)
    limit.poll(0)
    asked[0].set_result(answer)
    limit.poll(1)
    assert limit.bytes == message_bytes(SETTINGS)


def test_a_refusal_lowers_it_and_asks_again(asked: list["Future[Any]"]) -> None:
    limit = Limit(SETTINGS)
    limit.poll(0)
    asked[0].set_result({})
    limit.poll(1)
    limit.refused(1_000_000)
    limit.poll(2)
    assert (limit.bytes, len(asked)) == (500_000, 2)
