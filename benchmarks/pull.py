"""Speed and memory of the pull, against curl and against peers on the same pages, in turn; prints records (see `records`).

Usage: ``python benchmarks/pull.py curl|think|growth|peers [--rows N] [--runs N] [--databases sqlite postgresql] [--peers PYTHON]``.
Records of submissions are made up, about 2.4 kB each, as KoboToolbox lists them; nginx serves them as gzip pages made
beforehand. Every measure runs in a process of its own; imports are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parent.parent))

from pages import FORM, UID, Records, render
from peers import run_peer
from records import children, emit, own_line, peak_mb, used_cpu
from servers import Postgres, moving_server, nginx

from kobo_sync.databases.engines import Address
from kobo_sync.forms.xlsform import read_form
from kobo_sync.kobo.server import KoboServer
from kobo_sync.kobo.wire import protocol
from kobo_sync.mission.mission import Mission
from kobo_sync.steps.pull import pull
from kobo_sync.store.database import Deployment, open_store
from kobo_sync.store.mirror import Mirror
from kobo_sync.workspace.folders import Workspace

NOW = datetime(2025, 2, 12, tzinfo=UTC)
THINK_S = 0.3
PAGE_BYTES = 3_000_000
NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}

# ── measures, each in a process of its own ──


def measure_curl(url: str, afters: Iterable[int], limit: int, work: Path) -> dict[str, float]:
    """One curl process that fetches every page, unpacked, to disk, flushed."""
    target, config = work / "curl.out", work / "curl.conf"
    addresses = (url + protocol.data_path(UID, limit=limit, query=protocol.after(after)) for after in afters)
    config.write_text("".join(f'url = "{address}"\n' for address in addresses), "utf-8")
    before, began = used_cpu(resource.RUSAGE_CHILDREN), time.perf_counter()
    with target.open("wb") as out:
        subprocess.run(["curl", "-sSf", "--compressed", "-g", "-K", str(config)], stdout=out, check=True)
        os.fsync(out.fileno())
    took = time.perf_counter() - began
    target.unlink()
    return {"s": took, "cpu": used_cpu(resource.RUSAGE_CHILDREN) - before}


def child(what: str, url: str, place: Path | Address, limit: int) -> dict[str, Any]:
    """One measure, in this process: *raw* (rows, hashes, cursor), *flat* (tables and files besides), *scan*, *rebuild*."""
    form = read_form(FORM.encode(), "banc.md")
    client = KoboServer(url, url, "t" * 40)
    began, cpu = time.perf_counter(), used_cpu()
    store = open_store(place)
    mirror = Mirror(store, form, derive=what != "raw")
    differ, beside = 0, 0.0
    if what != "raw":
        mirror.prepare()
    if what == "scan":
        comparison = mirror.reconcile(client.light_pages(UID))
        differ = len(comparison.to_read) + len(comparison.absent)
        mirror.bury(list(comparison.absent), NOW)
    elif what == "rebuild":
        mirror.rebuild()
    else:
        for page in client.pages(UID, above=-1, limit=limit, ahead=mirror.ahead):
            mirror.write_page(page, NOW, advance=True)
        beside = peak_mb() + sum(map(peak_mb, children()))
        mirror.index()
    mirror.close()
    took = time.perf_counter() - began
    used = used_cpu() + used_cpu(resource.RUSAGE_CHILDREN) - cpu
    blank = 0
    if what != "raw":
        with store.read() as connection:
            blank = connection.exec_driver_sql("SELECT count(*) FROM data_banc WHERE themes IS NULL").scalar() or 0
    n_live = mirror.cursor().n_live
    store.close()
    mb = max(beside, peak_mb())
    return {"s": took, "cpu": used, "rows": n_live, "blank": blank, "differ": differ, "mb": mb}


def quick_child(url: str, root: Path, store_url: str) -> dict[str, Any]:
    """A quick pull of a whole mission, in this process."""
    secrets = {"KOBO_TOKEN": "t", **({"STORE_URL": store_url} if store_url else {})}
    mission = Mission(Workspace(root, root / "state", root / "out"), secrets, lambda: NOW, server=(url, url))
    mission.store.put_deployment(Deployment("banc", UID, url, "", {}, "", NOW))
    began, cpu = time.perf_counter(), used_cpu()
    counts = pull(mission, quick=True).counts
    took, used = time.perf_counter() - began, used_cpu() - cpu
    mission.close()
    return {"s": took, "cpu": used, "edited": counts.get("edited", 0), "new": counts.get("new", 0), "mb": peak_mb()}


@dataclass
class Place:
    """Where mirrors are made: files of *work*, or with *server* schemas of a PostgreSQL database."""

    work: Path
    server: Postgres | None = None

    @property
    def name(self) -> str:
        """What lines of the table call it."""
        return NAMES["postgresql" if self.server else "sqlite"]

    def wipe(self, name: str) -> None:
        """Take a mirror away."""
        for part in self.work.glob(f"{name}.sqlite*"):
            part.unlink()
        if self.server:
            engine = sa.create_engine(self.server.url)
            with engine.begin() as connection:
                connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {name} CASCADE")
            engine.dispose()

    def run(self, what: str, url: str, name: str, limit: int, *, processors: int = 0) -> dict[str, Any]:
        """`child` over the mirror *name*; the server's own processor time is counted in, and told as ``server_cpu``."""
        where = ["--store", self.server.url, "--schema", name] if self.server else []
        before = self.server.cpu_s() if self.server else 0.0
        words = ["child", "--what", what, "--url", url, "--state", str(self.work / f"{name}.sqlite"), *where]
        result = own_line(__file__, *words, "--limit", str(limit), processors=processors)
        if self.server:
            result["server_cpu"] = self.server.cpu_s() - before
            result["cpu"] += result["server_cpu"]
        return result


