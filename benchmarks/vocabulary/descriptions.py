"""Operations and identifiers that public API descriptions declare.

In: files and folders with JSON lines (`api`, `method`, `path`, `operation`), OpenAPI
and Swagger documents, Google discovery documents, and botocore's service models; all
as JSON or YAML, gzip or not. Out: operations with path templates (`/users/{id}`), the
names of their schemas, properties and parameters, and the words of their texts. What is
none of these is skipped.
"""

import gzip
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import yaml

LONGEST_IDENTIFIER = 60
"""Characters; longer ones are sentences."""
NAMING = frozenset("properties definitions schemas members shapes parameters".split())
"""The keys of these are names of the interface."""
NAMED = frozenset("operationId tags name id".split())
TEXTS = frozenset("description summary documentation".split())
LONGEST_TEXT = 3_000
"""Characters of a text that are read for its words."""
VALUES = frozenset("example examples enum default contact x-logo".split())
VERBS = frozenset("get put post delete patch head options".split())

_WORD = re.compile(r"(?<![\w./@#-])[a-z]{3,20}(?![\w/@#-])")
"""In lower case: what a sentence calls by name begins with a capital."""
_ENDINGS = (".json", ".yaml", ".yml")
_KIND = re.compile(r"\.(json|ya?ml)")
_MODEL = re.compile(r"service-2\.json(\.gz)?")


class Operation(NamedTuple):
    """One operation of an API."""

    provider: str
    """Who offers the API; several APIs of one provider share their jargon."""
    api: str
    path: str
    name: str


class Description(NamedTuple):
    """What one file says."""

    operations: list[Operation]
    provider: str
    identifiers: set[str]
    words: set[str]
    """Of its texts."""


def half(providers: set[str], seed: int) -> set[str]:
    """A random half of them: what a vocabulary leaves out, to be judged by."""
    ordered = sorted(providers)
    random.Random(seed).shuffle(ordered)
    return set(ordered[: len(ordered) // 2])


def read(places: list[Path]) -> Iterator[Description]:
    """The descriptions in files and, in the order of names, in folders."""
    for place in places:
        files = sorted(place.rglob("*")) if place.is_dir() else [place]
        for file in files:
            if file.is_file() and _KIND.search(file.name):
                yield _file(file, place)


def _file(file: Path, root: Path) -> Description:
    raw = file.read_bytes()
    text = gzip.decompress(raw) if file.suffix == ".gz" else raw
    if ".jsonl" in file.name:
        return Description(list(_lines(text)), "", set(), set())
    document = _document(text, file.suffix in (".yaml", ".yml"))
    if not isinstance(document, dict):
        return Description([], "", set(), set())
    parts = [
        Path(part).stem if part.endswith(_ENDINGS) else part
        for part in file.relative_to(root).parts
    ]
    operations: Iterator[Operation] = iter(())
    provider = parts[0].partition(":")[0] if parts else file.name
    if _MODEL.fullmatch(file.name):
        provider = "amazonaws.com"
        operations = _model(document, parts[0])
    elif "paths" in document:
        operations = _openapi(document, provider, "/".join(parts[:2]))
    elif "discoveryVersion" in document:
        provider = "googleapis.com"
        operations = _discovery(document)
    identifiers, words = _named(document)
    return Description(list(operations), provider, identifiers, words)


def _document(text: bytes, is_yaml: bool) -> Any:
    """Nothing if it is none, as templates of such are."""
    try:
        return yaml.load(text, yaml.CSafeLoader) if is_yaml else json.loads(text)
    except (ValueError, yaml.YAMLError):
        return None


def _lines(text: bytes) -> Iterator[Operation]:
    for line in text.splitlines():
        row = json.loads(line)
        provider = row["api"].partition("/")[0]
        yield Operation(provider, row["api"], row["path"], row.get("operation") or "")


def _openapi(document: Any, provider: str, api: str) -> Iterator[Operation]:
    base = document.get("basePath") or ""
    servers = document.get("servers") or []
    if servers and isinstance(servers[0], dict):
        url = re.sub(r"\{[^}]*\}", "x", servers[0].get("url") or "")
        base = urlsplit(url).path
    for path, verbs in (document["paths"] or {}).items():
        for verb, operation in (verbs if isinstance(verbs, dict) else {}).items():
            if verb in VERBS and isinstance(operation, dict):
                name = str(operation.get("operationId") or "")
                yield Operation(provider, api, base.rstrip("/") + path, name)


def _discovery(document: Any) -> Iterator[Operation]:
    api = document.get("name", "")
    base = document.get("servicePath") or ""
    waiting = [document]
    while waiting:
        part = waiting.pop()
        waiting += (part.get("resources") or {}).values()
        for method in (part.get("methods") or {}).values():
            path = method.get("flatPath") or method.get("path") or ""
            path = f"/{base}" + re.sub(r"\{\+?([^}]*)\}", r"{\1}", path)
            yield Operation(
                "googleapis.com", f"googleapis.com/{api}", path, method["id"]
            )


def _model(document: Any, service: str) -> Iterator[Operation]:
    for name, operation in document["operations"].items():
        path = operation.get("http", {}).get("requestUri", "/").partition("?")[0]
        yield Operation("amazonaws.com", f"amazonaws.com/{service}", path, name)


def _named(document: Any) -> tuple[set[str], set[str]]:
    """Names of schemas, properties and parameters, and the words of its texts; no
    examples, no allowed values."""
    names: set[str] = set()
    words: set[str] = set()
    waiting: list[tuple[Any, str]] = [(document, "")]
    while waiting:
        part, key = waiting.pop()
        if isinstance(part, dict):
            if key in NAMING:
                names.update(name for name in part if len(name) <= LONGEST_IDENTIFIER)
            waiting += [(value, k) for k, value in part.items() if k not in VALUES]
        elif isinstance(part, list):
            waiting += [(value, key) for value in part]
        elif isinstance(part, str) and key in NAMED and len(part) <= LONGEST_IDENTIFIER:
            names.add(part)
        elif isinstance(part, str) and key in TEXTS:
            words.update(_WORD.findall(part[:LONGEST_TEXT]))
    return names, words
