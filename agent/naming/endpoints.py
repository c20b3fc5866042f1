# cython: annotation_typing=False
"""Endpoint templates: from a request target to a path that holds no data.

In: the server, a request target (RFC 9112 section 3.2: origin, absolute, authority or
asterisk form), who asked and what was answered. Out: a template such as `/users/{id}`.
A segment is a placeholder until it is known to be a name of the interface: by the
vocabulary (`segments.py`), or because it has proved (`proof.py`). The query is left
out. Operations and keys of findings are told by the same rule.

Most targets repeat, or differ from one before in ids only: their shape, the path with
a zero byte for each sure id, leads straight to the template. All tables are bounded and
forget the oldest; a request that failed with 404 teaches nothing.
"""

from collections.abc import Hashable, Iterator

from agent.naming.keys import Keys
from agent.naming.operations import Operations
from agent.naming.proof import (
    PROOF_SECONDS,
    Candidate,
    Positions,
    Proven,
    identity,
    may_prove,
)
from agent.naming.segments import (
    BEFORE_UNDERSCORE,
    PLACES,
    START,
    Segments,
    is_service,
    plain,
)
from agent.naming.shapes import ID, is_placeholder
from agent.naming.vocabulary import Vocabulary

MOST_SEGMENTS = 16
MOST_SERVERS = 5_000
"""Twice: servers not seen since so many new ones are forgotten."""
MOST_ROUTES = 2_000
"""Shapes of one server, twice: 100 bytes and a path each."""
MOST_NEW_TEMPLATES = 2_000
"""Of one server in an hour, then OVERFLOW till the next: a server that answers a scan's
every path with success. The largest of 123 public APIs has 1,186."""
MOST_FAILED_TEMPLATES = 64
"""The same of those that it never answered but with 404 and the like: a scan."""
HOUR_NS = 3600 * 10**9
MOST_JUDGED = 4_096
"""Segments remembered for each of the places, twice."""
LONGEST_PATH = 1024
"""Bytes of a path whose shape is remembered."""

SURE = b"\0"
"""Stands in a shape for what is an id at any place: digits, or four digits among
letters, dashes and underscores, but for what may be a date."""
REST = "{rest}"
OVERFLOW = "/{other}"
AUTHORITY = "{authority}"
NOT_THERE = frozenset((404, 405, 410, 501))
"""Statuses that say that there is no such endpoint (RFC 9110 section 15)."""

_SLASH = 47
_QUERY = 63
_FRAGMENT = 35
_DASH = 45
_UNDERSCORE = 95


class Route:
    """What is known of a shape."""

    def __init__(self, template: str, pending: list[Candidate]) -> None:
        self.template = template
        self.pending = pending
        """Words of it that may prove."""
        self.is_admitted = False


class Server:
    """One server's routes, positions and templates."""

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.positions = Positions()
        self.young: dict[bytes, Route] = {}
        self.old: dict[bytes, Route] = {}
        self.admitted: set[str] = set()
        self.admitted_before: set[str] = set()
        self.failed: set[str] = set()
        self.hour = 0

    def forget_routes(self) -> None:
        """After something was learnt."""
        self.young = {}
        self.old = {}

    def keep(self, shape: bytes, route: Route) -> None:
        if len(self.young) >= MOST_ROUTES:
            self.old = self.young
            self.young = {}
        self.young[shape] = route

    def admit(self, template: str, status: int, at_ns: int, most: int) -> bool:
        """Whether the template may be told; what failed only, in small numbers."""
        if at_ns // HOUR_NS != self.hour:
            self.hour = at_ns // HOUR_NS
            self.admitted_before = self.admitted
            self.admitted = set()
            self.failed = set()
        if template in self.admitted:
            return True
        if template in self.admitted_before:
            self.admitted.add(template)
            return True
        if status in NOT_THERE:
            if len(self.failed) >= MOST_FAILED_TEMPLATES:
                return template in self.failed
            self.failed.add(template)
            return True
        if len(self.admitted) >= most:
            return False
        self.admitted.add(template)
        return True