# ── against curl ──


@dataclass
class Rounds:
    """The measures of a part, in turn; *goals* are those of its size alone."""

    url: str
    work: Path
    rows: int
    limit: int
    peers: str = ""
    goals: bool = True
    counts: dict[str, int] = field(default_factory=dict)

    def say(self, what: str, result: dict[str, Any], against: dict[str, str]) -> None:
        """Record a measure; *against* maps what it is compared with to the goal."""
        run = self.counts[what] = self.counts.get(what, 0) + 1
        goals = {base: goal if self.goals else "" for base, goal in against.items()}
        emit(what, run, n=self.rows, against=goals, **result)

    def limits(self) -> None:
        """curl, and a bare loop of requests."""
        afters = range(0, self.rows, self.limit)
        self.say("curl, every page to disk", measure_curl(self.url, afters, self.limit, self.work), {})
        if self.peers:
            result = run_peer(self.peers, "requests", self.url, self.rows, self.limit, str(self.work))
            self.say("requests, every page by its number, rows to a file", result, {"curl, every page to disk": ""})

    def mirror(self, place: Place, *, one: bool) -> None:
        """First mirror and every row again, raw and with flat tables; with *one* also on one processor."""
        curl = "curl, every page to disk"
        both = place.server is not None
        for what, title, goal in (("raw", "raw rows", "≤ 1.8"), ("flat", "flat tables", "≤ 4")):
            place.wipe(what)
            for label, wish in ((f"first mirror, {title}", goal), (f"every row again, {title}", "≤ 1.2")):
                against = {curl: "" if both else wish}
                if both and what == "flat":
                    against[f"{label}, SQLite"] = "≤ 2" if label.startswith("first") else "≤ 1.5"
                self.say(f"{label}, {place.name}", place.run(what, self.url, what, self.limit), against)
        if one:
            place.wipe("one")
            result = place.run("flat", self.url, "one", self.limit, processors=1)
            self.say(f"first mirror, flat tables, one processor, {place.name}", result, {curl: "≤ 6"})
            place.wipe("one")

    def scan(self, place: Place) -> None:
        """A complete light scan compared with the mirror of *mirror*."""
        against = {"curl, every page to disk": "" if place.server else "≤ 1.3"}
        if place.server:
            against["light scan compared with the mirror, SQLite"] = ""
        what = f"light scan compared with the mirror, {place.name}"
        self.say(what, place.run("scan", self.url, "flat", self.limit), against)

    def rebuild(self, place: Place) -> None:
        """The flat tables derived again from the rows as received."""
        what = "flat tables derived again"
        against = {f"{what}, SQLite": ""} if place.server else {f"first mirror, flat tables, {place.name}": ""}
        self.say(f"{what}, {place.name}", place.run("rebuild", self.url, "flat", self.limit), against)


