"""Clusters that share a Kafka: neither sees the other's records."""

import msgspec

from agent.settings import Cluster, Settings
from tests.agent.digger.detector import SmallDetector
from tests.kafka.line import RunningCloud, RunningDigger, Traffic, settings
from tests.waiting import eventually


def of(cluster: str, chosen: Settings) -> Settings:
    return msgspec.structs.replace(chosen, cluster=Cluster(cluster))


def test_clusters_share_a_kafka_and_do_not_see_each_other(
    bootstrap: str, cloud: RunningCloud, detector: SmallDetector
) -> None:
    chosen = settings(bootstrap, cloud, detector.address)
    counts = {"east": 300, "west": 500}
    diggers = {name: RunningDigger(of(name, chosen)) for name in counts}
    for name, count in counts.items():
        traffic = Traffic(of(name, chosen))
        traffic.send(count)
        traffic.flush()
    for name, count in counts.items():
        assert eventually(lambda: diggers[name].digger.digested == count)  # noqa: B023
    assert eventually(lambda: cloud.pairs() == 800)
    for running in diggers.values():
        running.stop()
        assert running.digger.digested in counts.values()
