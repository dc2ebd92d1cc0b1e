"""Tableau de bord: per zone quota, presence, response rates, first needs; how fresh the data are, what comes next."""

from __future__ import annotations

from typing import Any

from flask import Flask, abort, render_template, request

from kobo_sync.analysis.suppression import hidden, shown
from kobo_sync.desk import runs, schedules, worklist
from kobo_sync.desk.row_findings import n_to_deal_with
from kobo_sync.language.catalogue import later
from kobo_sync.mission.freshness import last_collected
from kobo_sync.notices.messages import TITLES
from kobo_sync.service.hours import next_runs
from kobo_sync.web.site import Answer, members, number, person, site
from kobo_sync.web.texts import label

RATES = {
    "test_before": later("Test before"),
    "test_after": later("Test after"),
    "satisfaction": later("Satisfaction"),
    "needs": later("Needs"),
}

NUMBERS = ("present", "registered", "full_day", "refused", "needs")
MOST_CARDS = 4  # zones; more are a table
# What the table of zones may be narrowed down to.
STATES = {
    "atteint": later("quota reached"),
    "en-cours": later("below the quota"),
    "vide": later("no data received"),
    "constats": later("findings to deal with"),
}
ORDERS = {"": later("Zone"), "taux": later("Quota"), "constats": later("to deal with")}  # of that table
ASKED = (*NUMBERS, "sex")  # by a mission whose figures were worked out before they said so


def add_to(app: Flask) -> None:
    """Add this page."""
    app.add_url_rule("/", "dashboard", dashboard)
    app.add_url_rule("/zones/<code>", "zone_figures", dashboard)


@members
def dashboard(code: str = "") -> Answer:
    """The page, or that of one zone; before the first run it says what to do. Many zones are a table, each with a page behind it."""
    mission, now = site().mission, site().clock()
    snapshot = mission.desk.snapshot("dashboard")
    hours = next_runs(mission.config, schedules.settings(mission.desk), now)
    success = last_collected(mission)
    settings = schedules.settings(mission.desk)
    content = snapshot[0] if snapshot else None
    places = [content["mission"], *content["zones"]] if content else []
    is_many = len(places) > MOST_CARDS + 1
    if person().may_act:
        places = [_exact(place, with_table=not is_many or place["code"] in ("", code)) for place in places]
    else:
        places = for_readers(places)
    if code and code not in [place["code"] for place in places]:
        abort(404)
    rows = places[1:] if is_many and not code else []
    n_findings = _n_findings() if rows and person().may_act else {}
    states = _states(rows)
    state = request.args.get("etat", "") if request.args.get("etat") in states else ""
    chosen = [place for place in places if place["code"] == code] if code or rows else places
    return render_template(
        "dashboard.html",
        places=chosen,
        code=code,
        rows=in_order(
            [row for row in rows if _is_so(row, state, n_findings)],
            request.args.get("tri", ""),
            request.args.get("nom", ""),
            n_findings,
        ),
        n_rows=len(rows),
        has_rates=any(row["rates"] for row in rows),
        order=request.args.get("tri", ""),
        orders={code: name for code, name in ORDERS.items() if person().may_act or code != "constats"},
        part=request.args.get("nom", ""),
        states=states,
        state=state,
        n_findings=n_findings,
        as_of=content["as_of"] if content else None,
        made_at=snapshot[2] if snapshot else None,
        next_at=min(hours.values(), default=None),
        success=success,
        failing=[(run, TITLES.get(run.job, run.job)) for run in runs.failing(mission.desk)],
        paused=[TITLES[job] for job in sorted(settings) if settings[job].paused and job in TITLES],
        n_open=n_to_deal_with(mission.desk),
        n_held=sum(holding.n_live for holding in mission.store.holdings(list(mission.config.forms)))
        if not places
        else 0,
        rates=RATES,
    )


def in_order(places: list[dict[str, Any]], order: str, part: str, n_findings: dict[str, int]) -> list[dict[str, Any]]:
    """Those whose name holds *part*, by name, or with *order* ``taux`` the least of their quota first, ``constats`` the most findings.

    By what is shown alone: an order by hidden numbers would tell them.
    """
    named = [(label(place["labels"], place["code"]), place) for place in places]
    named = [(name, place) for name, place in named if part.casefold() in name.casefold()]
    named.sort(key=lambda each: each[0].casefold())
    if order == "taux":
        named.sort(key=lambda each: (each[1]["quota_share"] is None, each[1]["quota_share"] or 0))
    elif order == "constats":
        named.sort(key=lambda each: -n_findings.get(each[1]["code"], 0))
    return [place for _, place in named]


