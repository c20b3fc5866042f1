"""Operations behind one path, out of heads, targets and bodies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rings.records import operation as module
from rings.records.operation import operation

HEAD = (
    b"POST /x HTTP/1.1\r\nHost: shop\r\nAccept: */*\r\n"
    b"Content-Type: application/json\r\n%b\r\n"
)


def of(body: bytes = b"", line: bytes = b"", target: bytes = b"/x") -> bytes:
    return operation(HEAD % line, target, body)


BODIES = {
    b'{"query":"query GetUser($id: ID!) { user(id: $id) { name } }"}': b"query GetUser",
    b'{"query":"mutation{add}"}': b"mutation add",
    b'{"query":"{ user(id: 4) { name } }"}': b"query user",
    b'{"query":"{ me: user(id: 4) { name } }"}': b"query user",
    b'{"query":"{}"}': b"query",
    b'{"query":"# query Old\\n fragment F on U { query }\\n subscription S { a }"}': (
        b"subscription S"
    ),
    b'{"variables":{},"operationName":"B","query":"query A{a} mutation B{b}"}': (
        b"mutation B"
    ),
    b'{"operationName":"P","extensions":{"persistedQuery":{"sha256Hash":"ab"}}}': (
        b"query P"
    ),
    b'{"operationName":"has spaces","extensions":{}}': b"",
    b'{"operationName":"P","variables":{}}': b"",
    b'[{"query":"query A{a}"},{"query":"query B{b}"},{"query":"query A{a}"}]': (
        b"query A,query B"
    ),
    b'{"jsonrpc":"2.0","params":{"method":"x"},"method":"orders.create","id":1}': (
        b"orders.create"
    ),
    b'{"id":[1,{"a":"]"}],"jsonrpc":"2.0","method":"a\\"b"}': b'a\\"b',
    b' [{"jsonrpc":"2.0","method":"a.b"}, {"jsonrpc":"2.0","method":"c"}]': b"a.b,c",
    b'{"method":"orders.create","jsonrpc":': b"orders.create",
    b'{"jsonrpc":"2.0"}': b"",
    b'{"method":"GET","url":"/x"}': b"",
    b'{"query":"shoes","size":3}': b"",
    b'{"query":{"match_all":{}}}': b"",
    b'{"name":"jane","query":"query A{a}"}': b"",
    b'{"jsonrpc"': b"",
    b'{"jsonrpc":"2.0","method":"\\': b"\\",
    b'{"id": }, {"jsonrpc"]}': b"",
    b'{"id":2,"query":"query A { query { a } }"}': b"query A",
    b"[[[[[[[[": b"",
    b"        ": b"",
    b"Action=DescribeInstances&Version=1": b"DescribeInstances",
    b"Action=": b"",
    b"<a>not json</a>": b"",
    b'{"a":"b"}': b"",
    b'{12345678"': b"",
}


@pytest.mark.parametrize(("body", "expected"), BODIES.items())
def test_bodies_tell_operations(body: bytes, expected: bytes) -> None:
    assert of(body) == expected


LINES = {
    b'SOAPAction: "http://example.org/Orders/GetOrder"\r\n': b"GetOrder",
    b"soapaction:urn:shop#GetOrder\r\n": b"GetOrder",
    b'SOAPAction: ""\r\n': b"",
    b"X-Amz-Target: DynamoDB_20120810.GetItem\r\n": b"DynamoDB_20120810.GetItem",
    b'Content-Type: application/soap+xml; action="urn:x:GetThing"\r\n': b"GetThing",
    b"Content-Type: application/soap+xml\r\n": b"",
    b"X-Other-Name: a\r\nSomething: b\r\nSevenletter\r\n": b"",
}


@pytest.mark.parametrize(("line", "expected"), LINES.items())
def test_heads_tell_operations(line: bytes, expected: bytes) -> None:
    assert of(b"<a/>", line) == expected


def test_a_head_without_lines_tells_nothing() -> None:
    assert operation(b"", b"/", b"") == b""
    assert operation(b"GET / HTTP/1.1", b"/", b"") == b""
    assert operation(b"POST / HTTP/1.1\r\nSOAPAction: GetIt", b"/", b"") == b"GetIt"


TARGETS = {
    b"/graphql?operationName=GetUser&variables=x": b"query GetUser",
    b"/graphql?query=query%20Foo%7Ba%7D": b"query Foo",
    b"/search?query=shoes": b"",
    b"/?Version=1&Action=DescribeInstances#a": b"DescribeInstances",
}


@pytest.mark.parametrize(("target", "expected"), TARGETS.items())
def test_queries_tell_operations(target: bytes, expected: bytes) -> None:
    assert of(target=target) == expected


def test_an_operation_is_short() -> None:
    long = b"a" * (module.LONGEST_NAME + 1)
    assert of(b'{"jsonrpc":"2.0","method":"%b"}' % long) == b""
    assert of(b'{"query":"query %b { a }"}' % long) == b"query"
    calls = b",".join(
        b'{"jsonrpc":"2.0","method":"%b"}' % (bytes([97 + n]) * 70) for n in range(20)
    )
    assert of(b"[%b]" % calls) == b"a" * 70


def test_a_batch_tells_few_names() -> None:
    calls = b",".join(b'{"jsonrpc":"2.0","method":"m%d"}' % n for n in range(50))
    assert of(b"[%b]" % calls).count(b",") == module.MOST_NAMES - 1


@given(st.binary(max_size=300), st.binary(max_size=300), st.binary(max_size=300))
def test_any_bytes_give_a_short_operation(
    head: bytes, target: bytes, body: bytes
) -> None:
    assert len(operation(head, target, body)) <= module.LONGEST


@given(st.sampled_from(sorted(BODIES)), st.integers(0, 80), st.binary(max_size=4))
def test_damaged_bodies_never_raise(body: bytes, cut: int, noise: bytes) -> None:
    assert len(of(body[:cut] + noise + body[cut:])) <= module.LONGEST
    assert len(of(body[:cut])) <= module.LONGEST
