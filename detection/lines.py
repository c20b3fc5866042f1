"""JSON lines in, JSON lines out: what `vethscope detect` does.

A line is an object with `body` (a text) and, if wanted, `target`, `headers` (an object
or a list of pairs) and `content_type`; `method`, `endpoint` and `direction` say where
it was seen, for the catalog's corrections. Its answer is `{"findings": […]}`; of a bad
line it is `{"error": "…"}`, which tells what is wrong without the line's text. A byte
order mark before the first line is none of it. A finding whose count is the least,
since a bound ended the reading, has `is_least`.
"""

from codecs import BOM_UTF8
from itertools import chain, islice
from typing import Any, BinaryIO, Literal, TextIO

import msgspec

from detection.corrections import Place, of_endpoints
from detection.finding import Explanation, Finding, Location, Message
from detection.scanner import Scanner

BATCH = 256
"""Lines scanned together."""


class Line(msgspec.Struct, frozen=True):
    """An input line."""

    body: str | None = None
    target: str = ""
    headers: dict[str, str] | list[tuple[str, str]] = {}
    content_type: str = ""
    method: str = ""
    endpoint: str = ""
    """Path template and operation."""
    direction: Literal["", "request", "response"] = ""


_decoder = msgspec.json.Decoder(Line)


def detect_lines(
    source: BinaryIO, target: TextIO, scanner: Scanner, explain: bool
) -> int:
    """Answers each line in order; returns the exit status: 1 if a line was bad."""
    status = 0
    corrections = of_endpoints(scanner.catalog.corrections)
    lines = chain([source.readline().removeprefix(BOM_UTF8)], source)
    while batch := list(islice(lines, BATCH)):
        parsed = [_parse(line) for line in batch if line.strip()]
        messages = [part[0] for part in parsed if not isinstance(part, str)]
        answers = iter(zip(messages, scanner.scan(messages), strict=True))
        for part in parsed:
            if isinstance(part, str):
                status = 1
                answer: dict[str, Any] = {"error": part}
            else:
                message, findings = next(answers)
                findings = corrections.apply(part[1], findings)
                answer = _answer(scanner, message, findings, explain)
            target.write(msgspec.json.encode(answer).decode() + "\n")
    return status


def _parse(line: bytes) -> tuple[Message, Place] | str:
    try:
        parsed = _decoder.decode(line)
    except msgspec.ValidationError as error:
        return f"not a message: {str(error).partition(' - at')[0]}"
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "not a JSON object"
    headers = parsed.headers
    if parsed.body is None and not parsed.target and not headers:
        return "not a message: neither `body` nor `target` nor `headers`"
    pairs = headers.items() if isinstance(headers, dict) else headers
    message = Message(
        target=_encoded(parsed.target),
        headers=[(_encoded(name), _encoded(value)) for name, value in pairs],
        content_type=parsed.content_type,
        body=_encoded(parsed.body or ""),
    )
    return message, Place(
        method=parsed.method, endpoint=parsed.endpoint, direction=parsed.direction
    )


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _answer(
    scanner: Scanner, message: Message, findings: list[Finding], explain: bool
) -> dict[str, Any]:
    answer: dict[str, Any] = {"findings": [_shown(finding) for finding in findings]}
    if explain:
        rows = scanner.explain(message)
        answer["explanations"] = [_explained(row) for row in rows]
    return answer


def _shown(finding: Finding) -> dict[str, Any]:
    shown = {
        "data_type": finding.data_type,
        "path": shown_path(finding.location, finding.path),
        "sensitivity": finding.sensitivity.name.lower(),
        "likelihood": finding.likelihood.name.lower(),
        "count": finding.count,
    }
    return shown | ({"is_least": True} if finding.is_least else {})


def shown_path(location: Location, path: str) -> str:
    """A path with its location: `$.a`, `header:x`, `cookie:x`, `query:x`, `path:2`."""
    if location is Location.BODY or path.startswith(("cookie:", "set-cookie:")):
        return path
    return f"{location.name.lower()}:{path}"


def _explained(row: Explanation) -> dict[str, Any]:
    shown = {
        "data_type": row.data_type,
        "path": shown_path(row.location, row.path),
        "rule": row.rule,
        "start": row.start,
        "length": row.length,
        "validator": row.verdict,
        "context": list(row.context),
        "arithmetic": row.arithmetic,
        "likelihood": row.likelihood,
    }
    return shown | ({"details": row.details} if row.details else {})
