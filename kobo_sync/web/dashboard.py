"""Tableau de bord: per zone quota, presence, response rates, first needs; how fresh the data are, what comes next."""

from __future__ import annotations

from typing import Any

from flask import Flask, render_template

from kobo_sync.desk import runs, schedules
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
    success = runs.last_success(mission.desk, ("run", "pull", "reconcile"))
    failed = [run for run in runs.last_runs(mission.desk, 1, with_reports=False) if run.has_failed]
    content = snapshot[0] if snapshot else None
    seen = _exact if person().may_act else _published
    places = [seen(place) for place in ([content["mission"], *content["zones"]] if content else [])]
    return render_template(
        "dashboard.html",
        places=places,
        as_of=content["as_of"] if content else None,
        made_at=snapshot[2] if snapshot else None,
        next_at=min(hours.values(), default=None),
        success=success,
        failed=failed[0] if failed else None,
        rates=RATES,
    )


def _exact(place: dict[str, Any]) -> dict[str, Any]:
    """A place as those see it who work with its rows."""
    counts = [[group["women"], group["men"], group["other"]] for group in place["groups"]]
    columns = [at for at in range(3) if at < 2 or any(row[2] for row in counts)]
    rows = [[*(row[at] for at in columns), sum(row)] for row in counts]
    totals = [sum(column) for column in zip(*rows, strict=True)]
    return {
        **place,
        "groups": [
            {**group, "cells": list(map(str, row)), "parts": row[:2]}
            for group, row in zip(place["groups"], rows, strict=True)
        ],
        "totals": list(map(str, totals)),
        "with_other": len(columns) > 2,
        "few_needs": False,
        **{
            f"shown_{name}": str(place[f"n_{name}"])
            for name in ("present", "registered", "full_day", "refused", "needs")
        },
    }


def _published(place: dict[str, Any]) -> dict[str, Any]:
    """A place as readers see it: what the mission's papers print, by the same plan; nothing of a snapshot that has none yet."""
    printed: dict[str, Any] = place.get("published", {})
    by_code = {group["code"]: group for group in place["groups"]}
    cells = printed.get("cells", [])
    groups = [
        {
            **by_code.get(code, {"code": code, "labels": {}, "quota": 0}),
            "cells": row,
            "parts": [int(cell) for cell in row[:2]] if "–" not in row[:2] else None,
        }
        for code, row in zip(printed.get("groups", []), cells[:-1], strict=True)
    ]
    return {
        **place,
        "groups": groups,
        "totals": cells[-1] if cells else [],
        "with_other": printed.get("with_other", False),
        "needs": printed.get("needs", []),
        "few_needs": not printed.get("needs") and place["n_needs"] > 0,
        "quota_share": printed.get("quota_share"),
        "rates": [
            {"name": name, "sign": sign, "value": value} for name, (sign, value) in printed.get("rates", {}).items()
        ],
        **{
            f"shown_{name}": printed.get(name, "–")
            for name in ("present", "registered", "full_day", "refused", "needs")
        },
    }
