"""The list of participants, published to the forms that show it."""

from __future__ import annotations

from datetime import timedelta

from kobo_sync.mission import Mission
from kobo_sync.model import Report
from kobo_sync.steps.deploy import deploy, local_form


def refresh_roster(mission: Mission, *, force: bool = False) -> Report:
    """Publish the roster to the forms that show it, when it changed; not more often than the config allows.

    Raises: KoboError, ConfigError.
    """
    started_at = mission.clock()
    roster = mission.config.roster
    plan = mission.participants()
    findings = list(plan.findings)
    lines: list[str] = []
    counts = {"participants": len(plan.rows)}
    if roster and roster.media_of:
        held = mission.store.deployments()
        due: list[str] = []
        waiting: list[str] = []
        for form_id in roster.media_of:
            known = held.get(form_id)
            if known is None or known.deployed_at is None:
                continue  # `deploy` publishes it with the form
            if known.media.get(roster.file) == local_form(mission, form_id).media_md5.get(roster.file):
                continue
            young = mission.clock() - known.deployed_at < timedelta(minutes=roster.min_minutes_between_deployments)
            (waiting if young and not force else due).append(form_id)
        if due:
            report = deploy(mission, form_ids=due)
            findings += report.findings
            lines += report.lines
        lines += [
            f"{form_id}: the roster changed; it waits for the minimum time between deployments" for form_id in waiting
        ]
        counts |= {"published": len(due), "waiting": len(waiting)}
    lines.append(f"{len(plan.rows)} participants in the roster")
    return mission.report("roster", started_at, counts, findings, lines)
