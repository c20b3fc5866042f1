"""What the line costs, on a real Kafka: `python -m benchmarks.pipeline [--records N]`.

Producing in a worker, plain and sealed; a digger that reads a backlog of the demo's
traffic, whole and lean, then two of them, then one whose cloud goes away; what an
inspection costs a digger; and the time from producing to the row.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks import targets
from benchmarks.pipeline import digging, inspecting, latency, producing, records
from benchmarks.pipeline.line import Place
from tests.kafka import broker

PARTS = ("producing", "digging", "inspecting", "latency")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=500_000)
    parser.add_argument("--only", choices=PARTS)
    options = parser.parse_args()
    if reason := broker.missing():
        print(f"nothing is measured: {reason}", file=sys.stderr)
        return 0
    targets.print_machine()
    chosen = (options.only,) if options.only else PARTS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "kafka").mkdir()
        kafka = broker.KafkaNode(folder / "kafka")
        kafka.start()
        try:
            place = Place(kafka, folder, records.names(records.of_demo("all"), folder))
            if "producing" in chosen:
                producing.measure(kafka, folder)
            if "digging" in chosen:
                digging.measure(place, options.records)
            if "inspecting" in chosen:
                inspecting.measure(place)
            if "latency" in chosen:
                latency.measure(place)
        finally:
            kafka.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
