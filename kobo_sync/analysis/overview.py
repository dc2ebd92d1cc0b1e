"""What the pages show at a form_statuses, as plain JSON values: the dashboard per zone, and the collection per form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis import labels, meaning
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.indicators import indicators
from kobo_sync.analysis.needs import first_with_ties, is_tied, needs
from kobo_sync.analysis.populations import Told, What, told_number
from kobo_sync.analysis.published import response_rate
from kobo_sync.analysis.published_needs import printed_needs
from kobo_sync.numbers import half_away

TOP_NEEDS = 5
MOST_SENDERS, MOST_DAYS = 200, 120
GRID = 60  # points of the map are counted in so many columns and rows: a page stays small, and nobody's door is shown
_SHOWN: tuple[What, ...] = ("present", "registered", "full_day", "refused")
RATES = ("test_before", "test_after", "satisfaction", "needs")


def dashboard(whole: Facts, zones: Iterable[Facts]) -> dict[str, Any]:
    """The mission's figures and each zone's: quota by group and sex, presence, response rates, first needs.

    Shape: ``{"as_of", "mission": place, "zones": [place, …]}``, moments as ISO text. Raises: nothing.
    """
    return {
        "as_of": whole.as_of.isoformat() if whole.as_of else None,
        "mission": _place(whole),
        "zones": [_place(facts) for facts in zones],
    }


def _place(facts: Facts) -> dict[str, Any]:
    zone = facts.zone
    listed, ranked = present.attendance(facts), needs(facts)
    values = {indicator.name: indicator for indicator in indicators(facts)}
    done = values["quota_completion"]
    catalogue = labels.needs(facts)
    first = first_with_ties(ranked.needs, TOP_NEEDS)
    return {
        "code": zone.code if zone else "",
        "labels": dict(zone.labels) if zone else {},
        "training_on": zone.training_on.isoformat() if zone and zone.training_on else None,
        "as_of": facts.as_of.isoformat() if facts.as_of else None,
        "n_registered": listed.n_registered,
        "n_refused": listed.n_refused,
        "n_present": listed.n_present,
        "n_full_day": listed.n_full_day,
        "quota": sum(each.target for each in present.zones_of(facts)),
        "quota_share": done.value,
        "groups": _groups(facts, listed),
        "rates": [
            {"name": name, "value": values[f"response_rate:{name}"].value, "n": values[f"response_rate:{name}"].n}
            for name in RATES
        ],
        "needs": [
            {
                "labels": dict(catalogue[need.code].labels) if need.code in catalogue else {},
                "label": need.label,
                "rank": need.rank,
                "tied": is_tied(ranked.needs, need),
                "score": need.score,
                "mentions": need.mentions,
            }
            for need in first
        ],
        "n_needs": ranked.n,
        "published": _published(facts),
    }


def _published(facts: Facts) -> dict[str, Any]:
    """The same as the mission's papers may print it, for those who may read no more than these.

    Shape: numbers of persons as text, shares as ``[sign, value]``.
    """
    printed, came = printed_needs(facts), told_number(facts, "present")
    rate = None
    if came.exact and not came.partial:
        rate = present.completion(present.attendance(facts), present.zones_of(facts)).share
    rates: dict[str, What] = dict(zip(RATES, ("before", "after", "satisfaction", "needs_rows"), strict=True))
    catalogue = labels.needs(facts)
    top = {need.code for need in first_with_ties((each.need for each in printed.needs), TOP_NEEDS)}
    first = [each for each in printed.needs if each.need.code in top and each.score]
    return {
        **{what: _said(told_number(facts, what)) for what in _SHOWN},
        "n_needs": _said(told_number(facts, "needs")),
        "quota_share": rate,
        "rates": {
            name: [share.sign, share.value] for name, what in rates.items() if (share := response_rate(facts, what))
        },
        "needs": [
            {
                "labels": dict(catalogue[each.need.code].labels) if each.need.code in catalogue else {},
                "label": each.need.label,
                "rank": each.need.rank,
                "tied": is_tied((other.need for other in printed.needs), each.need),
                "score": float(half_away(each.score or 0, printed.digits)),
            }
            for each in first
        ],
    }


def _said(told: Told) -> str:
    if told.hidden or (told.partial and not told.shown):
        return "–"
    if told.partial:
        return f"≥\u00a0{min(told.candidates)}"
    return str(told.n) if told.near is None else f"≈\u00a0{told.near}"


def _groups(facts: Facts, listed: present.Attendance) -> list[dict[str, Any]]:
    """Present persons per group and sex, against the quota; the last row holds those of no known group."""
    codes = facts.config.codes
    counts = Counter((person.traits["group"], person.traits["sex"]) for person in listed.distinct)
    group_codes = [group.code for group in facts.config.groups]
    registered = Counter(person.traits["group"] for person in listed.people if person.registered)
    zones = present.zones_of(facts)
    rows = []
    for group in facts.config.groups:
        women, men = counts[group.code, codes.female], counts[group.code, codes.male]
        total = sum(n for (code, _), n in counts.items() if code == group.code)
        rows.append(
            {
                "code": group.code,
                "labels": dict(group.label),
                "quota": sum(zone.quotas.get(group.code, 0) for zone in zones),
                "registered": registered[group.code],
                "women": women,
                "men": men,
                "other": total - women - men,
            }
        )
    others = sum(n for (code, _), n in counts.items() if code not in group_codes)
    if others:
        women = sum(n for (code, sex), n in counts.items() if code not in group_codes and sex == codes.female)
        men = sum(n for (code, sex), n in counts.items() if code not in group_codes and sex == codes.male)
        rows.append(
            {
                "code": "",
                "labels": {},
                "quota": 0,
                "registered": 0,
                "women": women,
                "men": men,
                "other": others - women - men,
            }
        )
    return rows


# ── collection ──────────────────────────────────────────────────────────────


def collection(facts: Facts, n_gone: Mapping[str, int]) -> dict[str, Any]:
    """Per form: rows, per local day, per account that sent them, per zone, and where they were taken.

    *n_gone* are the rows deleted per form. Positions are counted on a grid, never one by one. Raises: nothing.
    """
    zone = ZoneInfo(facts.config.mission.timezone)
    forms = []
    for form_id, form in facts.forms.items():
        table = facts.tables[form_id]
        settings = facts.config.forms[form_id]
        days = _days(table, zone)
        forms.append(
            {
                "form_id": form_id,
                "title": form.title,
                "role": settings.role,
                "version": facts.form_versions.get(form_id, ""),
                "n": len(table),
                "n_gone": n_gone.get(form_id, 0),
                "newest_at": table["submitted_at"].max().isoformat() if len(table) else None,
                "days": dict(sorted(days.items())[-MOST_DAYS:]),
                "senders": _senders(table),
                "zones": _zones(facts, table, settings.fields.get("zone", "")),
                "points": _points(form_id, facts),
            }
        )
    return {"forms": forms}


def _days(table: pd.DataFrame, zone: ZoneInfo) -> dict[str, int]:
    if table.empty:
        return {}
    local = table["submitted_at"].dt.tz_convert(zone).dt.date.value_counts()
    return {day.isoformat(): int(n) for day, n in local.items()}


def _senders(table: pd.DataFrame) -> list[dict[str, Any]]:
    if table.empty:
        return []
    grouped = table.groupby(table["submitted_by"].fillna(""), sort=False)["submitted_at"].agg(["size", "max"])
    ordered = sorted(grouped.iterrows(), key=lambda pair: (-int(pair[1]["size"]), str(pair[0])))
    return [
        {"name": str(name), "n": int(row["size"]), "newest_at": row["max"].isoformat()}
        for name, row in ordered[:MOST_SENDERS]
    ]


def _zones(facts: Facts, table: pd.DataFrame, column: str) -> dict[str, int]:
    if column not in table:
        return {}
    counts = table[column].map(meaning.text).value_counts()
    n_by_zone = {zone.code: int(counts.get(zone.code, 0)) for zone in facts.config.zones}
    unknown = len(table) - sum(n_by_zone.values())
    return n_by_zone | ({"": unknown} if unknown else {})


def _points(form_id: str, facts: Facts) -> list[list[float]]:
    """[longitude, latitude, rows] of the grid's cells that hold positions of the form's first geopoint question."""
    form, table = facts.forms[form_id], facts.tables[form_id]
    questions = [
        q.name for q in form.questions if q.kind in ("geopoint", "start-geopoint") and f"{q.name}_lat" in table
    ]
    if not questions or table.empty:
        return []
    positions = table[[f"{questions[0]}_lon", f"{questions[0]}_lat"]].dropna().astype(float)
    if positions.empty:
        return []
    positions.columns = pd.Index(["lon", "lat"])
    cells = {}
    for axis in ("lon", "lat"):
        low, high = positions[axis].min(), positions[axis].max()
        step = max((high - low) / GRID, 0.001)  # about 100 m at least
        cells[axis] = (low + ((positions[axis] - low) // step + 0.5) * step).round(5)
    counts = Counter(zip(cells["lon"].tolist(), cells["lat"].tolist(), strict=True))
    return sorted([lon, lat, n] for (lon, lat), n in counts.items())
