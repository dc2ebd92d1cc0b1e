"""Speed and memory of the pull, against curl and against peers, side by side in one run; prints a table of ratios.

See README.md beside this file. Records are made up, about 2.4 kB each, as KoboToolbox lists them; nginx serves them
as gzip pages made beforehand. Every measure runs in a process of its own.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
NOW = datetime(2025, 2, 12, tzinfo=UTC)
UID = "aBenchmarkBenchmark000"
N_TEXTS, THINK_S = 24, 0.3
QUESTIONS = [f"question_{n:02}" for n in range(N_TEXTS)]
FORM = "\n".join(
    ["| survey |", "| | type | name | label |", "| | start | start | |", "| | end | end | |"]
    + [
        line
        for part in range(4)
        for line in (
            f"| | begin_group | partie_{part} | Partie |",
            *(
                f"| | {'integer' if n % 4 == 0 else 'text'} | {QUESTIONS[n]} | {QUESTIONS[n]} |"
                for n in range(part, N_TEXTS, 4)
            ),
            "| | end_group | | |",
        )
    ]
    + [
        "| | select_multiple themes | themes | Thèmes |",
        "| | geopoint | gps | Position |",
        "| | image | photo | Photo |",
    ]
    + [
        "| | begin_repeat | membre | Membre |",
        "| | text | prenom | Prénom |",
        "| | integer | age | Âge |",
        "| | end_repeat | | |",
    ]
    + ["| choices |", "| | list_name | name | label |", "| | themes | eau | Eau |", "| | themes | ecole | École |"]
    + ["| settings |", "| | form_title | form_id |", "| | Banc | banc |", ""]
)
WORDS = "eau école route santé assainissement électricité dispensaire transport bibliothèque formation".split()


# ── data and server ──


def record(n: int, chance: random.Random, filler: int) -> bytes:
    """One row as KoboToolbox lists it."""
    uuid = f"{chance.getrandbits(32):08x}-0000-4000-8000-{n:012x}"
    row: dict[str, Any] = {
        "_id": n,
        "formhub/uuid": "0" * 32,
        "start": "2025-02-11T09:12:05.123+01:00",
        "end": "2025-02-11T09:40:17.456+01:00",
        **{
            f"partie_{at % 4}/{name}": str(chance.randrange(99))
            if at % 4 == 0
            else " ".join(chance.choices(WORDS, k=2 + filler))
            for at, name in enumerate(QUESTIONS)
        },
        "themes": "eau ecole",
        "gps": f"{31 + chance.random():.6f} {-5 - chance.random():.6f} 1200.5 4.2",
        "membre": [
            {"membre/prenom": chance.choice(WORDS), "membre/age": str(chance.randrange(90))}
            for _ in range(chance.randrange(5))
        ],
        "__version__": "vBenchmark000000000001",
        "meta/instanceID": f"uuid:{uuid}",
        "meta/rootUuid": f"uuid:{uuid}",
        "_xform_id_string": UID,
        "_uuid": uuid,
        "_attachments": [],
        "_status": "submitted_via_web",
        "_geolocation": [31.5, -5.5],
        "_submission_time": "2025-02-11T09:41:00",
        "_validation_status": {},
        "_submitted_by": "agent",
    }
    if n % 5 < 3:
        link = f"https://kf.example.org/api/v2/assets/{UID}/data/{n}/attachments/att{n:019}/"
        row["photo"] = f"{n}.jpg"
        sizes = {f"download_{size}url": f"{link}{size.rstrip('_')}" for size in ("", "large_", "medium_", "small_")}
        row["_attachments"] = [
            {
                **sizes,
                "mimetype": "image/jpeg",
                "filename": f"agent/attachments/{uuid}/{n}.jpg",
                "media_file_basename": f"{n}.jpg",
                "uid": f"att{n:019}",
                "question_xpath": "photo",
                "is_deleted": False,
            }
        ]
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()


def light(raw: bytes) -> bytes:
    """What a light scan shows of a row."""
    row = json.loads(raw)
    kept = ("_id", "_uuid", "meta/rootUuid", "_validation_status", "_attachments")
    return json.dumps({key: row[key] for key in kept}, separators=(",", ":")).encode()


def render(folder: Path, n_records: int, per_page: int, filler: int, *, spoilt: bool = False) -> int:
    """Write every page, gzip; *spoilt*: 100 rows are gone and 100 have a blanked answer. Returns the bytes unpacked."""
    total = 0
    n_listed = n_records - 100 * spoilt
    for kind in ("full", "light"):
        (folder / kind).mkdir(parents=True)
    for at in range(0, n_records + 1, per_page):
        chance = random.Random(at)
        rows = [record(n, chance, filler) for n in range(at + 1, min(at + per_page, n_records) + 1)]
        if spoilt and at == 0:
            rows = [raw.replace(b'"themes":"eau ecole",', b"") for raw in rows[100:200]] + rows[200:]
        for kind, each in (("full", rows), ("light", [light(raw) for raw in rows])):
            body = b'{"count":%d,"next":null,"previous":null,"results":[%s]}' % (n_listed, b",".join(each))
            (folder / kind / f"{at}.json.gz").write_bytes(gzip.compress(body, 5, mtime=0))
            total += len(body) if kind == "full" else 0
        if at == 0:
            body = b'{"count":%d,"next":"more","previous":null,"results":[%s]}' % (n_listed, b",".join(rows[:100]))
            (folder / "default.json.gz").write_bytes(gzip.compress(body, 5, mtime=0))
    return total


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


class Nginx:
    """nginx over the pages of *work*, until closed."""

    def __init__(self, work: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        (work / "nginx.conf").write_text(
            NGINX.format(work=work, port=self.port, uid=UID, user="user root; " if os.geteuid() == 0 else ""), "utf-8"
        )
        self._process = subprocess.Popen(["nginx", "-p", str(work), "-c", str(work / "nginx.conf")])
        self.url = f"http://127.0.0.1:{self.port}"
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                break
            except OSError:
                time.sleep(0.05)

    def close(self) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait()


# ── measures, each in a process of its own ──


def address(url: str, after: int, limit: int = 1000) -> str:
    """The address of the page after a row."""
    sys.path.insert(0, str(ROOT))
    from kobo_sync.kobo import protocol

    return url + protocol.data_path(UID, limit=limit, query=protocol.after(after))


def measure_curl(url: str, afters: list[int], work: Path) -> float:
    """Seconds for one curl process to fetch every page, unpacked, to disk and flushed."""
    target = work / "curl.out"
    config = work / "curl.conf"
    config.write_text("".join(f'url = "{address(url, after)}"\n' for after in afters), "utf-8")
    began = time.perf_counter()
    with target.open("wb") as out:
        subprocess.run(["curl", "-sSf", "--compressed", "-g", "-K", str(config)], stdout=out, check=True)
        os.fsync(out.fileno())
    took = time.perf_counter() - began
    target.unlink()
    return took


def child(what: str, url: str, state: Path) -> dict[str, float]:
    """One measure, in this process."""
    from kobo_sync.forms.xlsform import read_form
    from kobo_sync.kobo.client import KoboClient
    from kobo_sync.store.database import open_store
    from kobo_sync.store.mirror import Mirror

    form = read_form(FORM.encode(), "banc.md")
    client = KoboClient(url, url, "t" * 40)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began = time.perf_counter()
    store = open_store(state)
    mirror = Mirror(store, form, derive=what != "raw")
    if what != "raw":
        mirror.prepare()
    if what == "compare":
        comparison = mirror.compare(client.light_pages(UID))
        found = float(len(comparison.wanted) + len(comparison.absent))
        mirror.bury(list(comparison.absent), NOW)
    else:
        for page in client.pages(UID, above=0, limit=1000):
            mirror.write_page(page, NOW, advance=True)
        found = 0.0
    if what == "flat":
        mirror.index()
    took = time.perf_counter() - began
    n_live = mirror.n_live()
    with store.begin() as connection:
        blank = 0
        if what != "raw":
            blank = connection.exec_driver_sql("SELECT count(*) FROM data_banc WHERE themes IS NULL").scalar() or 0
    store.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"s": took, "rows": n_live, "blank": blank, "found": found, "mb": peak, "mb_before": before}


def run_child(what: str, url: str, state: Path) -> dict[str, Any]:
    """`child` in a process of its own."""
    command = [sys.executable, __file__, "--child", what, "--url", url, "--state", str(state)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


DLT = """
import sys, time, json, sqlite3
url, uid, per_page, n, target, folder = sys.argv[1:7]
import dlt, requests
@dlt.resource(name="rows", primary_key="_id", write_disposition="merge")
def rows():
    session = requests.Session()
    for start in range(0, int(n), int(per_page)):
        yield session.get(f"{url}/api/v2/assets/{uid}/data/", params={"start": start, "limit": 1000}).json()["results"]
