"""`make trust`: what the product promises of faults, strangers, doors, leaks and rights, shown by real processes; one row a promise.

Usage: ``python tests/trust.py [--only WORD …] [--kills 360] [--cases 320] [--seeds 3] [--list]``. Each row runs its tests and prints how many cases passed;
the program ends with 1 when one falls short, and 0 only when every row was run and held. *--kills* are random kills of the command in all, one in four by SIGTERM,
*--cases* spoilt inputs for each of some thirty readers.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

REPO = Path(__file__).parents[1]


@dataclass(frozen=True)
class Row:
    """A promise, and the tests that show it: files, or single tests (``file.py::test``)."""

    promise: str
    tests: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """How many cases of a row passed, failed, and were left out (a program is missing); *n_kills* processes that were killed by chance."""

    n_passed: int
    n_failed: int
    n_left_out: int
    n_kills: int
    took_s: float

    @property
    def holds(self) -> bool:
        """Whether all cases passed, and there were some."""
        return self.n_passed > 0 and self.n_failed == 0


TABLES: dict[str, tuple[Row, ...]] = {
    "Faults": (
        Row("any verb killed at random moments", ("tests/steps/test_random_kills.py",)),
        Row(
            "pull from KoboToolbox killed at each write",
            ("tests/steps/test_pull_killed.py", "tests/steps/test_pull_every_write.py"),
        ),
        Row("pull from ODK Central killed at each write and request", ("tests/central/test_central_killed.py",)),
        Row("deployment cut short anywhere", ("tests/steps/test_deploy.py", "tests/central/test_central_deploy.py")),
        Row(
            "roster never shrinks on phones by accident",
            ("tests/steps/test_roster.py", "tests/central/test_entity_list_guard.py"),
        ),
        Row(
            "relay killed, refused, raced",
            (
                "tests/steps/test_relay_killed.py",
                "tests/steps/test_relay_faults.py",
                "tests/central/test_relay_to_central.py",
            ),
        ),
        Row(
            "backup, restore, purge: damaged, killed, in use",
            ("tests/steps/test_keeping.py", "tests/steps/test_at_rest.py"),
        ),
        Row("move between files and server killed", ("tests/steps/test_move.py",)),
        Row("workers killed, database stopped", ("tests/engine/test_kill_workers.py", "tests/engine/test_queue.py")),
        Row("station killed while phones send; full disk", ("tests/station/test_station_durability.py",)),
        Row(
            "service: cut short, clock set back, two at once",
            ("tests/service/test_service.py", "tests/service/test_missions.py"),
        ),
        Row(
            "damaged databases, wrong clocks and certificates, old backups, a restore or purge beside others",
            ("tests/steps/test_faults_at_rest.py", "tests/config/test_timetable.py"),
        ),
        Row("several machines see one truth", ("tests/steps/test_several_machines.py",)),
        Row("read-only and full disks", ("tests/deploy/test_read_only.py", "tests/cli/test_failures.py")),
        Row(
            "servers that fail, drip, lie, redirect (KoboToolbox)",
            ("tests/kobo/test_client.py", "tests/steps/test_pull.py", "tests/steps/test_pull_odd_rows.py"),
        ),
        Row(
            "servers that fail, drip, lie, redirect (ODK Central)",
            ("tests/central/test_central_faults.py", "tests/central/test_central_pull_odd.py"),
        ),
        Row(
            "schemas of every version brought up, newer ones refused unharmed",
            ("tests/house/test_schemas.py", "tests/steps/test_upgrade.py"),
        ),
        Row(
            "the mirror follows whatever happens on the server",
            ("tests/steps/test_mirror_scenarios.py", "tests/steps/test_pull_interleaved.py"),
        ),
    ),
    "Strangers": (
        Row("spoilt bytes in every reader", ("tests/hostile/test_fuzz.py",)),
        Row("bad input at the station", ("tests/station/test_bad_input.py", "tests/station/test_station_doors.py")),
        Row("half-sent and slow requests", ("tests/web/test_porter.py",)),
        Row(
            "formulas, markup and odd letters in documents",
            ("tests/documents", "tests/station/test_station_exports.py"),
        ),
    ),
    "Doors": (
        Row("every route of the pages × role × method; forged forms", ("tests/web/test_doors_of_pages.py",)),
        Row("every route of the station × who and from where × method", ("tests/station/test_station_doors_table.py",)),
        Row(
            "every page and verb by role",
            ("tests/web/test_pages.py", "tests/web/test_pages_of_missions.py", "tests/desk/test_rights.py"),
        ),
        Row("signing in, waits, cookies, links", ("tests/web/test_sign_in.py", "tests/web/test_accounts.py")),
        Row("server's address and tokens", ("tests/web/test_connection.py",)),
        Row("TLS of the station", ("tests/station/test_station_tls.py",)),
    ),
    "Leaks": (
        Row(
            "no marked answer leaves in any shape; secrets and state are the owner's", ("tests/steps/test_privacy.py",)
        ),
        Row(
            "whole lives of missions: nobody is named, no secret lies about; erased and purged to the last byte",
            ("tests/story/test_whole_life.py", "tests/story/test_nobody_is_named.py"),
        ),
        Row(
            "numbers of few persons cannot be recovered", ("tests/analysis", "tests/steps/test_purge_unmasks_nobody.py")
        ),
        Row(
            "backups, nominative zips and secrets at rest",
            (
                "tests/steps/test_at_rest.py",
                "tests/steps/test_backups_renewed.py",
                "tests/workspace/test_secret_files.py",
            ),
        ),
    ),
    "Rights of persons": (
        Row(
            "held, shown, erased here and upstream; the register; the journal",
            (
                *(
                    "tests/steps/test_person.py",
                    "tests/steps/test_person_at_station.py",
                    "tests/web/test_persons_page.py",
                    "tests/steps/test_register.py",
                ),
                *("tests/steps/test_audit.py", "tests/desk/test_journal.py", "tests/web/test_journal_page.py"),
            ),
        ),
    ),
    "Supply chain": (
        Row("licences, lock, bill of materials", ("tests/house/test_supply_chain.py", "tests/house/test_release.py")),
    ),
}


def run(row: Row, environ: dict[str, str]) -> Outcome:
    """Run a row's tests in a process of its own."""
    began = time.monotonic()
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-p",
                "no:cacheprovider",
                "-n",
                "2",
                f"--junitxml={report}",
                *row.tests,
            ],
            cwd=REPO,
            env=environ,
            stdout=sys.stderr,
            check=False,
        )
        if not report.exists():
            return Outcome(0, 1, 0, 0, time.monotonic() - began)
        suite = next(ElementTree.parse(report).getroot().iter("testsuite"))
    n_failed, n_left_out = int(suite.get("failures", 0)) + int(suite.get("errors", 0)), int(suite.get("skipped", 0))
    kills = [int(each.get("value", 0)) for each in suite.iter("property") if each.get("name") == "kills"]
    n_passed = int(suite.get("tests", 0)) - n_failed - n_left_out
    return Outcome(n_passed, n_failed, n_left_out, sum(kills), time.monotonic() - began)


