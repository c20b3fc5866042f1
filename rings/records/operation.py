# cython: annotation_typing=False
"""Operations: what a request asks for where its path does not say it.

In: a request's head, target and the first bytes of its body, content decoded. Out: the
operation as sent, at most LONGEST bytes, or nothing: SOAPAction (SOAP 1.1 section
6.1.1) or the action of application/soap+xml (RFC 3902), X-Amz-Target, the Action of
AWS Query, GraphQL's type and name (spec.graphql.org section 2.3, GraphQL over HTTP; a
persisted query by its operationName), and JSON-RPC's methods (jsonrpc.org, version 2.0
section 4, batches too). It may hold data, as anything that was captured.

Ordinary requests leave after a look at the first letters of the head's lines and one
search in the body.
"""

import re
from urllib.parse import unquote_to_bytes

import cython

from rings.memory import Octets

if not cython.compiled:
    from rings.memory import equals_folded, find_byte

LONGEST = 200
"""Bytes of an operation; names are shorter by far."""
LONGEST_NAME = 80
LOOKED_AT = 8_192
"""Bytes of a body: clients write the operation first, or all is that short."""
MOST_NAMES = 8
"""Different methods of a batch."""

_FIRST_KEYS = frozenset(
    b"jsonrpc method id params query operationName variables extensions".split()
)
_FIRST_KEY = 64
"""Bytes in which the first key of a body stands."""
_LF = 10
_COLON = 58
_QUOTE = 34
_ESCAPE = 92
_OPEN, _CLOSE = 123, 125
_OPEN_LIST, _CLOSE_LIST = 91, 93

_ACTION = re.compile(rb"action=\"?([^\";\s]+)", re.IGNORECASE)
_OPERATION = re.compile(rb"\b(query|mutation|subscription)\b[\s,]*([_A-Za-z]\w*)?")
_FIELD = re.compile(rb"\{[\s,]*(?:[_A-Za-z]\w*[\s]*:[\s]*)?([_A-Za-z]\w*)")
_DOCUMENT = re.compile(rb"[\s,]*(query|mutation|subscription|fragment)\b|[\s,]*\{")
_ESCAPED = re.compile(rb"\\[nrt]")
_COMMENT = re.compile(rb"#[^\n]*")
_LAST = re.compile(rb"[^/#:]*$")
_NAME = re.compile(rb"[\x21-\x7e]+")


def operation(head: bytes, target: bytes, body: bytes) -> bytes:
    """What the request asks for, as sent; empty if its method and path say it all.

    Fields that name one come with POST only: the others' are not looked at.
    """
    if head.startswith(b"P"):
        found = _in_head(head)
        if found:
            return found
    # `in` makes an exception and throws it away before it searches; `find` does not.
    if target.find(b"=") >= 0 and (
        target.find(b"operationName=") >= 0
        or target.find(b"Action=") >= 0
        or target.find(b"query=") >= 0
    ):
        found = _in_query(target)
        if found:
            return found
    if len(body) < 8:
        return b""
    first = body[0]
    if first == 65 and body.startswith(b"Action="):
        return _named(body[7:].partition(b"&")[0])
    if not _begins_as_call(body):
        return b""
    text = body[:LOOKED_AT].lstrip(b"\xef\xbb\xbf \t\r\n")
    if b'"jsonrpc"' in text or b'"query"' in text or b'"operationName"' in text:
        return _in_body(text)
    return b""


def _begins_as_call(body: bytes) -> bool:
    """Whether a JSON body's first key is one of a call's."""
    data = body
    size = len(body)
    end = size if size < _FIRST_KEY else _FIRST_KEY
    quote = find_byte(data, _QUOTE, 0, end)
    if quote < 1:
        return False
    stop = find_byte(data, _QUOTE, quote + 1, end)
    return stop > 0 and body[quote + 1 : stop] in _FIRST_KEYS


def _in_head(head: bytes) -> bytes:
    """The value of the line that names an operation."""
    data = head
    end = len(head)
    start = find_byte(data, _LF, 0, end) + 1
    while 0 < start < end:
        first = data[start] | 32
        if first in (115, 120, 99):
            stop = find_byte(data, _LF, start, end)
            if stop < 0:
                stop = end
            colon = find_byte(data, _COLON, start, stop)
            size = colon - start
            if size == 10 and equals_folded(data, start, colon, b"soapaction"):
                return _last_part(head[colon + 1 : stop])
            if size == 12 and equals_folded(data, start, colon, b"x-amz-target"):
                return _named(head[colon + 1 : stop].strip())
            if size == 12 and equals_folded(data, start, colon, b"content-type"):
                found = _of_type(head[colon + 1 : stop])
                if found:
                    return found
        start = find_byte(data, _LF, start, end) + 1
    return b""


