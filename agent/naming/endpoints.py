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
    Proven,
    identity,
    is_called,
    is_token,
    may_prove,
)
from agent.naming.routes import NOT_THERE, Route, Server
from agent.naming.segments import (
    BEFORE_UNDERSCORE,
    BEFORE_VERSION,
    PERSONAL,
    PLACE,
    PLACES,
    START,
    UNSURE,
    Segments,
    is_service,
    is_version,
    plain,
)
from agent.naming.shapes import ID, is_placeholder
from agent.naming.targets import path_of, without_dots
from agent.naming.vocabulary import Vocabulary
from agent.naming.words import split

MOST_SEGMENTS = 16
MOST_SERVERS = 5_000
"""Twice: servers not seen since so many new ones are forgotten."""
MOST_NEW_TEMPLATES = 2_000
"""Of one server in an hour, then OVERFLOW till the next: a server that answers a scan's
every path with success. The largest of 123 public APIs has 1,186."""
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
BEFORE = BEFORE_UNDERSCORE | BEFORE_VERSION

_SLASH = 47
_QUERY = 63
_FRAGMENT = 35
_DASH = 45
_UNDERSCORE = 95


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
        """What may be told of an operation (`rings.records`) asked of `server`."""
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
            segments = without_dots(segments)
        if len(segments) == 2 and b"." in segments[0]:
            called = self._call(segments)
            if called:
                return Route(called, [])
        pending: list[Candidate] = []
        template, place = "", START
        for number, segment in enumerate(segments[:MOST_SEGMENTS]):
            if not number and len(segments) > 1:
                place |= _before(segments[1])
            if place & UNSURE and state.positions.has_ids(template):
                place &= ~UNSURE
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
            found = (shown, self._segments.after(shown, place & ~BEFORE))
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
        if place & PLACE == PERSONAL:
            return shown
        # By convention interfaces alone begin names so: they do not crowd out others.
        at = template + "/_" if segment[:1] == b"_" else template
        position = state.positions.at(at)
        text = "" if segment == SURE else plain(segment)
        if not position.has_ids and is_token(text):
            position.has_ids = True
            if place & UNSURE:
                state.forget_routes()
        candidate = position.candidates.get(text)
        if candidate is None and position.is_full:
            return self._recall(state, template, segment, shown)
        if shown != ID or not may_prove(text, place, self._segments, position.has_ids):
            if text:
                position.note(text)
            return shown
        if candidate is None:
            digest = self._proven.digest(state.name, template, text)
            if digest in self._proven:
                return text
            words = split(text)
            candidate = position.candidates[text] = Candidate(
                position,
                digest,
                is_listed=bool(self._segments.marks(words)),
                is_called=is_called(words, self._segments),
            )
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


def _before(segment: bytes) -> int:
    """What a first segment's place has for the one behind it."""
    if segment[:1] == b"_":
        return BEFORE_UNDERSCORE
    return BEFORE_VERSION if is_version(segment) else 0
