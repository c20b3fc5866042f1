"""One scanner for all tests: compiling its database takes seconds."""

from pathlib import Path

import pytest

from detection.catalog import Catalog, read
from detection.scanner import Scanner

SMALL = """
category: sample
types:
  - name: badge
    title: Badge number
    sensitivity: high
    keys: [badge, badge number, user/=code, '=tag & colour']
    near: [colour, employee]
    rules:
      - {name: told, when: key, pattern: '[0-9]{4,8}'}
      - {name: format, pattern: 'B-[0-9]{6}', doubt: true}
    examples: [{badge: 12345}, {value: B-123456, colour: 1}]
    decoys: [{order: B-123456}]
  - name: colour
    title: Colour
    sensitivity: low
    keys: [colour]
    rules: [{name: word, when: key, pattern: '[a-z]+'}]
    examples: [{colour: red}]
    decoys: [{colour: 7}]
doubtful: [order]
combinations:
  - {name: both, sensitivity: high, groups: [[sample.badge], [sample.colour]]}
"""


@pytest.fixture(scope="session")
def scanner() -> Scanner:
    return Scanner.load()


@pytest.fixture
def small_file(tmp_path: Path) -> Path:
    file = tmp_path / "small.yaml"
    file.write_text(SMALL)
    return file


@pytest.fixture
def small(small_file: Path) -> Catalog:
    return read([small_file])
