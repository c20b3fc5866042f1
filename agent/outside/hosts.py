"""Names of hosts as they may be told.

In: what a client calls a server outside (RFC 9110 section 7.2), with its namespace.
Out: the name without data, or nothing. A domain stays as it is registered: it says who
receives. Labels before it stay if all their words are words of interfaces
(`api.eu.example.com`), others are data and become one placeholder
(`tenant-4711.example.com` → `{name}.example.com`). What manifests say is known: the
target of an ExternalName service stands for the service's own names, and hosts of
ingresses stay whole.
"""

import re

from agent.naming.segments import Segments
from agent.naming.shapes import ID
from agent.naming.workloads import NAME

MOST_OF_DOMAIN = 20
"""Names below one domain; others become `{name}` of it."""
MOST_DOMAINS = 5_000
"""Whose names are remembered; then all are forgotten."""
MOST_KNOWN = 50_000
"""Names that manifests tell; a cluster has some hundred."""
LONGEST_LABEL = 40
"""Of a domain; longer ones are made by machines."""
MOST_DIGITS = 3
"""The same."""

_HOST = re.compile(r"(?=.{1,253}$)(?:[a-z0-9_-]{1,63}\.)*[a-z0-9-]{1,63}")
_WORD = re.compile(r"[-_]")
_SECOND = frozenset("ac co com edu gob gov go mil ne net nom or org".split())
"""Before a country's code these are registries: what is registered is one label more.
"""


class Hosts:
    """Names hosts; watches tell it what manifests say of them."""

    def __init__(self, segments: Segments) -> None:
        self._segments = segments
        self._whole: dict[str, int] = {}
        self._targets: dict[str, str] = {}
        self._below: dict[str, set[str]] = {}

    def keep(self, host: str) -> None:
        """An ingress serves this host."""
        if len(self._whole) < MOST_KNOWN:
            self._whole[host.lower()] = self._whole.get(host.lower(), 0) + 1

    def drop(self, host: str) -> None:
        """One ingress does not any more."""
        left = self._whole.get(host.lower(), 0) - 1
        if left > 0:
            self._whole[host.lower()] = left
        else:
            self._whole.pop(host.lower(), None)

    def point(self, namespace: str, service: str, target: str) -> None:
        """An ExternalName service points to a host; an empty target: it is gone."""
        name = f"{service}.{namespace}"
        if not target:
            self._targets.pop(name, None)
        elif len(self._targets) < MOST_KNOWN:
            self._targets[name] = target.lower().rstrip(".")

    def name(self, authority: bytes, namespace: str = "") -> str:
        """The name of what a client in `namespace` calls so; empty: it has none."""
        host = _host(authority)
        if not host:
            return ""
        if target := self._target(host, namespace):
            return target
        if host in self._whole or f"*.{host.partition('.')[2]}" in self._whole:
            return host
        labels = host.split(".")
        if len(labels) < 2 or labels[-1].isdigit() or ".svc" in host:
            return ""
        return self._bounded(*self._judged(labels))

    def _target(self, host: str, namespace: str) -> str:
        service, _, rest = host.partition(".")
        own, _, rest = rest.partition(".")
        if rest and not rest.startswith("svc"):
            return ""
        return self._targets.get(f"{service}.{own or namespace}", "")

    def _judged(self, labels: list[str]) -> tuple[str, list[str]]:
        """The domain, and the labels before it."""
        is_second = len(labels[-1]) == 2 and labels[-2] in _SECOND
        size = 3 if is_second and len(labels) > 2 else 2
        below: list[str] = []
        for label in labels[:-size]:
            known = label if self._is_known(label) else NAME
            if not below or below[-1] != known:
                below.append(known)
        registered, *ending = labels[-size:]
        digits = sum(map(str.isdigit, registered))
        if len(registered) > LONGEST_LABEL or digits > MOST_DIGITS:
            registered = ID
        return ".".join((registered, *ending)), below

    def _is_known(self, label: str) -> bool:
        return all(map(self._segments.word, _WORD.split(label)))

    def _bounded(self, domain: str, below: list[str]) -> str:
        if not below:
            return domain
        name = ".".join((*below, domain))
        if len(self._below) >= MOST_DOMAINS:
            self._below.clear()
        names = self._below.setdefault(domain, set())
        if name not in names:
            if len(names) >= MOST_OF_DOMAIN:
                return f"{NAME}.{domain}"
            names.add(name)
        return name


def _host(authority: bytes) -> str:
    """Without its port; empty: it is none, or an address."""
    text = authority.decode("ascii", "replace").strip().lower()
    host, _, port = text.partition(":")
    if port and not port.isdigit():
        return ""
    host = host.rstrip(".")
    return host if _HOST.fullmatch(host) else ""
