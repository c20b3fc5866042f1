"""Paths of findings as they may be told: keys that are data become `{key}`.

In: the path of a finding (`detection/paths.py`): a JSON path, or the name of a header,
cookie or query parameter. Out: the same with each name replaced that is not known to
be one of the interface: by the words of public APIs and of the catalog's telling keys,
or by proof, as segments of URL paths are. Keys of maps are often persons' names.
"""

import re

from agent.naming import vocabulary as known
from agent.naming.proof import Candidate, Positions, Proven
from agent.naming.segments import Segments
from agent.naming.words import split
from detection.steps import hidden, is_told_as_kind, steps

CLIENTS = 2
"""Of a service that only few others ask; what data keys are, many alternatives show."""
MOST_KEYS = 64
"""Of one object: more are data. Few schemas are larger than that at one place."""
MOST_TOLD = 16_384
"""Paths remembered whose names are all known, twice."""

_WORDS = re.compile(r"[^\W\d_]+")
_LONGEST = 64


class Keys:
    """Tells paths of findings, and learns their names."""

    def __init__(self, segments: Segments, proven: Proven, proof_ns: int) -> None:
        self._segments = segments
        self._proven = proven
        self._proof_ns = proof_ns
        self._told: set[str] = set()
        self._told_before: set[str] = set()

    def told(
        self,
        server: bytes,
        positions: Positions,
        place: str,
        path: str,
        client: int | None,
        at_ns: int,
    ) -> str:
        """The path as it may be told; `place` is the endpoint, direction and location.

        `client` is None if nothing shall be learnt.
        """
        if path in self._told:
            return path
        if path in self._told_before or self._all_known(path):
            if len(self._told) >= MOST_TOLD:
                self._told_before, self._told = self._told, set()
            self._told.add(path)
            return path
        shown = ""
        for text, name in steps(path):
            if not name or self._is_known(name):
                shown += text
                continue
            at = f"{place}{shown}"
            learnt = self._learned(server, positions, at, name, client, at_ns)
            shown += text if learnt else hidden(text)
        return shown

    def _all_known(self, path: str) -> bool:
        return all(not name or self._is_known(name) for _, name in steps(path))

    def _is_known(self, name: str) -> bool:
        if is_told_as_kind(name):
            return True
        if len(name) > _LONGEST or sum(letter.isdigit() for letter in name) > 3:
            return False
        return all(self._is_word(word) for word in _words(name))

    def _is_word(self, word: str) -> bool:
        if len(word) == 1 or word.isdigit():
            return len(word) < 3
        return bool(self._segments.word(word) & (known.LISTED | known.TELLING))

    def _learned(
        self,
        server: bytes,
        positions: Positions,
        at: str,
        name: str,
        client: int | None,
        at_ns: int,
    ) -> bool:
        """Whether the name has proved; counts it."""
        digest = self._proven.digest(server, at, name)
        if digest in self._proven:
            self._proven.use(digest, at_ns)
            return True
        words = _words(name)
        digits = sum(letter.isdigit() for letter in name)
        if client is None or digits > 2 or len(name) > _LONGEST or not words:
            return False
        position = positions.at(at, MOST_KEYS)
        if position.is_full:
            return False
        if not all(self._is_word(w) or self._segments.is_spoken(w) for w in words):
            position.note(name)
            return False
        candidate = position.candidates.get(name)
        if candidate is None:
            candidate = Candidate(position, digest, CLIENTS)
            position.candidates[name] = candidate
        if candidate.hit(client, at_ns, self._proof_ns):
            self._proven.use(digest, at_ns)
            return True
        return False


def _words(name: str) -> list[str]:
    if name.isascii():
        return split(re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_"))
    return [word.lower() for word in _WORDS.findall(name)]
