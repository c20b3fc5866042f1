"""A package accounts for what was put into it, and only for that."""

import pytest
from msgspec import structs

from agent.cluster.addresses import INTERNET, Workload
from agent.digger import package, whys
from agent.digger.detectors import DataType, Known
from agent.digger.package import REQUEST, RESPONSE, Draft, Edge, Unnamed
from agent.digger.whys import AGAIN_SECONDS, CatalogTold, Whys
from agent.record import VERSION, Agent, NodeCoverage
from detection.finding import Finding, Likelihood, Location, Sensitivity, Why
from proto.v1 import collector_pb2
from tests.agent.digger.records import START_NS

ORDERS = Workload("shop", "Deployment", "orders")
USERS = Workload("shop", "Deployment", "users")
MEDIUM = Sensitivity.MEDIUM
EDGE = Edge(ORDERS, USERS, 8080, "GET", "/users/{id}")


def never(ip: bytes, at_ns: int) -> Workload:
    raise AssertionError("all names are known")


def finding(path: str = "$.email", count: int = 1, **changes: int) -> Finding:
    return Finding(
        "contact.email",
        Location.BODY,
        path,
        Sensitivity(changes.get("sensitivity", 2)),
        Likelihood(changes.get("likelihood", 4)),
        count,
    )


def count(draft: Draft, edge: Edge = EDGE, status: int = 200, at_ns: int = 0) -> None:
    draft.row(edge, at_ns).count(status, at_ns, 1000, 100, 200)


def test_traffic_is_counted_per_edge_and_template() -> None:
    draft = Draft()
    for status in (200, 201, 404):
        count(draft, status=status)
    count(draft, EDGE._replace(method="PUT"))
    built = draft.build("test", never, 0)
    get, put = built.endpoints
    assert [(t.status_class, t.pairs) for t in get.traffic] == [(2, 2), (4, 1)]
    assert (get.server.name, get.client.name, get.server_port) == (
        "orders",
        "users",
        8080,
    )
    assert get.traffic[0].response_bytes == 400
    assert list(get.traffic[0].latency.counts) == [2]
    assert (put.traffic[0].pairs, put.method, put.path) == (1, "PUT", "/users/{id}")
    assert built.agent_version


def test_intervals_and_operations_have_rows_of_their_own() -> None:
    draft = Draft()
    later = EDGE._replace(interval_ns=package.INTERVAL_NS)
    for edge in (EDGE, later, later._replace(operation="query Users")):
        count(draft, edge)
    rows = draft.build("test", never, 0).endpoints
    assert [(row.interval_start_ns, row.operation) for row in rows] == [
        (0, ""),
        (package.INTERVAL_NS, ""),
        (package.INTERVAL_NS, "query Users"),
    ]
    assert package.interval_of(START_NS) % package.INTERVAL_NS == 0


def test_an_endpoint_says_whether_names_were_known_the_last_time() -> None:
    told = []
    for named in ((None,), (False, None), (False, True), (True, False)):
        draft = Draft()
        for is_named in named:
            draft.find(EDGE, 0, [], [], is_named=is_named)
        (endpoint,) = draft.build("test", never, 0).endpoints
        told.append(collector_pb2.Names.Name(endpoint.names))
    assert told == [
        "NAMES_UNSPECIFIED",
        "NAMES_UNKNOWN",
        "NAMES_KNOWN",
        "NAMES_UNKNOWN",
    ]


def test_places_add_up_and_keep_the_worst() -> None:
    draft = Draft()
    draft.find(EDGE, 0, [finding(count=2, sensitivity=1)], [])
    draft.find(EDGE, 0, [finding(count=3, sensitivity=3, likelihood=1)], [finding()])
    (endpoint,) = draft.build("test", never, 0).endpoints
    request, response = endpoint.places
    assert endpoint.inspected == 2
    assert (request.direction, request.count) == (REQUEST, 5)
    assert (request.sensitivity, request.likelihood) == (3, 4)
    assert (response.direction, response.count) == (RESPONSE, 1)


def test_what_was_found_late_is_named_though_it_was_counted_before() -> None:
    draft = Draft()
    draft.find(EDGE._replace(client=Unnamed(b"\x0a\0\0\7")), 5, [finding()], [])
    (endpoint,) = draft.build("test", lambda *_: USERS, 0).endpoints
    assert (endpoint.client.name, endpoint.inspected) == ("users", 1)
    assert not endpoint.traffic


def test_offsets_are_covered_exactly() -> None:
    draft = Draft()
    assert draft.is_empty
    draft.cover("records/1", 3, 100, 101)
    draft.cover("records/1", 3, 101, 110)
    draft.cover("records/1", 0, 5, 6)
    offsets = draft.build("test", never, 0).offsets
    assert [(o.partition, o.first, o.next) for o in offsets] == [
        (0, 5, 6),
        (3, 100, 110),
    ]
    assert not any(o.HasField("follows") for o in offsets)


def test_a_gap_before_the_first_offset_is_declared() -> None:
    draft = Draft()
    assert not draft.covers("records/1", 3)
    draft.follow("records/1", 3, 90)
    draft.cover("records/1", 3, 100, 101)
    assert draft.covers("records/1", 3)
    (offsets,) = draft.build("test", never, 0).offsets
    assert (offsets.follows, offsets.first, offsets.next) == (90, 100, 101)


