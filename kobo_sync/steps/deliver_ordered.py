"""A final delivery that was asked for on a page, with what its order overrides."""

from __future__ import annotations

from dataclasses import replace

from kobo_sync.desk.delivery_orders import ordered_delivery
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Report
from kobo_sync.steps.deliver import deliver


def deliver_ordered(mission: Mission) -> Report:
    """`deliver` as final, as the newest order says; the report tells what was overridden, and by whom. Raises: as `deliver`."""
    order = ordered_delivery(mission.desk)
    report = deliver(mission, final=True, despite=order.despite if order else ())
    overridden = tuple(f"final: {code} was overridden by {order.by}" for code in order.despite) if order else ()
    return replace(report, lines=(*report.lines, *overridden))
