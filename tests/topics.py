"""The topics that default settings name."""

from agent.kafka.topics import topics
from agent.settings import Settings

RECORDS_TOPIC, COVERAGE_TOPIC = topics(Settings())