def test_offsets_that_do_not_follow_are_a_mistake_of_ours() -> None:
    draft = Draft()
    draft.cover("records/1", 3, 100, 101)
    with pytest.raises(ValueError, match="does not follow"):
        draft.cover("records/1", 3, 102, 103)


def test_addresses_without_owner_are_named_when_the_package_is_built() -> None:
    draft = Draft()
    for last in (7, 8):
        client = draft.unname(bytes((10, 0, 0, last)), START_NS + last)
        count(draft, EDGE._replace(client=client))
    asked = []

    def resolve(ip: bytes, at_ns: int) -> Workload:
        asked.append((ip[-1], at_ns - START_NS))
        return USERS

    (endpoint,) = draft.build("test", resolve, 0).endpoints
    assert (endpoint.client.name, endpoint.traffic[0].pairs) == ("users", 2)
    assert asked == [(7, 7), (8, 8)]


def test_rows_that_get_one_name_are_merged_whole() -> None:
    draft = Draft()
    unnamed = EDGE._replace(client=draft.unname(b"\x0a\0\0\7", START_NS))
    count(draft, EDGE, 200, START_NS + 9)
    count(draft, unnamed, 500, START_NS + 5)
    draft.find(EDGE, START_NS, [finding()], [])
    draft.find(unnamed, START_NS, [finding(count=4)], [])
    (endpoint,) = draft.build("test", lambda *_: USERS, 0).endpoints
    assert [(t.status_class, t.pairs) for t in endpoint.traffic] == [(2, 1), (5, 1)]
    assert endpoint.places[0].count == 5
    assert endpoint.first_seen_ns == START_NS + 5
    assert endpoint.last_seen_ns == START_NS + 9


def test_findings_of_one_message_are_bounded_and_the_worst_kept() -> None:
    draft = Draft()
    many = [finding(f"$.a{n}", sensitivity=1) for n in range(package.MOST_FINDINGS)]
    draft.find(EDGE, 0, [*many, finding("$.worst", sensitivity=3)], [])
    built = draft.build("test", never, 0)
    places = built.endpoints[0].places
    assert len(places) == package.MOST_FINDINGS
    assert "$.worst" in {place.path for place in places}
    assert built.coverage[0].counts["finding_dropped"] == 1


def test_a_path_longer_than_the_cloud_takes_is_left_out() -> None:
    draft = Draft()
    draft.find(EDGE, 0, [finding("$." + "x" * 5000)], [])
    assert not draft.build("test", never, 0).endpoints[0].places


def test_a_draft_says_when_it_is_full() -> None:
    draft = Draft()
    for port in range(package.MOST_ROWS):
        assert not draft.is_full
        count(draft, EDGE._replace(port=port))
    assert draft.is_full


def window(start_ns: int, pod: bytes = b"", **buckets: int) -> NodeCoverage:
    return NodeCoverage(VERSION, "n1", start_ns, start_ns + 10, pod, buckets)


def test_coverage_windows_of_a_pod_are_summed_under_its_name() -> None:
    draft = Draft()
    pod = b"\x0a\0\0\2"
    draft.cover_node(window(100, pod, paired=5, tls=1))
    draft.cover_node(window(110, pod, paired=7))
    draft.cover_node(window(100, paired=1))
    built = draft.build("test", lambda *_: ORDERS, 0)
    named, node = built.coverage
    assert (named.node, named.workload.name, dict(named.bytes)) == (
        "n1",
        "orders",
        {"paired": 12, "tls": 1},
    )
    assert (named.window_start_ns, named.window_end_ns) == (100, 120)
    assert not node.workload.name
    assert (built.window_start_ns, built.window_end_ns) == (100, 120)


def test_coverage_has_rows_by_interval() -> None:
    draft = Draft()
    for start_ns in (0, package.INTERVAL_NS - 1, package.INTERVAL_NS):
        draft.cover_node(window(start_ns, paired=1))
    first, second = draft.build("test", never, 0).coverage
    assert (first.interval_start_ns, first.bytes["paired"]) == (0, 2)
    assert (second.interval_start_ns, second.bytes["paired"]) == (
        package.INTERVAL_NS,
        1,
    )


def test_what_went_wrong_on_the_queue_is_coverage_too() -> None:
    draft = Draft()
    draft.note("undecodable")
    draft.note("expired", 40)
    built = draft.build("test", never, 99)
    assert dict(built.coverage[0].counts) == {"undecodable": 1, "expired": 40}
    assert built.coverage[0].node == package.QUEUE_NODE
    assert (built.window_start_ns, built.window_end_ns) == (99, 99)


def test_counters_never_pass_what_the_cloud_takes() -> None:
    draft = Draft()
    draft.row(EDGE, 0).count(200, 0, 0, package.LARGEST + 5, 0)
    count(draft, EDGE._replace(client=INTERNET))
    endpoints = draft.build("test", never, 0).endpoints
    assert endpoints[0].traffic[0].request_bytes == package.LARGEST
    assert endpoints[1].client.kind == "External"


