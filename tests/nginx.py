"""nginx as tests run it: in the foreground, all that it writes in one folder."""

from pathlib import Path

_SETTINGS = """
user root;
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections {connections}; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  {http}
}}
"""


def arguments(folder: Path, http: str, connections: int = 512) -> list[str]:
    """Of the program, once its settings are written there."""
    told = _SETTINGS.format(folder=folder, http=http, connections=connections)
    (folder / "nginx.conf").write_text(told)
    return [
        *("-p", str(folder), "-c", str(folder / "nginx.conf")),
        *("-e", str(folder / "error.log")),
    ]
