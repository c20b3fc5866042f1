"""Likely findings on real API bodies, listed for review."""

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

from detection.finding import Likelihood, Message
from detection.scanner import Scanner


def read(file: Path) -> list[bytes]:
    with gzip.open(file) as lines:
        return [json.loads(line)["body"].encode() for line in lines]


def scalars(value: object) -> int:
    """Scalar fields of a JSON value."""
    if isinstance(value, dict):
        return sum(scalars(inner) for inner in value.values())
    if isinstance(value, list):
        return sum(scalars(inner) for inner in value)
    return 1


def report(scanner: Scanner, texts: list[bytes]) -> list[dict[str, Any]]:
    """Prints counts by type; returns the findings without any value."""
    results = scanner.scan([Message(body=text) for text in texts])
    review = [
        {
            "body": number,
            "data_type": finding.data_type,
            "path": finding.path,
            "likelihood": finding.likelihood.name.lower(),
            "sensitivity": finding.sensitivity.name.lower(),
            "count": finding.count,
        }
        for number, findings in enumerate(results)
        for finding in findings
        if finding.likelihood >= Likelihood.LIKELY
    ]
    fields = sum(scalars(json.loads(text)) for text in texts)
    print(f"{len(texts)} bodies, {fields} scalar fields, {len(review)} likely findings")
    for data_type, count in Counter(row["data_type"] for row in review).most_common():
        print(f"  {count:5} {data_type}")
    return review