def against_curl(work: Path, places: Sequence[Place], options: argparse.Namespace) -> None:
    """First mirror, every row again, light scan, rebuild: ours and curl in turn; scans *scan_runs* times."""
    n, limit = options.rows, options.limit
    render(work / "pages", Records(options.filler), n, limit)
    with nginx(work) as url:
        rounds = Rounds(url, work, n, limit, options.peers, goals=n >= 100_000)
        measure_curl(url, range(0, n, limit), limit, work)  # the pages come from the disk's cache from now on
        for run in range(max(options.runs, options.scan_runs)):
            mirrored = run < options.runs
            if mirrored or n < 200_000:
                rounds.limits()
            else:
                afters = range(0, n, limit)
                rounds.say("curl, every page to disk", measure_curl(url, afters, limit, work), {})
            for place in places:
                if mirrored:
                    rounds.mirror(place, one=not place.server and n <= 200_000)
                rounds.scan(place)
                if mirrored and n <= 200_000:
                    rounds.rebuild(place)


def against_thinking(work: Path, places: Sequence[Place], options: argparse.Namespace) -> None:
    """First mirror from a server that thinks before each page."""
    render(work / "pages", Records(options.filler), options.rows, options.limit)
    with moving_server(work / "pages", THINK_S, options.rows) as url:
        for run in range(1, options.runs + 1):
            afters = range(0, options.rows + options.limit, options.limit)
            curl = measure_curl(url, afters, options.limit, work)
            emit("curl, 300 ms a page", run, n=options.rows, **curl)
            for place in places:
                place.wipe("think")
                result = place.run("flat", url, "think", options.limit)
                emit(
                    f"first mirror, flat tables, {place.name}", run, n=options.rows, against={"curl, 300 ms a page": "≤ 1.06"}, **result
                )  # fmt: skip


# ── a quick pull ──

