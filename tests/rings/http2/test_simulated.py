"""Simulated connections of all that HTTP/2 has, with segments lost and reordered.

Whatever is missing, no pair says what was not said in one exchange. What was said is
read from the whole capture by other libraries (`tests.peers.oracle`).
"""

import random
import struct

from hpack import Encoder
from hpack.struct import NeverIndexedHeaderTuple
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.peers.oracle import Truth, exchanges
from tests.rings.wire import ALL, Conversation, collect

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RESET, SETTINGS, PROMISE, PING, GOAWAY, WINDOW = range(9)
CONTINUATION = 9
END, END_HEADERS, PADDED, PRIORITIZED = 1, 4, 8, 0x20
CONTROL = (
    (PING, 0, bytes(8)),
    (SETTINGS, 0, bytes(6)),
    (SETTINGS, 1, b""),
    (WINDOW, 0, b"\0\0\1\0"),
    (0x42, 0xFF, b"of an unknown type"),
)
Fields = list[tuple[str, str]]
SEEDS = st.integers(0, 1 << 32)


def frame(kind: int, flags: int, number: int, payload: bytes = b"") -> bytes:
    head = struct.pack(">IBI", len(payload) << 8 | kind, flags, number)
    return head + payload


class Side:
    """What one peer sends: frames, their heads coded with a table of its own."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._encoder = Encoder()
        self.waiting = bytearray()

    def take(self) -> bytes:
        sent = bytes(self.waiting)
        self.waiting.clear()
        return sent

    def control(self) -> None:
        kind, flags, payload = self._chance.choice(CONTROL)
        self.waiting += frame(kind, flags, 0, payload)

    def head(
        self, number: int, fields: Fields, is_end: bool, promised: int = 0
    ) -> None:
        """Padded, with a priority, in pieces, never indexed, or not."""
        chance, flags, front, back = self._chance, END * is_end, b"", b""
        if chance.random() < 0.1:
            self._encoder.header_table_size = chance.choice((0, 100, 400, 4096))
        told = [
            NeverIndexedHeaderTuple(*one) if chance.random() < 0.1 else one
            for one in fields
        ]
        block = self._encoder.encode(told, huffman=chance.random() < 0.5)
        if chance.random() < 0.2:
            flags, front, back = flags | PADDED, b"\x05", bytes(5)
        if promised:
            front += struct.pack(">I", promised)
        elif chance.random() < 0.2:
            flags, front = flags | PRIORITIZED, front + bytes(5)
        size = chance.choice((len(block), 1 + len(block) // 3))
        pieces = [block[at : at + size] for at in range(0, len(block), size)]
        kind = PROMISE if promised else HEADERS
        payload = front + pieces[0] + back
        flags |= END_HEADERS * (len(pieces) == 1)
        self.waiting += frame(kind, flags, number, payload)
        for place, piece in enumerate(pieces[1:], 2):
            is_last = END_HEADERS * (place == len(pieces))
            self.waiting += frame(CONTINUATION, is_last, number, piece)

    def data(self, number: int, body: bytes, is_end: bool) -> None:
        flags, front, back = END * is_end, b"", b""
        if self._chance.random() < 0.2:
            flags, front, back = flags | PADDED, b"\x07", bytes(7)
        self.waiting += frame(DATA, flags, number, front + body + back)

    def reset(self, number: int) -> None:
        self.waiting += frame(RESET, 0, number, bytes(4))


class Simulated:
    """A client and a server that talk by chance."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.talk = Conversation().open()
        self._client, self._server = Side(chance), Side(chance)
        self._next, self._pushed = 1, 2
        self._asking: list[int] = []
        self._answering: list[int] = []
        """Whose head is to come; of the others the body is."""
        self._speaking: list[int] = []
        self.is_whole = True
        """Nothing was reset or is a tunnel: every answer can be found."""
        self._client.waiting += PREFACE + frame(SETTINGS, 0, 0)
        self._server.waiting += frame(SETTINGS, 0, 0)
        steps = (self.ask, self.ask, self.go_on, self.answer, self.answer, self.speak)
        rare = (self.tell, self.push, self.reset, self.connect, self.leave)
        for _ in range(chance.randrange(4, 40)):
            step = chance.choice(rare if chance.random() < 0.15 else steps)
            step()
            if chance.random() < 0.6:
                self._send()
        self._send()
        self.talk.close()

    def ask(self) -> None:
        number, self._next = self._next, self._next + 2
        is_end = self._chance.random() < 0.5
        method = "GET" if is_end else "POST"
        fields = [(":method", method), (":scheme", "http"), (":path", f"/{number}")]
        fields += [(":authority", "shop"), ("x-id", str(number)), *self._more()]
        self._client.head(number, fields, is_end)
        self._answering.append(number)
        if not is_end:
            self._asking.append(number)

    def go_on(self) -> None:
        if self._asking:
            number = self._asking[0]
            is_end = self._chance.random() < 0.6
            self._client.data(number, self._body("asked", number), is_end)
            self._asking = self._asking[is_end:]

    def answer(self) -> None:
        if not self._answering:
            return
        number = self._answering.pop(self._chance.randrange(len(self._answering)))
        if self._chance.random() < 0.2:
            self._server.head(number, [(":status", "103"), ("link", "</a>")], False)
        is_end = self._chance.random() < 0.2
        fields = [(":status", "200"), ("x-id", str(number)), *self._more()]
        self._server.head(number, fields, is_end)
        if not is_end:
            self._speaking.append(number)

    def speak(self) -> None:
        if not self._speaking:
            return
        number = self._speaking.pop(0)
        body = self._body("answered", number)
        kind = self._chance.randrange(4)
        self._server.data(number, body, kind == 0)
        if kind == 1:
            self._server.head(number, [("x-sum", str(number))], True)
        elif kind:
            self._speaking.append(number)

    def tell(self) -> None:
        self._client.control()
        self._server.control()

    def leave(self) -> None:
        self._server.waiting += frame(GOAWAY, 0, 0, bytes(8))

    def push(self) -> None:
        if self._speaking:
            number, self._pushed = self._pushed, self._pushed + 2
            fields = [(":method", "GET"), (":scheme", "http"), (":path", f"/{number}")]
            fields += [(":authority", "shop"), ("x-id", str(number))]
            self._server.head(self._speaking[0], fields, False, number)
            self._answering.append(number)

    def reset(self) -> None:
        if self._speaking:
            number = self._speaking.pop()
            self._chance.choice((self._client, self._server)).reset(number)
            self._asking = [one for one in self._asking if one != number]
            self.is_whole = False

    def connect(self) -> None:
        number, self._next = self._next, self._next + 2
        fields = [(":method", "CONNECT"), (":authority", f"db:{number}")]
        if self._chance.random() < 0.5:
            fields += [(":protocol", "websocket"), (":scheme", "http")]
            fields += [(":path", f"/{number}")]
        self._client.head(number, fields, False)
        self._server.head(number, [(":status", "200")], False)
        self._client.data(number, b"within the tunnel", False)
        self._server.data(number, b"and back", True)

    def _more(self) -> Fields:
        return self._chance.sample(MORE, self._chance.randrange(3))

    def _body(self, name: str, number: int) -> bytes:
        return f'{{"{name}": {number}}}'.encode() * self._chance.choice((1, 3, 90))

    def _send(self) -> None:
        size = self._chance.choice((60, 400, 1448))
        self.talk.ask(self._client.take(), size)
        self.talk.answer(self._server.take(), size)


