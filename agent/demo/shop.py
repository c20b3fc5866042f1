"""The demo's service: answers HTTP/1.1 over IPv4 and IPv6 in its own namespace.

Started by the demo as `python -m agent.demo.shop PARENT`; ends with its standard input.
"""

import asyncio
import sys

from agent.demo import child
from agent.demo.api import answer
from agent.demo.wire import encode_answer, read_body, read_head

PORT = 8080


async def serve(addresses: list[str], port: int = PORT) -> asyncio.Server:
    """Listens; port 0 takes a free one."""
    return await asyncio.start_server(_converse, addresses, port)


async def _converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, until either side ends it."""
    try:
        is_last = False
        while not is_last:
            head = await read_head(reader)
            await read_body(reader, head)
            method, target, _ = head.first
            is_last = head.is_last
            writer.write(encode_answer(answer(method, target), is_last))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def _run(addresses: list[str]) -> None:
    ended = asyncio.Event()
    async with await serve(addresses):
        asyncio.get_running_loop().add_reader(sys.stdin, ended.set)
        child.tell({"listening": True})
        await ended.wait()


def main() -> None:
    child.enter(int(sys.argv[1]))
    told = child.join()
    asyncio.run(_run([end.inside for end in told.ends]))


if __name__ == "__main__":
    main()
