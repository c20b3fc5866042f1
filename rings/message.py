# cython: annotation_typing=False
"""Messages and pairs: what the parser fills and the pairer joins."""


class Message:
    """One HTTP request or response. Its repr shows no captured byte.

    `start` and `end` are positions in its own stream, `acknowledged` is the position
    in the opposite stream that its first segment acknowledged.
    """

    def __init__(self, is_request: bool, start: int, acknowledged: int) -> None:
        self.is_request = is_request
        self.start = start
        self.head_end = start
        self.end = start
        self.acknowledged = acknowledged
        self.first_ns = 0
        self.head = b""
        self.method = b""
        self.target = b""
        self.status = 0
        self.content_type = b""
        self.is_json = False
        self.keeps_body = False
        self.body: bytes | bytearray = b""
        self.body_bytes = 0
        self.gap_bytes = 0
        self.wire_bytes = 0
        self.truncated = False
        self.is_done = False

    def field(self, name: bytes) -> bytes:
        """A head field's values joined by commas; `name` in lower case."""
        values: list[bytes] = []
        is_wanted = False
        for line in self.head.replace(b"\r\n", b"\n").split(b"\n")[1:]:
            if line[:1] in (b" ", b"\t"):
                if is_wanted:
                    values.append(values.pop() + b" " + line.strip())
                continue
            key, _, value = line.partition(b":")
            is_wanted = key.strip().lower() == name
            if is_wanted:
                values.append(value.strip())
        return b", ".join(values)

    def __repr__(self) -> str:
        kind = "request" if self.is_request else "response"
        return f"Message({kind}, head={len(self.head)} B, body={self.body_bytes} B)"


class Pair:
    """A request and its response; without a response, a request never answered."""

    def __init__(
        self, request: Message, response: Message | None, connection: int
    ) -> None:
        self.request = request
        self.response = response
        self.connection = connection
        self.client = b""
        self.client_port = 0
        self.server = b""
        self.server_port = 0
        self.interface = 0

    @property
    def is_json(self) -> bool:
        response = self.response
        return self.request.is_json or (response is not None and response.is_json)

    def __repr__(self) -> str:
        return f"Pair({self.request!r}, {self.response!r})"
