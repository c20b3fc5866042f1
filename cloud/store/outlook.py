"""How the store does, as pages are told it: from memory, whichever process looks.

The watch of the process that writes is one; what that process has told another is the
other one (`cloud/pages/apart`). `Seen` is what goes between them.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from cloud.store.keeper import Keeping
from cloud.store.problems import Problem
from cloud.store.sight import Sight
from cloud.store.tally import Failure


class Seen(NamedTuple):
    """What the watch knows at one moment."""

    sight: Sight
    failure: Failure | None
    is_away: bool
    """The database could not be read when looked at last."""
    waiting: int
    """Packages and jobs that wait for the writer."""


class Outlook(Protocol):
    """Asks no database."""

    @property
    def clock(self) -> Callable[[], int]:
        """Gives seconds since 1970."""
        ...

    @property
    def keeping(self) -> Keeping: ...

    @property
    def sight(self) -> Sight: ...

    @property
    def failure(self) -> Failure | None: ...

    @property
    def is_away(self) -> bool: ...

    @property
    def waiting(self) -> int: ...

    @property
    def is_ready(self) -> bool:
        """Whether the store answers and can be written."""
        ...

    def problems(self) -> list[Problem]:
        """Those there are now, the gravest first."""
        ...

    def wake(self) -> None:
        """Somebody could not read: look now."""
        ...