MORE = [
    ("content-type", "application/json"),
    ("cookie", "a=1"),
    ("x-long", "b" * 300),
    ("x-huge", "c" * 5000),
    ("user-agent", "test/1"),
]


@given(SEEDS)
@settings(max_examples=100, phases=[Phase.explicit, Phase.generate])
def test_what_is_whole_is_found(seed: int) -> None:
    simulated = Simulated(random.Random(seed))
    frames = simulated.talk.frames()
    wanted = exchanges(frames, [80])
    pairs, assembler = collect(frames, ALL)
    found = Truth(wanted).check(pairs)
    answered = sum(exchange.answered.lines != () for exchange in wanted)
    assert found == answered or not simulated.is_whole
    assert assembler.total().http2_losses == 0


@given(SEEDS, st.integers(1, 4))
@settings(max_examples=200, phases=[Phase.explicit, Phase.generate])
def test_loss_and_reordering_make_no_wrong_pair(seed: int, lost: int) -> None:
    chance = random.Random(seed)
    frames = Simulated(chance).talk.frames()
    truth = Truth(exchanges(frames, [80]))
    for _ in range(lost):
        frames.pop(chance.randrange(len(frames)))
    for place in range(1, len(frames)):
        if chance.random() < 0.1:
            (one, former), (other, latter) = frames[place - 1], frames[place]
            frames[place - 1 : place + 1] = [(one, latter), (other, former)]
    truth.check(collect(frames[chance.choice((0, lost)) :], ALL)[0])
