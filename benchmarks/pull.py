"""Speed and memory of the pull, against curl and against peers, side by side in one run; prints a table of ratios.

See README.md beside this file. Records are made up, about 2.4 kB each, as KoboToolbox lists them; nginx serves them
as gzip pages made beforehand. Every measure runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

sys.path.insert(0, str(Path(__file__).parent.parent))

from pages import FORM, UID, Records, render

from kobo_sync.forms.xlsform import read_form
from kobo_sync.kobo.client import KoboClient
from kobo_sync.kobo.wire import protocol
from kobo_sync.mission.mission import Mission
from kobo_sync.steps.pull import pull
from kobo_sync.store.database import Deployment, open_store
from kobo_sync.store.mirror import Mirror
from kobo_sync.workspace.folders import Workspace

ROOT = Path(__file__).parent.parent
NOW = datetime(2025, 2, 12, tzinfo=UTC)
THINK_S = 0.3
PAGE_BYTES = 3_000_000

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
    return url + protocol.data_path(UID, limit=limit, query=protocol.after(after))


def measure_curl(url: str, afters: Iterable[int], work: Path) -> dict[str, float]:
    """One curl process that fetches every page, unpacked, to disk, flushed: seconds on the clock and of the processor."""
    target, config = work / "curl.out", work / "curl.conf"
    config.write_text("".join(f'url = "{address(url, after)}"\n' for after in afters), "utf-8")
    before, began = _cpu(resource.RUSAGE_CHILDREN), time.perf_counter()
    with target.open("wb") as out:
        subprocess.run(["curl", "-sSf", "--compressed", "-g", "-K", str(config)], stdout=out, check=True)
        os.fsync(out.fileno())
    took = time.perf_counter() - began
    target.unlink()
    return {"s": took, "cpu": _cpu(resource.RUSAGE_CHILDREN) - before}


def _cpu(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def child(what: str, url: str, state: Path) -> dict[str, float]:
    """One measure, in this process: *raw* (rows, hashes, cursor), *flat* (tables and files besides), *scan*."""
    form = read_form(FORM.encode(), "banc.md")
    client = KoboClient(url, url, "t" * 40)
    began, cpu = time.perf_counter(), _cpu(resource.RUSAGE_SELF)
    store = open_store(state)
    mirror = Mirror(store, form, derive=what != "raw")
    found = beside = 0.0
    if what != "raw":
        mirror.prepare()
    if what == "scan":
        comparison = mirror.compare(client.light_pages(UID))
        found = float(len(comparison.wanted) + len(comparison.absent))
        mirror.bury(list(comparison.absent), NOW)
    else:
        for page in client.pages(UID, above=0, limit=1000, ahead=mirror.ahead):
            mirror.write_page(page, NOW, advance=True)
        beside = _peak() + sum(map(_peak, _children()))
        mirror.index()
    took = time.perf_counter() - began
    used = _cpu(resource.RUSAGE_SELF) + _cpu(resource.RUSAGE_CHILDREN) - cpu
    n_live = mirror.n_live()
    with store.begin() as connection:
        blank = 0
        if what != "raw":
            blank = connection.exec_driver_sql("SELECT count(*) FROM data_banc WHERE themes IS NULL").scalar() or 0
    store.close()
    return {"s": took, "cpu": used, "rows": n_live, "blank": blank, "found": found, "mb": max(beside, _peak())}


def _peak(pid: int | str = "self") -> float:
    """The most memory that a process held, in MB."""
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _children() -> list[int]:
    """The processes that this one started and that live."""
    return [int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]


def quick_child(url: str, root: Path) -> dict[str, float]:
    """A quick pull of a whole mission, in this process."""
    mission = Mission(
        Workspace(root, root / "state", root / "out"), {"KOBO_TOKEN": "t"}, lambda: NOW, server=(url, url)
    )
    mission.store.put_deployment(Deployment("banc", UID, url, "", {}, "", NOW))
    began, cpu = time.perf_counter(), _cpu(resource.RUSAGE_SELF)
    report = pull(mission, quick=True)
    took, used = time.perf_counter() - began, _cpu(resource.RUSAGE_SELF) - cpu
    mission.close()
    counts = report.counts
    return {"s": took, "cpu": used, "edited": counts.get("edited", 0), "new": counts.get("new", 0)}


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


# ── the table ──


def say(what: str, figure: str, goal: str = "") -> None:
    """Print a line of the table."""
    print(f"{what:62} {figure:>34}  {goal}", flush=True)


def times(found: Sequence[dict[str, Any]], limits: Sequence[dict[str, Any]]) -> str:
    """The best of *found* as a multiple of the best of *limits*, on the clock and by the processor."""
    best, limit = (min(each["s"] for each in some) for some in (found, limits))
    work, least = (min(each["cpu"] for each in some) for some in (found, limits))
    return f"{best:.2f} s = {best / limit:.2f} × (CPU {work / least:.2f} ×)"


def against_curl(work: Path, options: argparse.Namespace, n: int, per_page: int) -> None:
    """First mirror and re-scans as multiples of curl on the same pages, in turn."""
    pages = work / "pages"
    shutil.rmtree(pages, ignore_errors=True)
    n_bytes = render(pages, Records(options.filler), n, per_page)
    print(
        f"\n{n} records of {n_bytes / n:.0f} bytes, {per_page} to a page, gzip, nginx on loopback; best of {options.runs}"
    )
    found: dict[str, list[dict[str, Any]]] = {}
    server = Nginx(work)
    try:
        for _ in range(options.runs):
            found.setdefault("curl", []).append(measure_curl(server.url, range(0, n, per_page), work))
            for what in ("raw", "flat"):
                for part in work.glob(f"{what}.sqlite*"):
                    part.unlink()
                found.setdefault(f"{what} first", []).append(run_child(what, server.url, work / f"{what}.sqlite"))
                found.setdefault(f"{what} again", []).append(run_child(what, server.url, work / f"{what}.sqlite"))
            found.setdefault("scan", []).append(run_child("scan", server.url, work / "flat.sqlite"))
    finally:
        server.close()
    limits = found.pop("curl")
    say("curl, every page to disk with fsync", f"{min(each['s'] for each in limits):.2f} s")
    for name, what, goal in (
        ("raw first", "first mirror: raw rows, hashes, cursor", "goal 2.6 (2)"),
        ("flat first", "first mirror, with flat tables and the ledger of files", "goal 6"),
        ("raw again", "every row again, nothing changed", "goal 1.4"),
        ("flat again", "every row again, nothing changed, with flat tables", "goal 1.4"),
        ("scan", "complete light scan held against the mirror", ""),
    ):
        peak = max(each["mb"] for each in found[name])
        say(
            what,
            times(found[name], limits),
            f"{goal or '':14} peak {peak:.0f} MB (goal {200 if name == 'scan' else 150})",
        )
    size = sum(part.stat().st_size for part in work.glob("flat.sqlite*"))
    say("size of the database with flat tables", f"{size / 1e6:.0f} MB")


def against_thinking(work: Path, options: argparse.Namespace, n: int, per_page: int) -> None:
    """The same with a server that thinks before each page."""
    found: dict[str, list[dict[str, Any]]] = {}
    with moving_server(work / "pages", THINK_S, n) as url:
        print(f"\na server that thinks {THINK_S * 1000:.0f} ms a page, {n} records")
        limit = [measure_curl(url, range(0, n + per_page, per_page), work)]
        for what in ("raw", "flat"):
            found[what] = [run_child(what, url, work / f"think-{what}.sqlite")]
    for what in ("raw", "flat"):
        say(f"first mirror, {what}", times(found[what], limit), "goal 1.06")


MISSION = """
[mission]
code = "banc"
title = "Banc"
languages = ["fr"]
timezone = "Africa/Casablanca"
starts_on = 2025-02-11
ends_on = 2025-02-13
[forms.banc]
file = "banc.md"
[server]
kf = "http://127.0.0.1:1"
kc = "http://127.0.0.1:1"
"""


def against_growth(work: Path, options: argparse.Namespace) -> None:
    """What a quick pull costs when k rows were edited, with ten times as many stored or changed."""
    print("\na quick pull after k edits, of n stored (processor time of the pull alone)")
    costs: dict[tuple[int, int], float] = {}
    for n in (options.growth, 10 * options.growth):
        part = work / f"growth{n}"
        render(part / "pages", Records(2, photos=False), n, options.per_page)
        for folder, file, text in (
            ("config", "mission.toml", MISSION),
            ("config", "zones.csv", "code,label_fr\na,A\n"),
            ("forms", "banc.md", FORM),
        ):
            (part / folder).mkdir(exist_ok=True)
            (part / folder / file).write_text(text, "utf-8")
        with moving_server(part / "pages", 0, n) as url:
            run_child("quick", url, part)
            for k in (100, 1000):
                requests.post(f"{url}/{k}", timeout=10)
                found = run_child("quick", url, part)
                if found["edited"] not in (100, 900, 1000):
                    raise SystemExit(f"{found['edited']} of {k} edits were seen")
                costs[n, k] = found["cpu"]
                say(f"n = {n}, k = {k}: {found['edited']:.0f} rows read", f"{found['cpu']:.2f} s CPU")
        shutil.rmtree(part)
    for k in (100, 1000):
        less, more = costs[options.growth, k], costs[10 * options.growth, k]
        say(f"ten times as many stored, k = {k}", f"{more / less:.2f} ×", "1 is flat")


def against_peers(work: Path, options: argparse.Namespace) -> None:
    """Time, row counts and correctness of peers."""
    n, per_page = options.peer_records, options.per_page
    shutil.rmtree(work / "pages", ignore_errors=True)
    render(work / "pages", Records(options.filler), n, per_page)
    server = Nginx(work)
    try:
        print(f"\npeers on {n} records of the same server")
        ours, again = (run_child("flat", server.url, work / "ours.sqlite") for _ in range(2))
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
        render(work / "pages", Records(options.filler), n, per_page, spoilt=True)
        print("\nafter 100 deletions and 100 blanked answers on the server")
        run_child("flat", server.url, work / "ours.sqlite")
        mine = run_child("scan", server.url, work / "ours.sqlite")
        say("ours: rows, blanked answers", f"{mine['rows']}, {mine['blank']}", f"true: {n - 100}, 100")
        if "error" not in theirs:
            found = run_peer(options.peers, DLT, server.url, *arguments)
            say("dlt: rows, blanked answers", f"{found.get('rows')}, {found.get('blank')}", f"true: {n - 100}, 100")
    finally:
        server.close()


def main() -> None:
    """Read the arguments, measure, print."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--records", type=int, default=100_000)
    asked.add_argument("--big", type=int, default=0, help="also so many, once: memory must stay (1000000)")
    asked.add_argument(
        "--filler", type=int, default=2, help="words per answer beyond two: 2 makes 2.4 kB, 70 about 20 kB"
    )
    asked.add_argument("--peers", default="", help="a Python that has dlt, koboextractor, pykobo")
    asked.add_argument("--peer-records", type=int, default=10_000)
    asked.add_argument(
        "--growth", type=int, default=10_000, help="rows stored for the quick pulls; and ten times as many"
    )
    asked.add_argument("--runs", type=int, default=3, help="each measure so often, in turn; the best counts")
    asked.add_argument("--only", default="", help="curl, think, growth, peers: only these, comma-separated")
    for name in ("child", "url", "state"):
        asked.add_argument(f"--{name}", help=argparse.SUPPRESS)
    options = asked.parse_args()
    if options.child:
        measure = (
            quick_child(options.url, Path(options.state))
            if options.child == "quick"
            else child(options.child, options.url, Path(options.state))
        )
        print(json.dumps(measure))
        return
    if not shutil.which("nginx"):
        raise SystemExit("nginx is not here: apt install nginx-light")
    per_row = len(Records(options.filler).row(1))
    options.per_page = max(25, min(1000, PAGE_BYTES // per_row // 25 * 25))  # as the client would ask for
    wanted = set(filter(None, options.only.split(","))) or {"curl", "think", "growth", "peers"}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        if "curl" in wanted:
            against_curl(work, options, options.records, options.per_page)
        if "think" in wanted:
            n = min(options.records, 100 * options.per_page)
            if not (work / "pages").exists():
                render(work / "pages", Records(options.filler), n, options.per_page)
            against_thinking(work, options, n, options.per_page)
        if options.big:
            options.runs = 1
            against_curl(work, options, options.big, options.per_page)
        if "growth" in wanted:
            against_growth(work, options)
        if options.peers and "peers" in wanted:
            against_peers(work, options)
        elif not options.only:
            print("peers: not measured (name a Python that has them with --peers)")


if __name__ == "__main__":
    main()