def _of_type(value: bytes) -> bytes:
    """The action parameter of application/soap+xml."""
    if b"soap+xml" not in value:
        return b""
    found = _ACTION.search(value)
    return _last_part(found[1]) if found else b""


def _last_part(value: bytes) -> bytes:
    """Of `"http://example.org/Orders/GetOrder"` the last part: GetOrder."""
    bare = value.strip().strip(b'"').rstrip(b"/")
    found = _LAST.search(bare)
    return _named(found[0]) if found else b""


def _named(value: bytes) -> bytes:
    """The value if it is as short as a name and has no spaces."""
    if len(value) > LONGEST_NAME or not _NAME.fullmatch(value):
        return b""
    return value


def _in_query(target: bytes) -> bytes:
    name = document = b""
    for part in target.partition(b"?")[2].partition(b"#")[0].split(b"&")[:64]:
        key, _, value = part.partition(b"=")
        if key == b"Action":
            return _named(value)
        if key == b"operationName":
            name = _named(value)
        elif key == b"query" and len(value) <= LOOKED_AT:
            document = unquote_to_bytes(value.replace(b"+", b" "))
    if document and _is_document(document):
        return _graphql(document, name)
    return b"query " + name if name else b""


def _in_body(text: bytes) -> bytes:
    """The operations of an object, or of each object of a list."""
    found: list[bytes] = []
    position = 0
    end = len(text)
    is_list = text[:1] == b"["
    if is_list:
        position = 1
    while position < end and len(found) < MOST_NAMES:
        if text[position] == _OPEN:
            name, position = _of_object(text, position + 1, end)
            if name and name not in found:
                found.append(name)
            if not is_list:
                break
        else:
            position += 1
    joined = b",".join(found)
    return joined if len(joined) <= LONGEST else found[0]


def _of_object(text: bytes, position: int, end: int) -> tuple[bytes, int]:
    """An object's operation, and the position behind the object."""
    data = text
    method = document = name = b""
    is_rpc = is_persisted = False
    start = position
    while position < end and data[position] != _CLOSE:
        if data[position] != _QUOTE:
            position += 1
            continue
        start = position + 1
        position = _string_end(data, start, end)
        key = text[start:position]
        position = _value_start(data, position + 1, end)
        start = position
        position = _value_end(data, start, end)
        value = text[start + 1 : position - 1] if _is_text(data, start, end) else b""
        if key == b"jsonrpc":
            is_rpc = True
        elif key == b"method":
            method = value
        elif key == b"query":
            document = value
        elif key == b"operationName":
            name = value
        elif key == b"extensions":
            is_persisted = True
    if is_rpc:
        return _named(method), position + 1
    if document and _is_document(document):
        return _graphql(document, _named(name)), position + 1
    if name and is_persisted:
        return b"query " + _named(name) if _named(name) else b"", position + 1
    return b"", position + 1


def _is_document(text: bytes) -> bool:
    """Whether a text is GraphQL, not what somebody searches for."""
    start = _COMMENT.sub(b"", _ESCAPED.sub(b"\n", text[:512]))
    return _DOCUMENT.match(start) is not None


def _is_text(data: Octets, start: int, end: int) -> bool:
    return start < end and data[start] == _QUOTE


def _value_start(data: Octets, position: int, end: int) -> int:
    """Behind the colon and white space."""
    while position < end and data[position] in (32, 9, 10, 13, _COLON):
        position += 1
    return position


def _string_end(data: Octets, position: int, end: int) -> int:
    """The closing quote of a string, or the end."""
    while position < end and data[position] != _QUOTE:
        position += 2 if data[position] == _ESCAPE else 1
    return position if position < end else end


def _value_end(data: Octets, position: int, end: int) -> int:
    """Behind a value: a string, or all up to its last bracket or the next comma."""
    depth = 0
    while position < end:
        octet = data[position]
        if octet == _QUOTE:
            position = _string_end(data, position + 1, end)
            if not depth:
                return position + 1
        elif octet in (_OPEN, _OPEN_LIST):
            depth += 1
        elif octet in (_CLOSE, _CLOSE_LIST):
            if not depth:
                return position
            depth -= 1
            if not depth:
                return position + 1
        elif octet == 44 and not depth:
            return position
        position += 1
    return end


def _graphql(document: bytes, name: bytes) -> bytes:
    """Type and name of the operation that a document is sent for; without a name, the
    first field that it asks for."""
    plain = _COMMENT.sub(b"", _ESCAPED.sub(b"\n", document))
    kind = b"query"
    for found in _OPERATION.finditer(plain):
        depth = plain.count(b"{", 0, found.start()) - plain.count(
            b"}", 0, found.start()
        )
        if depth:
            continue
        if not name or found[2] == name:
            kind = found[1]
            name = name or found[2] or b""
            break
    if not name:
        field = _FIELD.search(plain)
        name = field[1] if field else b""
    return kind + b" " + name if len(name) <= LONGEST_NAME and name else kind
