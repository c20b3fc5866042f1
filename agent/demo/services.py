"""The demo's services: answer HTTP/1.1, each on its own listening sockets."""

import asyncio
import socket
from functools import partial

from agent.demo.api import answer
from agent.demo.wire import encode_answer, read_body, read_head

PORT = 8080


def listener(address: str, port: int = PORT) -> socket.socket:
    """In the namespace that the thread is in; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, port), family=family)


async def serve(
    listening: socket.socket, is_rolled_out: bool = False
) -> asyncio.Server:
    """Answers there; `is_rolled_out`: as the new version of the service."""
    return await asyncio.start_server(
        partial(_converse, is_rolled_out=is_rolled_out), sock=listening
    )


async def _converse(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_rolled_out: bool
) -> None:
    """One connection, until either side ends it."""
    try:
        is_last = False
        while not is_last:
            head = await read_head(reader)
            await read_body(reader, head)
            method, target, _ = head.first
            is_last = head.is_last
            answered = answer(method, target, is_rolled_out)
            writer.write(encode_answer(answered, is_last))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()
