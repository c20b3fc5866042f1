"""Pairs of interfaces that packets of the pod pass by.

eBPF programs lead packets on without letting them through the end in the host: Cilium's
bpf_redirect_peer those that come to the pod, netkit also those that leave it. In come
both ends' packet counters, out goes which pairs do not carry all that the pod does. The
kernel counts redirected packets at the inner end (Linux 6.7 and later; before, such a
pod cannot be told from a silent one).
"""

from collections.abc import Mapping

from agent.interceptor.search.netlink import Counters

LEAST_PACKETS = 50
"""So many, and a tenth of all, must have passed the outer end by, at two comparisons:
the ends are not read at the same moment."""


class Bypass:
    """What comparisons have found, by the index of the end in the host."""

    def __init__(self) -> None:
        self.found: set[int] = set()
        self._suspected: set[int] = set()

    def compare(self, ends: Mapping[int, tuple[Counters, Counters]]) -> bool:
        """Outer and inner end, the inner read first: what it has passed by then, the
        outer has too. True if a pair was found that was not before."""
        passed_by = {i for i, (outer, inner) in ends.items() if _differ(outer, inner)}
        news = (passed_by & self._suspected) - self.found
        self._suspected = passed_by
        self.found |= news
        return bool(news)

    def forget(self, index: int) -> None:
        """The pair is gone."""
        self.found.discard(index)
        self._suspected.discard(index)


def _differ(outer: Counters, inner: Counters) -> bool:
    unseen = max(inner.received - outer.sent, inner.sent - outer.received)
    return unseen > LEAST_PACKETS and unseen * 10 > max(inner)
