"""Measures the detector: findings on labelled values and real bodies, and speed.

    python -m benchmarks.detect [--corpora DIR] [--review FILE] [--presidio DIR]
        [--faker DIR] [--published DIR] [--mutations N]

The corpora (default: $VETHSCOPE_CORPORA; without them only speed is measured) hold
`values/labelled.jsonl` and `bodies.jsonl.gz`. `--review` writes every likely finding on
the bodies as JSON lines, masked: paths and types only. `--presidio` names a directory
for a virtual environment of its own, into which presidio-analyzer is installed if it is
not there; its pattern recognizers then run on the same values and bodies. `--faker`
does so with Faker, whose made-up values of many countries are looked for, and
`--published` with the clients of Amazon's and Google's APIs, whose examples and
descriptions are scanned. `--mutations` scans so many broken bodies. Times are the
process's own processor time.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from benchmarks.detection import (
    bodies,
    chance,
    forms,
    labels,
    made_up,
    mutations,
    published,
    rival,
    speed,
    summary,
    unseen,
    values,
)
from detection.scanner import Scanner


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.detect", description=__doc__)
    parser.add_argument("--corpora", default=os.environ.get("VETHSCOPE_CORPORA", ""))
    parser.add_argument("--review", type=Path)
    parser.add_argument("--presidio", type=Path)
    parser.add_argument("--faker", type=Path)
    parser.add_argument("--published", type=Path)
    parser.add_argument("--mutations", type=int, default=0)
    options = parser.parse_args(arguments)
    scanner = Scanner.load()
    summary.report()
    speed.report(scanner)
    chance.report(scanner)
    forms.report(scanner)
    if options.faker:
        made_up.report(scanner, options.faker)
    if options.published:
        published.report(scanner, options.published)
    if options.mutations and not options.corpora:
        mutations.report(scanner, options.mutations, [])
    if not options.corpora:
        print("no corpora: give --corpora or VETHSCOPE_CORPORA", file=sys.stderr)
        return 0
    corpora = Path(options.corpora)
    file = corpora / "values" / "labelled.jsonl"
    labelled, dropped = labels.read(file, set(values.KINDS))
    values.report(scanner, labelled, dropped)
    unseen.report(labelled)
    texts = bodies.read(corpora / "bodies.jsonl.gz")
    review = bodies.report(scanner, texts)
    if options.review:
        lines = (json.dumps(row) + "\n" for row in review)
        options.review.write_text("".join(lines))
    if options.mutations:
        mutations.report(scanner, options.mutations, texts)
    if options.presidio:
        rival.report(scanner, options.presidio, labelled, texts)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
