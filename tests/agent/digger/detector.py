"""A small detector service for tests: says where e-mail addresses stand."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc

from agent.certificates import Files
from agent.links import PLAIN, bind
from proto.v1 import detector_pb2, detector_pb2_grpc
from tests.ports import free_port


class SmallDetector(detector_pb2_grpc.DetectorServicer):
    """Serves until closed; use as a context."""

    def __init__(self, listen: str = "127.0.0.1:0", files: Files = PLAIN) -> None:
        self.calls = 0
        self.messages = 0
        self.catalogs = 0
        self.is_old = False
        """It has no Catalog."""
        self.refused: list[bytes] = []
        """Bodies that are answered with an error."""
        self._lock = threading.Lock()
        self._server = grpc.server(ThreadPoolExecutor(4))
        detector_pb2_grpc.add_DetectorServicer_to_server(self, self._server)
        self.address = f"127.0.0.1:{bind(files, self._server, listen)}"
        self._server.start()

    def Detect(  # noqa: N802
        self, request: detector_pb2.DetectRequest, context: grpc.ServicerContext
    ) -> detector_pb2.DetectResponse:
        if any(message.body in self.refused for message in request.messages):
            context.abort(grpc.StatusCode.INTERNAL, "refused")
        with self._lock:
            self.calls += 1
            self.messages += len(request.messages)
        results = [_findings(message) for message in request.messages]
        return detector_pb2.DetectResponse(results=results, catalog_digest="small")

    def Catalog(  # noqa: N802
        self, request: detector_pb2.CatalogRequest, context: grpc.ServicerContext
    ) -> detector_pb2.CatalogResponse:
        self.catalogs += 1
        if self.is_old:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "no such method")
        email = detector_pb2.DataType(
            name="contact.email",
            title="E-mail",
            sensitivity=detector_pb2.MEDIUM,
            tags=["gdpr"],
        )
        return detector_pb2.CatalogResponse(catalog_digest="small", data_types=[email])

    def close(self) -> None:
        self._server.stop(0).wait(5)

    def __enter__(self) -> "SmallDetector":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class DetectorProcess:
    """The same in a process, which can be stopped by signals; use as a context."""

    def __init__(self) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import sys\nfrom tests.agent.digger.detector import SmallDetector\n"
                f"with SmallDetector({self.address!r}):\n"
                "    print(flush=True)\n    sys.stdin.read()",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.pid = self._process.pid
        assert self._process.stdout
        self._process.stdout.readline()

    def __enter__(self) -> "DetectorProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate(timeout=10)


def _findings(message: detector_pb2.Message) -> detector_pb2.Findings:
    count = message.body.count(b"@")
    found = detector_pb2.Finding(
        data_type="contact.email",
        location=detector_pb2.BODY,
        path="$.email",
        sensitivity=detector_pb2.MEDIUM,
        likelihood=detector_pb2.LIKELY,
        count=count,
    )
    return detector_pb2.Findings(findings=[found] if count else [])
