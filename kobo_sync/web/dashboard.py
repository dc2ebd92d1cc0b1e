"""Tableau de bord: per zone quota, presence, response rates, first needs; how fresh the data are, what comes next."""

from __future__ import annotations

from typing import Any

from flask import Flask, render_template

from kobo_sync.analysis.suppression import publishable, shown
from kobo_sync.desk import runs, schedules, worklist
from kobo_sync.notices.messages import TITLES
from kobo_sync.service.hours import next_runs
from kobo_sync.web.site import Answer, members, person, site

RATES = {
    "test_before": "Test avant",
    "test_after": "Test après",
    "satisfaction": "Satisfaction",
    "needs": "Besoins",
}


def add_to(app: Flask) -> None:
    """Add this page."""
    app.add_url_rule("/", "dashboard", dashboard)


@members
def dashboard() -> Answer:
    """The page; before the first run it says what to do."""
    mission, now = site().mission, site().clock()
    snapshot = mission.desk.snapshot("dashboard")
    hours = next_runs(mission.config, schedules.settings(mission.desk), now)
    success = runs.last_success(mission.desk, runs.COLLECTING)
    settings = schedules.settings(mission.desk)
    content = snapshot[0] if snapshot else None
    places = [_seen(place) for place in ([content["mission"], *content["zones"]] if content else [])]
    if any("–" in group["cells"] for place in places[1:] for group in place["groups"]):
        places[0]["groups"] = []  # a sum would tell what a zone hides
    return render_template(
        "dashboard.html",
        places=places,
        as_of=content["as_of"] if content else None,
        made_at=snapshot[2] if snapshot else None,
        next_at=min(hours.values(), default=None),
        success=success,
        failing=[(run, TITLES.get(run.job, run.job)) for run in runs.failing(mission.desk)],
        paused=[TITLES[job] for job in sorted(settings) if settings[job].paused and job in TITLES],
        n_open=sum(n for state, n in worklist.counts(mission.desk).items() if state in worklist.OPEN),
        n_held=sum(holding.n_live for holding in mission.store.holdings(list(mission.config.forms)))
        if not places
        else 0,
        rates=RATES,
    )


def _seen(place: dict[str, Any]) -> dict[str, Any]:
    """A place as this person may see it: readers see no count that could point at somebody."""
    counts = [[group["women"], group["men"], group["other"]] for group in place["groups"]]
    columns = [at for at in range(3) if at < 2 or any(row[2] for row in counts)]
    counts = [[row[at] for at in columns] for row in counts]
    exact = person().may_act
    plain = [[str(n) for n in row] + [str(sum(row))] for row in counts]
    plain.append([str(sum(column)) for column in zip(*[[*row, sum(row)] for row in counts], strict=True)])
    cells = plain if exact else shown(counts) if counts else []
    groups = [
        {
            **group,
            "cells": cells[at],
            "total": sum(counts[at]) if cells[at][-1] != "–" else None,
            "parts": counts[at][:2] if "–" not in cells[at][:2] else None,
        }
        for at, group in enumerate(place["groups"])
    ]
    few = not exact and not publishable(place["n_needs"])
    hidden = not exact and 0 < place["n_present"] < 3
    return {
        **place,
        "groups": groups,
        "totals": cells[-1] if cells else [],
        "with_other": len(columns) > 2,
        "needs": [] if few else place["needs"],
        "few_needs": few and place["n_needs"] > 0,
        "shown_present": "–" if hidden else str(place["n_present"]),
        "quota_share": None if hidden else place["quota_share"],
        "rates": [{**rate, "value": None if hidden else rate["value"]} for rate in place["rates"]],
        "shown_refused": "–" if not exact and 0 < place["n_refused"] < 3 else str(place["n_refused"]),
        "shown_full_day": "–" if not exact and 0 < place["n_full_day"] < 3 else str(place["n_full_day"]),
    }
