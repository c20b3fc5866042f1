"""Two peers of the library h2 that talk through a simulated TCP connection.

In come exchanges, out go the segments that both sides sent, and what was asked and
answered by stream: what a reader must find, or leave out.
"""

from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events
import h2.settings

from rings.pairs.message import Pair
from tests.rings.wire import Conversation

Fields = list[tuple[str, str]]


def asking(path: str, method: str = "GET", *fields: tuple[str, str]) -> Fields:
    return [
        (":method", method),
        (":scheme", "http"),
        (":path", path),
        (":authority", "shop"),
        ("user-agent", "test/1"),
        *fields,
    ]


def answering(status: int = 200, *fields: tuple[str, str]) -> Fields:
    return [
        (":status", str(status)),
        ("content-type", "application/json"),
        ("server", "test"),
        *fields,
    ]


@dataclass
class Peers:
    """Their wire is `talk`; `size`: of its segments."""

    talk: Conversation
    size: int = 1448
    client: h2.connection.H2Connection = field(init=False)
    server: h2.connection.H2Connection = field(init=False)

    def __post_init__(self) -> None:
        self.client = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
        )
        self.server = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        )

    def start(self, server_first: bool = False) -> "Peers":
        self.client.initiate_connection()
        self.server.initiate_connection()
        if server_first:
            self.to_client()
        self.to_server()
        self.to_client()
        self.to_server()
        return self

    def to_server(self) -> None:
        data = self.client.data_to_send()
        if data:
            self.talk.ask(data, self.size)
            self.acknowledge(self.server, data)

    def to_client(self) -> None:
        data = self.server.data_to_send()
        if data:
            self.talk.answer(data, self.size)
            self.acknowledge(self.client, data)

    def acknowledge(self, peer: h2.connection.H2Connection, data: bytes) -> None:
        """Gives a peer its bytes, and the other one room for more."""
        for event in peer.receive_data(data):
            if isinstance(event, h2.events.DataReceived):
                size = event.flow_controlled_length
                peer.acknowledge_received_data(size, event.stream_id)

    def ask(self, fields: Fields, body: bytes = b"") -> int:
        number = self.client.get_next_available_stream_id()
        self.client.send_headers(number, fields, end_stream=not body)
        self.send(self.client, number, body)
        self.to_server()
        return number

    def answer(self, number: int, fields: Fields, body: bytes = b"") -> None:
        self.server.send_headers(number, fields, end_stream=not body)
        self.send(self.server, number, body)
        self.to_client()

    def send(
        self,
        peer: h2.connection.H2Connection,
        number: int,
        body: bytes,
        is_end: bool = True,
        padding: int | None = None,
    ) -> None:
        for start in range(0, len(body), 9000):
            piece = body[start : start + 9000]
            is_last = is_end and start + 9000 >= len(body)
            peer.send_data(number, piece, end_stream=is_last, pad_length=padding)
            (self.to_server if peer is self.client else self.to_client)()
            (self.to_client if peer is self.client else self.to_server)()


Told = tuple[bytes, bytes, bytes, int | None, bytes]


def told(pair: Pair) -> Told:
    """Method, target, request's body, status, response's body."""
    request, response = pair.request, pair.response
    return (
        request.method,
        request.target,
        bytes(request.body),
        response.status if response else None,
        bytes(response.body) if response else b"",
    )
