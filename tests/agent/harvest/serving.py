"""A gRPC server of Python with generated code, whose folder is the first argument.

It listens at the address that is the second one, tells its port, and answers every
call of shop.v1.People with what it was asked.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import grpc


class Service(grpc.GenericRpcHandler):
    """Answers every method alike."""

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes]:
        return grpc.unary_unary_rpc_method_handler(lambda message, _: message)


def main() -> None:
    sys.path.insert(0, sys.argv[1])
    __import__("shop_pb2")
    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((Service(),))
    print(server.add_insecure_port(sys.argv[2]), flush=True)
    server.start()
    sys.stdin.read()
    server.stop(0).wait()


if __name__ == "__main__":
    main()
