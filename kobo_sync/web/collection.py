"""Collecte: what came per form, per day, per enumerator, and where, on a map without the Internet."""

from __future__ import annotations

import math
from typing import Any

from flask import Flask, abort, render_template, request

from kobo_sync.analysis.populations import coarse
from kobo_sync.store.form_status import form_statuses
from kobo_sync.store.sent_rows import rows_of_sender
from kobo_sync.web.compared_rows import number_of
from kobo_sync.web.site import Answer, actors, form_title, members, number, person, site
from kobo_sync.web.submission import STATUSES

PAGE = 50  # rows of an account
WIDTH, HEIGHT, EDGE = 640, 420, 24


def add_to(app: Flask) -> None:
    """Add these pages."""
    app.add_url_rule("/collecte", "collection", collection)
    app.add_url_rule("/collecte/<form_id>", "collected_form", collected_form)
    app.add_url_rule("/collecte/<form_id>/envois", "sent_rows", sent_rows)


@members
def collection() -> Answer:
    """All forms: rows here and on the server, files that are missing, the newest row."""
    mission = site().mission
    snapshot = mission.desk.snapshot("collection")
    holdings = {status.form_id: status for status in form_statuses(mission.store, list(mission.config.forms))}
    forms = snapshot[0]["forms"] if snapshot else []
    return render_template(
        "collection.html",
        forms=forms,
        counted=_counted,
        n_gone={form["form_id"]: form["n_gone"] for form in forms},
        titles={form_id: form_title(form_id) for form_id in mission.forms},
        holdings=holdings,
        made_at=snapshot[2] if snapshot else None,
    )


@members
def collected_form(form_id: str) -> Answer:
    """One form: per day, per enumerator, per zone, and its map."""
    mission = site().mission
    snapshot = mission.desk.snapshot("collection")
    form = next((form for form in (snapshot[0]["forms"] if snapshot else []) if form["form_id"] == form_id), None)
    if form is None:
        abort(404)
    if not person().may_act:
        form = _to_the_ten(form)
    days = [{"day": day, "n": n} for day, n in form["days"].items()]
    return render_template(
        "collected_form.html",
        form=form,
        counted=_counted,
        days=days,
        most=max((each["n"] for each in days), default=0),
        zones={zone.code: zone.labels for zone in mission.config.zones},
        drawing=draw_map(form["points"]) if person().may_act else None,
    )


@actors
def sent_rows(form_id: str) -> Answer:
    """The rows of one account in a form, the newest first, each with its page."""
    mission, account, after = site().mission, request.args.get("compte", ""), request.args.get("apres", "")
    if form_id not in mission.forms or (after and not (after.isdecimal() and len(after) < 19)):
        abort(404)
    rows = rows_of_sender(mission.store, form_id, account, PAGE + 1, int(after) if after else None)
    return render_template(
        "sent_rows.html",
        form_id=form_id,
        account=account,
        rows=[(row, number_of(mission, row.root_uuid, row.server_key)) for row in rows[:PAGE]],
        statuses=STATUSES,
        after=rows[PAGE - 1].submission_id if len(rows) > PAGE else None,
    )


def _counted(n: int | None) -> str:
    """A number of rows; readers see it to the ten above: most rows are one person's, and the papers say who did not answer."""
    if n is None:
        return "–"
    return number(n) if person().may_act or not n else f"≤ {number(coarse(n))}"


def _to_the_ten(form: dict[str, Any]) -> dict[str, Any]:
    """A form whose numbers, and the bars that are drawn of them, are to the ten above."""
    return {
        **form,
        "n": coarse(form["n"]),
        "days": {day: coarse(n) for day, n in form["days"].items()},
        "senders": [{**sender, "n": coarse(sender["n"])} for sender in form["senders"]],
        "zones": {zone: coarse(n) for zone, n in form["zones"].items()},
    }


def draw_map(points: list[list[float]]) -> dict[str, Any] | None:
    """Circles, scale bar and size of a map of [longitude, latitude, rows]; None without positions.

    Units: pixels; distances are true at the middle latitude, which is all that a mission's few zones need.
    """
    if not points:
        return None
    middle = math.radians(sum(lat for _, lat, _ in points) / len(points))
    km = [(lon * 111.32 * math.cos(middle), -lat * 110.57, n) for lon, lat, n in points]
    left, top = min(x for x, _, _ in km), min(y for _, y, _ in km)
    wide = max(max(x for x, _, _ in km) - left, 0.5)
    high = max(max(y for _, y, _ in km) - top, 0.5)
    scale = min((WIDTH - 2 * EDGE) / wide, (HEIGHT - 2 * EDGE) / high)
    most = max(n for _, _, n in points)
    offset_x = (WIDTH - wide * scale) / 2
    offset_y = (HEIGHT - high * scale) / 2
    circles = [
        {
            "x": round(offset_x + (x - left) * scale, 1),
            "y": round(offset_y + (y - top) * scale, 1),
            "r": round(4 + 14 * math.sqrt(n / most), 1),
            "n": int(n),
        }
        for x, y, n in sorted(km, key=lambda point: -point[2])
    ]
    bar = next((length for length in (100, 50, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1) if length * scale <= WIDTH / 4), 0.1)
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "circles": circles,
        "bar_km": bar,
        "bar_px": round(bar * scale, 1),
        "n": sum(int(n) for _, _, n in points),
    }
