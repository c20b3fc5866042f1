"""What is handed over once: tokens, keys and links, from the form to the page after it.

In: a secret, whose it is, and words about it. Out: an id for the address of the next
page, and there, once and for the same visitor, the secret. It waits in memory only and
for a short time, so that it stands in no address, no database and no log, and a page
that is loaded again makes nothing twice.
"""

import secrets
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import NamedTuple

MOST = 100
"""That wait; the oldest goes first."""
LASTING_SECONDS = 120.0
"""A browser follows at once."""


class Secret(NamedTuple):
    """One of them, with what to do with it."""

    title: str
    text: str
    advice: str
    command: str
    back: str


class Handed:
    """Safe to use from several threads."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._lock = Lock()
        self._waiting: OrderedDict[str, tuple[str, float, Secret]] = OrderedDict()

    def put(self, owner: str, secret: Secret) -> str:
        """The id under which `owner` gets it."""
        name = secrets.token_urlsafe(16)
        with self._lock:
            self._waiting[name] = (owner, self._now(), secret)
            while len(self._waiting) > MOST:
                self._waiting.popitem(last=False)
        return name

    def take(self, owner: str, name: str) -> Secret | None:
        """It is gone afterwards; another visitor neither gets nor ends it."""
        with self._lock:
            found = self._waiting.get(name)
            if found is None or found[0] != owner:
                return None
            del self._waiting[name]
        return found[2] if self._now() - found[1] <= LASTING_SECONDS else None
