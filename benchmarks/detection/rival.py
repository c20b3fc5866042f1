"""Presidio's pattern recognizers on the same values and bodies, in the same run.

They run in a virtual environment of their own, since presidio-analyzer brings spaCy and
its pins; no language model is loaded, each recognizer's `analyze` is called as it is,
one after the other, which is less work than its engine does. A result counts from a
score of 0.5 on, as likely does here; where that would leave it nothing, any score.
Bodies are given to them whole, and field by field, as its `analyze_dict` does: only
that tells where in a body a result stands.
"""

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.detection import speed, values
from benchmarks.detection.environment import install
from benchmarks.detection.labels import Labelled
from detection.finding import Likelihood, Message
from detection.scanner import Scanner

SHARED = {
    "payment_card": "CREDIT_CARD",
    "email": "EMAIL_ADDRESS",
    "iban": "IBAN_CODE",
    "bitcoin_address": "CRYPTO",
    "mac_address": "MAC_ADDRESS",
    "aba_routing": "ABA_ROUTING_NUMBER",
    "presidio:aba_routing": "ABA_ROUTING_NUMBER",
    "presidio:credit_card": "CREDIT_CARD",
    "presidio:crypto": "CRYPTO",
    "presidio:email": "EMAIL_ADDRESS",
    "presidio:iban": "IBAN_CODE",
    "presidio:ip": "IP_ADDRESS",
    "presidio:mac": "MAC_ADDRESS",
    "presidio:sg_fin": "SG_NRIC_FIN",
}
"""Our label → Presidio's entity; other labels from its tests are named alike."""

WAYS = ("bodies whole", "field by field")

PROGRAM = """
import json, sys, time
from presidio_analyzer import predefined_recognizers as all_
rows = json.loads(sys.stdin.readline())
sets = json.loads(sys.stdin.readline())
found = {}
for name in dir(all_):
    kind = getattr(all_, name)
    if not isinstance(kind, type) or not hasattr(kind, "PATTERNS"):
        continue
    try:
        one = kind()
    except TypeError:
        continue
    for entity in one.supported_entities:
        found.setdefault(entity, one)
scores = [max((r.score for r in found[e].analyze(t, [e])), default=0)
    if e in found else -1 for e, t in rows]
def fields(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for part in value for text in fields(part)]
    return [] if value is None else [str(value)]
def analyze(texts):
    started = time.process_time()
    for text in texts:
        for entity, one in found.items():
            one.analyze(text, [entity])
    return time.process_time() - started
seconds = {}
for name, texts in sets.items():
    parts = [part for text in texts for part in fields(json.loads(text))]
    seconds[name] = analyze(texts), analyze(parts)
json.dump({"scores": scores, "seconds": seconds, "recognizers": len(found)}, sys.stdout)
"""


def entity(kind: str) -> str:
    name = kind.removeprefix("presidio:").upper()
    return SHARED.get(kind, name if kind.startswith("presidio:") else "")


def report(
    scanner: Scanner, directory: Path, rows: list[Labelled], texts: list[bytes]
) -> None:
    """Prints recall and precision on shared types, and the ratios of speeds."""
    shared = [row for row in rows if entity(row.kind)]
    bodies = [values.placed(row, "telling")[0] for row in shared]
    sets = {
        "2 KB orders": speed.orders(400),
        "API bodies": texts,
        "labelled values": bodies,
    }
    theirs = _run(install(directory, "presidio-analyzer"), shared, bodies, sets)
    print(f"presidio: {theirs['recognizers']} pattern recognizers")
    results = scanner.scan([Message(body=body) for body in bodies])
    ours = [
        any(
            finding.likelihood >= Likelihood.LIKELY
            and finding.data_type.startswith(values.KINDS[row.kind].types)
            for finding in findings
        )
        for row, findings in zip(shared, results, strict=True)
    ]
    _compare(shared, ours, theirs["scores"])
    for name, data in sets.items():
        messages = [Message(body=text) for text in data]
        took = speed.seconds(lambda messages=messages: scanner.scan(messages))  # type: ignore[misc]
        size = sum(map(len, data)) / 1e6
        print(f"  {name}: {size / took:.1f} MB/s")
        for way, rival in zip(WAYS, theirs["seconds"][name], strict=True):
            rate = f"{size / rival:.2f} MB/s"
            print(f"    presidio, {way}: {rate}, ours {rival / took:.0f} times as fast")


def _run(
    python: Path, shared: list[Labelled], bodies: list[bytes], sets: speed.Sets
) -> Any:
    rows = [
        (entity(row.kind), body.decode())
        for row, body in zip(shared, bodies, strict=True)
    ]
    decoded = {name: [text.decode() for text in data] for name, data in sets.items()}
    given = f"{json.dumps(rows)}\n{json.dumps(decoded)}\n"
    ran = subprocess.run(
        [python, "-c", PROGRAM],
        input=given,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(ran.stdout)


def _compare(rows: list[Labelled], ours: list[bool], scores: list[float]) -> None:
    better: Counter[str] = Counter()
    for kind in dict.fromkeys(row.kind for row in rows):
        part = [index for index, row in enumerate(rows) if row.kind == kind]
        if scores[part[0]] < 0 or not any(rows[index].is_valid for index in part):
            continue
        least = 0.5 if any(scores[index] >= 0.5 for index in part) else 0.001
        mine = _rates([(rows[index].is_valid, ours[index]) for index in part])
        their = _rates(
            [(rows[index].is_valid, scores[index] >= least) for index in part]
        )
        word = "better" if mine > their and mine[1] >= their[1] else "other"
        word = "equal" if mine == their else word
        better[word] += 1
        print(f"  {kind:36} ours {_shown(mine)}   presidio {_shown(their)}  {word}")
    print(f"  of {better.total()} shared types: {dict(better)}")


def _rates(pairs: list[tuple[bool, bool]]) -> tuple[float, float]:
    """Recall and precision."""
    right = sum(is_valid and is_hit for is_valid, is_hit in pairs)
    valid = sum(is_valid for is_valid, _ in pairs)
    hits = sum(is_hit for _, is_hit in pairs)
    return right / valid, right / hits if hits else 1.0


def _shown(rates: tuple[float, float]) -> str:
    return f"recall {rates[0]:.2f} precision {rates[1]:.2f}"
