"""Names learnt: they outlive a digger, and no word stands on the topic."""

from agent.kafka.embedded import EmbeddedBroker
from agent.kafka.names import NamesTopic, names_key
from agent.naming.endpoints import Endpoints
from agent.settings import Cluster, Kafka, Settings
from tests.waiting import eventually

PATH = b"/frobnicate/42"


def settings(bootstrap: str, cluster: str = "blue") -> Settings:
    return Settings(kafka=Kafka(bootstrap=bootstrap), cluster=Cluster(name=cluster))


def learn(endpoints: Endpoints) -> None:
    for number in range(20):
        endpoints.template("s", "GET", PATH, f"client-{number % 3}", 200, number)


def test_what_one_digger_learnt_another_knows_from_its_start() -> None:
    with EmbeddedBroker() as broker:
        chosen = settings(broker.bootstrap)
        key = names_key(chosen)
        first = Endpoints(key, proof_seconds=0)
        learn(first)
        topic = NamesTopic(chosen)
        assert topic.load(first.take, 10)
        topic.publish(first.learnt(0))
        topic.close(10)
        second, again = Endpoints(key), NamesTopic(chosen)
        assert second.template("s", "GET", PATH) == "/{id}/{id}"
        assert again.load(second.take, 10)
        assert second.template("s", "GET", PATH) == "/frobnicate/{id}"
        again.close()


def test_replicas_follow_each_other() -> None:
    with EmbeddedBroker() as broker:
        chosen = settings(broker.bootstrap)
        first, second = (Endpoints(names_key(chosen), proof_seconds=0) for _ in "ab")
        one, other = NamesTopic(chosen), NamesTopic(chosen)
        assert one.load(first.take, 10)
        assert other.load(second.take, 10)
        learn(first)
        one.publish(first.learnt(0))

        def has_come() -> bool:
            one.publish(())
            other.follow(second.take, 0.1)
            return second.template("s", "GET", PATH) == "/frobnicate/{id}"

        assert eventually(has_come)
        one.close()
        other.close()


def test_another_cluster_has_other_digests() -> None:
    one, other = (
        Endpoints(names_key(settings("", name)), proof_seconds=0) for name in "ab"
    )
    learn(one)
    learn(other)
    assert {key for key, _ in one.learnt(0)}.isdisjoint(k for k, _ in other.learnt(0))


def test_an_absent_broker_is_no_error() -> None:
    topic = NamesTopic(settings("127.0.0.1:1"))
    assert not topic.load(lambda key, value: None, 0.2)
    topic.publish([(b"k" * 16, b"v")])
    topic.close(0.1)