began = time.perf_counter()
pipeline = dlt.pipeline("banc", destination=dlt.destinations.sqlalchemy(f"sqlite:///{target}"), dataset_name="main", pipelines_dir=folder)
pipeline.run(rows())
took = time.perf_counter() - began
tables = sqlite3.connect(target)
print(json.dumps({"s": took, "rows": tables.execute("select count(*) from rows").fetchone()[0],
                  "blank": tables.execute("select count(*) from rows where themes is null").fetchone()[0]}))
"""
KOBOEXTRACTOR = """
import sys, json
from koboextractor import KoboExtractor
print(json.dumps({"rows": len(KoboExtractor("t", sys.argv[1] + "/api/v2").get_data(sys.argv[2])["results"])}))
"""
PYKOBO = """
import contextlib, sys, json
from pykobo.form import KoboForm
form = KoboForm(sys.argv[2])
form.url_data, form.headers = f"{sys.argv[1]}/api/v2/assets/{sys.argv[2]}/data.json", {}
form._get_survey, form._KoboForm__content = (lambda: None), {}
with contextlib.suppress(Exception):  # what follows the request wants the form's labels, which this server has not
    form.fetch_data()
print(json.dumps({"rows": len(form.data)}))
"""


def run_peer(python: str, script: str, *arguments: str) -> dict[str, Any]:
    """A peer's own process; its reason when it cannot run."""
    env = {**os.environ, "RUNTIME__DLTHUB_TELEMETRY": "false"}
    done = subprocess.run([python, "-c", script, *arguments], capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["no reason given"])[-1][:160]}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


