"""The payroll's server: answers each call that it was paid.

Started as `python -P -m agent.demo.payroll.serving PARENT ADDRESS…` within its pod's
network namespace and in the folder of its generated code, as images have it; there the
interceptor finds the names of its messages' fields. Ends with its standard input.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.protobuf.json_format import ParseDict

from agent.demo.kernel import follow
from agent.demo.payroll.payroll_pb2 import PayReply, PayRequest
from agent.demo.payroll.payroll_pb2_grpc import (
    PayrollServicer,
    add_PayrollServicer_to_server,
)
from agent.demo.planted import OVER_GRPC, PAY, RESPONSE, place

THREADS = 2


class Payroll(PayrollServicer):
    """Tells who confirmed, which is planted."""

    def __init__(self) -> None:
        told = place(PAY, RESPONSE, {"state": "queued"}, OVER_GRPC)
        self._reply = ParseDict(told, PayReply())

    def Pay(  # noqa: N802 - gRPC's name
        self, request: PayRequest, context: grpc.ServicerContext
    ) -> PayReply:
        return self._reply


def serve(targets: list[str]) -> grpc.Server:
    """On all these addresses and ports. Raises RuntimeError."""
    server = grpc.server(ThreadPoolExecutor(THREADS))
    add_PayrollServicer_to_server(Payroll(), server)
    for target in targets:
        server.add_insecure_port(target)
    server.start()
    return server


def main() -> None:
    follow(int(sys.argv[1]))
    server = serve(sys.argv[2:])
    sys.stdin.read()
    server.stop(0).wait()


if __name__ == "__main__":
    main()
