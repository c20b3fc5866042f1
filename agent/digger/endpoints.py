"""Endpoint templates: from a request target to a path that holds no data.

In: the server and a request target (RFC 9112 section 3.2: origin, absolute, authority
or asterisk form). Out: a template such as `/users/{id}`. Only segments that read like
words, versions or file names of an interface stay; all that looks like data becomes a
placeholder, and the query is left out. Positions where too many words appear are
learned per server and become `{name}`. The same targets in the same order give the
same templates; every table is bounded.
"""

import re
from collections.abc import Hashable

from agent.digger.segments import (
    DATA_FOLLOWS,
    NAME,
    VERBAL,
    WELL_KNOWN,
    is_placeholder,
    template_of,
)

MOST_SEGMENTS = 16
MOST_SERVERS = 5_000
MOST_TEMPLATES = 1_000
"""Of one server; beyond, all new paths fall into OVERFLOW."""
MOST_PARENTS = 4_000
"""Positions learned, of one server."""
MOST_WORDS = 64
"""Different words at one position: more are names, not parts of an interface."""
MOST_WORDS_BESIDE_IDS = 8
"""The same where ids were seen too, as in /users/{id} and /users/jane."""
FREQUENT = 10
"""Words seen so often before the position filled up stay."""

REST = "{rest}"
OVERFLOW = "/{other}"
AUTHORITY = "{authority}"


class Endpoints:
    """Templates per server, learned from what has passed."""

    def __init__(self) -> None:
        self._servers: dict[Hashable, _Server] = {}
        self._overflow = _Server()

    def template(self, server: Hashable, method: str, target: bytes) -> str:
        """The path template of `target` as sent to `server`."""
        path = _path(method, target)
        if path is None:
            return AUTHORITY
        if path == b"*":
            return "*"
        return self._server(server).template(path)

    def _server(self, server: Hashable) -> "_Server":
        known = self._servers.get(server)
        if known is None:
            if len(self._servers) >= MOST_SERVERS:
                return self._overflow
            known = self._servers[server] = _Server()
        return known


class _Position:
    """The words seen below one parent."""

    __slots__ = ("has_ids", "is_closed", "words")

    def __init__(self) -> None:
        self.words: dict[str, int] = {}
        self.has_ids = False
        self.is_closed = False

    def hit(self, word: str) -> bool:
        """Counts a word seen before."""
        hits = self.words.get(word)
        if hits is not None:
            self.words[word] = hits + 1
        return hits is not None

    def learn(self, word: str) -> str:
        """A new word: itself, or NAME once there are too many."""
        if self.is_closed:
            return NAME
        self.words[word] = 1
        most = MOST_WORDS_BESIDE_IDS if self.has_ids else MOST_WORDS
        if len(self.words) <= most:
            return word
        self.is_closed = True
        self.words = {w: n for w, n in self.words.items() if n >= FREQUENT}
        return NAME


class _Server:
    """One server's positions and templates."""

    __slots__ = ("_parents", "_templates")

    def __init__(self) -> None:
        self._parents: dict[str, _Position] = {}
        self._templates: set[str] = set()

    def template(self, path: bytes) -> str:
        segments = [segment for segment in path.split(b"/") if segment]
        template = ""
        for segment in segments[:MOST_SEGMENTS]:
            template += "/" + self._learn(template, template_of(segment))
        if len(segments) > MOST_SEGMENTS:
            template += "/" + REST
        return self._admit(template or "/")

    def _learn(self, parent: str, word: str) -> str:
        if word in WELL_KNOWN:
            return word
        position = self._parents.get(parent)
        if position is None:
            if len(self._parents) >= MOST_PARENTS:
                return word if is_placeholder(word) else NAME
            position = self._parents[parent] = _Position()
        if is_placeholder(word):
            position.has_ids = True
            return word
        if position.hit(word):
            return word
        if _names_data(parent) and not VERBAL.fullmatch(word):
            return NAME
        return position.learn(word)

    def _admit(self, template: str) -> str:
        if template not in self._templates:
            if len(self._templates) >= MOST_TEMPLATES:
                return OVERFLOW
            self._templates.add(template)
        return template


def _names_data(parent: str) -> bool:
    """Data follows /users as well as /customers/by-email."""
    return re.split(r"[/_-]", parent)[-1].lower() in DATA_FOLLOWS


def _path(method: str, target: bytes) -> bytes | None:
    """The path of any target form; None for the authority form."""
    if method == "CONNECT":
        return None
    path = target.partition(b"?")[0].partition(b"#")[0]
    if path.startswith(b"/") or path == b"*":
        return path
    scheme, colon, rest = path.partition(b"://")
    if colon and scheme.isalpha():
        return b"/" + rest.partition(b"/")[2]
    return b"/" + path