def explained(path: str = "$.email", likelihood: int = 4) -> Finding:
    why = Why("pattern", "", "unsure", ("key",), "email", (3, 0, 2, 0, 0), MEDIUM)
    return structs.replace(finding(path, likelihood=likelihood), why=why)


def test_a_place_is_explained_at_first_sight_only() -> None:
    told = Whys()
    for expected in ([1, 1], [0, 0]):
        draft = Draft(told)
        draft.find(EDGE, 0, [], [explained(), explained("$.b")])
        built = draft.build("test", never, 0)
        assert [place.why for place in built.endpoints[0].places] == expected
        assert len(built.whys) == max(expected)


def test_it_is_explained_again_when_it_is_surer_or_the_rules_are_others() -> None:
    told = Whys()
    for likelihood, digest, expected in (
        (4, "a", 1),
        (3, "a", 0),
        (5, "a", 1),
        (5, "b", 1),
        (5, "b", 0),
    ):
        draft = Draft(told)
        draft.catalog_digest = digest
        draft.find(EDGE, 0, [explained(likelihood=likelihood)], [])
        built = draft.build("test", never, 0)
        assert built.endpoints[0].places[0].why == expected


def test_it_is_explained_again_after_hours() -> None:
    now = 0.0
    told = Whys(lambda: now)
    endpoint, place = ("orders",), (1, 1, "$.a", "contact.email")
    assert told.is_news(endpoint, place, explained())
    now = AGAIN_SECONDS - 1
    assert not told.is_news(endpoint, place, explained())
    now = AGAIN_SECONDS
    assert told.is_news(endpoint, place, explained())


def test_what_is_explained_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whys, "MOST_PLACES", 2)
    told = Whys()
    for number in (1, 2, 3):
        assert told.is_news((number,), (1, 1, "", ""), explained())
    assert not told.is_news((3,), (1, 1, "", ""), explained())
    assert told.is_news((1,), (1, 1, "", ""), explained())


def test_an_unnamed_server_has_its_explanation_under_its_name() -> None:
    draft = Draft()
    edge = EDGE._replace(server=Unnamed(b"\x0a\x00\x00\x01"))
    draft.find(edge, 0, [explained()], [])
    built = draft.build("test", lambda ip, at_ns: ORDERS, 0)
    assert built.endpoints[0].places[0].why == 1


def test_values_in_error_answers_are_counted_apart() -> None:
    draft = Draft()
    for status in (200, 399, 400, 503):
        draft.find(EDGE, 0, [finding("$.asked", 2)], [finding("$.told", 3)], status)
    asked, told = draft.build("test", never, 0).endpoints[0].places
    assert (asked.count, asked.errors) == (8, 0)
    assert (told.count, told.errors) == (12, 6)


def test_messages_that_hold_a_place_are_counted_once_each() -> None:
    draft = Draft()
    weak = finding("$.told", 1, likelihood=3)
    draft.find(EDGE, 0, [], [finding("$.told", 3), weak])
    draft.find(EDGE, 0, [finding("$.told", 1)], [finding("$.told", 5)])
    draft.find(EDGE, 0, [], [])
    [row] = draft.build("test", never, 0).endpoints
    asked, told = row.places
    assert (asked.messages, told.messages, row.inspected) == (1, 2, 3)
    assert told.count == 9


def test_a_catalog_is_told_once() -> None:
    now = 0.0
    told = CatalogTold(lambda: now)
    one, other = Known("a"), Known("b")
    news = [told.is_news(known) for known in (Known(), one, one, other, one)]
    assert news == [False, True, False, True, True]
    now = AGAIN_SECONDS
    assert told.is_news(one)
    told.clear()
    assert told.is_news(one)


def test_what_the_cloud_would_refuse_is_cut() -> None:
    draft = Draft()
    found = explained()
    assert found.why
    long = structs.replace(found.why, rule="r" * 99, phrase="\N{MIDDLE DOT}" * 200)
    draft.find(EDGE, 0, [structs.replace(found, why=long)], [])
    (why,) = draft.build("test", never, 0).whys
    assert (len(why.rule), len(why.phrase.encode())) == (64, 252)
    types = [
        DataType("a.b", "t" * 300, MEDIUM, ("gdpr", "No Tag")),
        DataType("a." + "b" * 99, "t", MEDIUM, ()),
    ]
    (told,) = whys.data_types(Known("a", tuple(types)))
    assert (len(told.title), list(told.tags)) == (200, ["gdpr"])


def test_an_agent_is_told_and_covers_nothing() -> None:
    draft = Draft()
    for state, end_ns in (("starting", 5), ("ready", 9)):
        agent = Agent("1.2", 3, 2, "6.8", state)
        draft.cover_node(NodeCoverage(VERSION, "node-1", 1, end_ns, agent=agent))
    built = draft.build("test", never, 0)
    (told,) = built.agents
    assert (told.node, told.state, told.reported_ns) == ("node-1", "ready", 9)
    assert (told.version, told.kernel, told.workers) == ("1.2", "6.8", 2)
    assert not built.coverage
