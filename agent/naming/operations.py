"""Operations as they may be told: `query GetUser`, `orders.create`, or a placeholder.

In: an operation as a request has it (`rings/records/operation.py`), which may hold
data. Out: the same with each part whose words are no names of interfaces replaced by
`{id}`. A name becomes known by the vocabulary or by proof, as segments of paths do.
"""

import re

from agent.naming import vocabulary as known
from agent.naming.proof import MOST_OPERATIONS, Candidate, Positions, Proven, may_prove
from agent.naming.segments import OPEN, Segments
from agent.naming.shapes import ID, is_placeholder
from agent.naming.words import split

POSITION = "operation"
"""Where candidates are counted: no path is called so, for it has no slash."""
MOST_TOLD = 8_192
"""Raw operations remembered, twice."""

_KINDS = ("query", "mutation", "subscription")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]{0,79}")
_DATED = re.compile(r"_\d{8}$|_?[vV]\d{1,8}$")
"""A version at the end of a service's name, as in DynamoDB_20120810."""


class Operations:
    """Tells operations, and learns them."""

    def __init__(self, segments: Segments, proven: Proven, proof_ns: int) -> None:
        self._segments = segments
        self._proven = proven
        self._proof_ns = proof_ns
        self._told: dict[bytes, str] = {}
        self._told_before: dict[bytes, str] = {}

    def told(
        self,
        server: bytes,
        positions: Positions,
        raw: bytes,
        client: int | None,
        at_ns: int,
    ) -> str:
        """The operation as it may be told; `client` is None if it had no success."""
        known_so = self._known(raw)
        if not is_placeholder(known_so):
            return known_so
        names = raw.decode("latin-1").split(",")
        shown = []
        for name, so in zip(names, known_so.split(","), strict=True):
            shown.append(
                self._learned(server, positions, name, so, client, at_ns)
                if is_placeholder(so)
                else so
            )
        return ",".join(dict.fromkeys(shown))

    def _known(self, raw: bytes) -> str:
        """What the vocabulary tells of it; the names in their order."""
        found = self._told.get(raw) or self._told_before.get(raw)
        if found is None:
            names = raw.decode("latin-1").split(",")
            found = ",".join(map(self._name, names))
            if len(self._told) >= MOST_TOLD:
                self._told_before, self._told = self._told, {}
            self._told[raw] = found
        return found

    def _name(self, name: str) -> str:
        kind, space, rest = name.partition(" ")
        if space and kind in _KINDS:
            return f"{kind} {self._name(rest)}"
        if not _NAME.fullmatch(name):
            return name if name in _KINDS else ID
        parts = re.split(r"([./])", name)
        return "".join(
            part if part in "./" or self._is_known(part) else ID for part in parts
        )

    def _is_known(self, part: str) -> bool:
        words = split(_DATED.sub("", part))
        marks = self._segments.marks(words)
        if not marks or len(words) > 10:
            return False
        if len(words) > 1:
            return True
        return bool(marks & known.KNOWN) and (
            part.islower() or not marks & known.NAME or bool(marks & known.FREQUENT)
        )

    def _learned(
        self,
        server: bytes,
        positions: Positions,
        name: str,
        so: str,
        client: int | None,
        at_ns: int,
    ) -> str:
        """The name if it has proved, else `so`; counts a success."""
        if not _NAME.fullmatch(name.partition(" ")[2] or name):
            return so
        digest = self._proven.digest(server, POSITION, name)
        if digest in self._proven:
            self._proven.use(digest, at_ns)
            return name
        if client is None:
            return so
        bare = re.sub(r"[./ ]", "_", name)
        if not may_prove(bare, OPEN, self._segments, has_ids=False):
            return so
        position = positions.at(POSITION, MOST_OPERATIONS)
        candidate = position.candidates.get(name)
        if candidate is None:
            if position.is_full:
                return so
            candidate = position.candidates[name] = Candidate(position, digest)
        if candidate.hit(client, at_ns, self._proof_ns):
            self._proven.use(digest, at_ns)
        return so
