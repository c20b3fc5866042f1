"""The payroll's client: pays employees at a fixed rate, and counts what was answered.

Started as `python -P -m agent.demo.payroll.calling PARENT ADDRESS…` within its pod's
network namespace. It begins when it hears a rate, calls the addresses in turn, and at
the end of its standard input tells its counts and ends.
"""

import select
import sys
from itertools import count

import grpc
import msgspec
from google.protobuf.json_format import ParseDict

from agent.demo.kernel import follow
from agent.demo.payroll.counts import Counts
from agent.demo.payroll.payroll_pb2 import PayRequest
from agent.demo.payroll.payroll_pb2_grpc import PayrollStub
from agent.demo.planted import OVER_GRPC, PAY, REQUEST, place

AUTHORITY = "payroll.people"
"""What the client calls the server."""
ANSWER_SECONDS = 5.0
_OPTIONS = (("grpc.default_authority", AUTHORITY), ("grpc.enable_http_proxy", 0))


def message(number: int) -> PayRequest:
    """The one that is sent as the number-th."""
    told = {
        "amount": "2410.50",
        "month": number % 12 + 1,
        "sequence": number,
        "employee": {"id": number % 5000 + 1},
    }
    return ParseDict(place(PAY, REQUEST, told, OVER_GRPC), PayRequest())


def pay(targets: list[str], rate: float, ending: int) -> Counts:
    """Makes `rate` calls a second until the descriptor `ending` is readable; one at
    least."""
    channels = [grpc.insecure_channel(target, _OPTIONS) for target in targets]
    stubs = [PayrollStub(channel) for channel in channels]
    counts = Counts()
    for number in count():
        try:
            stubs[number % len(stubs)].Pay(message(number), timeout=ANSWER_SECONDS)
            counts.exchanges += 1
        except grpc.RpcError:
            counts.failed += 1
        if select.select([ending], [], [], 1 / rate)[0]:
            break
    for channel in channels:
        channel.close()
    return counts


def main() -> None:
    follow(int(sys.argv[1]))
    if line := sys.stdin.buffer.readline():
        counts = pay(sys.argv[2:], float(line), sys.stdin.fileno())
        sys.stdout.buffer.write(msgspec.json.encode(counts) + b"\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
