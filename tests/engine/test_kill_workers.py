"""Workers that are killed at random, and a database that is stopped once: `kill_workers`, small."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from conftest import POSTGRES

pytest.importorskip("procrastinate", reason="procrastinate is not installed")

from kill_workers import N_WORKERS, killed, report


@pytest.mark.postgres
@pytest.mark.skipif(not POSTGRES, reason="PostgreSQL is not installed")
def test_nothing_is_lost_and_nothing_done_twice(tmp_path: Path) -> None:
    outcome = killed(tmp_path, 10, 4, seed=18, between_s=(1.0, 3.0), most_kills=5, tell=print)
    report(outcome, print)
    assert not outcome.zones_differing and outcome.projects_equal
    assert outcome.new_rows <= outcome.rows_sent and max(outcome.built_with_effect.values()) == 1
    assert outcome.state and not outcome.state.n_failed
    stopped = outcome.n_kills + outcome.n_database_stops * N_WORKERS  # each may have had a piece on every processor
    cut_short = sum(outcome.statuses.get(status, 0) for status in ("lost", "running"))
    assert cut_short <= stopped * (os.cpu_count() or 1), "the ledger tells no run as cut short that was not"
    assert outcome.n_kills >= 3 and outcome.n_database_stops == 1 and {*outcome.exits} <= {0, 143}
