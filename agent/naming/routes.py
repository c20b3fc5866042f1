# cython: annotation_typing=False
"""What is known of a server's paths: shapes with their templates, and what may be told.

In: shapes of paths (endpoints.py) with what they became, templates with the status of
their answer. Out: the same again, and whether a template may be told: new ones are
counted by the hour, those of paths that are not there apart. All is bounded and
forgets the oldest.
"""

from agent.naming.proof import Candidate, Positions

MOST_ROUTES = 2_000
"""Shapes of one server, twice: 100 bytes and a path each."""
MOST_FAILED_TEMPLATES = 64
"""Of one server in an hour, of those that it never answered but with 404 and the like:
a scan."""
HOUR_NS = 3600 * 10**9
NOT_THERE = frozenset((404, 405, 410, 501))
"""Statuses that say that there is no such endpoint (RFC 9110 section 15)."""


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
