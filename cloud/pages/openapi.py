"""The API's description: OpenAPI 3.1, made from the table of pages.

In: the pages. Out: a document with each address, its parameters, its report's schema
and the ways in which it can fail. What a field means stands in the reports' docstrings,
which go along.
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from cloud.pages.away import MEDIA_TYPE, Away
from cloud.pages.page import Action, Page

_REFERENCE = "#/components/schemas/{name}"
_JSON = "application/json"
_PAGE = {kind: {"schema": {"type": "string"}} for kind in ("text/html", "text/plain")}
VISIT = "__Host-vethscope-visit"
_FAILURES = {
    "400": "The parameters are not understood.",
    "401": "No visit and no API key, or one that does not hold.",
    "403": "The role is not enough.",
    "404": "There is no such thing, or not for this visitor.",
    "405": "This method is not taken here.",
    "421": "The Host is not one of the dashboard's.",
    "503": "The store does not answer, or too many ask at a time.",
}


class Failure(msgspec.Struct):
    """What went wrong, in one line."""

    error: str


def document(pages: Iterable[Page], actions: Iterable[Action]) -> dict[str, Any]:
    """The description of all."""
    pages, actions = list(pages), list(actions)
    shapes = [Failure, Away, *(page.report for page in pages)]
    queries = {page.query for page in pages}
    _, schemas = msgspec.json.schema_components(
        [*shapes, *queries], ref_template=_REFERENCE
    )
    named = {query.__name__: schemas.pop(query.__name__, {}) for query in queries}
    paths: dict[str, Any] = {
        page.api: {"get": _read(page, named[page.query.__name__])} for page in pages
    }
    for action in actions:
        paths.setdefault(action.path, {})["post"] = _change(action)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Vethscope",
            "version": "1",
            "description": "Which sensitive data moves between which workloads. "
            "Metadata only: no captured value is stored.",
        },
        "security": [{"key": []}, {"visit": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer"},
                # The cookie's name over TLS; in plain text there is none to rely on.
                "visit": {"type": "apiKey", "in": "cookie", "name": VISIT},
            },
        },
    }


def _read(page: Page, query: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {
        _JSON: {"schema": {"$ref": _REFERENCE.format(name=page.report.__name__)}}
    }
    asked = [_query(name, told) for name, told in query.get("properties", {}).items()]
    if page.rows:
        content["text/csv"] = {"schema": {"type": "string"}}
        formats = ["json", "csv", *(name for name in page.takes if name != "csv")]
        asked.append(_query("format", {"enum": formats, "default": "json"}))
    for take in page.takes.values():
        content[take.media_type] = {"schema": {"type": "string"}}
    return {
        "operationId": page.name,
        "summary": _first_line(page.report.__doc__),
        "x-role": page.role.name.lower(),
        "parameters": _named(page.path) + asked,
        "responses": {"200": {"description": "The report.", "content": content}}
        | _failures(),
    }


def _change(action: Action) -> dict[str, Any]:
    form = {"schema": _form(action)}
    return {
        "operationId": action.name,
        "summary": _first_line(action.act.__doc__),
        "x-role": action.role.name.lower(),
        "parameters": _named(action.path),
        "requestBody": {"content": {"application/x-www-form-urlencoded": form}},
        "responses": {
            "200": {"description": "The form again.", "content": _PAGE},
            "303": {"description": "Done; go on there."},
        }
        | _failures(_PAGE),
    }


def _form(action: Action) -> dict[str, Any]:
    """What may be sent; an action says itself what it cannot do without."""
    text = {"type": "string"}
    proof = text | {"description": "As the page's own form has it; not with a key."}
    fields: dict[str, Any] = dict.fromkeys(action.fields, text)
    fields |= {name: {"type": "array", "items": text} for name in action.lists}
    return {"type": "object", "properties": fields | {"proof": proof}}


def _named(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", path)
    ]


def _query(name: str, told: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": told}


def _failures(others: dict[str, Any] | None = None) -> dict[str, Any]:
    """`others`: in which other forms a failure may be told."""
    shape = {_JSON: {"schema": {"$ref": _REFERENCE.format(name="Failure")}}}
    shape |= others or {}
    told: dict[str, Any] = {
        status: {"description": words, "content": shape}
        for status, words in _FAILURES.items()
    }
    # A head that is too large or broken is answered before anybody reads its address.
    told["400"]["content"] = shape | {"text/plain": {"schema": {"type": "string"}}}
    told["503"]["content"] = shape | {
        MEDIA_TYPE: {"schema": {"$ref": _REFERENCE.format(name="Away")}}
    }
    return told


def _first_line(doc: str | None) -> str:
    return (doc or "").strip().partition("\n")[0]
