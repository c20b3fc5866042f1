"""Two peers of the library wsproto that talk through a simulated TCP connection.

In come messages of either side, out go the segments that both sent. The heads are
wsproto's own; so are masks and compression.
"""

from dataclasses import dataclass, field

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    Request,
    TextMessage,
)
from wsproto.extensions import Extension, PerMessageDeflate

from tests.rings.wire import Conversation

Told = tuple[bool, str]
"""Whether the client sent it, and the text."""


@dataclass
class Peers:
    """Their wire is `talk`, whose segments have this size."""

    talk: Conversation
    size: int = 1448
    deflate: PerMessageDeflate | None = None
    """What both offer and accept."""
    client: WSConnection = field(init=False)
    server: WSConnection = field(init=False)

    def start(self, target: str = "/chat") -> "Peers":
        self.client = WSConnection(ConnectionType.CLIENT)
        self.server = WSConnection(ConnectionType.SERVER)
        offered = Request(host="shop", target=target, extensions=self._extensions())
        self._carry(True, self.client.send(offered))
        accepted = AcceptConnection(extensions=self._extensions())
        self._carry(False, self.server.send(accepted))
        return self

    def say(self, by_client: bool, text: str, pieces: int = 1) -> None:
        """A text, in fragments between which a ping stands."""
        step = max(1, -(-len(text) // pieces))
        starts = range(0, max(len(text), 1), step)
        for start in starts:
            is_last = start == starts[-1]
            self.send(by_client, TextMessage(text[start : start + step], True, is_last))
            if not is_last:
                self.send(by_client, Ping(b"still there?"))

    def send(self, by_client: bool, event: Event) -> None:
        sender = self.client if by_client else self.server
        self._carry(by_client, sender.send(event))

    def send_bytes(self, by_client: bool, data: bytes) -> None:
        self.send(by_client, BytesMessage(data))

    def close(self) -> None:
        self.send(True, CloseConnection(1000))
        self.talk.close()

    def _carry(self, by_client: bool, data: bytes) -> None:
        (self.talk.ask if by_client else self.talk.answer)(data, self.size)
        peer = self.server if by_client else self.client
        peer.receive_data(data)
        list(peer.events())

    def _extensions(self) -> list[Extension]:
        if self.deflate is None:
            return []
        told = self.deflate
        return [
            PerMessageDeflate(
                told.client_no_context_takeover,
                told.client_max_window_bits,
                told.server_no_context_takeover,
                told.server_max_window_bits,
            )
        ]