def main() -> None:
    """Run the rows, print the tables."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--only", nargs="*", default=[], help="rows whose promise or table has one of these words")
    asked.add_argument("--kills", type=int, default=360)
    asked.add_argument("--cases", type=int, default=320)
    asked.add_argument("--seeds", type=int, default=3, help="lives of each mission in which leaks are looked for")
    asked.add_argument("--list", action="store_true", help="name the rows, and run nothing")
    options = asked.parse_args()
    counts = {"TRUST_KILLS": options.kills, "TRUST_CASES": options.cases, "TRUST_SEEDS": options.seeds}
    environ = {**os.environ, **{name: str(n) for name, n in counts.items()}}
    n_short = n_cases = n_rows = 0
    for table, rows in TABLES.items():
        chosen = [
            row
            for row in rows
            if not options.only or any(w.lower() in f"{table} {row.promise}".lower() for w in options.only)
        ]
        n_rows += len(chosen)
        if chosen:
            print(f"\n{table}\n", flush=True)
        for row in chosen:
            if options.list:
                print(f"  {row.promise}: {' '.join(row.tests)}")
                continue
            outcome = run(row, environ)
            n_short += not outcome.holds
            n_cases += outcome.n_passed
            more = f", {outcome.n_kills} kills" if outcome.n_kills else ""
            more += f", {outcome.n_left_out} left out" if outcome.n_left_out else ""
            mark = "✓" if outcome.holds else "✗"
            print(
                f"  {mark} {row.promise}: {outcome.n_passed} passed, {outcome.n_failed} failed{more} ({outcome.took_s:.0f} s)",
                flush=True,
            )
    if not options.list:
        print(f"\n{n_cases} cases, {n_short} rows fall short")
    raise SystemExit(1 if n_short or not n_rows else 0)


if __name__ == "__main__":
    main()