MISSION = """
[mission]
code = "banc"
id = "b0"
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


def against_growth(work: Path, places: Sequence[Place], options: argparse.Namespace) -> None:
    """What a quick pull costs when k rows were edited: nothing, 100, 1,000."""
    render(work / "pages", Records(2, photos=False), options.rows, options.limit)
    for folder, file, text in (
        ("config", "mission.toml", MISSION),
        ("config", "zones.csv", "code,label_fr\na,A\n"),
        ("forms", "banc.md", FORM),
    ):
        (work / folder).mkdir(exist_ok=True)
        (work / folder / file).write_text(text, "utf-8")
    for run in range(1, options.runs + 1):
        for place in places:
            shutil.rmtree(work / "state", ignore_errors=True)
            place.wipe("kobo_b0")
            place.wipe("kobo_b0_desk")
            where = ["--store", place.server.url] if place.server else []
            with moving_server(work / "pages", 0, options.rows) as url:
                words = ["child", "--what", "quick", "--url", url, "--state", str(work), *where]
                own_line(__file__, *words)
                for k in (0, 100, 1000):
                    if k:
                        requests.post(f"{url}/{k}", timeout=10)
                    result = own_line(__file__, *words)
                    if result["edited"] not in (0, 100, 900, 1000) or bool(k) != bool(result["edited"]):
                        raise SystemExit(f"{result['edited']} of {k} edits were seen")
                    emit(f"quick pull after {k} edits, {place.name}", run, n=options.rows, **result)


# ── peers ──


def against_peers(work: Path, places: Sequence[Place], options: argparse.Namespace) -> None:
    """Time, row counts and correctness of peers, ours in turn with them."""
    n, limit = options.rows, options.limit
    ours = ("first mirror, flat tables, SQLite", "every row again, flat tables, SQLite")
    render(work / "pages", Records(options.filler), n, limit)
    rest = {"n": n}

    def peer(name: str) -> dict[str, Any]:
        return run_peer(options.peers, name, url, n, limit, str(work))

    place = places[0]
    with nginx(work) as url:
        for run in range(1, options.runs + 1):
            place.wipe("flat")
            for what in ours:
                emit(what, run, **rest, **place.run("flat", url, "flat", limit))
            shutil.rmtree(work / "dlt", ignore_errors=True)
            (work / "dlt.sqlite").unlink(missing_ok=True)
            emit("dlt into SQLite, first", run, **rest, against={ours[0]: "≥ 5"}, **peer("dlt"))
            emit("dlt into SQLite, nothing changed", run, **rest, against={ours[1]: "≥ 20"}, **peer("dlt"))
            emit("koboextractor, page by page, in memory", run, **rest, against={ours[0]: ""}, **peer("koboextractor"))
            emit("pykobo, in memory", run, **rest, against={}, **peer("pykobo"))
        shutil.rmtree(work / "pages")
        render(work / "pages", Records(options.filler), n, limit, spoilt=True)
        place.run("flat", url, "flat", limit)
        mine = place.run("scan", url, "flat", limit)
        for who, result in (("ours", mine), ("dlt", peer("dlt"))):
            told = {key: result.get(key) for key in ("rows", "blank", "error")}
            emit(f"{who}, after 100 deletions and 100 blanked answers", 1, **rest, right=[n - 100, 100], **told)


PARTS = {"curl": against_curl, "think": against_thinking, "growth": against_growth, "peers": against_peers}


def main() -> None:
    """Read the arguments, measure, print records."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("part", choices=[*PARTS, "child"])
    asked.add_argument("--rows", type=int, default=100_000)
    asked.add_argument("--runs", type=int, default=3)
    asked.add_argument("--scan-runs", type=int, default=0, help="light scans, where they are to be more")
    asked.add_argument("--databases", nargs="*", choices=list(NAMES), default=["sqlite"])
    asked.add_argument("--peers", default="", help="a Python that has the peers")
    asked.add_argument(
        "--filler", type=int, default=2, help="words per answer beyond two: 2 makes 2.4 kB, 70 some 20 kB"
    )
    for name in ("what", "url", "state", "store", "schema"):
        asked.add_argument(f"--{name}", default="", help=argparse.SUPPRESS)
    asked.add_argument("--limit", type=int, help=argparse.SUPPRESS)
    options = asked.parse_args()
    if options.part == "child":
        state = Path(options.state)
        place = Address(options.store, options.schema, "STORE_URL") if options.store else state
        quick = options.what == "quick"
        result = (
            quick_child(options.url, state, options.store)
            if quick
            else child(options.what, options.url, place, options.limit)
        )
        print(json.dumps(result))
        return
    per_row = len(Records(options.filler).row(1))
    options.limit = max(25, min(1000, PAGE_BYTES // per_row // 25 * 25))  # as the client would ask for
    server = Postgres() if "postgresql" in options.databases else None
    try:
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            places = [Place(work, server if name == "postgresql" else None) for name in options.databases]
            PARTS[options.part](work, places, options)
    finally:
        if server:
            server.close()


if __name__ == "__main__":
    main()
