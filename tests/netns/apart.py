"""An interceptor on a node of its own: in a network namespace, with its own broker.

    ip netns exec NODE python -m tests.netns.apart POD… ADDRESS=KIND…

Captures these pods by the list of these addresses; one may end with a port. Says
`ready`; when its standard input ends it prints what it counted, an exchange a line:
client, server and port.
"""

import sys
from ipaddress import ip_address

from agent.kafka.embedded import EmbeddedBroker
from tests.netns.capturing import (
    WAIT_SECONDS,
    address_list,
    capturing,
    records,
    settings,
    wait_for,
)


def main(words: list[str]) -> None:
    pods = [word for word in words if "=" not in word]
    listed = dict(word.split("=") for word in words if "=" in word)
    kinds = {address: int(kind) for address, kind in listed.items()}
    with EmbeddedBroker() as broker, address_list(kinds) as addresses:
        used = settings(broker.bootstrap, addresses)
        with capturing(used, pods) as interceptor:
            wait_for(lambda: interceptor.is_ready)
            print("ready", flush=True)
            sys.stdin.read()
            assert interceptor.flush(WAIT_SECONDS)
        pairs = interceptor.coverage.total().counts.get("pairs", 0)
        for one in records(broker.bootstrap, pairs):
            print(ip_address(one.client), ip_address(one.server), one.server_port)


if __name__ == "__main__":
    main(sys.argv[1:])
