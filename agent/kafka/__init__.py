"""Kafka: the queue between interceptors and digger, through librdkafka."""
