"""A mission that asks for few rows at once."""

from __future__ import annotations

from kobo_sync.mission.mission import Mission


def ask_for(mission: Mission, n_rows: int) -> None:
    """Have *mission* pull *n_rows* a page. Settings that a file leaves out are one object in all missions of a process: it is left as it is."""
    pull = mission.config.pull.model_copy(update={"page_size": n_rows})
    mission.__dict__["config"] = mission.config.model_copy(update={"pull": pull})
