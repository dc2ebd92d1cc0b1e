"""What the mirror holds, and how the last runs went."""

from __future__ import annotations

from datetime import datetime

from kobo_sync.desk import worklist
from kobo_sync.desk.runs import Run, failing, last_runs
from kobo_sync.desk.schedules import settings
from kobo_sync.mission.mission import Mission
from kobo_sync.mission.run_log import end_dead_runs
from kobo_sync.model import Report
from kobo_sync.steps.engine_status import engine_lines
from kobo_sync.store.database import Holding

ENDS = {  # of runs, as people read them
    "running": "still at work",
    "done": "ended well",
    "findings": "ended with findings",
    "failed": "broke off",
    "stopped": "stopped early",
    "lost": "cut short",
    "missed": "its hour was missed",
    "queued": "handed to the workers",
}


def status(mission: Mission) -> Report:
    """Per form the server's and the local count, files missing and age; then the last runs. Raises: StoreError.

    Lines say times in the mission's zone; counts and the runs' own records are in UTC.
    """
    started_at = mission.clock()
    end_dead_runs(mission)  # what a killed process left is not at work
    holdings = mission.store.holdings(list(mission.config.forms))
    lines = [_holding(mission, holding, started_at) for holding in holdings]
    lines += [_failing(mission, run) for run in failing(mission.desk)]
    lines += [
        f"! {job}: paused by {each.changed_by}" for job, each in sorted(settings(mission.desk).items()) if each.paused
    ]
    n_open = sum(n for state, n in worklist.counts(mission.desk).items() if state in worklist.OPEN)
    lines += (
        [f"! {n_open} findings are open (the page Quality lists them; `kobo-sync check` prints them)"] if n_open else []
    )
    lines += [_run(mission, run) for run in last_runs(mission.desk)]
    counts = {
        "live": sum(holding.n_live for holding in holdings),
        "deleted": sum(holding.n_gone for holding in holdings),
        "files": sum(holding.n_files for holding in holdings),
        "files_missing": sum(holding.n_files_missing for holding in holdings),
        "quarantined": sum(holding.n_quarantined for holding in holdings),
    }
    if mission.workspace.state.joinpath("station.sqlite").is_file():
        _add_relay(mission, started_at, lines, counts)
    of_queue, n_queued = engine_lines(mission)
    lines, counts = [*lines, *of_queue], counts | n_queued
    for holding in holdings:
        counts |= _metrics(holding, started_at)
    return mission.report("status", started_at, counts, [], lines)


def _add_relay(mission: Mission, now: datetime, lines: list[str], counts: dict[str, int]) -> None:
    from kobo_sync.steps.relay import ledger, summary, sums  # here: with the station it takes longer than all the rest

    totals = ledger(mission.workspace)
    if totals:
        waiting = min((total.waiting_since for total in totals if total.waiting_since), default=None)
        since = f", since {mission.local(waiting)} ({ago(now, waiting)})" if waiting else ""
        lines.append(f"relay: {summary(totals)}{since}")
        counts |= {f"relay.{name}": n for name, n in sums(totals).items()}


def _holding(mission: Mission, holding: Holding, now: datetime) -> str:
    if holding.pulled_at is None:
        cut = f"{holding.n_live:,} rows, its first pull was cut short: run `kobo-sync pull`"
        return f"{holding.form_id}: {cut if holding.n_live else 'never pulled'}"
    sign = "=" if holding.server_n == holding.n_live else "≠"
    complete = f"complete {ago(now, holding.reconciled_at)} ago" if holding.reconciled_at else "never complete"
    return (
        f"{holding.form_id}: server {holding.server_n or 0:,} {sign} local {holding.n_live:,} · {holding.n_gone:,} deleted · "
        f"{holding.n_files_missing:,} of {holding.n_files:,} files missing · pulled {mission.local(holding.pulled_at)}"
        f" ({ago(now, holding.pulled_at)} ago, {complete})"
    )


def _metrics(holding: Holding, now: datetime) -> dict[str, int]:
    """A form's figures for monitoring; *lag_s* is the age of the last pull in seconds, -1 when there was none."""
    name = holding.form_id
    lag = int((now - holding.pulled_at).total_seconds()) if holding.pulled_at else -1
    return {
        f"{name}.server": holding.server_n or 0,
        f"{name}.live": holding.n_live,
        f"{name}.files_missing": holding.n_files_missing,
        f"{name}.quarantined": holding.n_quarantined,
        f"{name}.lag_s": lag,
    }


def ago(now: datetime, then: datetime) -> str:
    """How long before *now* it was, in minutes, hours or days."""
    minutes = int((now - then).total_seconds() // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} days"


def _failing(mission: Mission, run: Run) -> str:
    error = run.report.get("error") or "its process died"
    return f"! {run.job}: its last run, {mission.local(run.started_at)}, failed: {error}"


def _run(mission: Mission, run: Run) -> str:
    parts = [f"run {run.run_id} of {run.job}, {mission.local(run.started_at)}", ENDS[run.status]]
    parts += [f"took {(run.ended_at - run.started_at).total_seconds():.0f} s"] if run.ended_at else []
    error = f": {run.report['error']}" if run.status == "failed" and "error" in run.report else ""
    return " · ".join(parts) + error
