"""Tells beside what was corrected who did so, why, and whether it is done everywhere.

In: what a page of an endpoint, of a field or of a data type asks for. Out: the report
of that page with the corrections that reach what it shows: those in force, and those
that are being applied or undone meanwhile. What holds everywhere is told at an endpoint
only where it changed something there.
"""

from typing import Any

import sqlalchemy as sa

from cloud.pages import corrections as shown
from cloud.pages import endpoint, endpoints
from cloud.pages.corrections import CorrectForm, rows, seen
from cloud.pages.data_types import one as data_types
from cloud.pages.data_types.reports import TypeReport
from cloud.pages.page import Asked, missing
from cloud.pages.reports import CorrectionRow, EndpointReport, Workload
from cloud.store.corrections import Correction, listed
from cloud.store.rows import printable
from cloud.store.rules import NAMES
from cloud.store.schema import corrected_places, corrections

MOST_BESIDE = 10
"""The latest; the page of corrections has all."""
_of = corrections.c
_WAITS = _of.applied < _of.revision
_LASTS = sa.or_(_of.undone_ns == 0, _WAITS)


def read_endpoint(asked: Asked) -> EndpointReport:
    report = endpoint.read_one(asked)
    at_it = corrected_places.c.endpoint_id == endpoints.key(asked.id)
    held = sa.select(corrected_places.c.correction_id).where(at_it)
    one = shown.correction("endpoint", *_named(report), shown.CorrectQuery())
    reaches = sa.and_(*_reaching(one), sa.or_(_of.endpoint != "", _WAITS))
    report.corrections = _beside(asked, sa.or_(_of.id.in_(held), reaches))
    return report


def read_field(asked: Asked) -> CorrectForm:
    report = shown.read_form(asked)
    query = asked.query
    if report.scopes:
        one = shown.correction("place", *_named(report), query)
        is_type = sa.or_(_of.data_type == one.data_type, _of.becomes == one.data_type)
        report.corrections = _beside(asked, *_reaching(one), is_type)
    return report


def read_type(asked: Asked) -> TypeReport:
    name = printable(asked.id)
    told = _beside(asked, sa.or_(_of.data_type == name, _of.becomes == name))
    report = data_types.found(asked)
    if report is None:
        words = "There is no such data type, or it was not found yet."
        if told:
            words = "It stands nowhere any more: people corrected it (see Corrections)."
        raise missing(words)
    report.corrections = told
    return report


def _named(report: Any) -> tuple[Workload, tuple[int, str, str]]:
    return report.server, (report.port, report.method, report.path)


def _reaching(one: Correction) -> list[sa.ColumnElement[bool]]:
    """What names nothing else than this one does."""
    names = NAMES if one.path else NAMES[: NAMES.index("direction")]
    given = ((name, getattr(one, name)) for name in names)
    return [_of[name].in_((type(value)(), value)) for name, value in given]


def _beside(asked: Asked, *wanted: sa.ColumnElement[bool]) -> list[CorrectionRow]:
    conditions = (*wanted, _LASTS, seen(asked.scope))
    return rows(asked, listed(asked.connection, *conditions, most=MOST_BESIDE))
