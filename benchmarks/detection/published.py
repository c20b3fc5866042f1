"""Likely findings in what the publishers of two large sets of APIs ship with clients.

botocore holds example requests and responses of Amazon's services, the client for
Google's holds the discovery documents, whose fields are names and prose: nearly all
that is found there is wrong, but for addresses in examples. Both are installed into a
virtual environment of their own.
"""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.detection.bodies import scalars
from benchmarks.detection.environment import install
from detection.finding import Likelihood, Message
from detection.scanner import Scanner

EXAMPLES = "lib/python3*/site-packages/botocore/data/*/*/examples-1.json*"
DOCUMENTS = (
    "lib/python3*/site-packages/googleapiclient/discovery_cache/documents/*.json"
)
EVERY = 4
"""Of so many discovery documents one is read."""


def report(scanner: Scanner, directory: Path) -> None:
    """Prints fields and likely findings by type."""
    install(directory, "botocore", "google-api-python-client")
    examples = [
        body
        for file in sorted(directory.glob(EXAMPLES))
        for body in _examples(json.loads(_text(file)))
    ]
    documents = [
        json.loads(file.read_text())
        for file in sorted(directory.glob(DOCUMENTS))[::EVERY]
    ]
    fields = [field for document in documents for field in _fields("", document)]
    _report(scanner, "examples of Amazon's services", examples)
    _report(scanner, "fields of Google's discovery documents", fields)


def _report(scanner: Scanner, name: str, bodies: list[Any]) -> None:
    results = scanner.scan([Message(body=json.dumps(body).encode()) for body in bodies])
    found = Counter(
        finding.data_type
        for findings in results
        for finding in findings
        if finding.likelihood >= Likelihood.LIKELY
    )
    print(f"{name}: {sum(map(scalars, bodies))} fields, likely {found.total()}")
    print("  " + ", ".join(f"{count} {kind}" for kind, count in found.most_common()))


def _text(file: Path) -> bytes:
    data = file.read_bytes()
    return gzip.decompress(data) if file.suffix == ".gz" else data


def _examples(part: Any) -> Iterator[Any]:
    if isinstance(part, dict):
        yield from (part[side] for side in ("input", "output") if part.get(side))
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from _examples(inner)


def _fields(key: str, part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        for inner_key, inner in part.items():
            yield from _fields(inner_key, inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _fields(key, inner)
    else:
        yield {key: part}
