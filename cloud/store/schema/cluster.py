"""Who sends: clusters, their nodes and agents, and how far each has come."""

from sqlalchemy import Column, Index, Integer, Table

from cloud.store.schema.columns import Merge, metadata, number, text, times

clusters = Table(
    "clusters",
    metadata,
    text("name", primary_key=True),
    number("packages", Merge.ADD),
    text("catalog_digest", Merge.LATEST),
    text("agent_version", Merge.LATEST),
    number("endpoints", Merge.ADD),
    number("edges", Merge.ADD),
    number("places", Merge.ADD),
    number("parts", Merge.ADD),
    number("pairs", Merge.ADD),
    number("inspected", Merge.ADD),
    number("clamped", Merge.ADD),
    number("folded", Merge.ADD),
    *times(),
)
"""`clamped` rows came with an impossible time; `folded` ones over a bound on names."""

offsets = Table(
    "offsets",
    metadata,
    text("cluster", primary_key=True),
    text("topic", primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    number("next"),
    number("skipped"),
)
"""Where to resume, and how many records were passed over and never received."""

senders = Table(
    "senders",
    metadata,
    text("cluster", primary_key=True),
    number("heard_ns", Merge.GREATEST),
    number("claimed_ns", Merge.LATEST),
    number("clamped_ns", Merge.GREATEST),
    number("folded_ns", Merge.GREATEST),
)
"""When a cluster was last heard, by our clock; which time its last package claimed to
end at; when rows of it last came with an impossible time, or over a bound on names."""

nodes = Table(
    "nodes",
    metadata,
    text("cluster", primary_key=True),
    text("node", primary_key=True),
    number("heard_ns", Merge.GREATEST),
    number("claimed_ns", Merge.LATEST),
    *times(),
    text("version", Merge.TOLD),
    text("kernel", Merge.TOLD),
    text("state", Merge.TOLD),
    number("workers", Merge.TOLD),
    number("started_ns", Merge.TOLD),
    number("reported_ns", Merge.GREATEST),
)
"""The nodes that coverage is told of, or that tell of themselves, with the same two
times; as many as parts. From `version` on it is what the interceptor there last told;
empty and 0: nothing yet."""
Index("nodes_by_heard", nodes.c.heard_ns, nodes.c.cluster, nodes.c.node)

refusals = Table(
    "refusals",
    metadata,
    text("cluster", primary_key=True),
    text("reason", primary_key=True),
    number("count", Merge.ADD),
    number("last_ns", Merge.GREATEST),
    text("words", Merge.LATEST),
)
"""Packages that were not taken, by whose token they came with (empty: none that is
known) and by a reason of `cloud.refusals`; `words` name the rule, never a content."""

job = Table(
    "job",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    number("run_seconds"),
    number("forgotten"),
    number("compared_day"),
)
"""One row, locked by who rolls up: when it was last done, how often names were
forgotten since (others then learn anew which names are stored), and the last day whose
coverage was compared with the day before."""

moments = Table(
    "moments",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    number("last_ns"),
)
"""One row: the moment of what was stored last (`moment.py` of the store)."""