THINKING = """
import sys, time, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
import re, urllib.parse
root, think = Path(sys.argv[1]), float(sys.argv[2])
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        asked = urllib.parse.unquote(self.path)
        after = re.search(r'gt":(-?[0-9]+)', asked)
        body = (root / ("light" if "rootUuid" in asked else "full") / f"{max(0, int(after[1]))}.json.gz").read_bytes()
        time.sleep(think)
        self.send_response(200)
        for name, value in (("Content-Type", "application/json"), ("Content-Encoding", "gzip"), ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers(); self.wfile.write(body)
    def log_message(self, *_): pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


# ── the table ──


def say(what: str, figure: str, goal: str = "") -> None:
    """Print a line of the table."""
    print(f"{what:58} {figure:>26}  {goal}", flush=True)


def main() -> None:
    """Read the arguments, measure, print."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--records", type=int, default=100_000)
    asked.add_argument("--per-page", type=int, default=1000)
    asked.add_argument(
        "--filler", type=int, default=2, help="words per answer beyond two: 2 makes 2.4 kB, 70 about 20 kB"
    )
    asked.add_argument("--peers", default="", help="a Python that has dlt, koboextractor, pykobo")
    asked.add_argument("--peer-records", type=int, default=20_000)
    asked.add_argument("--runs", type=int, default=3, help="each measure so often; the best counts")
    asked.add_argument("--only", default="", help="raw, flat, think, peers: only these, comma-separated")
    for name in ("child", "url", "state"):
        asked.add_argument(f"--{name}", help=argparse.SUPPRESS)
    options = asked.parse_args()
    if options.child:
        sys.path.insert(0, str(ROOT))
        print(json.dumps(child(options.child, options.url, Path(options.state))))
        return
    if not shutil.which("nginx"):
        raise SystemExit("nginx is not here: apt install nginx-light")
    only = set(filter(None, options.only.split(",")))
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        n_bytes = render(work / "pages", options.records, options.per_page, options.filler)
        per = n_bytes / options.records
        print(f"{options.records} records of {per:.0f} bytes, {options.per_page} to a page, gzip, nginx on loopback\n")
        server = Nginx(work)
        try:
            if not only or only & {"raw", "flat"}:
                against_curl(server.url, work, options, only)
            if not only or "think" in only:
                against_thinking(work, options)
        finally:
            server.close()
        if options.peers and (not only or "peers" in only):
            against_peers(work, options)
        elif not only:
            print("peers: not measured (name a Python that has them with --peers)")


