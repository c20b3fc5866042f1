"""nginx in front of a dashboard, under a path, as companies have it."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import nginx
from tests.certificates import Pem

SETTINGS = """
  server {{
    listen 127.0.0.1:{port}{tls};
    location {path}/ {{
      proxy_pass {target}{strip};
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
    }}
  }}
"""
TLS = """ ssl;
    ssl_certificate {pem.certificate};
    ssl_certificate_key {pem.key}"""
START_SECONDS = 20


@contextmanager
def proxying(
    port: int, path: str, target: str, pem: Pem | None = None, is_stripped: bool = True
) -> Iterator[None]:
    """Hands on what is under `path`, with or without it."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("nginx is not installed")
        pytest.skip("nginx is not installed (Debian: nginx)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tls = TLS.format(pem=pem) if pem else ""
        strip = "/" if is_stripped else ""
        http = SETTINGS.format(
            port=port, tls=tls, path=path, target=target, strip=strip
        )
        command = [program, *nginx.arguments(folder, http)]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            _wait(process, port, folder)
            yield
        finally:
            process.terminate()
            process.wait(10)


def _wait(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, (folder / "error.log").read_text()
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError
