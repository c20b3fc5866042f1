"""The tables of the store, the same on SQLite and PostgreSQL.

Three kinds. **Names** say what there is: workloads, endpoints, places … **Summaries**
are counters and extremes of all time, kept by ingestion, so that no page adds up: how a
stored row and a new one become one is written at each column as its merge rule.
**Facts** say when: one row for each interval in which something was seen, at three
levels. A file holds those of one subject.
"""

from cloud.store.schema.cluster import (
    clusters,
    job,
    moments,
    nodes,
    offsets,
    refusals,
    senders,
)
from cloud.store.schema.columns import (
    COUNTERS,
    MOST,
    STATUSES,
    Merge,
    identities,
    identity,
    metadata,
)
from cloud.store.schema.correction import (
    corrected_places,
    correction_tellings,
    corrections,
)
from cloud.store.schema.finding import (
    catalog_types,
    data_types,
    edge_types,
    endpoint_types,
    explanations,
    place_whys,
    places,
)
from cloud.store.schema.interval import (
    DAY,
    DAYS,
    HOUR,
    HOURS,
    LEVELS,
    MINUTES,
    Level,
    changes,
)
from cloud.store.schema.part import coverage, coverage_totals, parts
from cloud.store.schema.workload import (
    edges,
    endpoints,
    outward,
    parties,
    revisions,
    traffic,
    workload_facts,
    workloads,
)

__all__ = [
    "COUNTERS",
    "DAY",
    "DAYS",
    "HOUR",
    "HOURS",
    "LEVELS",
    "MINUTES",
    "MOST",
    "STATUSES",
    "Level",
    "Merge",
    "catalog_types",
    "changes",
    "clusters",
    "corrected_places",
    "correction_tellings",
    "corrections",
    "coverage",
    "coverage_totals",
    "data_types",
    "edge_types",
    "edges",
    "endpoint_types",
    "endpoints",
    "explanations",
    "identities",
    "identity",
    "job",
    "metadata",
    "moments",
    "nodes",
    "offsets",
    "outward",
    "parties",
    "parts",
    "place_whys",
    "places",
    "refusals",
    "revisions",
    "senders",
    "traffic",
    "workload_facts",
    "workloads",
]
