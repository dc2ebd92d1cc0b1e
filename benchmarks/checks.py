"""How long all data checks take over many submissions of the mission's own forms, beside reading their tables once,
and how long the worklist takes with as many findings.

    python benchmarks/checks.py [--rows 100000]

Rows are drawn by form: a third registrations, a third attendance, a third tests. CPU seconds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pandas as pd

from kobo_sync.analysis.facts import Facts
from kobo_sync.checks import checks_of, run_checks
from kobo_sync.config.config import Config
from kobo_sync.desk.database import Desk
from kobo_sync.desk.worklist import page, refresh, set_state, states_of
from kobo_sync.model import Finding, Form, Severity
from kobo_sync.workspace.folders import find

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
FIRST = "Mohamed Fatima Hassan Khadija Youssef Aïcha Rachid Naïma Driss Malika Lahcen Zahra Hamid Samira Brahim".split()
LAST = "Alaoui|El Amrani|Idrissi|Bennani|Tazi|Ouchrif|Haddou|Zeroual|Berrada|Chraibi|Ait Lahcen|Ouali".split("|")


def main() -> None:
    """Print CPU seconds per check, the slowest first, and their sum."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    n = parser.parse_args().rows
    workspace = find(Path(__file__).parent)
    config = workspace.config({})
    facts = _facts(config, {form_id: workspace.form(form_id, config) for form_id in config.forms}, n // 3)
    copying = _cpu(lambda: [table.to_dict("list") for table in facts.tables.values()])
    spent = {}
    n_found = {}
    for check in checks_of(()):
        found: list[object] = []
        spent[check.code] = _cpu(lambda check=check, found=found: found.extend(check.find(facts)))  # type: ignore[misc]
        n_found[check.code] = len(found)
    for code, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        print(f"{code} {seconds:6.2f} s  {n_found[code]:>7} findings")
    whole = _cpu(lambda: run_checks(facts))
    print(
        f"all {whole:9.2f} s  {sum(n_found.values()):>7} findings, {n} submissions; {whole / copying:.1f} x reading the tables"
    )
    _worklist(n)


def _worklist(n: int) -> None:
    """Print CPU milliseconds of the worklist's acts with *n* findings of 20 rules, 3 zones and 40 enumerators."""
    now = datetime(2025, 2, 11, tzinfo=UTC)
    found = [
        Finding(
            f"DATA{at % 20 + 1:03}", SEVERITIES[at % 3], f"presence, soumission {at}", "message", "remède", zone=f"z{at % 3}",
            form_id="presence", root_uuid=f"r{at}", enumerator=f"agent{at % 40}",
        )
        for at in range(n)
    ]  # fmt: skip
    with TemporaryDirectory() as folder:
        desk = Desk(Path(folder) / "desk.sqlite")
        acts: dict[str, Callable[[], object]] = {
            "first refresh": lambda: refresh(desk, found, now),
            "nothing changed": lambda: refresh(desk, found, now),
            "a page": lambda: page(desk),
            "a page, three filters": lambda: page(desk, zone="z1", rule="DATA008", enumerator="agent7"),
            "states of all": lambda: states_of(desk, found),
        }
        for name, act in acts.items():
            print(f"worklist, {name}: {1000 * _cpu(act):.0f} ms")
        keys = [item.key for item in page(desk, limit=50).items]
        print(f"worklist, 50 set: {1000 * _cpu(lambda: set_state(desk, keys, 'seen', 'x', '', now)):.0f} ms")
        desk.close()


def _cpu(act: Callable[[], object]) -> float:
    began = time.process_time()
    act()
    return time.process_time() - began


def _facts(config: Config, forms: dict[str, Form], n: int) -> Facts:
    rng = Random(1)
    zones = [zone.code for zone in config.zones]
    tables = {}
    for form_id, form in forms.items():
        rows = []
        for at in range(n if form_id in ("inscription", "presence", "test") else 0):
            start = pd.Timestamp("2025-02-11T08:00:00+01:00") + pd.Timedelta(seconds=rng.randrange(200_000))
            row = {q.name: _answer(form, q.name, q.kind, q.list_name, rng) for q in form.questions if not q.repeat}
            row |= {
                "root_uuid": f"{form_id}-{at}", "submission_id": at, "submitted_at": start + pd.Timedelta(hours=1),
                "submitted_by": f"agent{at % 40}", "form_version": "v1", "validation": "",
                "zone": zones[at % len(zones)], "consentement": "oui", "code_participant": f"P-{at}",
                "participant": f"P-{rng.randrange(n)}", "nom": rng.choice(LAST), "prenom": rng.choice(FIRST) + str(at % 97),
                "telephone": f"06{rng.randrange(10**8):08}", "start": start.isoformat(), "today": start.date().isoformat(),
                "end": (start + pd.Timedelta(minutes=rng.uniform(1, 12))).isoformat(), "jour": start.date().isoformat(),
                "signature": f"{at}.png",
            }  # fmt: skip
            rows.append(row)
        tables[form_id] = pd.DataFrame(rows)
        for repeat in form.repeats:
            tables[f"{form_id}__{repeat.name}"] = pd.DataFrame()
    files = {(f"presence-{at}", f"{at}.png"): f"{at % (n - 50)}" for at in range(n)}
    return Facts(config, None, None, forms, tables, lambda *_: None, file_digests=files)


def _answer(form: Form, name: str, kind: str, list_name: str, rng: Random) -> object:
    if kind == "select_one" and form.choices.get(list_name):
        return rng.choice(form.choices[list_name]).name
    return rng.randrange(100) if kind == "integer" else "x" if kind == "text" else None


if __name__ == "__main__":
    main()
