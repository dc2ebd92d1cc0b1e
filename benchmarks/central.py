"""A first pull from ODK Central against a bare loop that fetches the same XML, in turn; prints records (see `records`).

Usage: ``python benchmarks/central.py [--rows N] [--runs N] [--url URL --email E-MAIL]``.
The server is the stand-in of the tests, in a process of its own; with *--url* it is a real one, which gets a project for this
and keeps it (the password from CENTRAL_PASSWORD). Rows are small visits of two persons. Goal: 1.3 times the bare loop.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import requests
from records import ROOT, emit, own_line, peak_mb, used_cpu

sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

LOOP, PULL = "a bare loop, one request after the other", "first pull, rows and tables"
EMAIL, PASSWORD = "admin@example.org", "central-proofs-2026"  # of the stand-in
AT_ONCE = 8  # rows that are sent side by side


def signed_in(url: str, email: str) -> requests.Session:
    """A session of the web user."""
    session = requests.Session()
    body = {"email": email, "password": os.environ["CENTRAL_PASSWORD"]}
    answer = session.post(f"{url}/v1/sessions", json=body, timeout=60)
    session.headers["Authorization"] = f"Bearer {answer.json()['token']}"
    return session


def fill(url: str, email: str, n_rows: int) -> int:
    """A project with the form and its rows; returns its number."""
    from concurrent.futures import ThreadPoolExecutor

    from central_field import xform
    from conftest import VISITES

    session = signed_in(url, email)
    project = session.post(f"{url}/v1/projects", json={"name": f"benchmark {uuid4()}"}, timeout=60).json()["id"]
    base = f"{url}/v1/projects/{project}/forms"
    xml = {"Content-Type": "application/xml"}
    session.post(f"{base}?publish=true", data=xform(VISITES), headers=xml, timeout=60).raise_for_status()

    def send(n: int) -> None:
        members = "".join(f"<membre><prenom>Awa {n}</prenom><annees>{n % 90}</annees></membre>" for _ in range(2))
        body = (
            f'<data id="visites" version="1"><zone>nord</zone><lieu><gps>31.5 -5.1 1200 4</gps></lieu>{members}'
            f"<meta><instanceID>uuid:{uuid4()}</instanceID></meta></data>"
        )
        session.post(f"{base}/visites/submissions", data=body, headers=xml, timeout=60).raise_for_status()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(send, range(n_rows)))
    return int(project)


def measure_loop(url: str, email: str, project: int) -> dict[str, float]:
    """The first script that everybody writes: the listing page after page, then each row's XML, to one file."""
    session = signed_in(url, email)
    base, n = f"{url}/v1/projects/{project}/forms/visites", 0
    before, began = used_cpu(), time.perf_counter()
    with tempfile.TemporaryFile() as out:
        path = f"/v1/projects/{project}/forms/visites.svc/Submissions?$top=500&$select=__id,__system,meta"
        while path:
            page = session.get(url + path, timeout=60).json()
            for row in page["value"]:
                out.write(session.get(f"{base}/submissions/{quote(row['__id'], safe='')}.xml", timeout=60).content)
                n += 1
            link = page.get("@odata.nextLink", "")
            path = link[link.index("/v1/") :] if link else ""
    return {"s": time.perf_counter() - began, "cpu": used_cpu() - before, "mb": peak_mb(), "n": n}


def measure_pull(url: str, email: str, project: int) -> dict[str, float]:
    """The first pull of a new workspace, with a proof that nothing is missing."""
    from central_field import mission_text
    from conftest import write_workspace

    from kobo_sync.mission.mission import Mission
    from kobo_sync.steps.pull import pull

    with tempfile.TemporaryDirectory() as folder:
        workspace = write_workspace(Path(folder), mission_text(url, project))
        mission = Mission(workspace, {"CENTRAL_EMAIL": email, "CENTRAL_PASSWORD": os.environ["CENTRAL_PASSWORD"]})
        mission.form("visites")
        mission.reader().me()
        before, began = used_cpu(), time.perf_counter()
        report = pull(mission, form_ids=["visites"])
        took = {"s": time.perf_counter() - began, "cpu": used_cpu() - before, "mb": peak_mb()}
        mission.close()
    if report.findings:
        raise SystemExit(report.findings[0].message)
    return {**took, "n": report.counts["new"]}


@contextmanager
def stand_in() -> Iterator[str]:
    """The stand-in's address while it lives, in a process of its own."""
    program = "import sys\nfrom central_office import central\nwith central() as office:\n print(office.address, flush=True)\n sys.stdin.read()"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path[:2])}
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
    ) as process:
        assert process.stdout and process.stdin
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


def main() -> None:
    """Print the records of both, in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--url", default="")
    parser.add_argument("--email", default=EMAIL)
    parser.add_argument("--one", choices=("loop", "pull"))
    parser.add_argument("--project", type=int, default=0)
    options = parser.parse_args()
    if options.one:
        measure = measure_loop if options.one == "loop" else measure_pull
        emit(options.one, 1, **measure(options.url, options.email, options.project))
        return
    if options.url:
        compare(options.url, options)
        return
    os.environ["CENTRAL_PASSWORD"] = PASSWORD
    with stand_in() as url:
        compare(url, options)


def compare(url: str, options: argparse.Namespace) -> None:
    """Both, in turn, each in a process of its own."""
    project = str(options.project or fill(url, options.email, options.rows))
    words = ("--url", url, "--email", options.email, "--project", project, "--one")
    for run in range(1, options.runs + 1):
        for what, one, against in ((LOOP, "loop", {}), (PULL, "pull", {LOOP: "≤ 1.3"})):
            taken = own_line(__file__, *words, one)
            assert taken["n"] == options.rows
            emit(what, run, s=taken["s"], cpu=taken["cpu"], mb=taken["mb"], against=against)


if __name__ == "__main__":
    main()
