"""JSON texts of bodies that come in many messages.

In comes such a body: an event stream (HTML Standard section 9.2.6), texts behind RFC
7464's separator, also those of a WebSocket, or lines. Out go its JSON texts in a row. A
language model's answer comes as tokens, one in each message, which hold no value for
themselves: strings under the keys that such answers use for text are joined over the
messages, each at its own path, and inspected once, joined. Whole texts under these keys
(of a chat, say) are not, for between them there is no sign that they go on.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec

from rings.bodies.media import DISPATCHED, LINES, MARKED, division, is_json_text

SEPARATOR = b"\x1e"
MOST_TEXTS = 10_000
"""Of one body that are looked into for joining; others go on as they are."""
MOST_DEPTH = 12
MOST_PATHS = 64
"""At which strings of one body are joined."""

TOLD_KEYS = frozenset(("delta", "partial_json"))
"""Their names say that what stands there is a piece."""
TEXT_KEYS = TOLD_KEYS | {
    *("content", "text", "arguments", "response", "completion", "token", "thinking"),
    *("reasoning", "reasoning_content", "refusal", "transcript", "generated_text"),
}
"""Of text in the streams of OpenAI's chat completions, responses and realtime API,
Anthropic's messages, Gemini's streamGenerateContent, Ollama's generate and chat, and
Hugging Face's text generation, as their documentations have them."""
PLACE_KEYS = ("index", "output_index", "content_index", "item_id")
"""Beside a piece: which of several texts it belongs to."""
LEAST_OPEN = 0.25
"""Of the places between pieces: so many are within a text, or it is not one."""
SHORT = 3
"""Characters of a piece that is no text for itself."""

Step = tuple[str | None, tuple[object, ...]]
"""A key, or an array's element, and which text it belongs to."""


class Piece(NamedTuple):
    """A string, and where it stands."""

    text: str
    number: int
    """Of its message."""
    holder: Any
    key: str


def texts(body: bytes, media: bytes) -> bytes | None:
    """The JSON texts of a body of this media type; None: it is one text."""
    if body.startswith(SEPARATOR):
        parts = body.split(SEPARATOR)[1:]
    else:
        kind = division(media)
        if kind == DISPATCHED:
            parts = list(events(body))
        elif kind == LINES:
            parts = body.splitlines()
        elif kind == MARKED:
            parts = [body]
        else:
            return None
    return b"\n".join(joined([part.strip() for part in parts]))


def events(body: bytes) -> Iterator[bytes]:
    """The data of each event that begins as JSON does."""
    body = body.removeprefix(b"\xef\xbb\xbf")
    body = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for event in body.split(b"\n\n"):
        lines = [
            line[5:].removeprefix(b" ")
            for line in event.split(b"\n")
            if line.startswith(b"data:")
        ]
        data = b"\n".join(lines)
        if is_json_text(data):
            yield data


def joined(parts: list[bytes]) -> list[bytes]:
    """The texts, pieces of longer ones joined; those that are none stand last."""
    decoded: list[Any] = []
    broken: list[bytes] = []
    rest = parts[MOST_TEXTS:]
    whole: list[bytes] = []
    for part in parts[:MOST_TEXTS]:
        try:
            decoded.append(msgspec.json.decode(part))
            whole.append(part)
        except (msgspec.DecodeError, RecursionError):
            broken.append(part)
    found: dict[tuple[Step, ...], list[Piece]] = {}
    if len(whole) > 1:
        for number, value in enumerate(decoded):
            _find(value, (), number, found)
    longer: list[bytes] = []
    for path, pieces in found.items():
        told = [piece.text for piece in pieces]
        if len(pieces) > 1 and _go_on(path, told):
            for piece in pieces:
                piece.holder[piece.key] = ""
                whole[piece.number] = b""
            longer.append(msgspec.json.encode(_placed(path, "".join(told))))
    changed = [
        text or msgspec.json.encode(value)
        for text, value in zip(whole, decoded, strict=True)
    ]
    return [*changed, *longer, *rest, *filter(None, broken)]


def _find(
    value: Any,
    path: tuple[Step, ...],
    number: int,
    found: dict[tuple[Step, ...], list[Piece]],
) -> None:
    if len(path) > MOST_DEPTH:
        return
    if isinstance(value, list):
        for element in value:
            if isinstance(element, dict | list):
                _find(element, (*path, (None, ())), number, found)
        return
    if not isinstance(value, dict):
        return
    place = tuple(
        value[key] for key in PLACE_KEYS if isinstance(value.get(key), int | str)
    )
    for key, member in value.items():
        step = (*path, (key, place))
        if isinstance(member, str):
            if key in TEXT_KEYS and (step in found or len(found) < MOST_PATHS):
                found.setdefault(step, []).append(Piece(member, number, value, key))
        else:
            _find(member, step, number, found)


def _go_on(path: tuple[Step, ...], pieces: list[str]) -> bool:
    """Whether the strings are pieces of one text."""
    if any(key in TOLD_KEYS for key, _ in path):
        return True
    opened = 0
    for before, piece in pairwise(pieces):
        is_short = len(piece) <= SHORT
        opened += is_short or not piece[:1].isalnum() or before[-1:].isspace()
    return opened >= LEAST_OPEN * (len(pieces) - 1)


def _placed(path: tuple[Step, ...], text: str) -> Any:
    """A value that has the text at the path."""
    placed: Any = text
    for key, _ in reversed(path):
        placed = [placed] if key is None else {key: placed}
    return placed
