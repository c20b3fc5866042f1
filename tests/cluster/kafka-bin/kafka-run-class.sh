#!/bin/bash
# As Kafka's own, in short: options by environment, all jars.
mkdir -p "${LOG_DIR:-/tmp/logs}"
read -ra heap <<<"${KAFKA_HEAP_OPTS:--Xmx256m}"
exec java "${heap[@]}" -XX:+UseG1GC -Djava.awt.headless=true \
    -Dkafka.logs.dir="${LOG_DIR:-/tmp/logs}" -cp '/opt/kafka/libs/*' "$@"
