"""Why a package was not taken: a closed list, the same for all rooms of the cloud.

The names are those of gRPC's status codes, which senders get; so the metric of packages
by outcome, the table of refusals and the answer to a digger use one word.
"""

from enum import Enum


class Refusal(Enum):
    """A reason, by the status that its sender got."""

    UNAUTHENTICATED = "unauthenticated"
    PERMISSION_DENIED = "permission_denied"
    INVALID_ARGUMENT = "invalid_argument"
    FAILED_PRECONDITION = "failed_precondition"
    RESOURCE_EXHAUSTED = "resource_exhausted"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    UNAVAILABLE = "unavailable"


LOSING = (Refusal.INVALID_ARGUMENT, Refusal.PERMISSION_DENIED)
"""What an operator has to mend: packages refused so do not come in later by themselves.
"""

WORDS = {
    Refusal.UNAUTHENTICATED: "no token, or one that is not known",
    Refusal.PERMISSION_DENIED: "the token is of another cluster",
    Refusal.INVALID_ARGUMENT: "breaks the limits, and never will be taken",
    Refusal.FAILED_PRECONDITION: "does not follow what is stored; read again",
    Refusal.RESOURCE_EXHAUSTED: "beyond the rate of its cluster; comes again",
    Refusal.DEADLINE_EXCEEDED: "did not arrive in time; comes again",
    Refusal.UNAVAILABLE: "the store did not take it; comes again",
}
"""In plain words, for operators."""
