"""What is found of a pod on this node: one of its network interfaces."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PodInterface:
    """An interface in a pod's network namespace."""

    namespace_inode: int
    """0: not known (no right to look at processes)."""
    host_index: int
    """Of the end in the host; 0: there is none."""
    host_name: str
    pod_name_in_ns: str
    addresses: frozenset[bytes]
    """Network order, 4 or 16 bytes, without link-local ones."""
    link_local: frozenset[bytes] = frozenset()
    """Of IPv6: what neighbours on the same link may use instead."""
    namespace_path: str = ""
    """A file to enter the namespace by."""
    pod_index: int = 0
    """Of the end in the pod's namespace."""
    is_bypassed: bool = False
    """The pod's packets do not all pass the end in the host."""
    proxy: str = ""
    """Name of a mesh proxy's process in the namespace."""