def against_curl(url: str, work: Path, options: argparse.Namespace, only: set[str]) -> None:
    """First mirror and re-scans as multiples of curl."""
    afters = list(range(0, options.records, options.per_page))
    limit = min(measure_curl(url, afters, work) for _ in range(options.runs))
    say("curl, every page to disk with fsync", f"{limit:.2f} s")

    def best(what: str, *, fresh: bool, name: str) -> dict[str, Any]:
        found = []
        for n in range(options.runs if fresh else max(1, options.runs - 1)):
            state = work / (f"{name}{n}.sqlite" if fresh else f"{name}0.sqlite")
            found.append(run_child(what, url, state))
            if fresh and n:
                for part in work.glob(f"{name}{n}.sqlite*"):
                    part.unlink()
        return min(found, key=lambda each: each["s"])

    def told(what: str, found: dict[str, Any], goal: str) -> None:
        say(what, f"{found['s']:.2f} s = {found['s'] / limit:.2f} × curl", f"{goal} · peak {found['mb']:.0f} MB")

    if not only or "raw" in only:
        told("first mirror: raw rows, hashes, cursor", best("raw", fresh=True, name="raw"), "goal 2.6 (2)")
        told("re-scan, nothing changed", best("raw", fresh=False, name="raw"), "goal 1.4")
    if not only or "flat" in only:
        told("first mirror with flat tables and file ledger", best("flat", fresh=True, name="flat"), "goal 6")
        told("re-scan, nothing changed, with flat tables", best("flat", fresh=False, name="flat"), "goal 1.4")
        told("complete light scan held against the mirror", best("compare", fresh=False, name="flat"), "")
        size = sum(part.stat().st_size for part in work.glob("flat0.sqlite*"))
        say("size of the database with flat tables", f"{size / 1e6:.0f} MB")


def against_thinking(work: Path, options: argparse.Namespace) -> None:
    """The same with a server that thinks before each page."""
    pages = min(30, options.records // options.per_page)
    part = work / "thinking"
    shutil.rmtree(part, ignore_errors=True)
    render(part, pages * options.per_page, options.per_page, options.filler)
    server = subprocess.Popen(
        [sys.executable, "-c", THINKING, str(part), str(THINK_S)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout
        url = f"http://127.0.0.1:{int(server.stdout.readline())}"
        afters = [*range(0, pages * options.per_page, options.per_page), pages * options.per_page]
        limit = measure_curl(url, afters, work)
        for what in ("raw", "flat"):
            found = run_child(what, url, work / f"think-{what}.sqlite")
            say(
                f"server thinks 300 ms a page, {what}",
                f"{found['s']:.2f} s = {found['s'] / limit:.2f} × curl",
                "goal 1.06",
            )
    finally:
        server.terminate()
        server.wait()


def against_peers(work: Path, options: argparse.Namespace) -> None:
    """Time, row counts and correctness of peers."""
    n, per_page = options.peer_records, options.per_page
    shutil.rmtree(work / "pages")
    render(work / "pages", n, per_page, options.filler)
    server = Nginx(work)
    try:
        print(f"\npeers on {n} records of the same server")
        ours = run_child("flat", server.url, work / "ours.sqlite")
        again = run_child("flat", server.url, work / "ours.sqlite")
        arguments = (UID, str(per_page), str(n), str(work / "dlt.sqlite"), str(work / "dlt"))
        theirs = run_peer(options.peers, DLT, server.url, *arguments)
        if "error" not in theirs:
            twice = run_peer(options.peers, DLT, server.url, *arguments)
            say("dlt into SQLite, first", f"{theirs['s']:.1f} s = {theirs['s'] / ours['s']:.1f} × ours", "goal ≥ 5")
            say(
                "dlt into SQLite, nothing changed",
                f"{twice['s']:.1f} s = {twice['s'] / again['s']:.1f} × ours",
                "goal ≥ 20",
            )
        else:
            say("dlt", theirs["error"])
        for name, script in (("koboextractor", KOBOEXTRACTOR), ("pykobo", PYKOBO)):
            found = run_peer(options.peers, script, server.url, UID)
            say(f"{name}: rows of {n}", str(found.get("rows", found.get("error"))))
        say(f"ours: rows of {n}", str(ours["rows"]))
        shutil.rmtree(work / "pages")
        render(work / "pages", n, per_page, options.filler, spoilt=True)
        print("\nafter 100 deletions and 100 blanked answers on the server")
        run_child("flat", server.url, work / "ours.sqlite")
        mine = run_child("compare", server.url, work / "ours.sqlite")
        say("ours: rows, blanked answers", f"{mine['rows']}, {mine['blank']}", f"true: {n - 100}, 100")
        if "error" not in theirs:
            found = run_peer(options.peers, DLT, server.url, *arguments)
            say("dlt: rows, blanked answers", f"{found.get('rows')}, {found.get('blank')}", f"true: {n - 100}, 100")
    finally:
        server.close()


if __name__ == "__main__":
    main()
