"""The servers that a measure needs, on loopback or a socket, until closed: nginx over pages, one that thinks, PostgreSQL."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pages import UID

NGINX = """
{user}worker_processes 1; daemon off; pid {work}/nginx.pid; error_log {work}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {work}/body; proxy_temp_path {work}/proxy;
  fastcgi_temp_path {work}/f; uwsgi_temp_path {work}/u; scgi_temp_path {work}/s;
  types {{ }} default_type application/json; gzip_static always; gunzip on; sendfile on;
  map $arg_query $after {{ default 0; "~gt%22%3A(?<n>[0-9]+)" $n; }}
  map $arg_start $offset {{ default $after; "~^[1-9]" $arg_start; }}
  map $arg_fields $kind {{ default full; "~rootUuid" light; }}
  map $arg_limit $page {{ default /$kind/$offset.json; "" /default.json; }}
  server {{
    listen 127.0.0.1:{port}; root {work}/pages;
    location /api/v2/assets/{uid}/data {{ rewrite ^ $page break; }}
  }}
}}
"""


@contextmanager
def nginx(work: Path) -> Iterator[str]:
    """The URL of nginx over the pages of *work*."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    user = "user root; " if os.geteuid() == 0 else ""
    (work / "nginx.conf").write_text(NGINX.format(work=work, port=port, uid=UID, user=user), "utf-8")
    server = subprocess.Popen(["nginx", "-p", str(work), "-c", str(work / "nginx.conf")], stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


@contextmanager
def moving_server(folder: Path, think_s: float, n: int) -> Iterator[str]:
    """The server of `pages`: it thinks, and lets rows change."""
    command = [sys.executable, str(Path(__file__).with_name("pages.py")), str(folder), str(think_s), str(n)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
    finally:
        server.terminate()
        server.wait()


class Postgres:
    """A PostgreSQL server of the benchmark's own, as it comes out of the box, flushing to disk."""

    def __init__(self) -> None:
        """Start it. Raises: FileNotFoundError when PostgreSQL is not installed here."""
        folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        initdb = shutil.which("initdb", path=f"{folders[-1] if folders else ''}{os.pathsep}{os.environ['PATH']}")
        if not initdb:
            raise FileNotFoundError("PostgreSQL's initdb is not installed")
        self.folder = Path(tempfile.mkdtemp(prefix="kobo-sync-"))  # a socket's name has little room
        self._ctl, self._as = str(Path(initdb).with_name("pg_ctl")), []
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(self.folder, "postgres")
            self._as = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        data = str(self.folder / "data")
        self._run(initdb, "-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--no-sync")
        settings = f"-c listen_addresses= -c unix_socket_directories={self.folder}"
        self._run(self._ctl, "-D", data, "-w", "-l", str(self.folder / "log"), "-o", settings, "start")
        self.url = f"postgresql+psycopg://bench@/postgres?host={self.folder}"
        self._pid = int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])

    def _run(self, *command: str) -> None:
        subprocess.run([*self._as, *command], check=True, capture_output=True, cwd=self.folder)

    def cpu_s(self) -> float:
        """Seconds of the processor that the server has taken since it started, its processes that ended included."""
        ticks = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text("utf-8").rpartition(")")[2].split()
            except OSError:
                continue  # it has ended meanwhile
            if path.parent.name == str(self._pid):
                ticks += sum(map(int, fields[11:15]))
            elif int(fields[1]) == self._pid:
                ticks += sum(map(int, fields[11:13]))
        return ticks / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """Stop it, and take its files away."""
        self._run(self._ctl, "-D", str(self.folder / "data"), "-w", "-m", "immediate", "stop")
        shutil.rmtree(self.folder)
