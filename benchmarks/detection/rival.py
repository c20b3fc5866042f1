"""Presidio's pattern recognizers on the same values and bodies.

They run in a virtual environment of their own, since presidio-analyzer brings spaCy and
its pins; no language model is loaded, each recognizer's `analyze` is called as it is.
"""

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.detection import speed, values
from detection.finding import Message
from detection.scanner import Scanner

SHARED = {
    "CREDIT_CARD": "payment_card",
    "EMAIL_ADDRESS": "email",
    "IBAN_CODE": "iban",
    "CRYPTO": "bitcoin_address",
    "MAC_ADDRESS": "mac_address",
    "ABA_ROUTING_NUMBER": "aba_routing",
}
"""Presidio's entity → our label."""

PROGRAM = """
import json, sys, time
from presidio_analyzer import predefined_recognizers as all_
wanted = json.loads(sys.stdin.readline())
rows, texts = json.loads(sys.stdin.readline()), json.loads(sys.stdin.readline())
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
hits = [[e for e in wanted if e in found and any(
    r.score >= 0.5 for r in found[e].analyze(t, [e]))] for t in rows]
started = time.process_time()
for text in texts:
    for entity, one in found.items():
        one.analyze(text, [entity])
took = time.process_time() - started
json.dump({"hits": hits, "seconds": took, "recognizers": len(found)}, sys.stdout)
"""


def install(directory: Path) -> Path:
    """The environment's Python."""
    python = directory / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", directory], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "presidio-analyzer"]
        subprocess.run(pip, check=True)
    return python


def report(
    scanner: Scanner, directory: Path, rows: list[values.Labelled], texts: list[bytes]
) -> None:
    """Prints recall and precision on shared types, and the ratio of speeds."""
    shared = [row for row in rows if row.kind in SHARED.values()]
    bodies = [body for row in shared if (body := values.placed(row, "telling"))]
    given = "\n".join(
        json.dumps(part)
        for part in (
            list(SHARED),
            [body.decode() for body in bodies],
            [text.decode() for text in texts],
        )
    )
    ran = subprocess.run(
        [install(directory), "-c", PROGRAM],
        input=given,
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = json.loads(ran.stdout)
    results = scanner.scan([Message(body=body) for body in bodies])
    print(f"presidio: {theirs['recognizers']} pattern recognizers")
    for entity, kind in SHARED.items():
        ours_hit = [
            any(f.data_type.startswith(values.KINDS[kind][1]) for f in findings)
            for findings in results
        ]
        their_hit = [entity in hit for hit in theirs["hits"]]
        print(f"  {kind:18} ours {_rates(shared, kind, ours_hit)}", end="")
        print(f"  presidio {_rates(shared, kind, their_hit)}")
    messages = [Message(body=text) for text in texts]
    ours = speed.seconds(lambda: scanner.scan(messages))
    print(f"  {theirs['seconds'] / ours:.0f} times presidio's speed on the bodies")


def _rates(rows: list[values.Labelled], kind: str, hits: list[bool]) -> str:
    pairs = [(r, hit) for r, hit in zip(rows, hits, strict=True) if r.kind == kind]
    right = sum(hit for row, hit in pairs if row.is_valid)
    valid = sum(row.is_valid for row, _ in pairs)
    all_hits = sum(hit for _, hit in pairs)
    return f"recall {right / valid:.2f} precision {right / max(1, all_hits):.2f}"
