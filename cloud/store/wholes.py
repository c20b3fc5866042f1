"""Keys of facts of coverage that stand for many parts: a cluster, a node.

In: whose coverage a row tells. Out: the keys under which it is added up once more, so
that a picture of a cluster reads one fact an interval, and not one for each of its
workloads. None of them is a key of `parts`. Nothing is added up over clusters: what one
stores is the same, whoever else does.
"""

from cloud.store.schema import identity


def whole(cluster: str, node: str = "") -> int:
    """The key of a node's facts, or of a cluster's."""
    return identity("covered", *filter(None, (cluster, node)))


def wholes(cluster: str, node: str) -> tuple[int, ...]:
    """All keys that a part's facts are added to; what is of no node is of none."""
    return (whole(cluster), whole(cluster, node)) if node else (whole(cluster),)
