"""A small collector service for tests: keeps packages and offsets, fails on demand."""

from concurrent.futures import ThreadPoolExecutor

import grpc

from agent.certificates import Files
from agent.links import PLAIN, bind
from proto.v1 import collector_pb2, collector_pb2_grpc


class SmallCollector(collector_pb2_grpc.CollectorServicer):
    """Serves until closed; use as a context."""

    def __init__(self, port: int = 0, files: Files = PLAIN) -> None:
        self.packages: list[collector_pb2.Package] = []
        self.failures: list[grpc.StatusCode] = []
        """Answered first, one a call."""
        self.loses_answers = 0
        """So many packages are stored, but the answer is lost."""
        self.corrections = collector_pb2.CorrectResponse()
        self.calls = 0
        self.tokens: set[str | None] = {None}
        """What a call must be authorized by, as it stands in its metadata."""
        self._next: dict[int, int] = {}
        self._server = grpc.server(ThreadPoolExecutor(2))
        collector_pb2_grpc.add_CollectorServicer_to_server(self, self._server)
        self.port = bind(files, self._server, f"127.0.0.1:{port}")
        self._server.start()

    def Send(  # noqa: N802
        self, request: collector_pb2.Package, context: grpc.ServicerContext
    ) -> collector_pb2.Receipt:
        self._admit(context)
        self.calls += 1
        if self.failures:
            context.abort(self.failures.pop(0), "as the test wants")
        offsets = request.offsets
        is_known = all(o.next <= self._next.get(o.partition, 0) for o in offsets)
        if not is_known:
            self.packages.append(request)
            self._next.update({o.partition: o.next for o in offsets})
        if self.loses_answers:
            self.loses_answers -= 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "lost")
        return collector_pb2.Receipt(duplicate=is_known)

    def Resume(  # noqa: N802
        self, request: collector_pb2.ResumeRequest, context: grpc.ServicerContext
    ) -> collector_pb2.ResumeResponse:
        self._admit(context)
        if self.failures:
            context.abort(self.failures.pop(0), "as the test wants")
        return collector_pb2.ResumeResponse(next=self._next)

    def Correct(  # noqa: N802
        self, request: collector_pb2.CorrectRequest, context: grpc.ServicerContext
    ) -> collector_pb2.CorrectResponse:
        self._admit(context)
        if request.revision == self.corrections.revision:
            return collector_pb2.CorrectResponse(
                revision=request.revision, unchanged=True
            )
        return self.corrections

    def _admit(self, context: grpc.ServicerContext) -> None:
        sent = dict(context.invocation_metadata())
        if sent.get("authorization") not in self.tokens:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you?")

    def close(self) -> None:
        self._server.stop(0).wait(5)

    def __enter__(self) -> "SmallCollector":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
