"""Server time of the pages with many submissions and findings stored; each page's median and slowest of several.

Usage: ``python benchmarks/web.py [--submissions 100000] [--findings 100000] [--rounds 20] [--data DIR] [--records]``. The rows are copies of
the demo's in its three zones. The time is that between a request's arrival and its answer, measured in the
process that answers; the limit is 200 ms a page; the dashboard is looked at with 60 and 300 zones too. Also printed: what working the figures out took (`analyse`), once per
change of the data, and what `/metrics` costs.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from build import ROOT, _multiply
from records import emit, peak_mb

from kobo_sync.desk import accounts, runs, worklist
from kobo_sync.desk.runs import Order
from kobo_sync.mission.mission import CurrentMission, Mission
from kobo_sync.model import Finding
from kobo_sync.steps.analyse import analyse
from kobo_sync.web import Site, create_app
from kobo_sync.workspace.folders import Workspace

LIMIT_MS = 200
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SENTENCE = "une phrase assez longue"
PAGES = (
    "/",
    "/collecte",
    "/collecte/presence",
    "/qualite",
    "/qualite?etat=all&zone=bertat&severity=warning",
    "/synchronisations",
    "/livrables",
    "/formulaires",
    "/reglages",
    "/health",
    "/metrics",
)
ZONES = ("bertat", "zaouiat_sidi_hamza", "oumjniba")
MANY_ZONES = (60, 300)  # of which the dashboard is a table
DEMO_SUBMISSIONS = 486


def fill(demo: Path, folder: Path, n_submissions: int, n_findings: int) -> Workspace:
    """A workspace of this repository's mission that holds so many rows, findings and runs."""
    state = folder / "state"
    state.mkdir(mode=0o700)
    for name in ("mirror.sqlite", "desk.sqlite"):
        shutil.copy(demo / ".kobo_sync" / name, state / name)
    n_copies = max(3, n_submissions * len(ZONES) // DEMO_SUBMISSIONS)
    no_pictures = folder / "none"  # the rows tell of their files; no page shows one
    _multiply(state, no_pictures, list(ZONES), [ZONES[n % len(ZONES)] for n in range(n_copies)])
    workspace = Workspace(ROOT, state, demo)
    mission = Mission(workspace, {"KOBO_TOKEN": "x"}, lambda: NOW)
    found = [
        Finding(
            f"DATA{n % 20 + 1:03}",
            ("error", "warning", "info")[n % 3],  # type: ignore[arg-type]
            f"presence, submission {n}",
            f"constat {n}",
            "remède",
            zone=ZONES[n % 3],
            form_id="presence",
            root_uuid=f"r{n}",
            enumerator=f"agent{n % 40}",
        )
        for n in range(n_findings)
    ]
    worklist.refresh(mission.desk, found, NOW)
    for _ in range(500):
        runs.end_run(mission.desk, runs.start_run(mission.desk, "pull", Order(), NOW, "here", 1), NOW, "done", {})
    accounts.add_user(mission.desk, "banc", "Banc", "staff", SENTENCE, names=True, now=NOW, by="")
    mission.close()
    return workspace


def multiply_zones(mission: Mission, n_zones: int) -> None:
    """Have the dashboard show so many zones: copies of the mission's."""
    before = mission.desk.snapshot("dashboard")
    assert before is not None
    content, fingerprint, made_at = before
    zones = content["zones"]
    copies = [zones[n % len(zones)] | {"code": f"zone-{n}"} for n in range(n_zones)]
    mission.desk.put_snapshot("dashboard", content | {"zones": copies}, fingerprint, made_at)


def main() -> None:
    """Fill, look at each page in turn, print the table."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--submissions", type=int, default=100_000)
    asked.add_argument("--findings", type=int, default=100_000)
    asked.add_argument("--rounds", type=int, default=20)
    asked.add_argument("--data", type=Path, help="where the demo's data lie, or are made")
    asked.add_argument("--records", action="store_true", help="records instead of a table, see `records`")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="kobo-sync-web-") as name:
        demo = options.data or Path(name) / "demo"
        if not (demo / ".kobo_sync" / "mirror.sqlite").exists():
            subprocess.run(
                [sys.executable, "-m", "kobo_sync", "demo", "--output", str(demo)],
                cwd=ROOT,
                check=True,
                capture_output=True,
            )
        workspace = fill(demo, Path(name), options.submissions, options.findings)

        def open_one() -> Mission:
            return Mission(workspace, {"KOBO_TOKEN": "x"}, lambda: NOW)

        current = CurrentMission(open_one)
        began = time.process_time()
        analyse(current())
        once = time.process_time() - began
        if not options.records:
            print(f"{'analyse':<50} {once:8.2f} s CPU, once per change of the data")
        n = sum(holding.n_live for holding in current().store.holdings(list(current().config.forms)))
        app = create_app(Site(current, lambda: NOW))
        client = app.test_client()
        token = client.get("/connexion").text.partition('name="csrf_token" value="')[2].partition('"')[0]
        client.post("/connexion", data={"username": "banc", "password": SENTENCE, "csrf_token": token})
        if options.records:
            emit("analyse, once per change of the data", 1, n=n, s=once, cpu=once)
        else:
            n_open = worklist.counts(current().desk)["new"]
            print(f"{n} submissions, {n_open} open findings; limit {LIMIT_MS} ms a page")
        times: dict[str, list[float]] = {}

        def look(page: str, name: str = "") -> None:
            began = time.perf_counter()
            status = client.get(page).status_code
            took = times.setdefault(name or page, [])
            took.append((time.perf_counter() - began) * 1000)
            if options.records:
                emit(name or page, len(took), n=n, s=took[-1] / 1000, limit_s=LIMIT_MS / 1000, mb=peak_mb())
            if status != 200:
                raise SystemExit(f"{page}: {status}")

        for _ in range(options.rounds):
            for page in PAGES:
                look(page)
        for n_zones in MANY_ZONES:
            multiply_zones(current(), n_zones)
            for _ in range(options.rounds):
                look("/?tri=constats", f"/ of {n_zones} zones")
        for page, found in () if options.records else times.items():
            median = statistics.median(found)
            mark = "" if median <= LIMIT_MS else "  above the limit"
            print(f"{page:<50} median {median:7.1f} ms   slowest {max(found):7.1f} ms{mark}")
        current.close()


if __name__ == "__main__":
    main()