class Endpoints:
    """Templates per server, known or learned from what has passed."""

    def __init__(
        self,
        key: bytes = b"",
        vocabulary: Vocabulary | None = None,
        proof_seconds: float = PROOF_SECONDS,
        most_templates: int = MOST_NEW_TEMPLATES,
    ) -> None:
        """`key` is the cluster's own: digests of learned words are made with it."""
        self._segments = Segments(vocabulary or Vocabulary.load())
        self._proven = Proven(key)
        self._operations = Operations(
            self._segments, self._proven, int(proof_seconds * 10**9)
        )
        self._proof_ns = int(proof_seconds * 10**9)
        self._keys = Keys(self._segments, self._proven, self._proof_ns)
        self._most = most_templates
        self._young: dict[Hashable, Server] = {}
        self._old: dict[Hashable, Server] = {}
        self._judged: list[dict[bytes, tuple[str, int]]] = [{} for _ in range(PLACES)]
        self._judged_before = [dict(judged) for judged in self._judged]
        self._buffer = bytearray(LONGEST_PATH)

    @property
    def segments(self) -> Segments:
        return self._segments

    def template(
        self,
        server: Hashable,
        method: str,
        target: bytes,
        client: Hashable = None,
        status: int = 0,
        at_ns: int = 0,
    ) -> str:
        """The path template of `target` as sent to `server`.

        `server` tells servers apart in every replica alike: use the workload and port
        where they are known. `status` is 0 if there was no answer.
        """
        state = self._young.get(server)
        if state is None:
            state = self._server(server)
        shape = self._shape(target)
        route = state.young.get(shape)
        if route is None:
            route = self._route(state, method, target, shape, status)
        if route.pending and 200 <= status < 400:
            self._count(state, route, client, at_ns)
        if not route.is_admitted:
            if not state.admit(route.template, status, at_ns, self._most):
                return OVERFLOW
            route.is_admitted = status not in NOT_THERE
        return route.template

    def operation(
        self,
        server: Hashable,
        raw: bytes,
        client: Hashable = None,
        status: int = 0,
        at_ns: int = 0,
    ) -> str:
        """What may be told of an operation (`rings.operation`) asked of `server`."""
        if not raw:
            return ""
        state = self._young.get(server)
        if state is None:
            state = self._server(server)
        is_success = 200 <= status < 400
        return self._operations.told(
            state.name,
            state.positions,
            raw,
            hash(client) if is_success else None,
            at_ns,
        )

    def key(
        self,
        server: Hashable,
        place: str,
        path: str,
        client: Hashable = None,
        at_ns: int = 0,
    ) -> str:
        """What may be told of a finding's path (detection/paths.py).

        `place` is where it was found: endpoint template, direction and location.
        """
        state = self._young.get(server)
        if state is None:
            state = self._server(server)
        known = None if client is None else hash(client)
        return self._keys.told(state.name, state.positions, place, path, known, at_ns)

    def learnt(self, at_ns: int) -> Iterator[tuple[bytes, bytes]]:
        """Digests to publish since the last time (keys and values, see proof.py)."""
        return self._proven.learnt(at_ns)

    def take(self, key: bytes, value: bytes) -> None:
        """What another replica, or this one before its restart, has published."""
        if self._proven.take(key, value):
            for state in (*self._young.values(), *self._old.values()):
                state.forget_routes()

    def _server(self, server: Hashable) -> Server:
        state = self._old.pop(server, None) or Server(identity(server))
        if len(self._young) >= MOST_SERVERS:
            self._old = self._young
            self._young = {}
        self._young[server] = state
        return state

    def _shape(self, target: bytes) -> bytes:
        """The path with a zero byte for each sure id; the rest is as sent."""
        data = target
        out = self._buffer
        size = len(target)
        if size > LONGEST_PATH:
            size = LONGEST_PATH
        start = 0
        written = 0
        position = 0
        digits = 0
        is_plain = True
        while True:
            octet = data[position] if position < size else _SLASH
            if octet in (_QUERY, _FRAGMENT):
                size = position
                octet = _SLASH
            if octet != _SLASH:
                out[written] = octet
                written += 1
                if 48 <= octet <= 57:
                    digits += 1
                elif not (
                    65 <= octet <= 90
                    or 97 <= octet <= 122
                    or octet in (_DASH, _UNDERSCORE)
                ):
                    is_plain = False
                position += 1
                continue
            length = position - start
            if digits > 2 and is_plain and length <= 200:
                is_id = digits == length and length <= 40
                if digits > 3 and not is_id:
                    is_id = not (
                        data[start + 4 if length > 4 else start] == _DASH
                        and 48 <= data[start] <= 57
                        and 48 <= data[start + 1] <= 57
                        and 48 <= data[start + 2] <= 57
                        and 48 <= data[start + 3] <= 57
                    )
                if is_id:
                    written -= length
                    out[written] = 0
                    written += 1
            if position >= size:
                break
            out[written] = _SLASH
            written += 1
            position += 1
            start = position
            digits = 0
            is_plain = True
        return bytes(out[:written])

    def _route(
        self, state: Server, method: str, target: bytes, shape: bytes, status: int
    ) -> Route:
        route = state.old.pop(shape, None)
        if route is None:
            if target[:1] != b"/":
                path = path_of(method, target)
                if path is None:
                    return Route(AUTHORITY, [])
                shape = self._shape(path)
            route = self._walk(state, shape, 200 <= status < 400)
        if len(target) <= LONGEST_PATH and target[:1] == b"/":
            state.keep(shape, route)
        return route

    def _walk(self, state: Server, path: bytes, is_success: bool) -> Route:
        """Judges each segment at its place."""
        if path == b"*":
            return Route("*", [])
        segments = [segment for segment in path.split(b"/") if segment]
        if b"." in segments or b".." in segments:
            segments = _without_dots(segments)
        if len(segments) == 2 and b"." in segments[0]:
            called = self._call(segments)
            if called:
                return Route(called, [])
        pending: list[Candidate] = []
        template, place = "", START
        for number, segment in enumerate(segments[:MOST_SEGMENTS]):
            if not number and len(segments) > 1 and segments[1][:1] == b"_":
                place |= BEFORE_UNDERSCORE
            shown, following = self._judge(segment, place)
            if is_placeholder(shown):
                learned = (
                    self._learn(state, template, segment, shown, place, pending)
                    if is_success
                    else self._recall(state, template, segment, shown)
                )
                if learned is not shown:
                    shown = learned
                    following = self._segments.after(shown, place)
            place = following
            template += "/" + shown
        if len(segments) > MOST_SEGMENTS:
            template += "/" + REST
        return Route(template or "/", pending)

    def _judge(self, segment: bytes, place: int) -> tuple[str, int]:
        """What stands for a segment at a place, and the place behind it."""
        young = self._judged[place]
        found = young.get(segment)
        if found is not None:
            return found
        found = self._judged_before[place].pop(segment, None)
        if found is None:
            shown = ID if segment == SURE else self._segments.template(segment, place)
            found = (shown, self._segments.after(shown, place & ~BEFORE_UNDERSCORE))
        if len(young) >= MOST_JUDGED:
            self._judged_before[place] = young
            young = self._judged[place] = {}
        young[segment] = found
        return found

    def _recall(self, state: Server, template: str, segment: bytes, shown: str) -> str:
        """The segment if it has proved here."""
        if shown != ID or not len(self._proven) or segment == SURE:
            return shown
        text = plain(segment)
        digest = self._proven.digest(state.name, template, text)
        return text if text and digest in self._proven else shown

    def _learn(
        self,
        state: Server,
        template: str,
        segment: bytes,
        shown: str,
        place: int,
        pending: list[Candidate],
    ) -> str:
        """The segment if it has proved here; else it goes on to prove, if it can."""
        position = state.positions.at(template)
        if segment == SURE:
            position.has_ids = True
            return shown
        text = plain(segment)
        if shown != ID or not may_prove(text, place, self._segments, position.has_ids):
            position.note(text)
            return shown
        candidate = position.candidates.get(text)
        if candidate is None:
            digest = self._proven.digest(state.name, template, text)
            if digest in self._proven:
                return text
            if position.is_full:
                return shown
            candidate = position.candidates[text] = Candidate(position, digest)
        elif candidate.digest in self._proven:
            return text
        pending.append(candidate)
        return shown

    def _count(self, state: Server, route: Route, client: Hashable, at_ns: int) -> None:
        has_proved = False
        for candidate in route.pending:
            if candidate.hit(hash(client), at_ns, self._proof_ns):
                self._proven.use(candidate.digest, at_ns)
                has_proved = True
        if has_proved:
            state.forget_routes()

    def _call(self, segments: list[bytes]) -> str:
        """A gRPC path, `/package.Service/Method`, of known words; or nothing."""
        service, method = plain(segments[0]), plain(segments[1])
        if not method[:1].isupper() or not self._segments.marks_of(method):
            return ""
        return f"/{service}/{method}" if is_service(service, self._segments) else ""


def path_of(method: str, target: bytes) -> bytes | None:
    """The path of any target form; None for the authority form."""
    path = target.partition(b"?")[0].partition(b"#")[0]
    if path[:1] == b"/" or path == b"*":
        return path
    if method == "CONNECT":
        return None
    scheme, colon, rest = path.partition(b"://")
    if colon and scheme.isalpha():
        return b"/" + rest.partition(b"/")[2]
    host, colon, port = path.rpartition(b":")
    if colon and port.isdigit() and b"/" not in host:
        return None
    return b"/" + path


def _without_dots(segments: list[bytes]) -> list[bytes]:
    """RFC 3986 section 5.2.4."""
    kept: list[bytes] = []
    for segment in segments:
        if segment == b"..":
            if kept:
                kept.pop()
        elif segment != b".":
            kept.append(segment)
    return kept
