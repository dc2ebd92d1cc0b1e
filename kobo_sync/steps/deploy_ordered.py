"""A deployment that was asked for on a page: of one form, with what its order overrides."""

from __future__ import annotations

from dataclasses import replace

from kobo_sync.desk.deploy_orders import ordered_deployment
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Report
from kobo_sync.steps.deploy import deploy


def deploy_ordered(mission: Mission, form_id: str) -> Report:
    """`deploy` the form as its newest order says; the report tells what was overridden, and by whom. Raises: as `deploy`."""
    order = ordered_deployment(mission.desk, form_id)
    despite = order.despite if order else ()
    report = deploy(mission, form_ids=[form_id], despite=despite)
    overridden = tuple(f"{form_id}: {code} was overridden by {order.by}" for code in despite) if order else ()
    return replace(report, lines=(*report.lines, *overridden))
