"""Who a mesh's proxy says that the client is."""

import pytest

from agent.interceptor.reading.mesh import identity

HASH = b"By=spiffe://cluster.local/ns/shop/sa/backend;Hash=" + b"0f" * 32


def head(*fields: bytes) -> bytes:
    return b"\r\n".join([b"GET / HTTP/1.1", b"Host: shop", *fields, b"", b""])


def certificate(value: bytes) -> bytes:
    return head(b"X-Forwarded-Client-Cert: " + value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (HASH + b';Subject="";URI=spiffe://cluster.local/ns/web/sa/front', "web/front"),
        (b'URI=spiffe://a.b/ns/web/sa/front;Subject="O=x,CN=y"', "web/front"),
        (
            b"URI=spiffe://a/ns/far/sa/gateway," + HASH + b";URI=spiffe://a/ns/b/sa/c",
            "b/c",
        ),
        (HASH, ""),
        (b"URI=spiffe://cluster.local/ns/web", ""),
        (b"URI=spiffe://cluster.local/ns/web/sa/4111 1111", ""),
        (b"URI=spiffe://cluster.local/ns/" + b"a" * 64 + b"/sa/b", ""),
        (b"URI=spiffe://cluster.local/ns/We\xffb/sa/b", ""),
        (b"", ""),
    ],
)
def test_istio_names_the_client_in_its_certificate(value: bytes, expected: str) -> None:
    assert identity(certificate(value)).decode() == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"front.web.serviceaccount.identity.linkerd.cluster.local", "web/front"),
        (b"front.web.svc.cluster.local", ""),
        (b"a b.web.serviceaccount.identity.linkerd.cluster.local", ""),
    ],
)
def test_linkerd_names_the_client_in_a_field(value: bytes, expected: str) -> None:
    assert identity(head(b"l5d-client-id: " + value)).decode() == expected


def test_the_last_field_is_the_nearest_proxys() -> None:
    far, near = (
        b"x-forwarded-client-cert: URI=spiffe://a/ns/" + n + b"/sa/s"
        for n in (b"far", b"near")
    )
    assert identity(head(far, near)) == b"near/s"
    assert identity(head(far, b"X-Forwarded-For: 10.0.0.1")) == b"far/s"
