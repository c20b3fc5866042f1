"""Names of workloads as they may be told.

In: the name of a pod that nothing owns: people start such by hand, and notebooks and
jobs of persons are called by them (`jupyter-jane`). Out: the name with each part
replaced that is no word of interfaces. Names of Deployments and the like are left as
they are: they are written in manifests.
"""

import re

from agent.cluster.addresses import Workload
from agent.naming.segments import Segments
from agent.naming.shapes import ID

_PART = re.compile(r"[-._]")
NAME = "{name}"


def told(workload: Workload, segments: Segments) -> Workload:
    """The workload, without data in its name."""
    if workload.kind != "Pod":
        return workload
    return workload._replace(name=told_name(workload.name, segments))


def told_name(name: str, segments: Segments) -> str:
    """`jupyter-jane` → `jupyter-{name}`, `debug-7f9c4` → `debug-{id}`."""
    shown: list[str] = []
    for part in _PART.split(name):
        known = part if segments.word(part) else NAME if part.isalpha() else ID
        if not shown or shown[-1] != known or known == part:
            shown.append(known)
    return "-".join(shown)
