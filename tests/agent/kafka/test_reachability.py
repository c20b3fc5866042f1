"""Why Kafka cannot be used: librdkafka's words become one line with the setting."""

import json

import pytest
from confluent_kafka import KafkaError

from agent.kafka.reachability import Reachability

ALL_DOWN = KafkaError(KafkaError._ALL_BROKERS_DOWN)
SASL = KafkaError(KafkaError._AUTHENTICATION, "SASL authentication error: Failed")
DENIED = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED, "100 % denied")


def states(*names: str) -> str:
    return json.dumps({"brokers": {n: {"state": n} for n in names}})


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def kafka(told: list[str]) -> Reachability:
    return Reachability("broker:9092", told.append)


def serve(kafka: Reachability) -> None:
    for _ in range(2):
        kafka.on_statistics(states("UP", "INIT"))


def fail(kafka: Reachability, *errors: KafkaError) -> None:
    for error in (*errors, ALL_DOWN):
        kafka.on_error(error)
    kafka.on_statistics(states("INIT"))


def test_it_is_up_once_a_broker_stays_up(kafka: Reachability, told: list[str]) -> None:
    assert not kafka.is_up
    kafka.on_statistics(states("UP"))
    assert not kafka.is_up
    kafka.on_statistics(states("INIT"))
    serve(kafka)
    assert kafka.is_up
    assert not told


def test_away_and_back_are_told_once(kafka: Reachability, told: list[str]) -> None:
    serve(kafka)
    kafka.on_error(KafkaError(KafkaError._TRANSPORT))
    for _ in range(3):
        fail(kafka)
        assert not kafka.is_up
    for _ in range(3):
        serve(kafka)
    assert told == [
        "kafka: broker:9092 is not reachable, trying on",
        "kafka: broker:9092 is back",
    ]


def test_one_broker_that_refuses_while_another_serves_is_no_trouble(
    kafka: Reachability, told: list[str]
) -> None:
    serve(kafka)
    kafka.on_error(SASL)
    serve(kafka)
    assert kafka.is_up
    assert not told


def test_a_reason_is_told_once_and_again_after_it_was_gone(
    kafka: Reachability, told: list[str]
) -> None:
    for _ in range(2):
        for _ in range(3):
            fail(kafka, SASL)
        serve(kafka)
    refused = (
        "kafka: broker:9092 refuses kafka.sasl_username or kafka.sasl_password, "
        "trying on"
    )
    back = "kafka: broker:9092 is back"
    assert told == [refused, back, refused, back]


def test_a_reason_that_shows_later_is_told_too(
    kafka: Reachability, told: list[str]
) -> None:
    fail(kafka)
    fail(kafka, SASL)
    fail(kafka)
    assert [("is not reachable" in line, "sasl_password" in line) for line in told] == [
        (True, False),
        (False, True),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "Disconnected: connection closed by peer (after 1ms in state "
            "APIVERSION_QUERY)",
            "may want TLS, see kafka.security_protocol",
        ),
        (
            "Disconnected: SSL connection closed by peer (after 0ms in state UP)",
            "may want a password, see kafka.security_protocol",
        ),
    ],
)
def test_what_has_no_error_is_known_from_the_log(
    kafka: Reachability, told: list[str], text: str, words: str
) -> None:
    kafka.log(20, "%s: %s", "FAIL", text)
    fail(kafka)
    assert len(told) == 1
    assert words in told[0]


def test_a_broker_that_served_us_and_hangs_up_is_just_away(
    kafka: Reachability, told: list[str]
) -> None:
    serve(kafka)
    kafka.log(20, "connection closed by peer (after 1ms in state APIVERSION_QUERY)")
    fail(kafka)
    assert told == ["kafka: broker:9092 is not reachable, trying on"]


def test_a_refused_topic_is_told_until_it_is_granted(
    kafka: Reachability, told: list[str]
) -> None:
    serve(kafka)
    for _ in range(2):
        kafka.refuse(DENIED)
        serve(kafka)
        assert not kafka.is_up
    kafka.accept()
    assert kafka.is_up
    assert told == [
        "kafka: broker:9092 refuses: TOPIC_AUTHORIZATION_FAILED: 100 % denied, "
        "trying on",
        "kafka: broker:9092 is back",
    ]


def test_grave_lines_of_the_library_are_passed_on(
    kafka: Reachability, caplog: pytest.LogCaptureFixture
) -> None:
    kafka.log(50, "out of %s", "memory")
    kafka.log(40, "%s", "a connection failed")
    assert [r.message for r in caplog.records] == ["kafka: out of memory"]
