"""The list of participants, published to the forms that show it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from kobo_sync.analysis.roster_sheet import read_roster
from kobo_sync.errors import FormError
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Finding, Report
from kobo_sync.steps.deploy import NOT_DEPLOYED, deploy, local_form
from kobo_sync.steps.form_faults import one_at_a_time
from kobo_sync.steps.roster_list import is_entity_list, put_entity_list, refuse_names_for_codes


def refresh_roster(mission: Mission, *, force: bool = False, dry_run: bool = False) -> Report:
    """Publish the roster to the forms that show it, when it changed; not more often than the config allows.

    Raises: KoboError, ConfigError.
    """
    started_at = mission.clock()
    roster = mission.config.roster
    plan = mission.participants()
    findings = list(plan.findings)
    lines: list[str] = []
    counts = {"participants": len(plan.rows)}
    if roster and roster.media_of and is_entity_list(mission):
        counts |= _put(mission, findings, lines, dry_run=dry_run)
    elif roster and roster.media_of:
        deployments, client = mission.store.deployments(), mission.deployer()
        due: list[str] = []
        waiting: list[str] = []
        for form_id in roster.media_of:
            deployment = deployments.get(form_id)
            if deployment is None or deployment.deployed_at is None:
                continue  # `deploy` publishes it with the form
            with one_at_a_time(form_id, NOT_DEPLOYED, findings, client):
                # What the server has, not what this machine remembers: another one may have published since.
                on_server = {media.filename: media.md5 for media in client.asset(deployment.asset_uid)[1]}
                if on_server.get(roster.file) == local_form(mission, form_id).media_md5.get(roster.file):
                    continue
                age = mission.clock() - deployment.deployed_at
                young = age < timedelta(minutes=roster.min_minutes_between_deployments)
                (waiting if young and not force else due).append(form_id)
        if due:
            report = deploy(mission, form_ids=due, media_only=True, dry_run=dry_run)
            findings += report.findings
            lines += report.lines
        lines += [
            f"{form_id}: the roster changed; it waits for the minimum time between deployments" for form_id in waiting
        ]
        counts |= {"published": len(due), "waiting": len(waiting)}
    lines.append(f"{len(plan.rows)} participants in the roster")
    return mission.report("roster", started_at, counts, findings, lines)


def _put(mission: Mission, findings: list[Finding], lines: list[str], *, dry_run: bool) -> dict[str, int]:
    """Bring the entity list to the roster, unless it would lose many persons; returns the counts."""
    roster, server = mission.config.roster, mission.deployer()
    assert roster is not None
    for form_id in roster.media_of:  # forms that would find nobody in it
        refuse_names_for_codes(mission, mission.form(form_id))
    change, told = put_entity_list(mission, server, (), dry_run=dry_run)
    findings += [told] if told else []
    name = "entity list" + (" (dry run)" if dry_run else "")
    lines.append(f"{name}: {change.n_new} added, {change.n_changed} changed, {change.n_gone} taken out")
    return {"published": int(bool(change))}


def import_roster(mission: Mission, path: Path, *, dry_run: bool = False) -> Report:
    """Take in a roster that staff prepared (xlsx, csv): whole, or not at all when a row is at fault.

    Raises: FormError when the file cannot be read.
    """
    started_at = mission.clock()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FormError(f"it cannot be read: {error.strerror}", form=str(path), hint="check the name") from error
    rows, findings = read_roster(content, path.name, mission.config)
    errors = [finding for finding in findings if finding.severity == "error"]
    if not errors and not dry_run:
        mission.put_expected_participants(rows)
    outcome = f"{path.name}: {len(rows)} participants taken in" if not errors else f"{path.name}: nothing taken in"
    return mission.report("roster import", started_at, {"imported": 0 if errors else len(rows)}, findings, [outcome])
