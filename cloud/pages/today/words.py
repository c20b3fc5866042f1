"""Says what a group of changes is: what, why it matters, what to do, where to look.

In: groups, and the names of what they are about. Out: lines of plain text with paths in
the dashboard; templates and mails show them, so nothing here is escaped. Words are made
of facts only: types, sensitivity, who, where, how many.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from cloud.pages import formats, reports
from cloud.pages.endpoints import shown_id
from cloud.pages.reports import Workload
from cloud.pages.today.grouping import Group, Key, Topic
from cloud.pages.today.reports import Line, LineType
from cloud.store.changes import Place
from cloud.store.news import Kind
from cloud.store.windows import EXTERNAL
from cloud.visitor import EVERYTHING, Scope
from proto.v1 import collector_pb2, detector_pb2

MOST_NAMED = 3
"""Of a kind, in a sentence."""
_SECRET = "credential"
"""The category of data types that open doors."""


class Names(NamedTuple):
    """What stored keys stand for; what is forgotten is not there."""

    workloads: Mapping[int, Workload]
    endpoints: Mapping[int, tuple[str, str]]
    """Method and path."""
    places: Mapping[tuple[int, int], Place]
    fields: Mapping[Key, int]
    """Of groups: the log tells a new type at an endpoint once, not each field."""


class Reader(NamedTuple):
    """For whom it is said."""

    span: str
    """Of the log of changes that holds it all."""
    may_write: bool
    """May write policies."""
    scope: Scope = EVERYTHING
    """What they may see: links lead nowhere else."""


class _Said(NamedTuple):
    title: str
    why: str
    advice: str
    evidence: str
    action: tuple[str, str]
    """Path and words."""


def line(group: Group, names: Names, reader: Reader) -> Line:
    """What is to be said of a group."""
    told = _SAY[group.key.topic](group, names, reader)
    clients, servers = (
        [names.workloads[key] for key in keys if key in names.workloads]
        for keys in (group.clients, group.servers)
    )
    return Line(
        kind=group.key.topic.value,
        gravity=group.gravity,
        sensitivity=sensitivity(group.sensitivity),
        title=told.title,
        why=told.why,
        advice=told.advice,
        evidence=told.evidence,
        action=told.action[0],
        action_words=told.action[1],
        cluster=group.key.cluster,
        client=clients[0] if len(clients) == 1 else None,
        server=servers[0] if len(servers) == 1 else None,
        data_types=[
            LineType(data_type=name, sensitivity=sensitivity(level))
            for name, level in _gravest(group)
        ],
        fields=_count(group, names),
        endpoints=len(group.endpoints),
        changes=group.changes,
        at=reports.time(group.latest_ns),
    )


def spoken(one: Workload | None) -> str:
    """A workload in a sentence."""
    if one is None:
        return "a workload that is forgotten"
    name = formats.middle(one.name or one.kind or "unnamed", 60)
    if one.kind == EXTERNAL:
        return name if one.name else "somebody outside"
    return f"{formats.middle(one.namespace, 40)}/{name}" if one.namespace else name


def counted(number: int, one: str) -> str:
    """3 fields"""
    return f"{number:,} {one}" if number == 1 else f"{number:,} {one}s"


def listed(words: Sequence[str], most: int = MOST_NAMED) -> str:
    """a, b and c; a, b, c and 4 more"""
    last = f"{len(words) - most:,} more" if len(words) > most else ""
    *first, end = [*words[:most], last] if last else words
    return f"{', '.join(first)} and {end}" if first else end


def sensitivity(number: int) -> str:
    return reports.sensitivity(detector_pb2.Sensitivity.ValueType(number))


def _url(group: Group, names: Names, reader: Reader) -> _Said:
    secrets = [name for name in group.types if name.partition(".")[0] == _SECRET]
    what = formats.data_type(secrets[0]) if len(secrets) == 1 else "secrets"
    title = f"{what[:1].upper()}{what[1:]}" if secrets else "Sensitive data"
    told = f"{_types(group)} in {_where(group, names)}{_asked_by(group, names)}"
    advice = "Move it into the body of the request"
    return _Said(
        f"{title} in addresses of {_subject(group, names)}",
        f"{_capital(told)}. Addresses end in logs, histories and Referer headers.",
        f"{advice}, and replace it: it counts as known." if secrets else f"{advice}.",
        _evidence(group, names, reader),
        _policy(group, names, reader),
    )


def _party(group: Group, names: Names, reader: Reader) -> _Said:
    who, key = _subject(group, names), group.key.subject
    is_asked = key in group.servers
    others = group.clients if is_asked else group.servers
    ours = [spoken(names.workloads[k]) for k in others if k in names.workloads]
    title = f"New data to or from {who}, outside"
    begin = "It was known, but not with this data"
    if Kind.PARTY in group.kinds:
        title, begin = f"New party outside: {who}", "It was not there before"
    elif group.countries:
        countries = listed(list(group.countries))
        title = f"{who} in a new country: {countries}"
        begin = "It was not reached there before"
    elif not group.types:
        title, begin = f"New use of {who}, outside", "These were not called before"
    way = ""
    if ours:
        way = f"{listed(ours)} {'asks' if len(ours) == 1 else 'ask'} it"
        way = f", and {way}" if is_asked else f", and asks {listed(ours)}"
    data = f" {_passing(group, names)}." if group.types else ""
    if not group.types and not group.countries:
        data = " No sensitive data was found so far."
    return _Said(
        title,
        f"{begin}{way}.{data}",
        "Find out who it is, and whether it may have this."
        if group.types
        else "Find out who it is.",
        f"/outside{formats.query({}, q=_name(names.workloads.get(key)))}",
        _policy(group, names, reader) if group.types else _map(group, names, reader),
    )


def _data(group: Group, names: Names, reader: Reader) -> _Said:
    who, kinds = _subject(group, names), group.kinds
    fields = _fields(group, names)
    is_known = not kinds.keys() & {Kind.ENDPOINT, Kind.ENDPOINT_TYPE}
    if is_known and kinds.keys() & {Kind.EDGE, Kind.EDGE_TYPE}:
        clients = _clients(group, names)
        is_new = Kind.EDGE in kinds
        begin = "These did not talk before" if is_new else "They talked without it"
        title = f"{'New client' if is_new else 'New data for a client'} of {who}"
        if clients:
            title += f": {listed(clients, 2)}"
        told = f"{begin}. {_passing(group, names)}." if group.types else f"{begin}."
        advice = "Check that the client should have this."
    elif Kind.ENDPOINT in kinds:
        number, where = kinds[Kind.ENDPOINT], _endpoint(group, names)
        title = f"{counted(number, 'new endpoint')} of {who}, with sensitive data"
        if number == 1 and where:
            title = f"New endpoint of {who}: {where}"
        told = f"Nobody called this before{_now(group, names)}."
        if group.types:
            told = f"{fields}{_passing(group, names)}. {told}"
        advice = "Check which data it takes and returns, and who may ask for it."
    else:
        title = f"New data at {who}"
        told = f"{fields}{_passing(group, names)}; not there before"
        told += f"{_asked_by(group, names)}."
        advice = "Ask its owner whether that is meant: roll-outs bring it by accident."
    evidence = _evidence(group, names, reader)
    action = _map(group, names, reader)
    if group.places and evidence.startswith("/endpoints/"):
        action = evidence, "See why, or correct it"
    return _Said(title, told, advice, evidence, action)


def _quiet(group: Group, names: Names, reader: Reader) -> _Said:
    parts = [
        counted(group.kinds[kind], words)
        for kind, words in ((Kind.ENDPOINT, "endpoint"), (Kind.EDGE, "connection"))
        if kind in group.kinds
    ]
    servers = [
        spoken(names.workloads[k]) for k in group.servers if k in names.workloads
    ]
    at = f" At {listed(servers)}." if servers else ""
    where = _log(reader, cluster=group.key.cluster)
    return _Said(
        f"{' and '.join(parts)} new in {group.key.cluster}",
        f"No sensitive data was found in them.{at}",
        "Nothing, if you expected them.",
        where,
        (where, "List them"),
    )


def _coverage(group: Group, names: Names, reader: Reader) -> _Said:
    cluster = group.key.cluster
    whole = next((one for one in group.fell if not one.part_id), None)
    parts = [one for one in group.fell if one.part_id]
    title = f"Less is read in {cluster}"
    if whole:
        title += f": {whole.before} → {whole.after} %"
    told = [
        f"{spoken(names.workloads[one.server_id])} fell from {one.before} to "
        f"{one.after} %"
        for one in parts
        if one.server_id in names.workloads
    ]
    said = f" {_capital(listed(told))}." if told else ""
    return _Said(
        title,
        f"What is not read is not found.{said}",
        "Look at the reasons: load, TLS and new protocols each have their own.",
        _log(reader, kind="coverage_fell", cluster=cluster),
        ("/coverage", "Look at coverage"),
    )


def _cluster(group: Group, names: Names, reader: Reader) -> _Said:
    return _Said(
        f"New cluster: {group.key.cluster}",
        "It reports for the first time. Its first hour is its baseline and no news.",
        "Check that it is one of yours.",
        _log(reader, cluster=group.key.cluster),
        ("/status", "Look at status"),
    )


def _versions(group: Group, names: Names, reader: Reader) -> _Said:
    before, after = (formats.middle(version, 24) for version in group.versions)
    where = _log(reader, cluster=group.key.cluster)
    if group.key.topic is Topic.AGENT:
        return _Said(
            f"Agents of {group.key.cluster} changed: {before} → {after}",
            "What is captured and how it is named may differ from before.",
            "Nothing, if you did it.",
            where,
            ("/status", "Look at status"),
        )
    return _Said(
        f"Rules of {group.key.cluster} changed",
        f"What is found may differ from before ({before} → {after}).",
        "Take what is new since for the rules' news first.",
        where,
        (where, "See what is new since"),
    )


_SAY = {
    Topic.URL: _url,
    Topic.PARTY: _party,
    Topic.DATA: _data,
    Topic.QUIET: _quiet,
    Topic.COVERAGE: _coverage,
    Topic.CLUSTER: _cluster,
    Topic.RULES: _versions,
    Topic.AGENT: _versions,
}


def _subject(group: Group, names: Names) -> str:
    return spoken(names.workloads.get(group.key.subject))


def _name(one: Workload | None) -> str:
    return one.name[:200] if one else ""


def _gravest(group: Group) -> list[tuple[str, int]]:
    return sorted(group.types.items(), key=lambda one: (-one[1], one[0]))


def _types(group: Group) -> str:
    """payment card, e-mail (high)"""
    names = [formats.data_type(name) for name, _ in _gravest(group)]
    return f"{listed(names)} ({sensitivity(group.sensitivity)})"


def _count(group: Group, names: Names) -> int:
    return max(len(group.places), names.fields.get(group.key, 0))


def _fields(group: Group, names: Names) -> str:
    """40 fields on 3 endpoints: …"""
    if (number := _count(group, names)) < 2:
        return ""
    endpoints = counted(len(group.endpoints), "endpoint")
    return f"{counted(number, 'field')} on {endpoints}: "


def _passing(group: Group, names: Names) -> str:
    """What goes which way, by the places that are known."""
    ways = {names.places[key].direction for key in group.places if key in names.places}
    word = "passes" if len(group.types) == 1 else "pass"
    if ways == {collector_pb2.REQUEST}:
        word = "is sent" if len(group.types) == 1 else "are sent"
    elif ways == {collector_pb2.RESPONSE}:
        word = "is returned" if len(group.types) == 1 else "are returned"
    said = f"{_types(group)} {word}"
    where = _where(group, names) if _count(group, names) == 1 else ""
    return _capital(f"{said} in {where}" if where else said)


def _where(group: Group, names: Names) -> str:
    """The field and the endpoint, or how many there are."""
    if len(group.places) > 1 or len(group.endpoints) > 1:
        return _fields(group, names).rstrip(": ")
    place = next((names.places[k] for k in group.places if k in names.places), None)
    field = formats.middle(place.path, 60) if place else ""
    return " of ".join(filter(None, (field, _endpoint(group, names))))


def _endpoint(group: Group, names: Names) -> str:
    """The one that it is about; empty: there are several, or it is forgotten."""
    (key,) = group.endpoints if len(group.endpoints) == 1 else (0,)
    method, path = names.endpoints.get(key, ("", ""))
    return f"{method} {formats.middle(path, 80)}" if path else ""


def _clients(group: Group, names: Names) -> list[str]:
    return [spoken(names.workloads[k]) for k in group.clients if k in names.workloads]


def _asked_by(group: Group, names: Names) -> str:
    clients = _clients(group, names)
    return f", asked by {listed(clients)}" if clients else ""


def _now(group: Group, names: Names) -> str:
    clients = _clients(group, names)
    if not clients:
        return ""
    return f"; now {listed(clients)} {'does' if len(clients) == 1 else 'do'}"


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _evidence(group: Group, names: Names, reader: Reader) -> str:
    is_one = len(group.endpoints) == 1
    is_seen = all(_is_seen(server, names, reader) for server in group.servers)
    if is_one and is_seen and group.endpoints.keys() <= names.endpoints.keys():
        return f"/endpoints/{shown_id(next(iter(group.endpoints)))}"
    return _log(reader, workload=shown_id(group.key.subject))


def _log(reader: Reader, **filters: str) -> str:
    return f"/changes{formats.query({}, window=reader.span, **filters)}"


def _is_seen(key: int, names: Names, reader: Reader) -> bool:
    """Whether the reader may go to a workload."""
    one = names.workloads.get(key)
    return one is not None and reader.scope.holds(one.cluster, one.namespace)


def _map(group: Group, names: Names, reader: Reader) -> tuple[str, str]:
    subject = group.key.subject
    if not _is_seen(subject, names, reader):
        return "/map", "See the map"
    return f"/map{formats.query({}, workload=shown_id(subject))}", "See its neighbours"


def _policy(group: Group, names: Names, reader: Reader) -> tuple[str, str]:
    if reader.may_write:
        return "/policies#write", "Write a policy"
    return _map(group, names, reader)


def most_places(groups: Iterable[Group], each: int) -> list[tuple[int, int]]:
    """The places whose names are used: the gravest of each group."""
    return [key for group in groups for key in list(group.places)[:each]]