def _states(zones: list[dict[str, Any]]) -> dict[str, str]:
    """What *zones* may be narrowed down to: quotas where there are any, findings for those who deal with them."""
    has_quota = any(zone["quota"] for zone in zones)
    offered = {"atteint": has_quota, "en-cours": has_quota, "vide": True, "constats": person().may_act}
    return {code: STATES[code] for code, is_offered in offered.items() if is_offered}


def _is_so(zone: dict[str, Any], state: str, n_findings: dict[str, int]) -> bool:
    """Whether a zone is *state*, by what is shown of it and its open findings; all are without one."""
    share = zone["quota_share"]
    if state == "atteint":
        return share is not None and share >= 1
    if state == "en-cours":
        return share is not None and share < 1
    if state == "vide":
        return not zone["as_of"]
    return state != "constats" or n_findings.get(zone["code"], 0) > 0


def _n_findings() -> dict[str, int]:
    """Zone → open findings."""
    by_zone = worklist.counts_by_zone(site().mission.desk)
    return {zone: sum(n for state, n in states.items() if state in worklist.OPEN) for zone, states in by_zone.items()}


def _counts(place: dict[str, Any]) -> list[list[int]]:
    """Women, men and, where there are any, others, of each group of a place."""
    counts = [[group["women"], group["men"], group["other"]] for group in place["groups"]]
    return [row if any(row[2] for row in counts) else row[:2] for row in counts]


def _exact(place: dict[str, Any], *, with_table: bool) -> dict[str, Any]:
    """A place as those see it who work with its rows; *with_table* with its groups, which a line of the table of zones has not."""
    counts = _counts(place) if with_table else []
    return {
        **place,
        "asked": place.get("asked", ASKED),
        **(_table(place, counts, plain(counts)) if with_table else {}),
        "few_needs": False,
        **{f"shown_{name}": number(place[f"n_{name}"]) for name in NUMBERS},
    }


def for_readers(places: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The mission and its zones as readers see them: what the mission's papers print, by the same plan.

    A snapshot that has no plan yet shows no number. The mission's table of groups is there only where each zone shows all of
    its own and they add up to it: what is missing would be had by subtraction.
    """
    seen = []
    for place in places:
        printed: dict[str, Any] = place.get("published", {})
        counts = _counts(place)
        seen.append(
            {
                **place,
                "asked": place.get("asked", ASKED),
                **_table(place, counts, shown(counts, mask=hidden(counts, inside=True)) if counts else []),
                "needs": printed.get("needs", []),
                "few_needs": not printed.get("needs") and place["n_needs"] > 0,
                "quota_share": printed.get("quota_share"),
                "rates": [
                    {"name": name, "sign": sign, "value": value}
                    for name, (sign, value) in printed.get("rates", {}).items()
                ],
                # The needs themselves lie under "needs": how many persons told theirs has a name of its own.
                **{f"shown_{name}": printed.get("n_needs" if name == "needs" else name, "–") for name in NUMBERS},
            }
        )
    if seen and not _adds_up(seen):
        seen[0]["groups"] = []
    return seen


def _adds_up(places: list[dict[str, Any]]) -> bool:
    if any("–" in group["cells"] for place in places for group in place["groups"]):
        return False
    whole, *parts = ({group["code"]: group["numbers"] for group in place["groups"]} for place in places)
    return all(
        [sum(part[code][at] for part in parts if code in part) for at in range(3)] == numbers
        for code, numbers in whole.items()
    )


def _table(place: dict[str, Any], counts: list[list[int]], cells: list[list[str]]) -> dict[str, Any]:
    groups = [
        {
            **group,
            "cells": row,
            "numbers": [group["women"], group["men"], group["other"]],
            "parts": numbers[:2] if "–" not in row[:2] else None,
        }
        for group, numbers, row in zip(place["groups"], counts, cells, strict=False)
    ]
    return {
        "groups": groups,
        "totals": cells[-1] if cells else [],
        "with_other": any(len(row) > 2 for row in counts),
    }


def plain(counts: list[list[int]]) -> list[list[str]]:
    """The table with its totals as text."""
    rows = [[*row, sum(row)] for row in counts]
    return [[number(n) for n in row] for row in [*rows, [sum(column) for column in zip(*rows, strict=True)]]]
