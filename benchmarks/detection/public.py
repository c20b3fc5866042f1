"""Likely findings in public sets of JSON that nothing here was tuned on.

    python -m benchmarks.detection.public [--review FILE] FOLDER...

Each folder is a checkout of a repository with JSON data: its `.json` and `.geojson`
files, and the bodies of recorded exchanges in its YAML files (go-vcr, VCR), are a
body each. Prints fields and likely findings of each set, by type and sensitivity:
whether one is wrong is for a reader to say, from the file and path that `--review`
writes.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import yaml

from benchmarks.detection.bodies import scalars
from detection.finding import Likelihood, Message, Sensitivity
from detection.scanner import Scanner

MOST_BYTES = 1 << 20
"""Of a file: larger ones are left out."""
BATCH = 256


class Body(NamedTuple):
    """A body and the file that it is from."""

    file: Path
    text: bytes
    fields: int


def read(folder: Path) -> Iterator[Body]:
    for file in sorted(folder.rglob("*")):
        if not file.is_file() or file.stat().st_size > MOST_BYTES:
            continue
        if file.suffix in (".json", ".geojson"):
            yield from _bodies(file, [file.read_bytes()])
        elif file.suffix in (".yaml", ".yml"):
            yield from _bodies(file, _recorded(file))


def _bodies(file: Path, texts: list[bytes]) -> Iterator[Body]:
    for text in texts:
        try:
            yield Body(file, text, scalars(json.loads(text)))
        except ValueError:
            continue


def _recorded(file: Path) -> list[bytes]:
    """What stands under `body` anywhere, if it is a text."""
    try:
        documents = list(yaml.load_all(file.read_bytes(), yaml.CSafeLoader))
    except yaml.YAMLError:
        return []
    return [text.encode() for text in _texts(documents) if text[:1] in ("{", "[")]


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        body = part.get("body")
        if isinstance(body, str):
            yield body
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from _texts(inner)


def report(scanner: Scanner, folder: Path, review: TextIO | None) -> None:
    bodies = list(read(folder))
    fields = sum(body.fields for body in bodies)
    kinds: Counter[str] = Counter()
    high: Counter[str] = Counter()
    for start in range(0, len(bodies), BATCH):
        batch = bodies[start : start + BATCH]
        results = scanner.scan([Message(body=body.text) for body in batch])
        for body, findings in zip(batch, results, strict=True):
            for finding in findings:
                if finding.likelihood < Likelihood.LIKELY:
                    continue
                kinds[finding.data_type] += 1
                high[finding.data_type] += finding.sensitivity is Sensitivity.HIGH
                if review is not None:
                    row = [str(body.file), finding.data_type, finding.path]
                    review.write(json.dumps([*row, finding.sensitivity.name]) + "\n")
    print(f"{folder.name}: {len(bodies)} bodies, {fields} fields,", end=" ")
    print(f"likely {kinds.total()}, high {high.total()}")
    print("  " + ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--review", type=argparse.FileType("w"))
    parser.add_argument("folders", nargs="+", type=Path)
    options = parser.parse_args()
    scanner = Scanner.load()
    for folder in options.folders:
        report(scanner, folder, options.review)


if __name__ == "__main__":
    main()
