"""Captures of real peers: each is made once, while the servers that it needs run."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import cache

import pytest

from tests.peers import programs
from tests.peers.network import Frames, captured, network
from tests.peers.programs import Client, ClientError


@pytest.fixture(scope="session")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Frames]:
    """Runs clients in a network with their servers; gives the frames of that time."""
    if lacking := programs.missing():
        pytest.skip(f"not installed: {lacking}; see make servers")
    folder = tmp_path_factory.mktemp("peers")
    programs.made_files(folder)

    def once(*clients: Client) -> Frames:
        with network(), ExitStack() as stack:
            used = {client.port for client in clients}
            for port, command in programs.commands(folder, used).items():
                log = folder / f"{port}.log"
                stack.enter_context(programs.running(command, port, log))
            with captured() as frames:
                for client in clients:
                    programs.run(client)
        return frames

    @cache
    def made(*clients: Client) -> Frames:
        try:
            return once(*clients)
        except ClientError:
            # curl at Go, a hundred upgraded at once: now and then curl gives up.
            return once(*clients)

    return made
