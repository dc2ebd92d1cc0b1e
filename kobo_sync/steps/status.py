"""What the mirror holds, and how the last runs went."""

from __future__ import annotations

from kobo_sync.mission import Mission
from kobo_sync.model import Report
from kobo_sync.store.database import Holding, Run


def status(mission: Mission) -> Report:
    """Per form the server's and the local count, files missing and age; then the last runs. Raises: StoreError."""
    started_at = mission.clock()
    holdings = mission.store.holdings(list(mission.config.forms))
    lines = [_holding(holding) for holding in holdings]
    lines += [_run(run) for run in mission.store.last_runs()]
    counts = {
        "live": sum(holding.n_live for holding in holdings),
        "deleted": sum(holding.n_gone for holding in holdings),
        "files": sum(holding.n_files for holding in holdings),
        "files_missing": sum(holding.n_files_missing for holding in holdings),
        "quarantined": sum(holding.n_quarantined for holding in holdings),
    }
    return mission.report("status", started_at, counts, [], lines)


def _holding(holding: Holding) -> str:
    if holding.pulled_at is None:
        return f"{holding.form_id}: never pulled"
    sign = "=" if holding.server_n == holding.n_live else "≠"
    return (
        f"{holding.form_id}: server {holding.server_n} {sign} local {holding.n_live} · {holding.n_gone} deleted · "
        f"{holding.n_files_missing} of {holding.n_files} files missing · pulled {holding.pulled_at:%Y-%m-%d %H:%M} UTC"
    )


def _run(run: Run) -> str:
    took = f"{(run.ended_at - run.started_at).total_seconds():.0f} s" if run.ended_at else "not ended"
    error = f": {run.report['error']}" if run.status == "failed" and "error" in run.report else ""
    return f"run {run.run_id} {run.step} {run.started_at:%Y-%m-%d %H:%M} UTC · {run.status} · {took}{error}"
