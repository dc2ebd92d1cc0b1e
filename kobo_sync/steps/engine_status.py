"""What the workers' queue holds of a mission, as `status` prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kobo_sync.engine.tables import engine_url
from kobo_sync.errors import KoboSyncError
from kobo_sync.mission.mission import Mission

if TYPE_CHECKING:
    from kobo_sync.engine.queue import QueueState


def engine_state(mission: Mission) -> QueueState | None:
    """The queue of *mission* and its workers; None without an engine. Raises: StoreError, ConfigError."""
    if not engine_url(mission.config):
        return None
    from kobo_sync.engine.queue import mission_key, queue_of  # here: most missions have no engine

    queue, key = queue_of(mission.config), mission_key(mission.config)
    return queue.state([key]).of_mission(key) if queue else None


def engine_lines(mission: Mission) -> tuple[list[str], dict[str, int]]:
    """Lines and counts of queue, workers and lag; nothing without an engine. What hinders the look is a line."""
    try:
        state = engine_state(mission)
    except KoboSyncError as error:
        return [f"! queue: {error.message}"], {}
    if state is None:
        return [], {}
    kinds = [
        f"{kind.stage} {kind.n_waiting}/{kind.n_running}/{kind.n_failed}"
        for kind in state.kinds
        if kind.n_waiting or kind.n_running or kind.n_failed
    ]
    lines = [
        f"queue: {state.n_waiting} waiting, {state.n_running} running, {state.n_failed} failed within a day"
        f" · the oldest that is due waits since {state.lag_s:.0f} s",
        *([f"  waiting/running/failed: {', '.join(kinds)}"] if kinds else []),
    ]
    lines += [
        f"worker {each.host} {each.pid}: at work on {each.n_running}, last beat {each.silent_s:.0f} s ago"
        if each.is_alive
        else f"worker {each.host} {each.pid}: dead, last beat {each.silent_s:.0f} s ago"
        for each in state.workers
    ]
    if not state.n_alive:
        lines.append("! no worker lives: start `kobo-sync worker`")
    counts = {"waiting": state.n_waiting, "running": state.n_running, "failed": state.n_failed}
    counts |= {"workers": state.n_alive, "lag_s": int(state.lag_s)}
    return lines, {f"queue.{name}": n for name, n in counts.items()}
