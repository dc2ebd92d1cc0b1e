"""Caddy with our Caddyfile before the pages: TLS, and a service that believes it alone."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from conftest import MISSION, REPO, write_workspace
from containers import FOLDER

pytestmark = pytest.mark.skipif(not shutil.which("caddy"), reason="caddy is not installed")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """The address of the pages behind Caddy, with a certificate of its own."""
    tls, plain = _free_port(), _free_port()
    address = f"https://localhost:{tls}"
    settings = f'\n[service]\npublic_url = "{address}"\ntrusted_proxies = 1\n'
    workspace = write_workspace(tmp_path / "mission", MISSION + settings)
    text = (FOLDER / "Caddyfile").read_text("utf-8")
    options = f"admin off\n\thttp_port {plain}\n\thttps_port {tls}\n\tlocal_certs\n\tskip_install_trust\n"
    (tmp_path / "Caddyfile").write_text(text.replace("admin off\n", options, 1), "utf-8")
    with ExitStack() as stack:
        env = {**os.environ, "PYTHONPATH": str(REPO)}
        command = [
            sys.executable,
            "-m",
            "kobo_sync",
            "service",
            "--no-jobs",
            "--port",
            "0",
            "--workspace",
            str(workspace.root),
        ]
        service = stack.enter_context(subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env, cwd=REPO))
        stack.callback(service.terminate)
        assert service.stderr
        port = next(found[1] for line in service.stderr if (found := re.search(r"^pages: http://[^:]+:(\d+)", line)))
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SITE": "localhost", "SERVICE": f"127.0.0.1:{port}"}
        caddy_command = ["caddy", "run", "--adapter", "caddyfile", "--config", str(tmp_path / "Caddyfile")]
        with (tmp_path / "caddy.log").open("w") as log:
            caddy = stack.enter_context(subprocess.Popen(caddy_command, stderr=log, env=env))
        stack.callback(caddy.terminate)
        end = time.monotonic() + 60
        while True:
            try:
                _asked("get", f"{address}/health")
                break
            except requests.ConnectionError:
                assert time.monotonic() < end, (tmp_path / "caddy.log").read_text("utf-8")
                time.sleep(0.1)
        yield address


def _asked(verb: str, address: str, **more: object) -> requests.Response:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the certificate is Caddy's own
        return requests.request(verb, address, verify=False, timeout=20, allow_redirects=False, **more)  # type: ignore[arg-type]


def test_pages_come_over_tls_and_cookies_stay_there(site: str) -> None:
    assert _asked("get", f"{site}/health").json()["ready"] is True
    page = _asked("get", f"{site}/connexion", headers={"X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil.example"})
    assert page.status_code == 200
    assert "Secure" in page.headers["Set-Cookie"] and "__Host-" in page.headers["Set-Cookie"]
    assert "evil.example" not in page.text + str(page.headers)


def test_what_is_too_large_is_refused_before_the_service(site: str) -> None:
    # 502 is what Caddy before 2.7 says.
    assert _asked("post", f"{site}/hook/x/y", data=b"x" * 2_000_000).status_code in (413, 502)
