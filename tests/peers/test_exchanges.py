"""Every exchange of real peers is a pair: heads field by field, bodies byte by byte."""

from collections import Counter
from collections.abc import Callable

import pytest

from tests.peers import programs
from tests.peers.network import Frames
from tests.peers.oracle import exchanges, seen
from tests.peers.programs import (
    ENVOY,
    GO,
    GO_GRPC,
    GRPCIO,
    JAVA,
    NGHTTPD,
    NGINX,
    PORTS,
    Client,
    curl,
    curl_upgrading,
    go_call,
    go_get,
    grpc_java,
    grpc_java_asking,
    grpcio,
    h2load,
    nghttp,
)
from tests.rings.wire import ALL, collect

FRAME_HEADER_BYTES = 9
ONE = {
    "curl at nginx": curl(NGINX, 5),
    "curl at nghttpd": curl(NGHTTPD, 5),
    "curl upgraded at Go": curl_upgrading(GO, 20, 1),
    "curl uploading at nghttpd": curl(NGHTTPD, 5, "--data", '{"up": 1}'),
    "h2load at nginx": h2load(NGINX, 100, 1, "/told/a"),
    "Go at Go": go_get(GO, 50, 1),
    "Go at Go by gRPC": go_call(GO_GRPC, 50, 1),
    "Go at Envoy": go_get(ENVOY, 30, 1),
    "curl at Envoy": curl(ENVOY, 5),
    "grpc-java at grpc-java": grpc_java(JAVA, 50),
    "generated code at grpc-java": grpc_java_asking(JAVA),
}
MANY = {
    "curl upgraded at Go": curl_upgrading(GO, 200, 100),
    "nghttp at nginx": nghttp(NGINX, 100),
    "nghttp at nghttpd": nghttp(NGHTTPD, 100, "--padding=200", "--continuation"),
    "nghttp upgraded at Go": nghttp(GO, 100, "--upgrade"),
    "h2load at nghttpd": h2load(NGHTTPD, 300, 100, "/7.json"),
    "Go at Go": go_get(GO, 300, 100),
    "Go at Envoy": go_get(ENVOY, 100, 100),
    "Go at Go by gRPC": go_call(GO_GRPC, 300, 100),
    "grpcio at grpcio": grpcio(GRPCIO, 200),
    "grpcio at grpc-java": grpcio(JAVA, 200),
    "grpc-java at grpcio": grpc_java(GRPCIO, 200),
}


@pytest.mark.parametrize("name", ONE)
def test_one_after_the_other(name: str, talk: Callable[..., Frames]) -> None:
    check(ONE[name], talk(ONE[name]))


@pytest.mark.parametrize("name", MANY)
def test_a_hundred_at_once(name: str, talk: Callable[..., Frames]) -> None:
    check(MANY[name], talk(MANY[name]))


def check(client: Client, frames: Frames) -> None:
    wanted = Counter(exchange.key() for exchange in exchanges(frames, PORTS))
    pairs, assembler = collect(frames, ALL)
    got = Counter(map(seen, pairs))
    assert got == wanted
    hops = 2 if client.port == programs.ENVOY else 1
    assert wanted.total() >= client.exchanges * hops
    stats = assembler.total()
    # gRPC's servers reset a call that they have answered before it ended: the empty
    # frame that ends it may be on its way.
    assert stats.unpaired_bytes <= FRAME_HEADER_BYTES * stats.http2_resets
    assert stats.broken_bytes == stats.http2_bytes == 0
    assert stats.in_flight_bytes == stats.path_unknown_bytes == 0
