"""The tables of the dashboard: its pages and its navigation. How a page is added says
`page.py`; what serves them is `application.py`.
"""

from collections.abc import Sequence

from cloud.pages import (
    changes,
    corrected,
    correction_export,
    corrections,
    endpoints,
    outside,
    overview,
    status,
)
from cloud.pages.application import Entry, Pages
from cloud.pages.catalog import levels, listing, one, search
from cloud.pages.catalog.reports import (
    Catalog,
    CatalogQuery,
    SearchQuery,
    SearchReport,
    WorkloadList,
    WorkloadQuery,
    WorkloadReport,
    WorkloadsQuery,
)
from cloud.pages.changes import ChangeList, ChangesQuery
from cloud.pages.corrections import (
    CorrectForm,
    CorrectionList,
    CorrectionsQuery,
    CorrectQuery,
)
from cloud.pages.coverage import listing as coverage
from cloud.pages.coverage import one as covered
from cloud.pages.coverage.reports import (
    CoverageQuery,
    CoverageReport,
    NodeQuery,
    NodeReport,
    PartQuery,
    PartReport,
)
from cloud.pages.data_types import listing as data_types
from cloud.pages.data_types.reports import (
    TypeList,
    TypeQuery,
    TypeReport,
    TypesQuery,
)
from cloud.pages.map import export
from cloud.pages.map.reading import read_map
from cloud.pages.map.reports import MapQuery, MapReport
from cloud.pages.outside import OutsideList, OutsideQuery
from cloud.pages.page import Action, Page, Source
from cloud.pages.policies import reading as policies
from cloud.pages.policies.reports import (
    PolicyList,
    PolicyReport,
    ViolationList,
    ViolationQuery,
)
from cloud.pages.reports import (
    EndpointList,
    EndpointReport,
    FieldsQuery,
    Overview,
    Query,
)
from cloud.pages.status import StatusQuery, StatusReport
from cloud.pages.today import reading as today
from cloud.pages.today.reports import TodayQuery, TodayReport
from cloud.visitor import Role

NAVIGATION: tuple[Entry | None, ...] = (
    Entry("/", "Today"),
    Entry("/overview", "Overview"),
    Entry("/changes", "Changes"),
    Entry("/map", "Map"),
    Entry("/catalog", "Catalog", beneath=("/workloads", "/search")),
    Entry("/endpoints", "Endpoints"),
    Entry("/types", "Data types"),
    Entry("/outside", "Outside"),
    None,
    Entry("/violations", "Violations"),
    Entry("/policies", "Policies"),
    Entry("/corrections", "Corrections"),
    None,
    Entry("/coverage", "Coverage"),
    Entry("/status", "Status"),
    None,
    Entry("/administration/users", "Users", Role.ADMIN),
    Entry("/administration/tokens", "Clusters' tokens", Role.ADMIN),
    Entry("/administration/alerts", "Alerts", Role.ADMIN),
    Entry("/administration/visits", "Visits", Role.ADMIN),
    Entry("/administration/audit", "Audit log", Role.ADMIN),
    Entry("/administration/settings", "Settings", Role.ADMIN),
    Entry("/account", "Account"),
)
"""None: a line between."""
PAGES = (
    Page(
        "/",
        "today",
        "today.html",
        today.read,
        TodayReport,
        TodayQuery,
        rows="lines",
    ),
    Page("/overview", "overview", "overview.html", overview.read, Overview),
    Page(
        "/changes",
        "changes",
        "changes.html",
        changes.read,
        ChangeList,
        ChangesQuery,
        rows="changes",
    ),
    Page(
        "/map",
        "map",
        "map.html",
        read_map,
        MapReport,
        MapQuery,
        rows="flows",
        takes=export.TAKES,
    ),
    Page(
        "/endpoints",
        "endpoints",
        "endpoints.html",
        endpoints.read_list,
        EndpointList,
        Query,
        rows="endpoints",
    ),
    Page(
        "/endpoints/{id}",
        "endpoint",
        "endpoint.html",
        corrected.read_endpoint,
        EndpointReport,
        FieldsQuery,
        rows="fields",
    ),
    Page(
        "/catalog",
        "catalog",
        "catalog.html",
        levels.read,
        Catalog,
        CatalogQuery,
        rows="levels",
    ),
    Page(
        "/workloads",
        "workloads",
        "workloads.html",
        listing.read,
        WorkloadList,
        WorkloadsQuery,
        rows="workloads",
    ),
    Page(
        "/workloads/{id}",
        "workload",
        "workload.html",
        one.read,
        WorkloadReport,
        WorkloadQuery,
        rows="data_types",
    ),
    Page(
        "/search",
        "search",
        "search.html",
        search.read,
        SearchReport,
        SearchQuery,
        rows="hits",
    ),
    Page(
        "/endpoints/{id}/correct",
        "correct",
        "correct.html",
        corrected.read_field,
        CorrectForm,
        CorrectQuery,
        role=Role.EDITOR,
    ),
    Page(
        "/corrections",
        "corrections",
        "corrections.html",
        corrections.read,
        CorrectionList,
        CorrectionsQuery,
        rows="corrections",
        takes=correction_export.TAKES,
    ),
    Page(
        "/types",
        "types",
        "types.html",
        data_types.read,
        TypeList,
        TypesQuery,
        rows="types",
    ),
    Page(
        "/types/{id}",
        "type",
        "type.html",
        corrected.read_type,
        TypeReport,
        TypeQuery,
        rows="places",
    ),
    Page(
        "/outside",
        "outside",
        "outside.html",
        outside.read,
        OutsideList,
        OutsideQuery,
        rows="parties",
    ),
    Page(
        "/violations",
        "violations",
        "violations.html",
        policies.read_violations,
        ViolationList,
        ViolationQuery,
        rows="violations",
    ),
    Page(
        "/policies",
        "policies",
        "policies.html",
        policies.read_policies,
        PolicyList,
        rows="policies",
    ),
    Page(
        "/policies/{id}",
        "policy",
        "policy.html",
        policies.read_policy,
        PolicyReport,
    ),
    Page(
        "/coverage",
        "coverage",
        "coverage.html",
        coverage.read,
        CoverageReport,
        CoverageQuery,
        rows="parts",
        takes=coverage.TAKES,
    ),
    Page(
        "/coverage/node",
        "node",
        "node.html",
        covered.read_node,
        NodeReport,
        NodeQuery,
        rows="parts",
    ),
    Page(
        "/coverage/parts/{id}",
        "part",
        "part.html",
        covered.read_part,
        PartReport,
        PartQuery,
        rows="blind_spots",
    ),
    Page(
        "/status",
        "status",
        "status.html",
        status.read,
        StatusReport,
        StatusQuery,
        rows="nodes",
    ),
)


def application(
    store: Source, pages: Sequence[Page] = PAGES, actions: Sequence[Action] = ()
) -> Pages:
    """The dashboard of one store, as an ASGI application."""
    return Pages(store, pages, actions, NAVIGATION)
