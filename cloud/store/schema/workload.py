"""Who asks whom: workloads, endpoints, edges, and the parties outside."""

from sqlalchemy import Column, Index, Integer, LargeBinary, Table

from cloud.store.schema.columns import (
    Merge,
    info,
    key,
    metadata,
    number,
    reference,
    small,
    text,
    times,
    totals,
)

workloads = Table(
    "workloads",
    metadata,
    key(),
    text("cluster"),
    text("namespace"),
    text("kind"),
    text("name"),
    small("talks", Merge.GREATEST),
)
"""`talks`: it serves or asks; others only have coverage."""
Index("workloads_by_talks", workloads.c.talks)

endpoints = Table(
    "endpoints",
    metadata,
    key(),
    reference("server_id", "workloads", index=True),
    Column("port", Integer, nullable=False),
    text("method"),
    text("path"),
    *totals(),
    small("names", Merge.TOLD),
)
"""`names`: whether those in protobuf messages are known, as collector.proto has it."""
Index(
    "endpoints_by_sensitivity",
    endpoints.c.sensitivity,
    endpoints.c.pairs,
    endpoints.c.id,
)
Index("endpoints_by_pairs", endpoints.c.pairs, endpoints.c.id)
Index("endpoints_by_last_seen", endpoints.c.last_seen_ns, endpoints.c.id)
Index("endpoints_by_first_seen", endpoints.c.first_seen_ns, endpoints.c.id)
Index("endpoints_by_path", endpoints.c.path, endpoints.c.method, endpoints.c.id)

traffic = Table(
    "traffic",
    metadata,
    reference("endpoint_id", "endpoints", primary_key=True),
    reference("client_id", "workloads", primary_key=True, index=True),
    *totals(),
    text("protocol", Merge.LATEST),
)
"""What one client asked of an endpoint, and by which protocol (`protocols.py`) last."""

edges = Table(
    "edges",
    metadata,
    number("client_id", primary_key=True),
    number("server_id", primary_key=True),
    number("endpoints", Merge.ADD),
    number("pairs", Merge.ADD),
    small("sensitivity", Merge.GREATEST),
    *times(),
)
"""Who asks whom: traffic, added up over the server's endpoints."""
Index("edges_by_sensitivity", edges.c.sensitivity, edges.c.pairs)
Index("edges_by_server", edges.c.server_id)
Index("edges_by_first_seen", edges.c.first_seen_ns)
Index("edges_by_last_seen", edges.c.last_seen_ns)

parties = Table(
    "parties",
    metadata,
    text("cluster", primary_key=True),
    reference("workload_id", "workloads", primary_key=True, index=True),
    text("country", primary_key=True),
    text("network", primary_key=True),
    small("is_robot", primary_key=True),
    *times(),
)
"""Who is outside: what is known of the addresses behind an External workload. Country
and network are empty where nobody knows them."""
Index("parties_by_first_seen", parties.c.first_seen_ns)

outward = Table(
    "outward",
    metadata,
    text("cluster", primary_key=True),
    text("name", primary_key=True),
    Column("port", Integer, primary_key=True, autoincrement=False),
    reference("workload_id", "workloads", primary_key=True, index=True),
    small("source", Merge.LATEST),
    *times(),
)
"""Under which host name or address, at which port (0: any), outsiders reach a workload
of a cluster. Several may answer under one, by paths that nobody tells here."""
Index("outward_by_name", outward.c.name, outward.c.cluster)

workload_facts = Table(
    "workload_facts",
    metadata,
    reference("workload_id", "workloads", primary_key=True),
    text("cluster", index=True),
    text("owner", Merge.LATEST),
    text("part_of", Merge.LATEST),
    Column("labels", LargeBinary, nullable=False, info=info(Merge.LATEST)),
    text("revision", Merge.LATEST),
)
"""What its labels tell of a workload: owner, service group, chosen labels (a document,
`workload_facts.py`), and the revision that runs."""

revisions = Table(
    "revisions",
    metadata,
    reference("workload_id", "workloads", primary_key=True),
    text("revision", primary_key=True),
    text("cluster", index=True),
    text("image", Merge.LATEST),
    number("since_ns", Merge.LEAST),
)
"""Roll-outs: since when which revision of a workload has run, with which image."""
Index("revisions_by_since", revisions.c.since_ns)
